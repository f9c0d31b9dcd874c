"""The measurements of docs/performance.md, each by the command that it names."""

from pathlib import Path

from support.documents import commands, follow, script
from support.ports import free_port

from sagactl.paths import PROJECT


def test_every_measurement_is_made(tmp_path: Path) -> None:
    done = follow(script(commands(PROJECT / "docs/performance.md", "bench")), free_port(), {"PLOTS": str(tmp_path)})
    assert done.returncode == 0, done.stderr[-3000:]
    assert {plot.name for plot in tmp_path.iterdir()} == {p.name for p in (PROJECT / "docs/performance").iterdir()}
