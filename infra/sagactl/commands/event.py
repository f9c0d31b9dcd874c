"""`saga event`: an event to put on the bus."""

import json
from typing import Annotated

import typer

from contracts.events import EVENTS
from saga.serialization import Refused
from sagactl.commands.options import STACK_NAME, Aws, Port, StackName
from sagactl.design import samples
from sagactl.errors import SagaError
from sagactl.stack import ids
from sagactl.stack.deployed_stack import find

_NAMES = ", ".join(EVENTS)

Name = Annotated[str, typer.Argument(metavar="NAME", help=f"One of {_NAMES}.", autocompletion=lambda: list(EVENTS))]
Order = Annotated[
    str | None,
    typer.Option(
        "--order", metavar="ORDER", help="The order's ID, or the start of a deployed order's. Default: a new order."
    ),
]
Bus = Annotated[
    str | None, typer.Option("--bus", metavar="NAME", help="The name of the event bus. Default: the stack's name.")
]


def event(
    name: Name,
    order: Order = None,
    bus: Bus = None,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
) -> None:
    """Print an event for aws events put-events.

    It happens now: aws events put-events --entries "$(saga event OrderCreated)".
    """
    if name not in EVENTS:
        raise SagaError(f"There is no event {name!r}", f"Choose one of {_NAMES}")
    if order and not ids.is_whole(order):
        ids.check(order, "saga orders")
        order = ids.order_id_of(find(use_aws=aws, port=port, stack_name=stack_name), order)
    try:
        entries = samples.fresh_entries(name, bus or stack_name, order)
    except Refused as refused:
        raise SagaError(f"The event is not valid: {refused}", "Fix it and try again") from None
    print(json.dumps(entries, indent=2))
