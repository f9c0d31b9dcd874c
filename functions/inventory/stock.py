"""The stock: the units available of each product, changed in one transaction with the reservation."""

from typing import TYPE_CHECKING, Any

from inventory.reactions import Reservation
from saga.dynamodb import DynamoLedger, get, marshal, write
from saga.ledger import Entry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def given_back(entry: Entry[Reservation], before: Entry[Reservation] | None) -> int:
    """Returns how many units go back to the stock; a negative number is taken from it."""
    held_before = before.state.held if before else 0
    return held_before - entry.state.held


class DynamoStockLedger(DynamoLedger[Reservation]):
    """Reservations by order, and beside them the stock: a table of its own, keyed by productId.

    Raises Conflict, too, if fewer units are available than a reservation takes: another order was faster.
    """

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
        write(self.client.transact_write_items, self.entry_of, TransactItems=writes)

    def _move(self, product_id: str | None, units: int) -> Any:
        """The update of the stock. Taking is conditional on the units being there; giving back always succeeds."""
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
