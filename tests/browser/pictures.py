"""`make pictures`: the README's pictures of the page, docs/watch-light.png and docs/watch-dark.png.

They show a LocalStack of their own: most orders are completed, some failed for different reasons, and two are open.
"""

import time
import uuid
from typing import Literal

from playwright.sync_api import Browser, ViewportSize
from support.chromium import chromium
from support.driver import Saga
from support.isolation import isolate
from support.ports import free_port

from saga.event import Timestamp
from sagactl.design import samples
from sagactl.design.ways import PRODUCT, UNITS, all_ways
from sagactl.local import localstack
from sagactl.page import serving
from sagactl.paths import PROJECT
from sagactl.signals import leave_blocks_first
from sagactl.stack import aws, shop
from sagactl.stack.deploy import deploy
from sagactl.stack.deployed_stack import Stack
from sagactl.terminal import step

WAYS = {way.title: way for way in all_ways().values()}
GOES_WELL = "All goes well"
REFUSED = "Shipment is refused"
ORDERS = [
    *[GOES_WELL] * 6,
    "Payment is declined",
    *[GOES_WELL] * 3,
    "Out of stock",
    *[GOES_WELL] * 4,
    "Payment and stock both fail",
    *[GOES_WELL] * 2,
    REFUSED,
    *[GOES_WELL] * 2,
]
OPEN_ORDERS = 2
PACE_SECONDS = 4
SIZE: ViewportSize = {"width": 1600, "height": 1000}
MARKS_MIN = 6  # that move along the graph

type Scheme = Literal["light", "dark"]


def main() -> None:
    isolate()
    leave_blocks_first()  # so that no LocalStack is left
    port = free_port()
    with localstack.running(port):
        where = aws.target(port=port)
        stack = Stack(where, deploy(where, {}, step=step))
        shop.set_available(stack, PRODUCT, UNITS)
        with step(f"{len(ORDERS)} orders"):
            shown = place_orders(Saga(stack))
        with step("Pictures"), serving.served(lambda: stack, port=0) as address, chromium() as browser:
            take(browser, f"{address}/#{shown}", stack, "light")
            take(browser, f"{address}/#{shown}", stack, "dark")


def place_orders(saga: Saga) -> str:
    """Returns the ID of the order whose story the pictures show."""
    order_ids = {}
    for title in ORDERS:
        order_ids[title] = place(saga.stack, title)
        saga.close(order_ids[title])
        time.sleep(PACE_SECONDS)
    for _ in range(OPEN_ORDERS):
        saga.tell(samples.event("PaymentOK", str(uuid.uuid4()), Timestamp.now()))  # and no other event of its order
    return order_ids[REFUSED]


def place(stack: Stack, title: str) -> str:
    way = WAYS[title]
    return shop.place(stack, way.wanted, "api")


def take(browser: Browser, url: str, stack: Stack, scheme: Scheme) -> None:
    """Takes the picture while the events of two more orders move along the graph."""
    with browser.new_context(viewport=SIZE, color_scheme=scheme, locale="en-GB") as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_text("Live from").wait_for()
        page.locator("#timeline .event").first.wait_for()
        place(stack, GOES_WELL)
        place(stack, REFUSED)
        page.locator("#graph .dot").nth(MARKS_MIN - 1).wait_for()
        page.screenshot(path=PROJECT / f"docs/watch-{scheme}.png")


if __name__ == "__main__":
    main()
