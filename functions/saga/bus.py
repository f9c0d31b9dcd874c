"""The bus: every fact told is on it, or the teller is told otherwise."""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from saga.events import Event, to_json

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ATTEMPTS = 4
ENTRIES_MAX = 10  # of one PutEvents call; its other limit, 256 KB, is far off: events are under 2 KB


class NotTold(Exception):
    """PutEvents refused facts in every attempt. Lambda's retry hears the event again, and tells again."""


class Bus(Protocol):
    """`tell` returns once every fact is on the bus, or raises NotTold."""

    def tell(self, facts: Sequence[Event]) -> None: ...


class EventBridgeBus:
    """PutEvents answers 200 even where it refused entries: each entry's result is read, and retried."""

    def __init__(self, client: "EventBridgeClient", name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client, self._name, self._pause = client, name, pause

    def tell(self, facts: Sequence[Event]) -> None:
        for batch in itertools.batched(facts, ENTRIES_MAX, strict=False):
            entries = [self._entry(fact) for fact in batch]
            for attempt in range(ATTEMPTS):
                if attempt:
                    self._pause(random.uniform(0, 0.1) * attempt)
                results = self._client.put_events(Entries=entries)["Entries"]
                failed = [(e, r) for e, r in zip(entries, results, strict=True) if "ErrorCode" in r]
                entries = [entry for entry, _ in failed]
                if not entries:
                    break
            else:
                raise NotTold("; ".join(f"{e['DetailType']}: {r['ErrorCode']}" for e, r in failed))

    def _entry(self, fact: Event) -> Any:
        detail = to_json(fact).decode()
        return {"EventBusName": self._name, "Source": fact.source, "DetailType": fact.name, "Detail": detail}
