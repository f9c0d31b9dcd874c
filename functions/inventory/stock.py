"""The stock: units available by product, moved in one transaction with the reservation that moves them."""

from typing import TYPE_CHECKING, Any

from inventory.reactions import Reservation
from saga.dynamodb import get, marshal, write
from saga.ledger import DynamoLedger, Entry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def given_back(entry: Entry[Reservation], before: Entry[Reservation] | None) -> int:
    """Units of the entry's product that return to the stock; negative where they are taken."""
    held_before = before.state.held if before else 0
    return held_before - entry.state.held


class DynamoStockLedger(DynamoLedger[Reservation]):
    """The stock is a table of its own, keyed by productId, so that listing it reads no reservation."""

    def __init__(self, client: "DynamoDBClient", table: str, stock_table: str) -> None:
        super().__init__(client, table, Reservation)
        self.stock_table = stock_table

    def available(self, product_id: str) -> int | None:
        item = get(self.client, self.stock_table, {"productId": product_id})
        return int(item["available"]) if item else None

    def record(self, entry: Entry[Reservation], before: Entry[Reservation] | None) -> None:
        units = given_back(entry, before)
        if units == 0:
            super().record(entry, before)
            return
        writes = [{"Put": self.put(entry, before)}, {"Update": self._move(entry.state.product_id, units)}]
        write(self.client.transact_write_items, TransactItems=writes)

    def _move(self, product_id: str | None, units: int) -> Any:
        """Giving back never fails; taking needs the units to be there."""
        move: dict[str, Any] = {
            "TableName": self.stock_table,
            "Key": marshal({"productId": product_id}),
            "UpdateExpression": "ADD available :units",
            "ExpressionAttributeValues": marshal({":units": units}),
        }
        if units < 0:
            move["ConditionExpression"] = "available >= :taken"
            move["ExpressionAttributeValues"] |= marshal({":taken": -units})
        return move
