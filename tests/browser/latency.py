"""`PYTHONPATH=tests python -m browser.latency`: how long after an event is told the page shows it.

On a LocalStack of its own, with the story of each order open, one order after the other.
"""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from playwright.sync_api import Page
from support.chromium import chromium
from support.driver import Saga, deployed, eventually
from support.isolation import isolate

from sagactl.design.ways import PRODUCT
from sagactl.page import serving
from sagactl.signals import leave_blocks_first
from sagactl.stack import journal, shop
from sagactl.stack.deployed_stack import Stack

ORDERS = 15
PAUSE_SECONDS = 4  # so that an order comes when nothing else goes on
LAST_EVENT = "ShipmentOK"
NOTE_ROWS = """() => {
  window.shownAt = {};
  const note = () => {
    const now = Date.now();
    for (const row of document.querySelectorAll("#timeline details")) window.shownAt[row.dataset.id] ??= now;
  };
  new MutationObserver(note).observe(document.querySelector("#timeline"), { childList: true });
}"""


def main() -> None:
    isolate()
    leave_blocks_first()  # so that no LocalStack is left
    with (
        deployed() as stack,
        serving.served(lambda: stack, port=0) as address,
        chromium() as browser,
        browser.new_page() as page,
    ):
        page.goto(address)
        page.wait_for_selector("#connection[data-is=live]")
        page.evaluate(NOTE_ROWS)
        _place(page, stack)  # has the functions started
        order_ids = [_place(page, stack) for _ in range(ORDERS)]
        shown_at = page.evaluate("window.shownAt")
        told = [one for order_id in order_ids for one in journal.timeline(stack, order_id)]
        written_at = {
            item["eventId"]: item["writtenAt"] for item in journal.arrivals(stack, told[0].told_at, ORDERS * 100)
        }
    _print("written by the journal", [journal.milliseconds(one.at, written_at[one.event_id]) for one in told])
    _print("shown by the page", [_shown_after(one, shown_at) for one in told])


def _place(page: Page, stack: Stack) -> str:
    """Places an order, opens its story, and waits until that has its last event."""
    time.sleep(PAUSE_SECONDS)
    order_id = shop.place(stack, {"productId": PRODUCT, "quantity": 1, "amount": 1}, "api")
    page.evaluate("id => { location.hash = id; }", order_id)
    page.locator("#timeline .event", has_text=LAST_EVENT).wait_for()
    eventually(lambda: Saga(stack).items(order_id)["order"]["status"] == {"S": "COMPLETED"}, "a completed order")
    return order_id


def _shown_after(one: journal.Told, shown_at: dict[str, Any]) -> int:
    told_at_ms = journal.milliseconds("1970-01-01T00:00:00.000Z", one.at)
    return int(shown_at[one.event_id]) - told_at_ms


def _print(title: str, milliseconds: Sequence[int]) -> None:
    ordered = sorted(milliseconds)
    print(f"{title}: median {round(median(ordered))} ms, slowest {ordered[-1]} ms, of {len(ordered)} events")


if __name__ == "__main__":
    main()
