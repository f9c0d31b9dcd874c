"""Redriving: a dead letter's event goes back to where it failed, and leaves the queue only if that went well.

Just the function that failed is invoked, not all that hear the event. It is waited for, because its answer alone
tells what was healed: an event put in Lambda's own queue would be reported again minutes later, if it failed again.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from sagactl.stack.dead_letters import DeadLetter, Failure, delete
from sagactl.stack.deployed import Stack

AT_ONCE = 4

type Became = Literal["healed", "put on the bus", "still failing", "poison"]


@dataclass(frozen=True)
class Outcome:
    """What became of a dead letter; with a failure it is still in the queue."""

    letter: DeadLetter
    became: Became
    failure: Failure | None = None


def redrive(stack: Stack, letters: Iterable[DeadLetter]) -> Iterator[Outcome]:
    """Redrives a few at once, the oldest event first; doing so twice does no more than doing so once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda letter: _redrive(stack, letter), sorted(letters, key=lambda one: one.first_at))


def _redrive(stack: Stack, letter: DeadLetter) -> Outcome:
    try:
        failure = _send(stack, letter)
    except (BotoCoreError, ClientError) as error:
        failure = Failure(type(error).__name__, str(error))
    if failure:
        return Outcome(letter, "poison" if failure.is_poison else "still failing", failure)
    delete(stack, letter)
    return Outcome(letter, "healed" if letter.function else "put on the bus")


def _send(stack: Stack, letter: DeadLetter) -> Failure | None:
    if letter.function:
        return _invoke(stack, letter.function, letter.event)
    if not letter.readable or letter.failure.is_poison:  # nobody would hear it
        return letter.failure
    return _put(stack, letter.event)


def _invoke(stack: Stack, function: str, event: Any) -> Failure | None:
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    payload = answer["Payload"].read()
    if "FunctionError" not in answer:
        return None
    return Failure.raised(json.loads(payload)) or Failure(answer["FunctionError"], "")


def _put(stack: Stack, event: dict[str, Any]) -> Failure | None:
    """Nobody says who missed it: all that hear it do so again, and what fails then is a new dead letter."""
    entry = {
        "EventBusName": stack.outputs["BusName"],
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    [result] = stack.client("events").put_events(Entries=[entry])["Entries"]
    return Failure(result["ErrorCode"], result.get("ErrorMessage", "")) if "ErrorCode" in result else None
