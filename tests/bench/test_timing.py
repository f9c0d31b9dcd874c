"""Placing orders with a given number in flight, and waiting for them."""

import threading

import pytest

from sagactl.bench.timing import Run, run


def test_the_given_number_is_in_flight_and_no_more() -> None:
    together = [0]
    most = [0]
    lock = threading.Lock()
    all_in = threading.Barrier(4)

    def place(number: int) -> str:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        all_in.wait()
        return str(number)

    def closed(order_id: str) -> str:
        with lock:
            together[0] -= 1
        return "FAILED" if order_id == "0" else "COMPLETED"

    done = run(place, closed, orders=8, in_flight=4)
    assert most == [4]
    assert done.statuses == {"COMPLETED": 7, "FAILED": 1}
    assert len(done.latencies) == 8


@pytest.mark.parametrize(("percent", "seconds"), [(50, 50.5), (99, 99.01)])
def test_percentiles(percent: int, seconds: float) -> None:
    done = Run([float(number) for number in range(1, 101)], {}, 1)
    assert done.percentile(percent) == pytest.approx(seconds)


def test_the_latency_of_one_order_is_every_percentile() -> None:
    assert Run([3.0], {}, 1).percentile(99) == 3.0
