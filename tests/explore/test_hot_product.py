"""The stock of a product in several items: which way to take from them is right, and what it gains."""

import itertools

import pytest
from explore import hot_product
from explore.hot_product import DESIGNS, NEW_PARTITIONS, Order, State

from sagactl.paths import PROJECT

UNFAIR = {"an order was refused while there was enough at all times"}


@pytest.mark.parametrize(
    ("name", "problems"),
    [("from one part", UNFAIR), ("from several, read one by one", UNFAIR), ("from several, read at once", set())],
)
def test_stock_is_right_only_if_all_parts_are_read_at_once_and_together(name: str, problems: set[str]) -> None:
    states, found = hot_product.explored(DESIGNS[name], units=1)
    assert states > 10_000
    assert found == problems


@pytest.mark.parametrize("parts", [(-1, 1), (1, 1)], ids=["oversold", "taken and still there"])
def test_units_that_do_not_add_up_are_seen(parts: tuple[int, int]) -> None:
    start = State((0, 1), (Order(1, 0),))
    sold = State(parts, (Order(1, 0, status="RESERVED", taken=(1, 0)),))
    assert list(hot_product.violations(start, sold)) == ["units were lost, made or sold twice"]


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_the_fullest_partition_of_a_new_table_is_the_limit(parts: int) -> None:
    placements = list(itertools.product(range(NEW_PARTITIONS), repeat=parts))
    fullest = [max(map(placement.count, placement)) for placement in placements]
    mean = sum(fullest) / len(placements)
    assert hot_product.per_second_in_a_new_table(parts) == pytest.approx(500 * parts / mean)


def test_the_documentation_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    hot_product.show_arithmetic()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    page = (PROJECT / "docs/performance.md").read_text()
    assert len(rows) == 5
    for row in rows:
        assert f"| {' | '.join(row)} |" in page
