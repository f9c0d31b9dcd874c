"""The prices are in one place, and each has its source."""

import itertools

import pytest

from sagactl.bench.meter import PRICES
from sagactl.paths import PROJECT

DOLLARS = PRICES["dollars_per_million"]


def test_each_price_has_one_source() -> None:
    named = list(itertools.chain.from_iterable(PRICES["pages"].values()))
    assert sorted(named) == sorted([*DOLLARS, "gb_second"])
    assert set(PRICES["not_read_at_their_source"]["prices"]) < set(named)


@pytest.mark.parametrize(
    ("row", "price"),
    [
        ("events put on the bus", "event_chunks"),
        ("functions invoked", "invocations"),
        ("writes", "write_units"),
        ("reads, strongly consistent", "read_units"),
        ("API call", "api_requests"),
    ],
)
def test_the_page_on_aws_has_the_same_price(row: str, price: str) -> None:
    lines = (PROJECT / "docs/aws.md").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"| {row} |"))
    assert f"| {DOLLARS[price]:.3f}".removesuffix("0") in line
