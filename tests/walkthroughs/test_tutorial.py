"""docs/tutorial.md, step by step on a copy of the project, in a folder whose name has a space."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.deployment import PROJECT, free_port
from support.documents import blocks, follow, script

PAGE = PROJECT / "docs/tutorial.md"


def git(folder: Path, *arguments: str) -> str:
    command = ["/usr/bin/env", "git", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a newcomer has cloned: a repository, with what is not committed yet as well."""
    folder = tmp_path / "a copy"
    for name in git(PROJECT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
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
