"""Packages that come from the npm registry: files only, no code of them is run by it."""

import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagactl.errors import SagaError


@contextmanager
def unpacked(npm: str, package: str, sha512: str, part: str, near: Path) -> Iterator[Path]:
    """A part of the package, in a folder that is gone afterwards; `near` is on the file system of where it is to go."""
    near.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=near) as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, package]
        subprocess.run(command, capture_output=True, check=False, cwd=folder)
        archive_file = next(Path(folder).glob("*.tgz"), None)
        if archive_file is None:
            raise SagaError(f"npm could not fetch {package}", "See why: npm ping")
        if hashlib.sha512(archive_file.read_bytes()).hexdigest() != sha512:
            raise SagaError(f"npm gave another {package} than was tested", "See where from: npm config get registry")
        with tarfile.open(archive_file) as archive:
            members = [member for member in archive if member.name.startswith(f"package/{part}")]
            archive.extractall(folder, members, filter="data")
        yield Path(folder) / "package" / part
