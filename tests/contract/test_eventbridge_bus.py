"""What PutEvents refuses is told again, and nothing else; NotTold is raised if it is refused every time."""

from typing import Any
from uuid import UUID

import pytest
from support.given import a

from contracts.events import OrderExpired
from saga.bus import ATTEMPTS, EventBridgeBus, NotTold
from saga.event import Event

OK = {"EventId": "1"}
REFUSED = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}


class Client:
    """Gives PutEvents these answers, one a call, and then accepts everything; `asked` has the entries of each call."""

    def __init__(self, *answers: list[dict[str, str]]) -> None:
        self.answers = list(answers)
        self.asked: list[list[dict[str, str]]] = []

    def put_events(self, Entries: list[dict[str, str]]) -> Any:  # noqa: N803  # AWS's name
        self.asked.append(Entries)
        results = self.answers.pop(0) if self.answers else [OK] * len(Entries)
        return {"FailedEntryCount": results.count(REFUSED), "Entries": results}


def facts(number: int) -> list[Event]:
    return [a(OrderExpired, order_id=UUID(int=n)) for n in range(number)]


def tell(client: Any, number: int) -> list[float]:
    """Tells so many facts; returns the pauses in seconds."""
    pauses: list[float] = []
    EventBridgeBus(client, "bus", pause=pauses.append).tell(facts(number))
    return pauses


def orders(entries: list[dict[str, str]]) -> list[int]:
    return [next(n for n in range(100) if str(UUID(int=n)) in entry["Detail"]) for entry in entries]


def test_an_entry_names_the_bus_the_source_and_the_type() -> None:
    client = Client()
    tell(client, 1)
    ((entry,),) = client.asked
    assert entry["EventBusName"] == "bus"
    assert (entry["Source"], entry["DetailType"]) == (OrderExpired.source, OrderExpired.name)


def test_what_is_accepted_is_told_once() -> None:
    client = Client()
    assert sum(tell(client, 3)) == 0
    assert [orders(entries) for entries in client.asked] == [[0, 1, 2]]


def test_what_is_refused_is_told_again_and_only_that() -> None:
    client = Client([OK, REFUSED, REFUSED, OK], [REFUSED, OK])
    tell(client, 4)
    assert [orders(entries) for entries in client.asked] == [[0, 1, 2, 3], [1, 2], [1]]


def test_there_is_a_longer_pause_before_each_further_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda shortest, longest: shortest + longest)
    client = Client(*[[REFUSED]] * (ATTEMPTS - 1))
    pauses = tell(client, 1)
    assert len(client.asked) == ATTEMPTS
    assert pauses == pytest.approx([0.1, 0.2, 0.3])


def test_what_is_refused_every_time_is_raised() -> None:
    client = Client([OK, REFUSED, REFUSED], *[[REFUSED, REFUSED]] * (ATTEMPTS - 1))
    with pytest.raises(NotTold, match=r"^OrderExpired: ThrottlingException; OrderExpired: ThrottlingException$"):
        tell(client, 3)
    assert [orders(entries) for entries in client.asked] == [[0, 1, 2], *[[1, 2]] * (ATTEMPTS - 1)]


def test_an_answer_that_leaves_a_fact_out_is_not_taken_for_well() -> None:
    with pytest.raises(ValueError, match="zip"):
        tell(Client([OK]), 2)


def test_facts_are_told_in_batches_of_what_putevents_takes() -> None:
    client = Client([OK] * 9 + [REFUSED])
    tell(client, 25)
    assert [orders(entries) for entries in client.asked] == [[*range(10)], [9], [*range(10, 20)], [*range(20, 25)]]


def test_an_error_of_the_client_is_raised() -> None:
    class Down:
        def put_events(self, **_: Any) -> Any:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        tell(Down(), 1)
