"""The page, used as a person uses it."""

import itertools
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Locator, Page, expect
from support.driver import Saga, eventually

from contracts.events import EVENTS
from saga.event import Timestamp
from sagactl.design import samples
from sagactl.design.ways import PRODUCT
from sagactl.stack import aws, demo_orders, shop
from sagactl.stack.demo_orders import Trial
from sagactl.stack.deployed_stack import Stack

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
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
      for (const node of change.addedNodes) window.seen.add(node.getAttribute?.("class"));
    }
  };
  new MutationObserver(note).observe(document.querySelector("#graph"), { childList: true, subtree: true });
}"""


# Which names in the graph cover a line, a box or another name, and which services a line, as they are on the screen.
COVERED = """() => {
  const graph = document.querySelector("#graph");
  const covers = (box, { x, y }) => x > box.left && x < box.right && y > box.top && y < box.bottom;
  const meet = (one, other) =>
    one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
  const points = [...graph.querySelectorAll(".edge")].flatMap((path) => {
    const length = path.getTotalLength();
    const onScreen = path.getScreenCTM();
    return Array.from({ length: 400 }, (_, step) =>
      path.getPointAtLength((length * step) / 399).matrixTransform(onScreen));
  });
  const nodes = [...graph.querySelectorAll(".node")];
  const boxOf = (node) => node.querySelector("rect").getBoundingClientRect();
  const boxes = nodes.map(boxOf);
  const labels = [...graph.querySelectorAll(".label")];
  const under = nodes.filter((node) => points.some((point) => covers(boxOf(node), point)));
  const names = labels.filter((label) => {
    const box = label.getBoundingClientRect();
    const others = labels.filter((one) => one !== label).map((one) => one.getBoundingClientRect());
    return points.some((point) => covers(box, point)) || [...boxes, ...others].some((one) => meet(box, one));
  });
  return [...names, ...under].map((one) => one.textContent);
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

    expect(page.locator("#story-status")).to_have_text(f"{SIGNS[status]} {status}")
    order_id = page.locator("#story-id").inner_text()
    assert page.url.endswith(f"#{order_id}")
    last = LAST_EVENTS[status]
    expect(page.locator("#timeline").get_by_text(last, exact=True)).to_be_visible()
    row = page.locator(f'#orders [data-id="{order_id}"]')
    expect(row).to_contain_text(status)

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
    expect(row.locator(".took")).to_have_text(re.compile(r"^open \d+ s$"))
    expect(row.locator(".what")).to_have_text("waits for StockReserved")
    row.get_by_role("link").click()
    waits = page.locator("#waits")
    expect(waits).to_have_text(re.compile(r"Waiting for .+: nobody has told StockReserved\."))
    page.get_by_label("Completed", exact=True).check()
    expect(row).to_have_count(0)


def test_events_move_along_the_graph(page: Page) -> None:
    page.evaluate(NOTE_MARKS)
    page.get_by_label("Shipment is refused").check()
    page.get_by_role("button", name="Place order").click()
    both = {"dot happy", "dot failing"}
    eventually(lambda: both <= set(page.evaluate("[...window.seen]")), "marks of both kinds on the graph")


def test_dead_letters_are_shown_by_cause_and_redriven_one_or_all(page: Page, saga: Saga, stack: Stack) -> None:
    order_ids = [str(uuid.uuid4()) for _ in range(3)]
    for order_id in order_ids:
        event = samples.envelope("OrderCreated") | {"detail": samples.detail("OrderCreated", order_id)}
        send_dead_letter(stack, "inventory", event)
    cause = page.locator("#letters .cause", has_text="OrderCreated in saga-inventory")
    expect(cause.locator(".toggle")).to_contain_text(re.compile("^3 "))
    expect(cause.locator(".toggle")).to_contain_text("TimeoutError: too slow")
    expect(page.locator("#letters-count")).to_have_text("3")

    expect(cause.locator(".letter").first).to_be_hidden()
    cause.locator(".toggle").click()
    letter = cause.locator(".letter", has_text=order_ids[0][:8])
    expect(letter).to_contain_text("3 tries from 31 Jan")
    letter.get_by_role("button", name="Redrive").click()
    said = page.locator("#letters-said")
    expect(said).to_have_text("OrderCreated: healed.")
    expect(cause.locator(".toggle")).to_contain_text(re.compile("^2 "))
    expect(letter).to_have_count(0)
    expect(cause.locator(".letter").first).to_be_visible()  # what was open stays open

    cause.get_by_role("button", name="Redrive 2 dead letters of OrderCreated").click()
    expect(said).to_have_text(re.compile("^2 . OrderCreated: healed.$"))
    expect(page.locator("#letters-none")).to_be_visible()
    eventually(lambda: all(saga.items(order_id)["inventory"] for order_id in order_ids), "three reservations")


def test_a_dead_letter_is_shown_whole_and_discarded_for_a_reason(page: Page, stack: Stack) -> None:
    order_id = str(uuid.uuid4())
    event = samples.envelope("OrderCreated")
    send_dead_letter(stack, "payment", event | {"detail": event["detail"] | {"orderId": order_id}})
    cause = page.locator("#letters .cause", has_text="OrderCreated in saga-payment")
    cause.locator(".toggle").click()
    letter = cause.locator(".letter", has_text=order_id[:8])
    letter.get_by_text("Event and stack trace").click()
    expect(letter).to_contain_text(f'"orderId": "{order_id}"')
    expect(letter).to_contain_text('File "/var/task/payment/app.py", line 1, in handler')

    dialog = page.get_by_role("dialog", name="Discard 1 dead letter?")
    letter.get_by_role("button", name="Discard").click()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    letter.get_by_role("button", name="Discard").click()
    dialog.get_by_label("Reason").fill("   ")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog).to_be_visible()  # blanks say nothing
    dialog.get_by_label("Reason").fill("a test put it there")
    dialog.get_by_role("button", name="Discard").click()
    expect(page.locator("#letters-said")).to_have_text("1 dead letter discarded.")
    expect(letter).to_have_count(0)
    stream = eventually(lambda: discarded(stack, order_id), "a line in the log of what is discarded")
    assert json.loads(stream)["reason"] == "a test put it there"


