"""What each service has recorded of an order: the entries in the services' own tables."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from saga.ledger import Entry, State
from sagactl.design import choreography
from sagactl.stack import ids
from sagactl.stack.deployed_stack import Stack


def states(stack: Stack, order_id: str) -> dict[str, Any]:
    """Returns each service's State of the order, None where the service has none."""
    return {service: entry and entry.state for service, entry in entries(stack, order_id).items()}


def state_of(stack: Stack, service: str, order_id: str) -> Any:
    """Returns the service's State of the order, or None."""
    entry = entry_of(stack, service, order_id)
    return entry and entry.state


def entries(stack: Stack, order_id: str) -> dict[str, Entry[Any] | None]:
    """Returns each deployed service's entry about the order, None where the service has none."""
    deployed = [service for service in choreography.services() if stack.has_table(service)]
    with ThreadPoolExecutor(len(deployed)) as pool:
        found = pool.map(lambda service: entry_of(stack, service, order_id), deployed)
        return dict(zip(deployed, found, strict=True))


def entry_of(stack: Stack, service: str, order_id: str) -> Entry[Any] | None:
    """Returns the service's entry, or None. An event may be about an order whose ID is none: no service hears it."""
    if not ids.is_whole(order_id):
        return None

    from saga.dynamodb import DynamoLedger

    ledger = DynamoLedger(stack.client("dynamodb"), stack.table(service), state_type(service))
    return ledger.recall(UUID(order_id))


def state_type(service: str) -> type[State]:
    """Returns the State that the service's reactions return."""
    return next(step.state for step in choreography.steps() if step.service == service and step.state)
