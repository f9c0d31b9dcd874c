"""Files out of npm packages. npm only downloads them: it runs none of their code."""

import hashlib
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagactl import room
from sagactl.errors import SagaError
from sagactl.local import child
from sagactl.local.package_settings import for_npm

_NOT_ALLOWED = ("EACCES", "EPERM", "EROFS")


@contextmanager
def unpacked(npm: str, package: str, sha512: str, part: str, near: Path) -> Iterator[Path]:
    """Downloads a package, and gives the path of its `part`, a file or a folder, until the block ends.

    Move the part to keep it: it lies in a temporary folder in `near`, so that moving it to there is one step.
    Raises SagaError if npm cannot fetch the package, or if the package has another checksum.
    """
    near.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=near) as folder:
        # Its own prefix, because npm would else look for a project in the folders above.
        command = [npm, "pack", "--loglevel=error", "--prefix", folder, "--pack-destination", folder, package]
        ran = child.run(command, for_npm(), Path(folder))
        archive_file = next(Path(folder).glob("*.tgz"), None)
        if ran.returncode or archive_file is None:
            raise _failure(package, ran.stdout)
        if hashlib.sha512(archive_file.read_bytes()).hexdigest() != sha512:
            message = f"npm fetched a {package} that is not the one this project was tested with"
            raise SagaError(message, "Check where npm fetches from: npm config get registry")
        with tarfile.open(archive_file) as archive:
            members = [member for member in archive if member.name.startswith(f"package/{part}")]
            archive.extractall(folder, members, filter="data")
        yield Path(folder) / "package" / part


def reason(printed: str) -> str | None:
    """Returns what npm says of its failure in a sentence: between the error's fields and what to do."""
    found = re.search(r"(?m)^npm error (?!(?:code|syscall|path|dest|errno) )(\S.*)$", printed)
    return found and found[1].rstrip(".")


def _failure(package: str, printed: str) -> SagaError:
    room.check_failure(printed)
    message = f"npm could not fetch {package}"
    code = re.search(r"(?m)^npm error code (E\w+)$", printed)
    if code is None:
        return SagaError(message, "See why: npm ping")
    if code[1] in _NOT_ALLOWED:
        path = re.search(r"(?m)^npm error path (.+)$", printed)
        place = f" at {path[1]}" if path else ""
        return SagaError(f"{message} ({code[1]}{place})", "Change its owner or its mode, and try again")
    return SagaError(f"{message} ({code[1]})", "See why: npm ping")
