"""Locks between the commands of this checkout that run at the same time.

They end with the process that holds them, and with the programs that it runs to their end: these go on if it is killed,
and whoever is next must wait for them.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sagactl.paths import STATE

_held: set[int] = set()


def descriptors() -> tuple[int, ...]:
    """Returns the descriptors of all locks that are held, for a program to inherit."""
    return tuple(_held)


@contextmanager
def held(name: str, if_taken: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Waits until no other process holds the lock of this name, and holds it until the block ends.

    If it has to wait, it calls `if_taken` before.
    """
    folder = STATE / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if_taken()
            fcntl.flock(lock, fcntl.LOCK_EX)
        _held.add(lock.fileno())
        try:
            yield
        finally:
            _held.discard(lock.fileno())
