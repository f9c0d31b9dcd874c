"""The page in a real browser, on the deployed stack."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from support.chromium import chromium

from sagactl.page import serving
from sagactl.stack.deployed_stack import Stack

TIMEOUT_MS = 30_000  # on a busy machine a saga takes longer than the 5 seconds that Playwright waits by default


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    # Not for the session: as long as Playwright runs, no other test can run an event loop.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    """Of the page, which watches the deployed stack."""
    with serving.served(lambda: stack, port=0) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, connected. Fails at the end if a script raised an error or did what the page's policy forbids."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        is_missing = message.text.startswith("Failed to load resource")  # an order that nobody knows yet
        if message.type == "error" and not is_missing:
            errors.append(message.text)

    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        page.goto(address)
        page.wait_for_selector("#connection[data-is=live]")
        yield page
        assert errors == []
