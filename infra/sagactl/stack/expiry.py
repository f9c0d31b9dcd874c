"""Having the watchdog ask about orders now, whether they are due or not."""

import json
from typing import Any, Literal

from msgspec import Struct

from saga.dynamodb import marshal, write
from saga.ledger import Conflict
from sagactl.errors import SagaError
from sagactl.stack.deployed_stack import Stack


class Asked(Struct, frozen=True):
    """How many orders the watchdog told of, and how many it had no time for."""

    told: int
    left: int


def expire(stack: Stack, wanted: Literal["all"] | list[str]) -> Asked:
    """Has the watchdog ask about these orders, as far as they are open and past their deadline.

    Raises SagaError if it fails.
    """
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs["OrderWatchdogFunction"], Payload=json.dumps({"expire": wanted})
    )
    content = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        problem = f"{content.get('errorType', 'error')}: {content.get('errorMessage', content)}"
        raise SagaError(f"The watchdog failed with {problem}", "See its log: saga logs --service order")
    return Asked(**content)


def date(stack: Stack) -> int:
    """Gives a due time, long past, to open orders without one, which release 1.0 left. Returns how many there were.

    It reads the whole table. A service that writes such an order gives it one as well.
    """
    dated = 0
    undated = "attribute_exists(openShard) AND attribute_not_exists(dueAt)"
    for item in stack.items("scan", TableName=stack.table("order"), FilterExpression=undated):
        dated += _date(stack, item, undated)
    return dated


def _date(stack: Stack, item: dict[str, Any], undated: str) -> bool:
    try:
        write(
            stack.client("dynamodb").update_item,
            TableName=stack.table("order"),
            Key=marshal({"orderId": item["orderId"]}),
            UpdateExpression="SET dueAt = openedAt",
            ConditionExpression=undated,
        )
    except Conflict:
        return False
    return True
