"""`saga replay`: facts that the journal wrote down, back on the bus.

Whoever heard a fact before only tells again what it told for it; who missed it hears it at last. Facts go as they
were told, metadata included: with hops counted from 0, facts out of a loop would start it anew.
"""

import itertools
import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from saga.bus import ENTRIES_MAX, EventBridgeBus, NotTold
from saga.events import EVENTS, Event, Refused, Timestamp, parse, to_json
from sagactl import journal
from sagactl.errors import SagaError
from sagactl.options import Aws, Json, Port
from sagactl.stack import Stack, find
from sagactl.terminal import err, progress, result, table

ORDERS_MAX = 10_000
DAYS_MAX = 366
OPEN_AT_MOST = timedelta(days=1)  # an order's facts are looked for that long after it was opened
_READ_AT_ONCE = 8


def add_to(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(replay)


def replay(
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Facts told since, for instance 2026-01-31T12:00:00Z.")
    ] = None,
    order: Annotated[str | None, typer.Option(metavar="ID", help="Facts of this order.")] = None,
    rate: Annotated[int, typer.Option(min=1, max=1000, help="Facts a second, at most.")] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be put on the bus.")] = False,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Put facts from the journal back on the bus, oldest first, each once and as it was first told.

    Where nothing was lost, this changes nothing but the journal.

    On AWS the bus has an archive as well; its replay, aws events start-replay, is heard just the same.
    """
    if since is None and order is None:
        raise typer.BadParameter("give one of them, or both", param_hint="'--since' / '--order'")
    moment = _moment(since) if since else Timestamp()
    stack = find(use_aws=aws, port=port)
    with err.status("Reading the journal"):
        facts = facts_of(stack, order.lower(), moment) if order else facts_since(stack, moment)
    if not dry_run:
        put(stack, progress(facts, f"Putting {_count(facts)} on the bus", len(facts)), rate)
    _report(facts, dry_run=dry_run, as_json=as_json)


def facts_since(stack: Stack, since: Timestamp) -> list[Event]:
    """Facts told since then by the orders opened at most a day before, in the order of their time."""
    opened_since = Timestamp.of(datetime.fromisoformat(since) - OPEN_AT_MOST)
    orders = journal.orders(stack, limit=ORDERS_MAX + 1, since=opened_since)
    if len(orders) > ORDERS_MAX:
        raise SagaError(f"More than {ORDERS_MAX:,} orders were opened since", "Name a later time")
    told = [order.order_id for order in orders if max(order.events.values(), default="") >= since]
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        facts = itertools.chain.from_iterable(pool.map(lambda order_id: facts_of(stack, order_id, since), told))
        return sorted(facts, key=lambda fact: fact.timestamp)


def facts_of(stack: Stack, order_id: str, since: str = "") -> list[Event]:
    """The order's facts told since then, each as it was first told, in the order of their time."""
    facts: dict[str, Event] = {}
    for item in sorted(journal.events(stack, order_id), key=lambda item: (item["toldAt"], item["arrivedAt"])):
        if fact := _fact_in(item):
            facts.setdefault(fact.name, fact)
    return [fact for fact in facts.values() if fact.timestamp >= since]


def put(stack: Stack, facts: Iterable[Event], rate_per_second: int) -> None:
    """Puts them on the bus in the order given. Raises SagaError if the bus refuses any in every attempt."""
    bus = EventBridgeBus(stack.client("events"), stack.outputs["BusName"])
    for batch in itertools.batched(facts, ENTRIES_MAX, strict=False):
        try:
            bus.tell(batch)
        except NotTold as error:
            message = f"PutEvents refuses {error}"
            raise SagaError(message, "Do it all again: what was put already changes nothing") from None
        time.sleep(len(batch) / rate_per_second)


def _fact_in(item: dict[str, Any]) -> Event | None:
    """None for what every service refuses: the journal writes that down too, and the dead-letter queue keeps it."""
    kind = EVENTS.get(item["detailType"])
    if kind is None or kind.source != item["source"]:
        return None
    try:
        return parse(json.loads(item["detail"]), kind)
    except Refused:
        return None


def _moment(text: str) -> Timestamp:
    try:
        since = Timestamp.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--since'") from None
    if datetime.now(UTC) - datetime.fromisoformat(since) > timedelta(days=DAYS_MAX):
        raise typer.BadParameter(f"more than {DAYS_MAX} days ago", param_hint="'--since'")
    return since


def _report(facts: Sequence[Event], *, dry_run: bool, as_json: bool) -> None:
    fields = {"put": not dry_run, "facts": [json.loads(to_json(fact)) for fact in facts]}
    if not dry_run:
        result(fields, f"{_count(facts)} put on the bus.", as_json=as_json)
        return
    shown = table("told UTC", "event", "order", "hops")
    for fact in facts:
        hops = str(fact.metadata.hops) if fact.metadata else "0"
        shown.add_row(fact.timestamp.replace("T", " ").rstrip("Z"), fact.name, str(fact.order_id), hops)
    result(fields, shown if facts else "No facts.", as_json=as_json)


def _count(facts: Sequence[Event]) -> str:
    return f"{len(facts)} fact{'' if len(facts) == 1 else 's'}"
