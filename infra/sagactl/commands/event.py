"""`saga event`: an event to put on the bus."""

import json
from typing import Annotated

import typer

from contracts.events import EVENTS
from saga.serialization import Refused
from sagactl.design import samples
from sagactl.errors import SagaError


def event(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(EVENTS)}.")],
    order_id: Annotated[str | None, typer.Option("--order", help="Its order; a fresh one if not given.")] = None,
    bus: Annotated[str, typer.Option(help="Name of the event bus.")] = "saga",
) -> None:
    """Print an event that happens now, for: aws events put-events --entries "$(saga event OrderCreated)"."""
    if name not in EVENTS:
        raise SagaError(f"There is no event {name!r}", f"Choose one of {', '.join(EVENTS)}")
    try:
        entries = samples.fresh_entries(name, bus, order_id)
    except Refused as refused:
        raise SagaError(f"That is no event: {refused}", "Give --order the id of an order, or leave it out") from None
    print(json.dumps(entries, indent=2))
