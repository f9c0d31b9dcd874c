"""What the kernel's time is measured by: each service's own calls, no more and no fewer. How long is not tested."""

from sagactl.bench import kernel
from sagactl.design import choreography


def test_every_service_is_timed_beside_its_own_calls() -> None:
    timed = kernel.time_kernel(pairs=1)
    assert timed.keys() == set(choreography.services())
    assert all(each.own > 0 and each.bare > 0 for each in timed.values())


def test_a_service_is_timed_at_all_that_completes_a_saga() -> None:
    with kernel._stubbed():
        _, steps = kernel._steps("shipping")
    assert [(step.envelope["detail-type"], bool(step.item)) for step in steps] == [
        ("PaymentOK", False),
        ("StockReserved", True),
    ]
    assert [[method.__name__ for method, _ in step.calls] for step in steps] == [
        ["get_item", "put_item"],
        ["get_item", "put_item", "put_events"],
    ]


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    timed = kernel.Timed.of([(2.0, 1.0), (9.0, 3.0), (4.0, 1.0)])
    assert timed == (4.0, 1.0, 3.0)
    assert timed.fields() == {"ratio": 3.0, "seconds": 4.0, "bare_seconds": 1.0}
