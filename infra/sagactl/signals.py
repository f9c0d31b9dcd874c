"""What ends a program from outside leaves every block that it has entered, so that nothing is left running."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # by default they end a program within its blocks
ENDING = (signal.SIGINT, *_DEADLY)
"""Whoever sends one of these wants the program to end."""


def leave_blocks_first() -> None:
    """From now on they end this program as an exception does; SIGINT always did."""
    for number in _DEADLY:
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _end)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Whatever would end the program within the block does so after it."""
    if threading.current_thread() is not threading.main_thread():  # to which signals go
        yield
        return
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for first in received[:1]:
        signal.raise_signal(first)


def _end(number: int, _frame: FrameType | None) -> None:
    for other in _DEADLY:
        signal.signal(other, signal.SIG_IGN)  # one is enough
    with suppress(OSError):  # the terminal may be closed
        print(f"Ended by {signal.Signals(number).name}.", file=sys.stderr)
    sys.exit(128 + number)
