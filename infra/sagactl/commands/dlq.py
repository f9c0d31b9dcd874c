"""`saga dlq`: what could not be handled, and what becomes of it now."""

from collections import Counter
from contextlib import ExitStack
from typing import Annotated, Any, Literal

import typer

from sagactl.commands.options import Aws, Json, Port
from sagactl.errors import SagaError
from sagactl.stack import dead_letters
from sagactl.stack.dead_letters import DeadLetter, Found
from sagactl.stack.deployed import Stack, find
from sagactl.stack.redrive import redrive
from sagactl.terminal import err, plain, progress, result

_SHOWN_LENGTH = 200  # of an error, which JSON has in full


def dlq(
    action: Annotated[Literal["list", "redrive"], typer.Argument(help="What to do with the dead letters.")] = "list",
    order: Annotated[str | None, typer.Option(metavar="ID", help="Only the dead letters of this order.")] = None,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """List the events that could not be handled, the newest failure first, or redrive them.

    Redriving is always safe: it invokes just the function that failed, and keeps the event if it fails again.

    Poison is an event that is refused for what it says. Exits with 1 if any event still fails.
    """
    stack = find(use_aws=aws, port=port)
    with ExitStack() as at_end:
        with err.status("Reading the dead-letter queue"):
            found = at_end.enter_context(dead_letters.held(stack, order))
        if action == "list":
            _list(found, as_json=as_json)
        else:
            _redrive(stack, found, as_json=as_json)


def _list(found: Found, *, as_json: bool) -> None:
    fields = {"deadLetters": [letter.fields(letter.failure) for letter in found.letters]}
    said = f"{_count(found)}. Next: saga dlq redrive" if found.letters else "No dead letters."
    lines = [f"{_heading(letter)}\n    {_tries(letter)}{_shown(str(letter.failure))}" for letter in found.letters]
    _report(fields, [*lines, said], found, as_json=as_json)


def _redrive(stack: Stack, found: Found, *, as_json: bool) -> None:
    outcomes = list(progress(redrive(stack, found.letters), f"Redriving {_count(found)}", len(found.letters)))
    redriven = [{"became": outcome.became} | outcome.letter.fields(outcome.failure) for outcome in outcomes]
    became = Counter(outcome.became for outcome in outcomes)
    said = ", ".join(f"{count} {word}" for word, count in became.items()) or "No dead letters"
    lines = [
        f"{_heading(o.letter)}\n    {f'still failing: {_shown(str(o.failure))}' if o.failure else o.became}"
        for o in outcomes
    ]
    _report({"redriven": redriven}, [*lines, f"{said}."], found, as_json=as_json)
    if failing := sum(1 for outcome in outcomes if outcome.failure):
        message = f"{failing} of {_count(found)} still failing, and kept in the queue"
        raise SagaError(message, "Mend the cause, then: saga dlq redrive")


def _report(fields: dict[str, Any], lines: list[str], found: Found, *, as_json: bool) -> None:
    if found.may_be_more:
        lines.append("There may be more, held by another reader or beyond what is read at a time. Try again.")
    result(fields | {"mayBeMore": found.may_be_more}, "\n".join(lines), as_json=as_json)


def _heading(letter: DeadLetter) -> str:
    """An order's id is never cut, so that it can be copied."""
    where = f" in {letter.function_name}" if letter.function else ""
    return f"{_moment(letter.last_at)}  {_shown(letter.name):13}  {_shown(letter.order_id or 'of no order')}{where}"


def _tries(letter: DeadLetter) -> str:
    if letter.attempts is None:
        return ""
    return f"{letter.attempts} tr{'y' if letter.attempts == 1 else 'ies'} since {_moment(letter.first_at)}; "


def _count(found: Found) -> str:
    return f"{len(found.letters)} dead letter{'' if len(found.letters) == 1 else 's'}"


def _moment(timestamp: str) -> str:
    return timestamp[5:19].replace("T", " ")


def _shown(text: str) -> str:
    """Not for ever: what is in a dead letter may be anything."""
    return plain(text) if len(text) <= _SHOWN_LENGTH else f"{plain(text[:_SHOWN_LENGTH])}…"
