"""Locks between the commands of this checkout that run at the same time. They end with the process that holds them."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sagactl.paths import STATE


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
        yield
