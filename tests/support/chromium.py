"""The browser in which the page is tested, and in which its pictures are taken."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from sagactl.local.chromium import installed

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
    """A Chromium without a window. Raises SagaError if none can be had."""
    path, settings = installed()
    environment: dict[str, str | float | bool] = {**os.environ, **settings}
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, env=environment, args=_ARGUMENTS) as browser,
    ):
        yield browser
