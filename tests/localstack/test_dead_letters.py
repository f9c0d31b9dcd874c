"""What ends in the dead-letter queue, and what redriving makes of it: healed, or poison, and nothing twice."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.driver import Saga, eventually, order_created

from contracts.events import OrderCreated, PaymentCancel, StockFailed
from contracts.values import Amount
from saga.event import HOPS_MAX, Metadata, Timestamp
from saga.serialization import to_json
from sagactl.design import samples
from sagactl.design.ways import PRODUCT
from sagactl.stack import aws, dead_letters
from sagactl.stack.deployed_stack import Stack

type Letters = list[dict[str, Any]]
ORDERS = {name: str(uuid.uuid4()) for name in ("poison", "loop", "healed")}


@pytest.fixture(scope="module", autouse=True)
def failing(saga: Saga, stack: Stack) -> Iterator[None]:
    """An event that order refuses, and one whose answer goes too far; both take their retries meanwhile."""
    detail = samples.detail(PaymentCancel.name, ORDERS["poison"]) | {"amount": "two"}
    saga.put([{"Source": PaymentCancel.source, "DetailType": PaymentCancel.name, "Detail": json.dumps(detail)}])
    saga.tell(stock_failed(Metadata(hops=HOPS_MAX)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dead_letters, "WAIT_SECONDS", 0)  # LocalStack has one server to ask, not many
        yield
    with dead_letters.held(stack) as found:  # other tests look for theirs
        for letter in found.letters:
            if letter.order_id in ORDERS.values() or not letter.readable:
                dead_letters.delete(stack, letter)


def test_a_failed_event_succeeds_once_its_cause_is_fixed(saga: Saga, stack: Stack) -> None:
    event = order_created()
    ORDERS["healed"] = str(event.order_id)
    with without_concurrency(stack, "inventory"):
        saga.tell(event)
        letter = failed(saga, "healed")
        code, redriven = redrive(saga, "--order", ORDERS["healed"])
        assert (code, [outcome["became"] for outcome in redriven]) == (1, ["still failing"])
    assert (letter["event"], letter["failedIn"], letter["poison"]) == ("OrderCreated", "saga-inventory", False)
    assert letter["error"]["type"] == "ZeroReservedConcurrency"
    assert saga.items(ORDERS["healed"])["inventory"] is None

    code, redriven = redrive(saga, "--order", ORDERS["healed"])
    assert (code, [outcome["became"] for outcome in redriven]) == (0, ["healed"])
    assert saga.close(ORDERS["healed"])["status"] == "COMPLETED"
    assert listed(saga, "healed") == []


def test_poison_is_named_and_kept(saga: Saga) -> None:
    letter = failed(saga, "poison")
    assert (letter["event"], letter["failedIn"], letter["attempts"]) == ("PaymentCancel", "saga-order", 3)
    assert letter["error"] == {"type": "Refused", "message": "amount: expected a number, got str"}
    assert letter["poison"]
    assert letter["firstAt"] < letter["lastAt"]

    code, [outcome] = redrive(saga, "--order", ORDERS["poison"])
    assert (code, outcome["became"], outcome["error"]) == (1, "poison", letter["error"])
    assert listed(saga, "poison") == [letter]
    assert not any(saga.items(ORDERS["poison"]).values())


def test_a_loop_is_cut_off_and_counted(saga: Saga) -> None:
    letter = failed(saga, "loop")
    assert (letter["event"], letter["failedIn"], letter["poison"]) == ("PaymentCancel", "saga-order", True)
    assert "hops" in letter["error"]["message"]
    assert json.loads(saga.log("payment", '"Loops"'))["service"] == "payment"

    saga.tell(stock_failed())
    assert saga.close(ORDERS["loop"])["status"] == "FAILED"


def test_redriving_everything_twice_changes_nothing(saga: Saga, stack: Stack) -> None:
    order_id = ORDERS["healed"]
    redrive(saga)  # what other tests left may be healed only now
    saga.quiet(order_id)
    before = saga.tables()
    redriven: list[dict[str, Any]] = []
    for _ in range(2):
        send_again(stack, order_id)
        assert len(listed(saga, "healed")) == 5
        code, redriven = redrive(saga)
        ours = [outcome for outcome in redriven if outcome["orderId"] == order_id]
        assert (code, sorted(outcome["became"] for outcome in ours)) == (1, [*["healed"] * 4, "put on the bus"])
    saga.quiet(order_id)
    assert saga.tables() == before
    assert [outcome["event"] for outcome in redriven if outcome["became"] == "healed"].count("Scheduled Event") == 1


def send_again(stack: Stack, order_id: str) -> None:
    """Dead letters of every shape with an event that all its hearers have handled, the watchdog's, and none at all."""
    detail = json.loads(to_json(OrderCreated(uuid.UUID(order_id), PRODUCT, 2, Amount(1000), timestamp=Timestamp.now())))
    event = samples.envelope(OrderCreated.name) | {"detail": detail}
    scheduled = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
    functions = stack.client("lambda")
    arns = {
        name: functions.get_function(FunctionName=f"{aws.STACK_NAME}-{name}")["Configuration"]["FunctionArn"]
        for name in ("order", "payment", "inventory", "order-watchdog")
    }
    events = dict.fromkeys(arns, event) | {"order-watchdog": scheduled}
    send(stack, "not JSON")
    send(stack, json.dumps(event))
    send(stack, json.dumps(event), TARGET_ARN=arns["payment"])
    for name, arn in arns.items():
        context = {"functionArn": f"{arn}:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3}
        send(stack, json.dumps({"requestContext": context, "requestPayload": events[name]}))


def send(stack: Stack, body: str, **attributes: str) -> None:
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    queue = {"QueueUrl": stack.outputs["DeadLetterQueueUrl"]}
    stack.client("sqs").send_message(**queue, MessageBody=body, MessageAttributes=typed)


def stock_failed(metadata: Metadata | None = None) -> StockFailed:
    return StockFailed(uuid.UUID(ORDERS["loop"]), PRODUCT, 2, "a reason", timestamp=Timestamp.now(), metadata=metadata)


def listed(saga: Saga, name: str) -> Letters:
    answer = saga.run("dlq", "--order", ORDERS[name], "--json")
    letters: Letters = json.loads(answer.stdout)["deadLetters"]
    return letters


def failed(saga: Saga, name: str) -> dict[str, Any]:
    """The one dead letter of the order, once it is there."""
    [letter] = eventually(lambda: listed(saga, name) or None, f"a dead letter of {name}")
    return letter


def redrive(saga: Saga, *arguments: str) -> tuple[int, Letters]:
    answer = saga.run("dlq", "redrive", "--json", *arguments)
    return answer.exit_code, json.loads(answer.stdout)["redriven"]


@contextmanager
def without_concurrency(stack: Stack, service: str) -> Iterator[None]:
    """The service's function may not run, so Lambda gives its events up at once."""
    functions = stack.client("lambda")
    name = {"FunctionName": f"{aws.STACK_NAME}-{service}"}
    functions.put_function_concurrency(**name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        functions.delete_function_concurrency(**name)
