"""What a saga costs does not depend on how many orders there are."""

from sagactl.bench import scale
from sagactl.bench.cost import PATHS, walk
from sagactl.bench.serial import running


def test_sizes_go_by_tens_as_far_as_wanted() -> None:
    assert scale.sizes(10_000) == [100, 1_000, 10_000]
    assert scale.sizes(99_999) == [100, 1_000, 10_000]
    assert scale.sizes(100_000)[-1] == 100_000


def test_nothing_costs_more_with_more_orders() -> None:
    """The fewest are so many that each shard of the list has more than a page of them, as with all that are more."""
    with running() as serial:
        walk(serial, PATHS["completed"], "the order that is copied")
        items = list(scale._items(serial))
        rows = []
        for size, copies in ((200, 199), (400, 180)):
            scale._copy(serial, items, copies)
            rows.append(scale._measure(serial, size))
    few, many = ({name: row[name] for name in row if name not in ("orders", "saga_seconds")} for row in rows)
    assert few == many