def test_an_open_order_is_cancelled_after_a_question(page: Page, saga: Saga, address: str) -> None:
    order_id = str(uuid.uuid4())
    saga.tell(samples.event("PaymentOK", order_id, Timestamp.now()))
    page.goto(f"{address}/#{order_id}")
    page.get_by_role("button", name="Cancel order").click()
    dialog = page.get_by_role("dialog", name=f"Cancel order {order_id[:8]}?")
    dialog.get_by_role("button", name="Keep order").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#cancel-said")).to_be_empty()
    page.get_by_role("button", name="Cancel order").click()
    dialog.get_by_role("button", name="Cancel order").click()
    expect(page.locator("#cancel-said")).to_contain_text("Asked to cancel.")
    expect(page.locator("#story-status")).to_have_text("✕ FAILED")
    expect(page.locator("#story-reason")).to_have_text("Failed: cancelled by the customer.")
    expect(page.get_by_role("button", name="Cancel order")).to_be_hidden()
    told = page.locator("#timeline .event", has_text="OrderCancelled")
    expect(told).to_be_visible()


def test_orders_are_filtered_by_reason_and_by_time_and_have_dates(page: Page, saga: Saga) -> None:
    now = datetime.now(UTC)
    times = {"today": now, "yesterday": now - timedelta(days=1)}
    ids = {}
    for day, at in times.items():
        for name in ("PaymentFail", "StockFailed"):
            ids[day, name] = str(uuid.uuid4())
            saga.tell(samples.event(name, ids[day, name], Timestamp.of(at)))
    page.get_by_label("Failed", exact=True).check()
    page.get_by_label("All", exact=True).check()

    def row(day: str, name: str) -> Locator:
        return page.locator(f'#orders [data-id="{ids[day, name]}"]')

    for day, name in ids:
        date = times[day].astimezone()  # as the browser has it
        expect(row(day, name)).to_contain_text(f"{date.day} {date:%b}")
        expect(row(day, name)).to_contain_text(name)  # why it failed, once it has
    reason = page.get_by_label("Why they fail")
    reason.select_option("StockFailed")
    expect(row("today", "PaymentFail")).to_have_count(0)
    expect(row("yesterday", "StockFailed")).to_be_visible()
    page.get_by_label("When they opened").select_option("yesterday")
    expect(row("today", "StockFailed")).to_have_count(0)
    expect(row("yesterday", "StockFailed")).to_be_visible()
    page.get_by_label("When they opened").select_option("between")
    page.get_by_label("Until").fill("2020-01-01T00:00")
    expect(page.locator("#orders-none")).to_contain_text("No order fits these filters.")
    page.get_by_role("button", name="Show all orders").click()
    expect(row("today", "PaymentFail")).to_be_visible()
    assert reason.input_value() == ""


def test_orders_per_minute_have_failures_apart(page: Page) -> None:
    page.get_by_label("Payment is declined").check()
    page.get_by_role("button", name="Place order").click()
    expect(page.locator("#rates")).to_have_attribute("aria-label", re.compile(r"Of these failed: .*[1-9]"))
    failing = page.locator("#rates rect.failing").evaluate_all("all => all.map(one => one.height.baseVal.value)")
    assert max(failing) > 0


