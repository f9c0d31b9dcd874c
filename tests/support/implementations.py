"""The implementations of the ledgers that a contract is tried on, AWS's own DynamoDB Local among them."""

from collections.abc import Callable
from typing import Any

from support.memory import MemoryStockLedger

from inventory.stock import DynamoStockLedger
from saga.ledger import Ledger, State

THREADS = 50
CONCURRENT = ["memory", "dynamodb-local"]  # moto is not made for threads
IMPLEMENTATIONS = [*CONCURRENT, "moto"]

type LedgerOf = Callable[[type[State]], Ledger[Any]]
type StockLedger = DynamoStockLedger | MemoryStockLedger
type Stocked = Callable[..., StockLedger]
