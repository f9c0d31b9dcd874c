"""Events and states are what was released, or differ in what breaks nobody."""

from sagactl.checks import compatibility


def test_nothing_breaks_a_reader() -> None:
    assert list(compatibility.problems()) == []
