"""The bus: every fact told is on it, or the teller is told otherwise."""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from saga.event import Event
from saga.serialization import to_json

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ATTEMPTS = 4
ENTRIES_MAX = 10  # of one PutEvents call; its other limit, of bytes, is far off: events are under 2 KB


class NotTold(Exception):
    """PutEvents refused facts in every attempt. Lambda's retry hears the event again, and tells again."""


class Bus(Protocol):
    """Where a service tells its facts."""

    def tell(self, facts: Sequence[Event]) -> None:
        """Returns once every fact is on the bus, or raises NotTold."""


class EventBridgeBus:
    """PutEvents answers 200 even where it refused entries: each entry's result is read, and retried."""

    def __init__(self, client: "EventBridgeClient", name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def tell(self, facts: Sequence[Event]) -> None:
        for batch in itertools.batched(facts, ENTRIES_MAX, strict=False):
            self.put([self._entry(fact) for fact in batch])

    def put(self, entries: list[Any]) -> None:
        """Puts entries of PutEvents, at most as many as it takes. Raises NotTold."""
        refusals = ""
        for attempt in range(ATTEMPTS):
            if attempt > 0:
                self._pause(random.uniform(0, 0.1) * attempt)
            results = self._client.put_events(Entries=entries)["Entries"]
            refused = [pair for pair in zip(entries, results, strict=True) if "ErrorCode" in pair[1]]
            if not refused:
                return
            entries = [entry for entry, _ in refused]
            refusals = "; ".join(f"{entry['DetailType']}: {result['ErrorCode']}" for entry, result in refused)
        raise NotTold(refusals)

    def _entry(self, fact: Event) -> Any:
        return {
            "EventBusName": self._name,
            "Source": fact.source,
            "DetailType": fact.name,
            "Detail": to_json(fact).decode(),
        }
