"""LocalStack goes away and comes back while somebody watches."""

from playwright.sync_api import Browser, expect
from support.ports import free_port

from sagactl.design.five_ways import PRODUCT, UNITS
from sagactl.local import localstack
from sagactl.page import serving
from sagactl.stack import aws, deployed_stack, shop
from sagactl.stack.deploy import deploy

TIMEOUT_MS = 30_000


def test_the_page_says_that_localstack_is_gone_and_recovers_once_it_is_back(browser: Browser) -> None:
    port = free_port()

    def find() -> deployed_stack.Stack:
        return deployed_stack.find(use_aws=False, port=port)

    with serving.served(find, port=0) as address, browser.new_page() as page:
        page.goto(address)
        down = page.locator("#down")
        connection = page.locator("#connection")
        gone = f"No LocalStack answers at http://127.0.0.1:{port}. Start it: saga up."
        expect(down).to_have_text(gone, timeout=TIMEOUT_MS)
        with localstack.running(port):
            expect(down).to_contain_text("There is no stack named saga", timeout=TIMEOUT_MS)
            where = aws.target(port=port)
            stack = deployed_stack.Stack(where, deploy(where, {}))
            shop.set_available(stack, PRODUCT, UNITS)
            expect(connection).to_have_text(f"Live from 127.0.0.1:{port}", timeout=TIMEOUT_MS)
            expect(down).to_be_hidden()

            page.get_by_role("button", name="Place order").click()
            expect(page.locator("#story-status")).to_contain_text("COMPLETED", timeout=TIMEOUT_MS)
        expect(down).to_have_text(gone, timeout=TIMEOUT_MS)
        expect(connection).to_have_text("Not connected")
        expect(page.locator("#story-status")).to_contain_text("COMPLETED")  # what was shown stays
