"""The dead-letter queues. One has the events that a function failed at in every attempt, that never reached a function,
or strays; the journal has a queue of its own, for the events that it could not write down.

Lambda sends such an event inside a record of the failure. EventBridge sends the event as it is, and puts the failure
into the message's attributes. A stray, which no service may tell, has none: a rule of its own sends it straight here.
What the journal failed at has none either: SQS moves it as it is. Any other message is shown as it is.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from contracts.events import EVENTS
from saga.event import Timestamp
from saga.serialization import Refused
from sagactl.stack import ids
from sagactl.stack.deployed_stack import Stack

QueueName = Literal["saga", "journal"]

_QUEUES: dict[QueueName, str] = {"saga": "DeadLetterQueueUrl", "journal": "JournalDeadLetterQueueUrl"}
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)  # what differs between failures of one cause
PAGE = 10  # messages in one call; SQS allows no more
PAGES_MAX = 100
WAIT_SECONDS = 1  # without waiting, SQS asks only some of its servers
HELD_SECONDS = 60  # after which a message returns by itself, whatever happened to its reader


class Failure(NamedTuple):
    """Why an event could not be handled, as the function or AWS says."""

    type: str
    message: str

    @property
    def is_poison(self) -> bool:
        """Whether the event itself is wrong, so that every retry must fail."""
        return self.type == Refused.__name__

    def __str__(self) -> str:
        text = f"{self.type}: {self.message}" if self.message else self.type
        return f"poison, {text}" if self.is_poison else text

    @classmethod
    def raised(cls, answer: object) -> "Failure | None":
        """Returns the error in a function's answer, or None if the answer is no error."""
        match answer:
            case {"errorType": error_type, "errorMessage": message}:
                return cls(str(error_type), str(message))
            case {"errorMessage": message}:
                return cls("Error", str(message))
        return None


@dataclass(frozen=True)
class DeadLetter:
    """One message. `function` is the ARN of the function that failed at the event, if that is known."""

    message_id: str
    receipt: str
    event: Any  # as the function receives it, or the message's text if that is no event
    function: str | None
    failure: Failure
    attempts: int | None
    first_at: str
    last_at: str
    readable: bool = True
    stack_trace: tuple[str, ...] = ()  # of the function's last attempt, if it raised
    queue: QueueName = "saga"

    @property
    def name(self) -> str:
        """The detail-type of the event."""
        name = self.event.get("detail-type") if isinstance(self.event, dict) else None
        return name if isinstance(name, str) else "unknown"

    @property
    def order_id(self) -> str | None:
        detail = self.event.get("detail") if isinstance(self.event, dict) else None
        order_id = detail.get("orderId") if isinstance(detail, dict) else None
        return ids.canonical(order_id) if isinstance(order_id, str) else None

    @property
    def function_name(self) -> str | None:
        return self.function and self.function.rpartition(":")[2]

    @property
    def cause(self) -> str:
        """The event, the function and the failure, without the numbers and IDs in which failures alike differ."""
        where = f" in {self.function_name}" if self.function else ""
        return f"{self.name}{where}: {_VARYING.sub('…', str(self.failure))}"

    def fields(self, failure: Failure | None) -> dict[str, Any]:
        """Returns the dead letter as JSON has it, with the failure that it has now, if any."""
        return {
            "cause": self.cause,
            "event": self.name,
            "orderId": self.order_id,
            "failedIn": self.function_name,
            "error": failure and failure._asdict(),
            "poison": failure is not None and failure.is_poison,
            "attempts": self.attempts,
            "firstAt": self.first_at,
            "lastAt": self.last_at,
            "messageId": self.message_id,
            "stackTrace": self.stack_trace,
            "payload": self.event,
        }


class Found(NamedTuple):
    """Dead letters, the newest failure first. The queue may hold more than were found."""

    letters: list[DeadLetter]
    may_be_more: bool


@contextmanager
def held(stack: Stack, order_id: str | None = None, *, queue: QueueName = "saga") -> Iterator[Found]:
    """Reads the dead letters, or those of an order, and hides them from other readers until the end.

    It removes nothing from the queue.
    """
    url = _url(stack, queue)
    messages = _receive_all(stack, url)
    try:
        letters = [read(message, queue) for message in messages.values()]
        letters.sort(key=lambda letter: letter.last_at, reverse=True)
        may_be_more = counted(stack, queue) > len(letters)
        wanted = [letter for letter in letters if order_id is None or letter.order_id == ids.canonical(order_id)]
        yield Found(wanted, may_be_more)
    finally:
        _give_back(stack, url, messages)


def by_cause(letters: Sequence[DeadLetter]) -> dict[str, list[DeadLetter]]:
    """Returns the dead letters by what caused them, the most frequent cause first."""
    found: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault(letter.cause, []).append(letter)
    return dict(sorted(found.items(), key=lambda group: len(group[1]), reverse=True))


def of_cause(letters: list[DeadLetter], text: str | None) -> list[DeadLetter]:
    """Returns those whose cause has this text in it; all of them for None."""
    return [letter for letter in letters if text is None or text.lower() in letter.cause.lower()]


