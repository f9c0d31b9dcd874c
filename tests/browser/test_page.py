"""The page, used as a person uses it."""

import json
import re
import uuid
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Page, expect
from support.driver import Saga, eventually

from contracts.events import EVENTS
from saga.event import Timestamp
from sagactl.design import samples
from sagactl.design.ways import PRODUCT
from sagactl.stack import aws, demo_orders, shop
from sagactl.stack.demo_orders import Trial
from sagactl.stack.deployed_stack import Stack

TIMEOUT_MS = 30_000
SIGNS = {"COMPLETED": "✓", "FAILED": "✕"}
LAST_EVENTS = {"COMPLETED": "ShipmentOK", "FAILED": "OrderFailed"}
ALL_UNDONE = {"ShipmentFail", "PaymentCancel", "StockRelease", "OrderFailed"}
STORIES = {
    # way: the order's status, what each service recorded in the end, and events that its story must have
    "All goes well": ("COMPLETED", ["COMPLETED", "CHARGED", "RESERVED", "SHIPPED"], {"PaymentOK", "ShipmentOK"}),
    "Payment is declined": ("FAILED", ["FAILED", "DECLINED", "RELEASED"], {"PaymentFail", "StockRelease"}),
    "Out of stock": ("FAILED", ["FAILED", "CANCELLED", "OUT_OF_STOCK"], {"StockFailed", "PaymentCancel"}),
    "Shipment is refused": ("FAILED", ["FAILED", "CANCELLED", "RELEASED", "FAILED"], ALL_UNDONE),
    "Payment and stock both fail": ("FAILED", ["FAILED"], {"OrderFailed"}),
    "The customer cancels": ("FAILED", ["FAILED", "CANCELLED", "RELEASED", "FAILED"], ALL_UNDONE | {"OrderCancelled"}),
}

NOTE_MARKS = """() => {
  window.seen = new Set();
  const note = (changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) window.seen.add(node.getAttribute("class"));
    }
  };
  new MutationObserver(note).observe(document.querySelector("#graph"), { childList: true });
}"""


@pytest.fixture(scope="module")
def order_id(saga: Saga) -> str:
    """The ID of an order that is closed."""
    order_id = shop.place(saga.stack, {"productId": PRODUCT, "quantity": 2, "amount": 1000}, "api")
    saga.close(order_id)
    return order_id


