"""A machine without a browser: npm brings one, and it shows a page."""

import os
from pathlib import Path

import pytest
from support.chromium import chromium

from sagactl.local import chromium as local


def test_npm_brings_a_chromium_that_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = tmp_path / "path"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            link = programs / program.name
            if not link.is_symlink() and not program.name.startswith(("chromium", "google-chrome")):
                link.symlink_to(program)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(local, "CHROMIUM", tmp_path)
    monkeypatch.setattr(local, "_UNPACKED", tmp_path / "unpacked")
    with chromium() as browser, browser.new_page() as page:
        page.set_content("<button onclick=\"this.innerText = 'done'\">do</button>")
        page.get_by_role("button").click()
        assert page.get_by_role("button").inner_text() == "done"
