"""The measurements of docs/performance.md, each by the command that it names."""

from deployment import PROJECT, free_port
from documents import commands, follow, script


def test_every_measurement_is_made() -> None:
    done = follow(script(commands(PROJECT / "docs/performance.md", "bench")), free_port())
    assert done.returncode == 0, done.stderr[-3000:]
