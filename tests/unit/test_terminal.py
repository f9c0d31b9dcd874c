"""How results are printed: nothing that is copied is ever cut."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from sagactl import terminal

ORDER_ID = "5a9a0001-0000-4000-8000-000000000001"


@pytest.mark.parametrize("columns", [20, 72, 80, 400])
def test_a_table_is_as_wide_as_what_is_in_it(columns: int) -> None:
    code = (
        "from sagactl.terminal import result, table\n"
        f"shown = table('order', 'ms'); shown.add_row({ORDER_ID!r}, '25,790,514,321 ms' * 4)\n"
        "result({}, shown, as_json=False)\n"
    )
    environment = os.environ | {"COLUMNS": str(columns), "FORCE_COLOR": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert f"{ORDER_ID}  {'25,790,514,321 ms' * 4}" in ran.stdout


@pytest.mark.parametrize(
    ("columns", "line"), [(20, ORDER_ID[:20]), (40, f"{ORDER_ID}  13"), (80, f"{ORDER_ID}  13,685")]
)
def test_what_is_drawn_again_is_cut_at_the_edge_and_nowhere_else(columns: int, line: str) -> None:
    shown = terminal.table("order", "ms")
    shown.add_row(ORDER_ID, "13,685")
    written = io.StringIO()
    Console(file=written, width=columns).print(terminal.Cropped(shown))
    assert written.getvalue().splitlines()[1].rstrip() == line


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("arguments", [["event", "OrderCreated"], ["orders", "-h"], ["--help"], ["--version"], []])
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    saga = [sys.executable, "-m", "sagactl", *arguments]
    with FULL.open("w") as full:
        ran = subprocess.run(saga, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "error: No space left on device. Make room and try again.\n")


@pytest.mark.parametrize(
    ("redirected", "status", "line"),
    [
        (">&-", 1, "error: The standard output is closed. Send it somewhere, such as to /dev/null."),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
        ("| true", 1, ""),
    ],
)
@pytest.mark.parametrize("arguments", ["event OrderCreated", "--help", "--version"])
def test_a_stream_that_is_closed_is_at_most_one_line(arguments: str, redirected: str, status: int, line: str) -> None:
    script = f'set -o pipefail; "$0" -m sagactl {arguments} {redirected}'
    ran = subprocess.run(["/bin/bash", "-c", script, sys.executable], capture_output=True, text=True, check=False)
    assert (ran.returncode in {status, 0}, ran.stderr.strip()) == (True, line)
