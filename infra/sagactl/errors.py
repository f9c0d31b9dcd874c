"""The one kind of failure that the `saga` command reports in a line, without a traceback."""

import errno
from collections.abc import Iterable


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


def refusal(error: OSError) -> SagaError | None:
    """Returns what this machine refuses as a SagaError; None if the error may be this program's own."""
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    place = f": {error.filename}" if error.filename else ""
    return SagaError(f"{error.strerror}{place}", remedy)
