"""The one kind of failure that the `saga` command reports in a line, without a traceback."""

import errno
import re
import shutil
from collections.abc import Iterable

_FULL_BYTES = 10**6  # with less, a disk is full


class SagaError(Exception):
    """Something outside this program is not as it must be; `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}. {remedy}.")
        self.message = message
        self.remedy = remedy


def together(errors: Iterable[SagaError]) -> SagaError:
    """Returns one error that says what several do."""
    found = list(errors)
    messages = dict.fromkeys(error.message for error in found)
    remedies = dict.fromkeys(error.remedy for error in found)
    return SagaError("; ".join(messages), ". ".join(remedies))


_REMEDIES = {
    errno.EACCES: "Change its owner or its mode, and try again",
    errno.EDQUOT: "Make room and try again",
    errno.EMFILE: "Allow more open files: ulimit -n 4096",
    errno.ENFILE: "End other programs and try again",
    errno.ENOMEM: "End other programs and try again",
    errno.ENOSPC: "Make room and try again",
    errno.EPERM: "Change its owner or its mode, and try again",
    errno.EROFS: "Clone to a folder that can be written to",
}


def check_room(printed: str) -> None:
    """Raises SagaError if a tool failed for want of room: what it printed says so, or the disk is full."""
    check_free(_FULL_BYTES)
    if re.search(r"No space left|os error 28|ENOSPC", printed):
        raise _no_room()


def check_free(needed_bytes: int) -> None:
    """Raises SagaError if the disk has less room: what is cut off in the middle may stay there as if it were whole."""
    if shutil.disk_usage(__file__).free < needed_bytes:
        raise _no_room()


def _no_room() -> SagaError:
    return SagaError("No space left on device", "Make room, about 1 GB, and try again")


def refusal(error: OSError) -> SagaError | None:
    """Returns what this machine refuses as a SagaError; None if the error may be this program's own."""
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    place = f": {error.filename}" if error.filename else ""
    return SagaError(f"{error.strerror}{place}", remedy)
