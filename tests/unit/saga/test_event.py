"""A timestamp is normalised to UTC with milliseconds, or refused."""

import pytest

from saga.event import Timestamp


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.1239+00:00", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31T23:30:00-01:30", "2026-02-01T01:00:00.000Z"),
        ("2026-02-01T00:30:00+05:45", "2026-01-31T18:45:00.000Z"),
    ],
)
def test_a_timestamp_is_normalised(text: str, read: str) -> None:
    assert Timestamp.parse(text) == read


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_timestamp_is_refused_where_utc_has_no_such_year(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        Timestamp.parse(text)
