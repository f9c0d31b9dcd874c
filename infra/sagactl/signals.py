"""What ends a program from outside leaves every block that it has entered, so that nothing is left running."""

import signal
import sys
from contextlib import suppress
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Whoever sends one of these wants the program to end."""


def leave_blocks_first() -> None:
    """From now on SIGTERM and SIGHUP end this program as an exception does; SIGINT always did."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # one is enough
    with suppress(OSError):  # the terminal may be closed
        print(f"Ended by {signal.Signals(number).name}.", file=sys.stderr)
    sys.exit(128 + number)
