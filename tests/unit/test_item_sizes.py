"""DynamoDB bills a write by the kilobyte: every service's item stays under one, whatever it holds."""

import itertools
from typing import Any, get_args

import pytest
from msgspec.structs import FieldInfo, fields
from support.given import AT, ORDER_ID

from contracts.values import Amount
from order.reactions import OPEN_SHARDS
from saga.event import Timestamp
from saga.ledger import Entry, Heard
from sagactl.bench.meter import item_bytes
from sagactl.design import choreography
from sagactl.local.functions import load

LONGEST: dict[str, Any] = {
    "answers": "f" * 16,
    "open_shard": OPEN_SHARDS - 1,
    "product_id": "a" * 64,
    "quantity": 10_000,
    "reason": "\N{PILE OF POO}" * 100,
}
LONGEST_OF: dict[type, Any] = {bool: True, int: 10**12, Amount: Amount("9999999999.99"), Timestamp: AT}


def longest(field: FieldInfo) -> Any:
    """By its name, or else by its type, so that most fields of a new service need not be listed."""
    if field.name in LONGEST:
        return LONGEST[field.name]
    kind, *_ = [*get_args(field.type), field.type]  # without None, which comes second
    return LONGEST_OF[kind]


# Order records what changes it: of those that mean the same to it the first, and those of one end. Once it hears
# OrderFailed, it has no due time any more, which is longer.
NEVER_RECORDED = {"PaymentCancel", "StockRelease", "StockReserved", "ShipmentOK", "OrderFailed"}


def largest(service: str) -> Entry[Any]:
    """An entry with every field at its longest, that has heard and told whatever the service can."""
    reactions = [step for step in choreography.steps() if step.service == service and step.heard]
    if service == "order":
        reactions = [step for step in reactions if step.heard and step.heard.name not in NEVER_RECORDED]
    tells = {str(step.heard and step.heard.name): [fact.name for fact in step.tells] for step in reactions}
    state: Any = reactions[0].state
    (status,) = (max(get_args(f.type), key=len) for f in fields(state) if f.name == "status")
    others = {f.name: longest(f) for f in fields(state) if f.name != "status"}
    return Entry(
        order_id=ORDER_ID,
        version=len(reactions),
        opened_at=AT,
        state=state(status=status, **others),
        heard={name: Heard("00000000", max(told, key=len, default=None)) for name, told in tells.items()},
        told=dict.fromkeys(itertools.chain.from_iterable(tells.values()), AT),
    )


@pytest.mark.parametrize("name", choreography.services())
def test_an_item_is_under_1_kb(name: str) -> None:
    item = load(f"{name}.app").service.ledger.put(largest(name), None)["Item"]
    assert item_bytes({"M": item}) < 1_024
