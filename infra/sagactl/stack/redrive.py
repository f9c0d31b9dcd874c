"""Redriving: a dead letter's event goes back to the function that failed, and leaves the queue only if that succeeds.

Only that function is invoked, not every function that hears the event; for the journal's dead letters, the journal. The
invocation is synchronous, because only the answer says whether the event was handled: a failure of an asynchronous one
would be reported minutes later.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sagactl.stack.dead_letters import DeadLetter, Failure, delete
from sagactl.stack.deployed_stack import Stack

AT_ONCE = 4

type Became = Literal["healed", "put on the bus", "written down", "still failing", "poison"]


@dataclass(frozen=True)
class Redriven:
    """What became of a dead letter. If it has a failure, it is still in the queue."""

    letter: DeadLetter
    became: Became
    failure: Failure | None = None


def redrive(stack: Stack, letters: Iterable[DeadLetter]) -> Iterator[Redriven]:
    """Redrives a few dead letters at a time, the oldest event first. Redriving one twice has no further effect."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda letter: _redrive(stack, letter), sorted(letters, key=lambda one: one.first_at))


def _redrive(stack: Stack, letter: DeadLetter) -> Redriven:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        failure = _send(stack, letter)
    except (BotoCoreError, ClientError) as error:
        failure = Failure(type(error).__name__, str(error))
    if failure is None:
        delete(stack, letter)
    return Redriven(letter, _became(letter, failure), failure)


def _became(letter: DeadLetter, failure: Failure | None) -> Became:
    if failure is not None:
        return "poison" if failure.is_poison else "still failing"
    if letter.queue == "journal":
        return "written down"
    return "healed" if letter.function else "put on the bus"


def _send(stack: Stack, letter: DeadLetter) -> Failure | None:
    if letter.queue == "journal":
        return _write_down(stack, letter)
    if letter.function:
        return _invoke(stack, letter.function, letter.event)
    if not letter.readable or letter.failure.is_poison:  # nobody would hear it
        return letter.failure
    return _put(stack, letter.event)


def _invoke(stack: Stack, function: str, event: Any) -> Failure | None:
    failure, _ = _answered(stack, function, event)
    return failure


def _write_down(stack: Stack, letter: DeadLetter) -> Failure | None:
    """Invokes the journal as its queue does, with the time at which the event arrived at first."""
    arrived_at = datetime.fromisoformat(letter.last_at)
    body = letter.event
    if letter.readable:
        body = json.dumps(letter.event)
    record = {
        "messageId": letter.message_id,
        "eventSource": "aws:sqs",
        "attributes": {"SentTimestamp": str(round(arrived_at.timestamp() * 1000))},
        "body": body,
    }
    failure, answer = _answered(stack, stack.outputs["JournalFunction"], {"Records": [record]})
    if failure is None and answer["batchItemFailures"]:
        return Failure("NotJournaled", "the journal's log says why")
    return failure


def _answered(stack: Stack, function: str, event: Any) -> tuple[Failure | None, Any]:
    """Invokes the function and waits; returns its failure, if any, and its answer."""
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" not in answer:
        return None, payload
    return Failure.raised(payload) or Failure(answer["FunctionError"], ""), payload


def _put(stack: Stack, event: dict[str, Any]) -> Failure | None:
    """It is not known which function missed the event, so all hear it again; one that fails sends a new dead letter."""
    entry = {
        "EventBusName": stack.outputs["BusName"],
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    [result] = stack.client("events").put_events(Entries=[entry])["Entries"]
    if "ErrorCode" not in result:
        return None
    return Failure(result["ErrorCode"], result.get("ErrorMessage", ""))
