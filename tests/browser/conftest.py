"""The page in a real browser, on the deployed stack."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from sagactl.page import serving
from sagactl.stack.deployed import Stack

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: as long as Playwright runs, no other test can run an event loop.
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("There is no Chromium. Install it: apt-get install -y chromium", pytrace=False)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    """Of the page, which watches the deployed stack."""
    with serving.served(lambda: stack, port=0) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Open, live, and to the end without an exception or anything that its policy forbids."""
    errors: list[str] = []

    def read(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):  # not there yet
            errors.append(message.text)

    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", read)
        page.goto(address)
        page.wait_for_selector("#connection[data-is=live]")
        yield page
        assert errors == []
