"""Placing orders with a given number in flight, and waiting for them."""

import threading

import pytest

from sagactl.bench.timing import Run, run, watching


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


def test_whoever_waits_is_told_why_nobody_looks_any_more() -> None:
    class Gone:
        def batch_get_item(self, **_: object) -> None:
            raise ConnectionError

    with watching(Gone(), "orders") as watcher:
        for order_id in ("waited for", "waited for later"):
            with pytest.raises(ConnectionError):
                watcher.closed(order_id)


def test_after_a_failure_no_other_order_is_placed() -> None:
    placed: list[int] = []

    def place(number: int) -> str:
        placed.append(number)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        run(place, str, orders=100, in_flight=1, rate=50)
    assert len(placed) < 10
