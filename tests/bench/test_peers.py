"""What an order costs as a durable function, counted on DynamoDB Local and in AWS's testing library."""

from typing import NamedTuple

import pytest
from bench.peers import COMPARED, durable_usage

from sagactl.bench.meter import Usage
from sagactl.paths import PROJECT


class Cost(NamedTuple):
    durable_operations: int
    invocations: int
    write_units: int


# fmt: off
COSTS = {
    #                           operations  invocations  writes    its services are functions themselves
    "completed":       (Cost(         6,          1,        8), Cost(6, 11,  8)),
    "payment_failed":  (Cost(         6,          1,       10), Cost(6, 11, 10)),
    "stock_failed":    (Cost(         4,          1,        6), Cost(4,  7,  6)),
    "shipment_failed": (Cost(         8,          1,       12), Cost(8, 15, 12)),
}
# fmt: on
KINDS = {"durable": "durable function", "durable_functions": "durable function, four others"}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Usage]]:
    return durable_usage()


@pytest.mark.parametrize("path", COMPARED)
def test_an_order_uses_exactly_this(found: dict[str, dict[str, Usage]], path: str) -> None:
    counted = [Cost(*(int(found[path][kind].counts[name]) for name in Cost._fields)) for kind in KINDS]
    assert tuple(counted) == COSTS[path]


def test_what_is_written_costs_nearly_nothing(found: dict[str, dict[str, Usage]]) -> None:
    sizes = [used.counts["durable_bytes"] for path in COMPARED for used in found[path].values()]
    assert all(0 < size < 1_500 for size in sizes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_documentation_says_the_same(found: dict[str, dict[str, Usage]], kind: str) -> None:
    dollars = [found[path][kind].dollars for path in COMPARED]
    assert f"| {' | '.join([KINDS[kind], *dollars])} |" in (PROJECT / "docs/performance.md").read_text()
