"""The code of the last release, from the archive that `make baseline` wrote, beside the present one in this process.

Each has modules of its own. What both read and write are items and events, as in a stack that is being updated.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from decimal import Decimal
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import UUID
from zipfile import ZipFile

import msgspec
from support.isolation import isolate

from saga.dynamodb import marshal, unmarshal
from sagactl.checks import baseline
from sagactl.design import template
from sagactl.local.functions import environment

_OWN = ("orderId", "version", "openedAt", "heard", "told")  # an entry's own fields; all else in an item is its state's
as_json = msgspec.json.Encoder(enc_hook=str, decimal_format="number", order="sorted").encode


class LastRelease:
    """The functions of the last release. Its modules are in place only while they run."""

    def __init__(self) -> None:
        with ZipFile(baseline.CODE) as archive:
            files = archive.namelist()
        self.packages = {name.partition("/")[0] for name in files}
        self.modules: dict[str, ModuleType] = {}
        present = [function.module for function in template.functions()]
        self.functions = [module for module in present if f"{module.replace('.', '/')}.py" in files]
        with self.in_place():
            sys.path.insert(0, str(baseline.CODE))
            for module in self.functions:
                os.environ.update(environment(module))
                __import__(module)
            sys.path.remove(str(baseline.CODE))
        self.apps = {name.partition(".")[0]: self.modules[name] for name in self.functions if name.endswith(".app")}
        self.door = self.modules["order.http"]
        self.kernel = self.modules["saga.service"]
        self.conflict: type[Exception] = self.kernel.Conflict
        self.failures: tuple[type[Exception], ...] = (self.conflict, self.modules["saga.bus"].NotTold)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block, what is imported is of this release."""
        before = self._taken_out()
        sys.modules.update(self.modules)
        try:
            yield
        finally:
            self.modules = self._taken_out()
            sys.modules.update(before)

    def _taken_out(self) -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] in self.packages]
        return {name: sys.modules.pop(name) for name in names}

    def knows(self, name: str) -> bool:
        return name in self.modules["contracts.events"].EVENTS

    def hears(self, service: str, name: str) -> bool:
        """Whether the service heard the event, so that it had a rule for it, too."""
        return service in self.apps and name in self.apps[service].service.reactions

    def service(self, name: str, ledger: Any, client: Any) -> Any:
        """The service as it was wired, with another ledger and another client of EventBridge."""
        service = copy(self.apps[name].service)
        service.ledger = ledger
        service.bus = self.modules["saga.bus"].EventBridgeBus(client, "saga", _no_pause)
        service._pause = _no_pause
        return service

    @contextmanager
    def clock(self, moment: str) -> Iterator[None]:
        """A clock that stands still."""
        timestamp = self.modules["saga.event"].Timestamp
        with patch.object(timestamp, "now", classmethod(lambda own: own(moment))):
            yield


def recalled(ledger: Any, order_id: UUID, known: bytes) -> Any:
    """The entry as the ledger reads it from DynamoDB, where another release may have written it."""
    reading = copy(ledger)
    reading.client = SimpleNamespace(get_item=lambda **_: {"Item": _item(known)})
    return reading.recall(order_id)


@cache
def _item(known: bytes) -> dict[str, Any]:
    fields = json.loads(known, parse_float=Decimal)
    return marshal(fields | fields.pop("state"))


def written(ledger: Any, entry: Any) -> bytes | None:
    """The item that the ledger writes to DynamoDB, in which it makes no difference what was heard first."""
    if entry is None:
        return None
    item = unmarshal(ledger.put(entry, None)["Item"])
    fields = {name: item.pop(name) for name in _OWN}
    return as_json(fields | {"state": item})


def _no_pause(_seconds: float) -> None:
    pass


isolate()
LAST_RELEASE = LastRelease()
