"""`saga dlq`: the events that could not be handled."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.errors import SagaError
from sagactl.stack import dead_letters
from sagactl.stack.dead_letters import DeadLetter, Found, QueueName
from sagactl.stack.deployed_stack import Stack, find
from sagactl.stack.discard import discard
from sagactl.stack.redrive import Redriven, redrive
from sagactl.terminal import err, plain, plural, progress, result

_SHOWN_LENGTH = 200  # characters of an error; JSON has all of it
_SHOWN_MAX = 10  # dead letters of one cause; JSON has all of them

Order = Annotated[
    str | None,
    typer.Option("--order", metavar="ORDER", help="Only dead letters of this order: its ID, or the start of it."),
]
Message = Annotated[
    list[str] | None,
    typer.Option("--message", metavar="ID", help="Only this dead letter: its ID, or the start of it. Can be repeated."),
]
Cause = Annotated[
    str | None,
    typer.Option(
        "--cause", metavar="TEXT", help="Only dead letters whose cause, as it is listed, has this text in it."
    ),
]
Queue = Annotated[
    QueueName, typer.Option("--queue", help="The saga's dead letters, or those that the journal could not write down.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why nothing can mend it. A log keeps it.")]


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
    """List, redrive or discard dead letters: the events that could not be handled.

    Without a subcommand, it lists.
    """


@app.command("list")
def dlq_list(
    order: Order = None,
    message: Message = None,
    cause: Cause = None,
    queue: Queue = "saga",
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """List the dead letters by cause, the most frequent first.

    Poison is an event that the function refuses for what it says: redriving it
    can't help. --json has each event whole, and the function's stack trace.
    """
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    with ExitStack() as until_done:
        found, letters = _chosen(until_done, stack, queue, order, message, cause)
    groups = dead_letters.by_cause(letters)
    fields = {
        "causes": {name: len(group) for name, group in groups.items()},
        "deadLetters": [letter.fields(letter.failure) for letter in letters],
    }
    lines: list[str] = []
    for group in groups.values():
        lines += _group(group)
    if letters:
        lines.append(
            f"{plural(len(letters), 'dead letter')} of {plural(len(groups), 'cause')}. {_next(letters, queue)}"
        )
    else:
        lines.append("No dead letters.")
    _report(fields, lines, may_be_more=found.may_be_more, as_json=as_json)


@app.command("redrive")
def dlq_redrive(
    order: Order = None,
    message: Message = None,
    cause: Cause = None,
    queue: Queue = "saga",
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Hand each event once more to the function that failed at it.

    This is always safe: nothing is done twice, and an event that fails again
    stays in the queue. Exits with 1 if any event fails again.
    """
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    with ExitStack() as until_done:
        found, letters = _chosen(until_done, stack, queue, order, message, cause)
        title = f"Redriving {plural(len(letters), 'dead letter')}"
        outcomes = list(progress(redrive(stack, letters), title, len(letters)))
    fields = {"redriven": [{"became": one.became} | one.letter.fields(one.failure) for one in outcomes]}
    lines = [f"{_heading(one.letter)}\n    {_became(one)}" for one in outcomes]
    lines.append(_summary(outcomes))
    _report(fields, lines, may_be_more=found.may_be_more, as_json=as_json)
    failing = [one for one in outcomes if one.failure]
    if failing:
        said = f"{len(failing)} of {plural(len(outcomes), 'dead letter')} still failing, and kept in the queue"
        raise SagaError(said, _remedy(failing, queue))


@app.command("discard")
def dlq_discard(
    reason: Reason,
    order: Order = None,
    message: Message = None,
    cause: Cause = None,
    queue: Queue = "saga",
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Take dead letters that nothing can mend out of the queue.

    A log keeps each of them, whole, with the reason and who gave it.
    """
    if not (order or message or cause):
        raise typer.BadParameter("say which, by one of them", param_hint="'--message' / '--order' / '--cause'")
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="'--reason'")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    with ExitStack() as until_done:
        found, letters = _chosen(until_done, stack, queue, order, message, cause)
        title = f"Discarding {plural(len(letters), 'dead letter')}"
        gone = list(progress(discard(stack, letters, reason), title, len(letters)))
    fields = {"discarded": [letter.fields(letter.failure) for letter in gone]}
    lines = [_heading(letter) for letter in gone]
    lines.append(f"{plural(len(gone), 'dead letter')} discarded, and kept in {stack.outputs['DiscardedLogs']}.")
    _report(fields, lines, may_be_more=found.may_be_more, as_json=as_json)


def _chosen(
    until_done: ExitStack,
    stack: Stack,
    queue: QueueName,
    order: str | None,
    messages: Sequence[str] | None,
    cause: str | None,
) -> tuple[Found, list[DeadLetter]]:
    """Returns what was found in the queue, hidden from others until all is done, and those that the options name."""
    with err.status("Reading the dead-letter queue"):
        found = until_done.enter_context(dead_letters.held(stack, queue=queue))
    letters = dead_letters.of_cause(dead_letters.of_order(found.letters, order), cause)
    return found, dead_letters.chosen(letters, messages or [])


def _group(letters: Sequence[DeadLetter]) -> list[str]:
    """The cause and how often it happened, then the dead letters."""
    lines = [f"{len(letters)}x {_shown(letters[0].cause)}"]
    lines += [
        f"    {letter.message_id}  {_moment(letter.last_at)}  {_order(letter)}{_tries(letter)}"
        for letter in letters[:_SHOWN_MAX]
    ]
    if len(letters) > _SHOWN_MAX:
        lines.append(f"    … and {len(letters) - _SHOWN_MAX} more")
    return lines


def _next(letters: Sequence[DeadLetter], queue: QueueName) -> str:
    if all(letter.failure.is_poison for letter in letters):
        return f"Next: {_discarding(queue)}"
    return f"Next: {_redriving(queue)}"


def _remedy(failing: Sequence[Redriven], queue: QueueName) -> str:
    if all(one.became == "poison" for one in failing):
        return f"Nothing mends an event that is wrong itself: {_discarding(queue)}"
    return f"Fix the cause, then: {_redriving(queue)}"


def _discarding(queue: QueueName) -> str:
    return f"saga dlq discard{_option(queue)} --message ID --reason TEXT"


def _redriving(queue: QueueName) -> str:
    return f"saga dlq redrive{_option(queue)}"


def _option(queue: QueueName) -> str:
    return "" if queue == "saga" else f" --queue {queue}"


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
