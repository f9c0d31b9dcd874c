"""What several commands' options take."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from sagactl.commands.options import moment


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
    ],
)
def test_a_moment_may_be_given_by_how_long_it_is_ago(text: str, age: timedelta) -> None:
    since = datetime.now(UTC) - datetime.fromisoformat(moment(text, "--since"))
    assert age - timedelta(seconds=1) < since < age + timedelta(seconds=10)


def test_a_moment_may_be_a_time_of_any_offset() -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    assert moment(now.replace("+00:00", "+02:00"), "--since") < moment(now, "--since")


@pytest.mark.parametrize(
    "text", ["", "10", "10 m", "-10m", "1w", "yesterday", "2026-01-31", "400d", "999999d", "2020-01-31T12:00Z"]
)
def test_any_other_moment_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"expected an ISO 8601 time with its offset|more than 366 days ago"):
        moment(text, "--since")