def test_events_and_calls_are_shown_as_published(page: Page) -> None:
    catalog = page.locator("#catalog")
    for name in EVENTS:
        expect(catalog.locator(".event").get_by_text(name, exact=True)).to_be_visible()
    catalog.get_by_text("PaymentFail", exact=True).click()
    fields = page.get_by_role("table", name="Fields of PaymentFail")
    expect(fields).to_contain_text("number from 0.01 to 9999999999.99 with at most 2 decimals")
    expect(fields.get_by_role("row", name="metadata")).to_contain_text("(optional)")
    catalog.get_by_text("POST /orders", exact=True).click()
    expect(page.get_by_role("table", name="Fields of Place an order")).to_contain_text("integer from 1 to 10000")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="AsyncAPI").click()
    document = json.loads(downloading.value.path().read_text())
    assert document["components"]["messages"].keys() == EVENTS.keys()


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_in_the_graph_lies_on_anything_else(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.locator("#graph.upright")).to_have_count(1 if width == 360 else 0)
    assert page.locator("#graph .label").count() >= len(EVENTS)
    assert page.evaluate(COVERED) == []


def test_markup_in_an_event_is_shown_as_text(page: Page, saga: Saga) -> None:
    order_id = str(uuid.uuid4())
    markup = "<img src=x onerror='window.hacked = 1'>"
    detail = samples.detail("PaymentOK", order_id) | {"note": markup}
    saga.put([{"Source": f"saga.{markup}", "DetailType": markup, "Detail": json.dumps(detail)}])
    page.goto(f"{page.url}#{order_id}")
    event = page.locator("#timeline summary")
    expect(event).to_contain_text(markup)
    event.click()
    expect(page.locator("#timeline pre")).to_contain_text(markup)
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_an_order_is_found_by_its_link_and_by_its_id(page: Page, address: str, order_id: str) -> None:
    page.goto(f"{address}/#{order_id}")
    page.reload()
    expect(page.locator("#story-id")).to_have_text(order_id)
    page.goto(f"{address}/#{uuid.uuid4()}")
    expect(page.locator("#story-none")).to_contain_text("There is no order")
    page.get_by_label("Find an order by its ID").fill(order_id)
    page.keyboard.press("Enter")
    expect(page.locator("#story-id")).to_have_text(order_id)


def test_the_keyboard_does_everything_and_the_focus_is_visible(page: Page) -> None:
    page.locator("[name=way]").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("Payment is declined").is_checked()
    for _ in range(5):  # product, quantity, amount, where to send it, the button
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#story-status")).to_contain_text("FAILED")
    page.locator("#sequence [role=button]").first.focus()
    drawn = str(page.locator("#sequence").get_attribute("viewBox"))
    page.set_viewport_size({"width": 700, "height": 900})  # it is drawn again, as when an event comes
    expect(page.locator("#sequence")).not_to_have_attribute("viewBox", drawn)
    page.keyboard.press("Enter")
    expect(page.locator("#timeline details[open] pre")).to_contain_text('"eventType": "OrderCreated"')


def test_it_fits_and_axe_finds_nothing(page: Page, stack: Stack, order_id: str) -> None:
    """At every width, light and dark, with all that can be unfolded; then with the question before a discard."""
    send_dead_letter(stack, "payment", samples.envelope("OrderCreated"))
    page.goto(f"{page.url}#{order_id}")
    expect(page.locator("#timeline .event").first).to_be_visible()
    page.locator(".toggle").first.click()
    page.locator(".letter summary").first.click()
    page.locator("#catalog summary").first.click()
    page.get_by_label("When they opened").select_option("between")
    assert problems_of_sizes(page) == []
    page.locator(".letter").get_by_role("button", name="Discard").first.click()
    assert problems_of_sizes(page) == []
    stack.client("sqs").purge_queue(QueueUrl=stack.outputs["DeadLetterQueueUrl"])


def problems_of_sizes(page: Page) -> list[str]:
    found = []
    for width, scheme in itertools.product([360, 768, 1280, 1920], SCHEMES):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        wide = page.evaluate("document.documentElement.scrollWidth")
        problems = [] if wide == width else [f"it is {wide} wide"]
        found += [f"{width} {scheme}: {problem}" for problem in [*problems, *violations(page)]]
    return found


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


def send_dead_letter(stack: Stack, service: str, event: dict[str, Any]) -> None:
    """What Lambda sends once a function has raised at an event, and at each retry."""
    name = f"{aws.STACK_NAME}-{service}"
    arn = stack.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    context = {"functionArn": f"{arn}:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3}
    frame = f'  File "/var/task/{service}/app.py", line 1, in handler\n'
    error = {"errorType": "TimeoutError", "errorMessage": "too slow", "stackTrace": [frame]}
    body = {"requestContext": context, "requestPayload": event, "responsePayload": error, "timestamp": event["time"]}
    stack.client("sqs").send_message(QueueUrl=stack.outputs["DeadLetterQueueUrl"], MessageBody=json.dumps(body))


def discarded(stack: Stack, order_id: str) -> str | None:
    """The line of the log that keeps what was discarded of an order."""
    group = stack.outputs["DiscardedLogs"]
    events = stack.client("logs").filter_log_events(logGroupName=group)["events"]
    return next((event["message"] for event in events if order_id in event["message"]), None)
