"""The saga in this process: the functions as they run in Lambda, and events that go from one to the other.

One delivery follows the other, so what happens is the same every time and on every machine. Whoever uses this brings
the AWS that the functions call, an emulated one, and says what was told there.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from types import ModuleType
from typing import Any

from sagactl.design import choreography, template
from sagactl.local.functions import CONTEXT, load

ACCOUNT_ID = "123456789012"
_SENT_MS = (int(time.time()) + 86_400) * 1000  # the same for all, so that counts are; after all that this process tells

type Envelope = dict[str, Any]
"""An event as EventBridge delivers it."""
type Told = Callable[[], list[Envelope]]
"""Returns the events that were told since it was called last."""


class InProcess:
    """Every function of template.yaml by its module, such as `payment.app`."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.modules = load_functions()
        self.services = {f"{name}.app": self.modules[f"{name}.app"] for name in choreography.services()}

    def invoke(self, module: str, event: Any) -> Any:
        """Returns what the function's handler answers."""
        return self.modules[module].handler(event, CONTEXT)

    def deliver(self, times: int = 1, lost: Collection[str] = ()) -> list[str]:
        """Delivers events until nothing more is told; returns the names of all.

        Each goes so many times to every service that hears it, but to none if it is lost; and to the journal.
        """
        names = []
        for envelope in until_quiet(self._told):
            name = envelope["detail-type"]
            names.append(name)
            if name not in lost:
                self._hand_over(envelope, times)
            self.write_down(envelope)
        return names

    def hearers(self, envelope: Envelope) -> list[str]:
        """The modules that hear the event, by the signatures of their reactions."""
        return hearers(self.services, envelope["detail-type"])

    def write_down(self, *envelopes: Envelope) -> None:
        """Hands the events to the journal, as one batch."""
        failed = self.invoke("journal.app", polled(*envelopes))["batchItemFailures"]
        if failed:
            raise AssertionError(f"not journaled: {failed}")

    def _hand_over(self, envelope: Envelope, times: int) -> None:
        for module in self.hearers(envelope):
            for _ in range(times):
                self.invoke(module, envelope)


def load_functions() -> dict[str, ModuleType]:
    return {function.module: load(function.module) for function in template.functions()}


def hearers(services: Mapping[str, ModuleType], name: str) -> list[str]:
    """The keys of the services that hear an event of this name."""
    return [key for key, app in services.items() if name in app.service.reactions]


def until_quiet[T](told: Callable[[], list[T]]) -> Iterator[T]:
    """Yields each event told, and those told meanwhile, until there are no more."""
    while events := told():
        yield from events


def request(method: str, path: str, body: str | None = None, key: str | None = None) -> dict[str, Any]:
    """A request as the API hands it over; `key` is the Idempotency-Key."""
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    return {
        "httpMethod": method,
        "path": path,
        "headers": headers,
        "body": body,
        "requestContext": {"accountId": ACCOUNT_ID, "identity": {}},
    }


def polled(*envelopes: Envelope) -> dict[str, Any]:
    """The events as Lambda polls them from the journal's queue."""
    return {"Records": [_record(envelope) for envelope in envelopes]}


def _record(envelope: Envelope) -> dict[str, Any]:
    return {
        "messageId": envelope["id"],
        "eventSource": "aws:sqs",
        "attributes": {"SentTimestamp": str(_SENT_MS)},
        "body": json.dumps(envelope),
    }
