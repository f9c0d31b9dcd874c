"""A copy of the project, to change and to check without touching the project itself."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from sagactl.paths import PROJECT

FOLDERS = ("functions", "infra", "events", "docs")
FILES = ("template.yaml", "pyproject.toml")


class Copy:
    """What the checks read, and what `saga new` and `make derive` write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in FOLDERS:
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("*.egg-info"))
        for name in FILES:
            shutil.copy(PROJECT / name, folder / name)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def replace(self, path: str, old: str, new: str, count: int = 1) -> None:
        text = self.read(path)
        assert len(re.findall(re.escape(old), text)) == count, f"{path} has another number of: {old}"
        (self.folder / path).write_text(text.replace(old, new))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs Python, with the copy's own code."""
        path = os.pathsep.join(str(self.folder / name) for name in ("functions", "infra"))
        environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran

    def check(self) -> tuple[int, str]:
        """The exit code and the output of the checks."""
        ran = self.run("-m", "sagactl.checks")
        return ran.returncode, ran.stderr
