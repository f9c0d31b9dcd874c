"""The `saga` command as a program, and what it does if it can't write."""

import atexit
import gc
import os
import sys
from contextlib import suppress

from sagactl import room
from sagactl.errors import refusal
from sagactl.signals import leave_blocks_first

_STDERR = 2
_INTERRUPTED = 130  # as shells say it
_OWN = "sagactl."  # which no set-up brings


def main() -> None:
    atexit.register(gc.freeze)  # or Python would search all that was loaded for garbage: a sixth of a second
    open_what_is_closed()
    leave_blocks_first()
    try:
        from sagactl.cli import app  # here, because the import can be interrupted, too

        try:
            app(prog_name="saga")
        finally:
            sys.stdout.flush()  # now, when it can still be said that this failed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(_OWN):
            raise
        sys.exit(f"error: Python's module {error.name} is missing. Run: make setup.")
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except OSError as error:
        _drop_output()
        if isinstance(error, BrokenPipeError):  # whoever reads wants no more, and knows it
            sys.exit(1)
        refused = refusal(error)
        if refused is None:
            raise
        room.remove_what_may_be_cut_off()
        sys.exit(f"error: {refused}")


def _drop_output() -> None:
    """Forgets what could not be written, or Python would try once more when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
