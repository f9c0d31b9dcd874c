"""What an invocation's time is compared with: each service's own SDK calls, no more and no fewer.

How long they take is not tested.
"""

import pytest

from sagactl.bench import invocation
from sagactl.bench.comparison import Compared
from sagactl.design import choreography


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it does not take long: without what makes times steady."""
    monkeypatch.setattr(invocation, "_REPETITIONS", 1)
    monkeypatch.setattr(invocation, "_BATCHES", 1)
    monkeypatch.setattr("gc.collect", lambda: 0)


def test_every_service_is_timed_beside_its_own_calls() -> None:
    timed = invocation.compare_invocations(pairs=1)
    assert timed.keys() == set(choreography.services())
    assert all(each.own > 0 and each.bare > 0 for each in timed.values())


def test_a_service_is_timed_at_all_that_completes_a_saga() -> None:
    with invocation._stubbed_sdk():
        _, events = invocation._heard_events("shipping")
    assert [(event.envelope["detail-type"], bool(event.entry)) for event in events] == [
        ("PaymentOK", False),
        ("StockReserved", True),
    ]
    assert [[method.__name__ for method, _ in event.calls] for event in events] == [
        ["get_item", "put_item"],
        ["get_item", "put_item", "put_events"],
    ]


def test_the_journal_is_timed_with_a_full_batch() -> None:
    assert len(list(invocation._events_of(25))) == invocation.BATCH_EVENTS
    assert len({event["detail"]["orderId"] for event in invocation._events_of(25)}) == 25
    assert invocation.journal_batch_seconds(25) > 0


def test_the_medians_are_of_the_pairs() -> None:
    assert Compared.of([(2.0, 1.0), (9.0, 3.0), (4.0, 1.0)]) == Compared(own=4.0, bare=1.0, added=3.0, ratio=3.0)


def test_a_second_of_cpu_is_billed_as_a_second_with_the_memory_of_a_whole_vcpu() -> None:
    gigabytes = 1769 / 1024
    assert invocation.dollars_per_million(1) == pytest.approx(gigabytes * 16.6667)
