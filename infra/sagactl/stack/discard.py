"""Discarding: a dead letter that nothing can mend leaves its queue. A log keeps it, with the reason, and who gave it.

It is written to the log first, whole, so that it can be put on the bus again by hand if that was a mistake.
"""

import json
import time
from collections.abc import Iterable, Iterator

from saga.event import Timestamp
from sagactl.stack.dead_letters import DeadLetter, delete
from sagactl.stack.deployed_stack import Stack

_LOG = "DiscardedLogs"  # the stack's output that names the log group


def discard(stack: Stack, letters: Iterable[DeadLetter], reason: str) -> Iterator[DeadLetter]:
    """Discards the dead letters, and yields each once it has left its queue."""
    who = stack.client("sts").get_caller_identity()["Arn"]
    stream = f"{Timestamp.now().replace(':', '.')}-{time.monotonic_ns()}"
    where = {"logGroupName": stack.outputs[_LOG], "logStreamName": stream}
    stack.client("logs").create_log_stream(**where)
    for letter in letters:
        line = {"message": "discarded", "reason": reason, "by": who, "queue": letter.queue} | letter.fields(
            letter.failure
        )
        event = {"timestamp": round(time.time() * 1000), "message": json.dumps(line)}
        stack.client("logs").put_log_events(**where, logEvents=[event])
        delete(stack, letter)
        yield letter
