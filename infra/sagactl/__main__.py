"""The `saga` command as a program, and what it does if it can't write."""

import os
import sys

from sagactl.cli import app
from sagactl.signals import leave_blocks_first

_STDERR = 2


def main() -> None:
    open_what_is_closed()
    leave_blocks_first()
    app(prog_name="saga")


def open_what_is_closed() -> None:
    """Lets no file that is opened later take the place of a closed standard stream, where others would write."""
    is_closed = sys.stdout is None
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(opened)
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if is_closed:
        sys.exit("error: The standard output is closed. Send it somewhere, such as to /dev/null.")


if __name__ == "__main__":
    main()