def of_order(letters: list[DeadLetter], order: str | None) -> list[DeadLetter]:
    """Returns those of an order, given its ID or the first characters of it; all of them for None."""
    if order is None:
        return letters
    order_id = ids.canonical(order)
    known = [letter.order_id for letter in letters if letter.order_id]
    if order_id not in known and not ids.is_whole(order_id):
        order_id = ids.one_of(known, order_id, "order with a dead letter", "saga dlq list")
    return [letter for letter in letters if letter.order_id == order_id]


def chosen(letters: list[DeadLetter], letter_ids: Sequence[str]) -> list[DeadLetter]:
    """Returns those that the IDs, or the first characters of them, name; all of them if no ID is given."""
    known = [letter.message_id for letter in letters]
    wanted = {ids.one_of(known, letter_id, "dead letter", "saga dlq list") for letter_id in letter_ids}
    return [letter for letter in letters if letter.message_id in wanted or not letter_ids]


def counted(stack: Stack, queue: QueueName = "saga") -> int:
    """Returns about how many dead letters the queue holds, including those that another reader has."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=_url(stack, queue), AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def delete(stack: Stack, letter: DeadLetter) -> None:
    """Removes the dead letter from the queue."""
    stack.client("sqs").delete_message(QueueUrl=_url(stack, letter.queue), ReceiptHandle=letter.receipt)


def read(message: dict[str, Any], queue: QueueName = "saga") -> DeadLetter:
    """Reads a message as SQS returns it, in whichever of its forms."""
    letter = _read(message)
    if queue == "journal" and letter.readable and letter.failure.type in _UNSAID:
        letter = replace(letter, failure=Failure("NotJournaled", "the journal's log says why"))
    return replace(letter, queue=queue)


def _read(message: dict[str, Any]) -> DeadLetter:
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
    return DeadLetter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        event=message["Body"],
        function=None,
        failure=Failure("Unreadable", message["Body"]),
        attempts=None,
        first_at=sent_at,
        last_at=sent_at,
        readable=False,
    )


def _of_lambda(message: dict[str, Any], body: dict[str, Any], sent_at: Timestamp) -> DeadLetter:
    """Reads the record that a function's OnFailure destination receives."""
    context = body["requestContext"]
    event = body["requestPayload"]
    failure = Failure.raised(body.get("responsePayload")) or Failure(str(context.get("condition")), "")
    happened_at = event.get("time") if isinstance(event, dict) else None
    return DeadLetter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        event=event,
        function=_unqualified(context["functionArn"]),
        failure=failure,
        attempts=_whole(context.get("approximateInvokeCount")),
        first_at=_time(happened_at, sent_at),
        last_at=_time(body.get("timestamp"), sent_at),
        stack_trace=_stack_trace(body.get("responsePayload")),
    )


def _stack_trace(answer: object) -> tuple[str, ...]:
    match answer:
        case {"stackTrace": [*frames]}:
            return tuple(map(str, frames))
    return ()


def _of_eventbridge(message: dict[str, Any], event: dict[str, Any], sent_at: Timestamp) -> DeadLetter:
    """Reads an event that EventBridge could not deliver to a rule's target, or a stray."""
    said = {name: value.get("StringValue") for name, value in message.get("MessageAttributes", {}).items()}
    target = said.get("TARGET_ARN") or ""
    function = _unqualified(target) if ":lambda:" in target else None
    retries = _whole(said.get("RETRY_ATTEMPTS"))
    attempts = None if retries is None else retries + 1
    return DeadLetter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        event=event,
        function=function,
        failure=_not_delivered(event, said),
        attempts=attempts,
        first_at=_time(event.get("time"), sent_at),
        last_at=sent_at,
    )


def _not_delivered(event: dict[str, Any], said: Mapping[str, str | None]) -> Failure:
    """Returns why the event reached no function. `said` has the message's attributes."""
    if said.get("ERROR_CODE"):
        return Failure(str(said["ERROR_CODE"]), said.get("ERROR_MESSAGE") or "")
    name = event["detail-type"]
    if name not in EVENTS:
        return Failure(Refused.__name__, f"detail-type: no service tells {name}")
    if EVENTS[name].source != event["source"]:
        return Failure(Refused.__name__, f"source: {name} is told by {EVENTS[name].source} alone")
    return Failure("NotDelivered", "")


_UNSAID = {"NotDelivered", Refused.__name__}  # of an event that came to the journal's queue without a failure


def _unqualified(function_arn: str) -> str:
    """Returns the ARN without its version or alias: an event that failed in one is handled by the newest."""
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


def _receive_all(stack: Stack, url: str) -> dict[str, dict[str, Any]]:
    """Returns the messages by their ID, because SQS may return a message twice."""
    messages: dict[str, dict[str, Any]] = {}
    for _ in range(PAGES_MAX):
        answer = stack.client("sqs").receive_message(
            QueueUrl=url,
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


def _give_back(stack: Stack, url: str, messages: dict[str, dict[str, Any]]) -> None:
    """Shows the messages to other readers again. Those deleted meanwhile fail in the answer, which is not read."""
    for batch in itertools.batched(messages.values(), PAGE, strict=False):
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, message in enumerate(batch)
        ]
        stack.client("sqs").change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _url(stack: Stack, queue: QueueName) -> str:
    return stack.outputs[_QUEUES[queue]]
