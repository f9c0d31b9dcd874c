"""The `saga` command as a program, and what it does if it can't write."""

import os
import sys

from sagactl.signals import leave_blocks_first

_STDERR = 2
_INTERRUPTED = 130  # as shells say it
_OWN = "sagactl."  # which no set-up brings


def main() -> None:
    open_what_is_closed()
    leave_blocks_first()
    try:
        from sagactl.cli import app  # here, because the import can be interrupted, too

        app(prog_name="saga")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(_OWN):
            raise
        sys.exit(f"error: Python's module {error.name} is missing. Run: make setup.")
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(_INTERRUPTED)


def open_what_is_closed() -> None:
    """Lets no file that is opened later take the place of a closed standard stream, where others would write."""
    is_closed = sys.stdout is None
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(opened)
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # open to the end
    if is_closed:
        sys.exit("error: The standard output is closed. Send it somewhere, such as to /dev/null.")


if __name__ == "__main__":
    main()
