"""The browser in which the page is tested, and in which its pictures are taken."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from sagactl.errors import SagaError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine, without a window. Raises SagaError if there is none."""
    paths = [path for name in _NAMES if (path := shutil.which(name))]
    if not paths:
        raise SagaError("There is no Chromium", "Install it: apt-get install -y chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=paths[0], args=_ARGUMENTS) as browser,
    ):
        yield browser
