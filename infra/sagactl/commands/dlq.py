"""`saga dlq`: the events that could not be handled."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sagactl.commands.options import Aws, Json, Port
from sagactl.errors import SagaError
from sagactl.stack import dead_letters
from sagactl.stack.dead_letters import DeadLetter
from sagactl.stack.deployed_stack import find
from sagactl.stack.redrive import Redriven, redrive
from sagactl.terminal import err, plain, plural, progress, result

_SHOWN_LENGTH = 200  # characters of an error; JSON has all of it

Order = Annotated[
    str | None,
    typer.Option("--order", metavar="ORDER", help="Only dead letters of this order: its ID, or the start of it."),
]
Letters = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="Dead letters to redrive: IDs, or the start of them. Default: all."),
]


class ListsByDefault(TyperGroup):
    """`saga dlq` lists, as `saga dlq list` does, and takes the same options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_option = bool(args) and args[0].startswith("-") and args[0] not in ctx.help_option_names
        if is_option or not args:
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=ListsByDefault, add_completion=False)


@app.callback()
def dlq() -> None:
    """List or redrive dead letters: the events that could not be handled.

    Without a subcommand, it lists.
    """


@app.command("list")
def dlq_list(order: Order = None, port: Port = None, aws: Aws = False, as_json: Json = False) -> None:
    """List the dead letters, the newest failure first.

    Poison is an event that the function refuses for what it says: redriving it
    can't help.
    """
    stack = find(use_aws=aws, port=port)
    with err.status("Reading the dead-letter queue"), dead_letters.held(stack) as found:
        letters = dead_letters.of_order(found.letters, order)
    fields = {"deadLetters": [letter.fields(letter.failure) for letter in letters]}
    lines = [f"{_heading(letter)}\n    {_shown(str(letter.failure))}" for letter in letters]
    if letters:
        lines.append(f"{plural(len(letters), 'dead letter')}. Next: saga dlq redrive")
    else:
        lines.append("No dead letters.")
    _report(fields, lines, may_be_more=found.may_be_more, as_json=as_json)


@app.command("redrive")
def dlq_redrive(
    letter_ids: Letters = None, order: Order = None, port: Port = None, aws: Aws = False, as_json: Json = False
) -> None:
    """Hand each event once more to the function that failed at it.

    This is always safe: nothing is done twice, and an event that fails again
    stays in the queue. Exits with 1 if any event fails again.
    """
    stack = find(use_aws=aws, port=port)
    with ExitStack() as until_done:
        with err.status("Reading the dead-letter queue"):
            found = until_done.enter_context(dead_letters.held(stack))
        letters = dead_letters.chosen(dead_letters.of_order(found.letters, order), letter_ids or [])
        title = f"Redriving {plural(len(letters), 'dead letter')}"
        outcomes = list(progress(redrive(stack, letters), title, len(letters)))
    fields = {"redriven": [{"became": one.became} | one.letter.fields(one.failure) for one in outcomes]}
    lines = [f"{_heading(one.letter)}\n    {_became(one)}" for one in outcomes]
    lines.append(_summary(outcomes))
    _report(fields, lines, may_be_more=found.may_be_more, as_json=as_json)
    failing = [one for one in outcomes if one.failure]
    if failing:
        message = f"{len(failing)} of {plural(len(outcomes), 'dead letter')} still failing, and kept in the queue"
        raise SagaError(message, "Fix the cause, then: saga dlq redrive")


def _report(fields: dict[str, Any], lines: list[str], *, may_be_more: bool, as_json: bool) -> None:
    if may_be_more:
        lines.append(
            "There may be more: another reader has them, or they are beyond what is read at a time. Try again."
        )
    result(fields | {"mayBeMore": may_be_more}, "\n".join(lines), as_json=as_json)


def _heading(letter: DeadLetter) -> str:
    """Two lines: the dead letter and its event, then the order. IDs are never cut, so that they can be copied."""
    where = f" in {letter.function_name}" if letter.function else ""
    first = f"{letter.message_id}  {_moment(letter.last_at)}  {_shown(letter.name)}{where}"
    return f"{first}\n    {_order(letter)}{_tries(letter)}"


def _order(letter: DeadLetter) -> str:
    return f"order {_shown(letter.order_id)}" if letter.order_id else "no order"


def _tries(letter: DeadLetter) -> str:
    if letter.attempts is None:
        return ""
    tries = "1 try" if letter.attempts == 1 else f"{letter.attempts} tries"
    return f", {tries} since {_moment(letter.first_at)}"


def _became(one: Redriven) -> str:
    return f"still failing: {_shown(str(one.failure))}" if one.failure else one.became


def _summary(outcomes: Sequence[Redriven]) -> str:
    if not outcomes:
        return "No dead letters."
    became = Counter(one.became for one in outcomes)
    counts = ", ".join(f"{count} {word}" for word, count in became.items())
    return f"{counts}."


def _moment(timestamp: str) -> str:
    return timestamp[5:19].replace("T", " ")


def _shown(text: str) -> str:
    """A dead letter may contain anything, of any length."""
    return plain(text) if len(text) <= _SHOWN_LENGTH else f"{plain(text[:_SHOWN_LENGTH])}…"
