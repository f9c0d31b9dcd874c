"""docs/tutorial.md, step by step on a copy of the project, in a folder whose name has a space."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.documents import blocks, follow, script
from support.ports import free_port

from sagactl.paths import PROJECT

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
    port = free_port()
    said = ""
    try:
        for block in blocks(PAGE):
            if block.mark == "tutorial":
                done = follow(script([block]), port, folder=copy)
                assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
                said += done.stdout + done.stderr
            elif block.mark:
                path = copy / block.mark  # it is a whole file
                path.write_text(block.text)
    finally:
        follow(".venv/bin/saga down", port, folder=copy)
    assert "Not decided yet." in said
    assert "missing: OrderCreated from saga.order\n  Write it again:\n    make derive" in said
    assert re.search(r"loyalty +EARNED +.*points 100", said)
