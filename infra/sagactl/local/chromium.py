"""A Chromium in which the page is tested and its pictures are taken, got without root.

It is the machine's own if it has one, else the one that an npm package carries, else the one that Playwright downloads.
"""

import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

from sagactl import environment
from sagactl.errors import SagaError
from sagactl.local.npm import unpacked
from sagactl.paths import STATE, VENV

CHROMIUM = STATE / "chromium"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_VERSION = "153.0.0"
_PACKAGE = f"@sparticuz/chromium@{_VERSION}"  # for x86_64, with the libraries that Chromium needs
_PACKAGE_SHA512 = (
    "8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34ef"
    "c41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0"
)
_UNPACKED = CHROMIUM / _VERSION
_DOWNLOADED = CHROMIUM / "playwright"
_DECOMPRESS = """
const { createReadStream, createWriteStream } = require("fs");
const decompressed = createReadStream(process.argv[1]).pipe(require("zlib").createBrotliDecompress());
decompressed.pipe(createWriteStream(process.argv[2]));
"""


class Chromium(NamedTuple):
    """An executable, and the environment variables to run it with."""

    path: Path
    environment: dict[str, str]


def installed() -> Chromium:
    """Returns a Chromium that runs, which is installed first if there is none. Raises SagaError if none can be had."""
    if found := _find():
        return found
    failure = _install_from_npm()
    if found := _find():
        return found
    _install_from_playwright()
    if found := _find():
        return found
    message = f"There is no Chromium for the page's tests, and neither npm ({failure}) nor Playwright could bring one"
    raise SagaError(message, "Install one, for instance: apt-get install chromium")


def _find() -> Chromium | None:
    """Returns the first one that runs: Ubuntu's chromium-browser, for instance, may be a mere hint at a package."""
    machines = [Chromium(Path(path), {}) for name in _NAMES if (path := shutil.which(name))]
    carried = Chromium(_UNPACKED / "chromium", {"LD_LIBRARY_PATH": str(_UNPACKED / "lib")})
    downloaded = [Chromium(path, {}) for path in _DOWNLOADED.glob("chromium-*/chrome-linux*/chrome")]
    return next(filter(_runs, (*machines, carried, *downloaded)), None)


def _runs(chromium: Chromium) -> bool:
    own = environment.machine() | chromium.environment
    command = [str(chromium.path), "--version"]
    try:
        return subprocess.run(command, env=own, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _install_from_npm() -> str:
    """Returns why that failed, or nothing if it did not."""
    if platform.machine() != "x86_64":
        return f"it has none for {platform.machine()}"
    npm = shutil.which("npm")
    node = shutil.which("node")
    if npm is None or node is None:
        return "which is not on the PATH"
    try:
        with unpacked(npm, _PACKAGE, _PACKAGE_SHA512, "bin/", CHROMIUM) as packed:
            _lay_out(packed, node)
            shutil.rmtree(_UNPACKED, ignore_errors=True)
            packed.rename(_UNPACKED)  # in one step, so that whatever is there is complete
    except (SagaError, subprocess.CalledProcessError) as error:
        return str(error).rstrip(".")
    return ""


def _lay_out(packed: Path, node: str) -> None:
    """Leaves nothing in the folder but the executable and its libraries."""
    for name in ("chromium", "al2023.tar"):
        command: list[str | Path] = [node, "-e", _DECOMPRESS, packed / f"{name}.br", packed / name]
        subprocess.run(command, env=environment.machine(), check=True)
    with tarfile.open(packed / "al2023.tar") as libraries:
        libraries.extractall(packed, filter="data")
    (packed / "chromium").chmod(0o755)
    for archive in (*packed.glob("*.br"), packed / "al2023.tar"):
        archive.unlink()


def _install_from_playwright() -> None:
    own = environment.internet() | {"PLAYWRIGHT_BROWSERS_PATH": str(_DOWNLOADED)}
    command = [str(VENV / "bin/playwright"), "install", "chromium"]
    subprocess.run(command, env=own, capture_output=True, check=False)


if __name__ == "__main__":
    try:
        installed()
    except SagaError as error:
        sys.exit(f"error: {error}")
