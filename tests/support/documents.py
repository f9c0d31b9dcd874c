"""The documentation: its pages, the blocks in them, and a reader who does what they say.

The word after `bash` in a block's first line, its mark, says which test runs it. A block without a mark is run by
tests/localstack, one marked `docker` or `compose` by tests/samlocal, and one marked `aws`, `bench` or `tutorial` by
tests/walkthroughs.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sagactl.environment import NO_AWS_FILES
from sagactl.paths import PROJECT, SAM_VENV, STATE

README = PROJECT / "README.md"
IN_JAPANESE = PROJECT / "README.ja.md"
PAGES = [README, *sorted({*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")} - {README})]
_FENCE = re.compile(r"^```(\S*) ?(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
_AWS_VENV = STATE / "aws/venv"


class Block(NamedTuple):
    language: str
    mark: str
    text: str
    place: str  # page:line


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    name = page.relative_to(PROJECT)
    return [
        Block(match[1], match[2], match[3], f"{name}:{text.count('\n', 0, match.start()) + 1}")
        for match in _FENCE.finditer(text)
    ]


def commands(page: Path, mark: str = "") -> list[Block]:
    return [block for block in blocks(page) if (block.language, block.mark) == ("bash", mark)]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", page.read_text())


def script(of: list[Block]) -> str:
    """Joins blocks to one script, so that each has what those before it set; if it fails, the trace names the block."""
    return "\n".join(f": {block.place}\n{block.text}" for block in of)


def follow(
    text: str, port: int, settings: Mapping[str, str] | None = None, folder: Path = PROJECT
) -> "subprocess.CompletedProcess[str]":
    """Runs commands as a reader does who has AWS's tools, but with LocalStack at this port."""
    assert _AWS_VENV.exists(), "the AWS command line is not installed: make setup-aws"
    environment = {**shell_of_a_reader(port), **(settings or {})}
    for documented, here in (("4566", str(port)), ("KEY_ID=test", f"KEY_ID={environment['AWS_ACCESS_KEY_ID']}")):
        text = text.replace(documented, here)
    command = ["bash", "-exuo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def shell_of_a_reader(port: int) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # pragma: allowlist secret  # LocalStack checks none
        **NO_AWS_FILES,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "PATH": f"{_AWS_VENV}/bin:{SAM_VENV}/bin:{own['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "",  # uv installs no bytecode, and without any, each aws takes three times as long
        "SAM_CLI_TELEMETRY": "0",
    }
