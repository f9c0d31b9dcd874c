"""docs/tutorial.md, step by step on a copy of the project, in a folder whose name has a space."""

import shutil
import subprocess
from pathlib import Path

import pytest
from deployment import PROJECT, free_port
from documents import blocks, follow, script

PAGE = PROJECT / "docs/tutorial.md"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "a copy"
    command = ["/usr/bin/env", "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    return folder


def test_every_step_works(copy: Path) -> None:
    port, said = free_port(), ""
    try:
        for block in blocks(PAGE):
            if block.mark == "tutorial":
                done = follow(script([block]), port, folder=copy)
                assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
                said += done.stdout
            elif block.mark:
                write(copy, block.mark, block.text)
    finally:
        follow(".venv/bin/saga down", port, folder=copy)
    assert "'points': {'N': '10'}" in said


def write(folder: Path, mark: str, text: str) -> None:
    """A file, or lines before or after a line of one: `PATH`, `PATH before LINE`, `PATH after LINE`."""
    name, _, where = mark.partition(" ")
    path = folder / name
    if not where:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return
    side, _, landmark = where.partition(" ")
    lines = path.read_text().splitlines(keepends=True)
    [number] = [number for number, line in enumerate(lines) if landmark in line]
    lines.insert(number + (side == "after"), text)
    path.write_text("".join(lines))
