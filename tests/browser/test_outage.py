"""LocalStack goes away and comes back while somebody watches."""

from playwright.sync_api import Browser, expect
from support.line import Line

from sagactl.page import serving
from sagactl.stack import aws, deployed_stack

ABSENT = "not-deployed"


def test_the_page_says_that_localstack_is_gone_and_recovers_once_it_is_back(
    browser: Browser, stack: deployed_stack.Stack
) -> None:
    line = Line(stack.where.port)
    names = [ABSENT]

    def find() -> deployed_stack.Stack:
        return deployed_stack.find(use_aws=False, port=line.port, stack_name=names[-1])

    with serving.served(find, port=0) as address, browser.new_page() as page:
        page.goto(address)
        down = page.locator("#down")
        connection = page.locator("#connection")
        gone = f"No LocalStack answers at http://127.0.0.1:{line.port}. Start it: saga up."
        expect(down).to_have_text(gone)
        expect(page.locator("#letters-none")).to_be_hidden()  # who knows
        with line.mended():
            expect(down).to_contain_text(f"There is no stack named {ABSENT}")
            names.append(aws.STACK_NAME)
            expect(connection).to_have_text(f"Live from 127.0.0.1:{line.port}")
            expect(down).to_be_hidden()

            page.get_by_role("button", name="Place order").click()
            expect(page.locator("#story-status")).to_contain_text("COMPLETED")
        expect(down).to_have_text(gone)
        expect(connection).to_have_text("Not connected")
        expect(page.locator("#story-status")).to_contain_text("COMPLETED")  # what was shown stays
        with line.mended():
            expect(connection).to_have_text(f"Live from 127.0.0.1:{line.port}")
            expect(down).to_be_hidden()