@pytest.mark.parametrize("one", demo_orders.all_trials(), ids=lambda one: one.way.title)
def test_placing_an_order_shows_its_story(page: Page, one: Trial) -> None:
    status, recorded, told = STORIES[one.way.title]
    page.get_by_label(one.way.title, exact=True).check()
    assert page.get_by_label("Send to").input_value() == one.via
    page.get_by_role("button", name="Place order").click()

    expect(page.locator("#story-status")).to_have_text(f"{SIGNS[status]} {status}", timeout=TIMEOUT_MS)
    order_id = page.locator("#story-id").inner_text()
    assert page.url.endswith(f"#{order_id}")
    last = LAST_EVENTS[status]
    expect(page.locator("#timeline").get_by_text(last, exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    row = page.locator(f'#orders [data-id="{order_id}"]')
    expect(row).to_contain_text(status, timeout=TIMEOUT_MS)

    names = page.locator("#timeline .event").all_inner_texts()
    assert names[0] == "OrderCreated"
    assert told | {last} <= {name.removesuffix(" again") for name in names} <= set(EVENTS)  # any may be told twice
    drawn = page.locator("#sequence [role=button]")
    assert [label.split(",")[0] for label in drawn.evaluate_all("all => all.map(one => one.ariaLabel)")] == names
    assert page.locator("#tables .status").all_inner_texts()[: len(recorded)] == recorded
    assert page.locator("#waits li").count() == 0


def test_an_open_order_shows_its_age_and_what_it_waits_for(page: Page, saga: Saga) -> None:
    order_id = str(uuid.uuid4())
    saga.tell(samples.event("PaymentOK", order_id, Timestamp.now()))
    page.get_by_label("Open", exact=True).check()
    row = page.locator(f'#orders [data-id="{order_id}"]')
    expect(row.locator(".took")).to_contain_text("open ", timeout=TIMEOUT_MS)
    row.get_by_role("link").click()
    waits = page.locator("#waits")
    expect(waits).to_have_text(re.compile(r"Waiting for .+: nobody has told StockReserved\."), timeout=TIMEOUT_MS)
    page.get_by_label("Completed", exact=True).check()
    expect(row).to_have_count(0)


def test_events_move_along_the_graph(page: Page) -> None:
    page.evaluate(NOTE_MARKS)
    page.get_by_label("Shipment is refused").check()
    page.get_by_role("button", name="Place order").click()
    both = {"dot happy", "dot failing"}
    eventually(lambda: both <= set(page.evaluate("[...window.seen]")), "marks of both kinds on the graph")


def test_a_dead_letter_is_shown_and_redriven(page: Page, saga: Saga, stack: Stack) -> None:
    order_id = str(uuid.uuid4())
    send_dead_letter(
        stack, "inventory", samples.envelope("OrderCreated") | {"detail": samples.detail("OrderCreated", order_id)}
    )
    letter = page.locator("#letters .letter", has_text=order_id[:8])
    expect(letter).to_contain_text("OrderCreated of", timeout=TIMEOUT_MS)
    expect(letter).to_contain_text("in saga-inventory")
    expect(letter).to_contain_text("TimeoutError: too slow")
    letter.get_by_role("button", name="Redrive").click()
    expect(page.locator("#letters-said")).to_have_text("OrderCreated: healed.", timeout=TIMEOUT_MS)
    expect(letter).to_have_count(0, timeout=TIMEOUT_MS)
    reserved = eventually(lambda: saga.items(order_id)["inventory"], "a reservation")
    assert reserved["status"] == {"S": "RESERVED"}


def test_a_dead_letter_is_shown_whole_and_discarded_for_a_reason(page: Page, stack: Stack) -> None:
    order_id = str(uuid.uuid4())
    event = samples.envelope("OrderCreated")
    send_dead_letter(stack, "payment", event | {"detail": event["detail"] | {"orderId": order_id}})
    letter = page.locator("#letters .letter", has_text=order_id[:8])
    letter.get_by_text("Event and stack trace").click(timeout=TIMEOUT_MS)
    expect(letter).to_contain_text(f'"orderId": "{order_id}"')
    page.once("dialog", lambda dialog: dialog.accept("a test put it there"))
    letter.get_by_role("button", name="Discard").click()
    expect(page.locator("#letters-said")).to_have_text("OrderCreated: discarded.", timeout=TIMEOUT_MS)
    expect(letter).to_have_count(0, timeout=TIMEOUT_MS)


def test_markup_in_an_event_is_shown_as_text(page: Page, saga: Saga) -> None:
    order_id = str(uuid.uuid4())
    markup = "<img src=x onerror='window.hacked = 1'>"
    detail = samples.detail("PaymentOK", order_id) | {"note": markup}
    saga.put([{"Source": f"saga.{markup}", "DetailType": markup, "Detail": json.dumps(detail)}])
    page.goto(f"{page.url}#{order_id}")
    event = page.locator("#timeline summary")
    expect(event).to_contain_text(markup, timeout=TIMEOUT_MS)
    event.click()
    expect(page.locator("#timeline pre")).to_contain_text(markup)
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_an_order_is_found_by_its_link_and_by_its_id(page: Page, address: str, order_id: str) -> None:
    page.goto(f"{address}/#{order_id}")
    page.reload()
    expect(page.locator("#story-id")).to_have_text(order_id, timeout=TIMEOUT_MS)
    page.goto(f"{address}/#{uuid.uuid4()}")
    expect(page.locator("#story-none")).to_contain_text("There is no order")
    page.get_by_label("Find an order by its ID").fill(order_id)
    page.keyboard.press("Enter")
    expect(page.locator("#story-id")).to_have_text(order_id, timeout=TIMEOUT_MS)


def test_the_keyboard_does_everything_and_the_focus_is_visible(page: Page) -> None:
    page.locator("[name=way]").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("Payment is declined").is_checked()
    for _ in range(5):  # product, quantity, amount, where to send it, the button
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#story-status")).to_contain_text("FAILED", timeout=TIMEOUT_MS)
    page.locator("#sequence [role=button]").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#timeline details[open] pre")).to_contain_text('"eventType": "OrderCreated"')


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_it_fits_and_axe_finds_nothing_serious(
    page: Page, stack: Stack, order_id: str, width: int, scheme: Any
) -> None:
    send_dead_letter(stack, "payment", samples.envelope("OrderCreated"))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{page.url}#{order_id}")
    expect(page.locator("#timeline .event").first).to_be_visible(timeout=TIMEOUT_MS)
    expect(page.locator(".letter").first).to_be_visible(timeout=TIMEOUT_MS)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
    stack.client("sqs").purge_queue(QueueUrl=stack.outputs["DeadLetterQueueUrl"])


def send_dead_letter(stack: Stack, service: str, event: dict[str, Any]) -> None:
    """What Lambda sends once a function has raised at an event, and at each retry."""
    name = f"{aws.STACK_NAME}-{service}"
    arn = stack.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    context = {"functionArn": f"{arn}:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3}
    error = {"errorType": "TimeoutError", "errorMessage": "too slow"}
    body = {"requestContext": context, "requestPayload": event, "responsePayload": error, "timestamp": event["time"]}
    stack.client("sqs").send_message(QueueUrl=stack.outputs["DeadLetterQueueUrl"], MessageBody=json.dumps(body))
