"""What is in the saga's dead-letter queue: events that a function kept raising at, that never reached one, or strays.

Lambda wraps such an event in an account of its failure; EventBridge leaves it as it was, beside the attributes in
which AWS says what went wrong. A stray, which no service may tell, has none: the rule for strays sent it straight here.
Anybody may have sent anything else: that is shown as it is.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from contracts.events import EVENTS
from saga.event import Timestamp
from saga.serialization import Refused
from sagactl.stack.deployed import Stack

PAGE = 10  # messages of one call, to SQS's limit
PAGES_MAX = 100
WAIT_SECONDS = 1  # without waiting, SQS asks only some of its servers
HELD_SECONDS = 60  # then a message is back by itself, whatever became of its reader


class Failure(NamedTuple):
    """Why an event could not be handled, as whoever tried it says."""

    type: str
    message: str

    @property
    def is_poison(self) -> bool:
        """Whether the event itself is what is wrong, so that no retry can mend it."""
        return self.type == Refused.__name__

    def __str__(self) -> str:
        text = f"{self.type}: {self.message}" if self.message else self.type
        return f"poison, {text}" if self.is_poison else text

    @classmethod
    def raised(cls, answer: object) -> "Failure | None":
        """The error that Lambda gives as a function's answer, if it is one."""
        match answer:
            case {"errorType": error_type, "errorMessage": message}:
                return cls(str(error_type), str(message))
            case {"errorMessage": message}:
                return cls("Error", str(message))
        return None


@dataclass(frozen=True)
class DeadLetter:
    """One message. `function` is the one that should have handled the event, if that is known."""

    message_id: str
    receipt: str
    event: Any  # as the function receives it; the text of the message where that holds no event
    function: str | None
    failure: Failure
    attempts: int | None
    first_at: str
    last_at: str
    readable: bool = True

    @property
    def name(self) -> str:
        """The detail-type."""
        name = self.event.get("detail-type") if isinstance(self.event, dict) else None
        return name if isinstance(name, str) else "unknown"

    @property
    def order_id(self) -> str | None:
        detail = self.event.get("detail") if isinstance(self.event, dict) else None
        order_id = detail.get("orderId") if isinstance(detail, dict) else None
        return order_id.lower() if isinstance(order_id, str) else None

    @property
    def function_name(self) -> str | None:
        return self.function and self.function.rpartition(":")[2]

    def fields(self, failure: Failure | None) -> dict[str, Any]:
        """As JSON has it, with the failure that it has now, if any."""
        return {
            "event": self.name,
            "orderId": self.order_id,
            "failedIn": self.function_name,
            "error": failure and failure._asdict(),
            "poison": failure is not None and failure.is_poison,
            "attempts": self.attempts,
            "firstAt": self.first_at,
            "lastAt": self.last_at,
            "messageId": self.message_id,
        }


class Found(NamedTuple):
    """Dead letters, the newest failure first; more than were found may be in the queue."""

    letters: list[DeadLetter]
    may_be_more: bool


@contextmanager
def held(stack: Stack, order_id: str | None = None) -> Iterator[Found]:
    """The dead letters, or those of an order, kept from other readers until the end; nothing is taken away."""
    messages = _receive_all(stack)
    try:
        letters = [read(message) for message in messages.values()]
        letters.sort(key=lambda letter: letter.last_at, reverse=True)
        may_be_more = counted(stack) > len(letters)
        wanted = [letter for letter in letters if order_id is None or letter.order_id == order_id.lower()]
        yield Found(wanted, may_be_more)
    finally:
        _give_back(stack, messages)


