"""Two things measured in turn, ours and the bare SDK's: what else the machine does changes both alike."""

import statistics
from collections.abc import Callable
from typing import NamedTuple, Self


class Compared(NamedTuple):
    """Medians over all pairs, in seconds of CPU. `added` is the median difference, `ratio` the median ratio."""

    own: float
    bare: float
    added: float
    ratio: float

    @classmethod
    def of(cls, pairs: list[tuple[float, float]]) -> Self:
        return cls(
            own=statistics.median(own for own, _ in pairs),
            bare=statistics.median(bare for _, bare in pairs),
            added=statistics.median(own - bare for own, bare in pairs),
            ratio=statistics.median(own / bare for own, bare in pairs),
        )


def compare(own: Callable[[], float], bare: Callable[[], float], pairs: int) -> Compared:
    """Calls both in turn, which return their seconds, so many times."""
    return Compared.of([(own(), bare()) for _ in range(pairs)])
