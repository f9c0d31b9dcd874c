"""`saga trace`: one order's story."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from saga.event import Timestamp
from saga.ledger import State
from saga.serialization import to_builtins
from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.design import choreography
from sagactl.stack import journal
from sagactl.stack.deployed_stack import find
from sagactl.stack.journal import Told
from sagactl.stack.story import Story, cause_of, fields, read, sequence
from sagactl.terminal import EVENT_STYLE, STATUS_STYLE, out, plain, result, table

HIDDEN = ("status", "openShard", "dueAt")  # shown before; of interest to the watchdog alone

Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's ID, or the start of it; see saga orders.")]
Otlp = Annotated[
    str | None,
    typer.Option("--otlp", metavar="URL", help="Send it to an OpenTelemetry backend, such as http://127.0.0.1:4318."),
]
Mermaid = Annotated[bool, typer.Option("--mermaid", help="Print a sequence diagram in Mermaid's language.")]


def trace(
    order: Order,
    mermaid: Mermaid = False,
    otlp: Otlp = None,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Show what happened to an order, event by event, and why.

    It shows every event with its cause, the state that each service recorded,
    and what an open order waits for.
    """
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    story = read(stack, order)
    if otlp:
        from sagactl.stack.otlp import Backend  # OpenTelemetry takes long to import
        from sagactl.stack.spans import spans

        Backend(otlp).send(spans(stack, story.order_id, story.timeline))
    if mermaid and not as_json:
        out.print(sequence(story))
    else:
        result(fields(story), _shown(story), as_json=as_json)


def _shown(story: Story) -> RenderableType:
    heading = Text.assemble((story.status, STATUS_STYLE[story.status]), f"  {story.order_id}")
    return Group(heading, Text(), _timeline(story), Text(), _tree(story), Text(), _states(story), *_waits(story))


def _timeline(story: Story) -> RenderableType:
    if not story.timeline:
        return Text("The journal has no event of this order yet.")
    shown = table("ms", "event", "told by", "caused by", "after ms", "heard by")
    for told in story.timeline:
        after = "" if told.since_cause_ms is None else f"{told.since_cause_ms:,d}"
        hearers = ", ".join(choreography.heard_by(told.name, told.source))
        cause = plain(cause_of(told, story) or "")
        shown.add_row(f"{told.since_first_ms:,d}", _name(told), plain(told.teller), cause, after, hearers)
    return shown


def _name(told: Told) -> Text:
    name = Text(plain(told.name), EVENT_STYLE[choreography.kind_of(told.name)])
    return name.append(" again", "dim") if told.is_repeat else name


def _tree(story: Story) -> RenderableType:
    """Which event led to which. Events may claim to have led to each other: each is shown once."""
    left = {told.event_id: told for told in story.timeline}
    root = Tree(Text("What led to what", "dim"), hide_root=False)

    def grow(branch: Tree, told: Told) -> None:
        del left[told.event_id]
        label = _name(told).append(f"  {plain(told.teller)}", "dim")
        grown = branch.add(label)
        for effect in story.timeline:
            if effect.cause_id == told.event_id and effect.event_id in left:
                grow(grown, effect)

    first = [told for told in story.timeline if told.cause_id not in left]
    for told in [*first, *story.timeline]:
        if told.event_id in left:
            grow(root, told)
    return root


def _states(story: Story) -> RenderableType:
    shown = table("service", "state", "")
    for service, entry in story.entries.items():
        if entry is None:
            shown.add_row(service, "-", "has not heard of it")
        else:
            shown.add_row(service, entry.state.status, _details(entry.state))
    return shown


def _details(state: State) -> str:
    values = to_builtins(state)
    return ", ".join(f"{name} {value}" for name, value in values.items() if name not in HIDDEN)


def _waits(story: Story) -> list[RenderableType]:
    now = Timestamp.now()
    lines = [f"Waits: {wait.what}, for {journal.milliseconds(wait.since, now) / 1000:,.1f} s." for wait in story.waits]
    return [Text(), *map(Text, lines)] if lines else []