def counted(stack: Stack) -> int:
    """How many the queue says it holds, those in other readers' hands included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=_queue(stack), AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def delete(stack: Stack, letter: DeadLetter) -> None:
    """Takes the message out of the queue."""
    stack.client("sqs").delete_message(QueueUrl=_queue(stack), ReceiptHandle=letter.receipt)


def read(message: dict[str, Any]) -> DeadLetter:
    """Understands a message as SQS gives it, whichever shape it has."""
    sent_at = Timestamp.of(datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC))
    try:
        body = json.loads(message["Body"])
    except (ValueError, RecursionError):
        body = None
    match body:
        case {"requestContext": {"functionArn": str()}, "requestPayload": _}:
            return _of_lambda(message, body, sent_at)
        case {"detail-type": str(), "source": str(), "detail": dict()}:
            return _of_eventbridge(message, body, sent_at)
    failure = Failure("Unreadable", message["Body"])
    ids = message["MessageId"], message["ReceiptHandle"]
    return DeadLetter(*ids, message["Body"], None, failure, None, sent_at, sent_at, readable=False)


def _of_lambda(message: dict[str, Any], body: dict[str, Any], sent_at: Timestamp) -> DeadLetter:
    """An invocation record, as functions' OnFailure destination gets it."""
    context, event = body["requestContext"], body["requestPayload"]
    failure = Failure.raised(body.get("responsePayload")) or Failure(str(context.get("condition")), "")
    return DeadLetter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        event=event,
        function=_unqualified(context["functionArn"]),
        failure=failure,
        attempts=_whole(context.get("approximateInvokeCount")),
        first_at=_time(event.get("time") if isinstance(event, dict) else None, sent_at),
        last_at=_time(body.get("timestamp"), sent_at),
    )


def _of_eventbridge(message: dict[str, Any], event: dict[str, Any], sent_at: Timestamp) -> DeadLetter:
    """An event that could not be handed over to a rule's target, or a stray."""
    said = {name: value.get("StringValue") for name, value in message.get("MessageAttributes", {}).items()}
    target, retries = said.get("TARGET_ARN") or "", _whole(said.get("RETRY_ATTEMPTS"))
    return DeadLetter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        event=event,
        function=_unqualified(target) if ":lambda:" in target else None,
        failure=_not_delivered(event, said),
        attempts=None if retries is None else retries + 1,
        first_at=_time(event.get("time"), sent_at),
        last_at=sent_at,
    )


def _not_delivered(event: dict[str, Any], said: Mapping[str, str | None]) -> Failure:
    """Why the event reached nobody; `said` is what EventBridge says about that."""
    if said.get("ERROR_CODE"):
        return Failure(str(said["ERROR_CODE"]), said.get("ERROR_MESSAGE") or "")
    name = event["detail-type"]
    if name not in EVENTS:
        return Failure(Refused.__name__, f"detail-type: no service tells {name}")
    if EVENTS[name].source != event["source"]:
        return Failure(Refused.__name__, f"source: {name} is told by {EVENTS[name].source} alone")
    return Failure("NotDelivered", "")


def _unqualified(function_arn: str) -> str:
    """Without version or alias: what failed in one is for the version of today to handle."""
    return ":".join(function_arn.split(":")[:7])


def _whole(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _time(text: object, otherwise: Timestamp) -> Timestamp:
    try:
        return Timestamp.parse(text)
    except ValueError:
        return otherwise


def _receive_all(stack: Stack) -> dict[str, dict[str, Any]]:
    """Messages by their id, because a queue may hand one out twice."""
    messages: dict[str, dict[str, Any]] = {}
    for _ in range(PAGES_MAX):
        answer = stack.client("sqs").receive_message(
            QueueUrl=_queue(stack),
            MaxNumberOfMessages=PAGE,
            VisibilityTimeout=HELD_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        page = {message["MessageId"]: message for message in answer.get("Messages", [])}
        if not page.keys() - messages.keys():
            break
        messages |= page
    return messages


def _give_back(stack: Stack, messages: dict[str, dict[str, Any]]) -> None:
    """Those deleted meanwhile are failed entries of the answer, which nobody need read."""
    for batch in itertools.batched(messages.values(), PAGE, strict=False):
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, message in enumerate(batch)
        ]
        stack.client("sqs").change_message_visibility_batch(QueueUrl=_queue(stack), Entries=entries)


def _queue(stack: Stack) -> str:
    return stack.outputs["DeadLetterQueueUrl"]
