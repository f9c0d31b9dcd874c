"""A contract is tried on every implementation of its port."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from support.emulation import create_tables
from support.implementations import IMPLEMENTATIONS, THREADS, LedgerOf, Stocked, StockLedger
from support.memory import MemoryLedger, MemoryStockLedger

from inventory.stock import DynamoStockLedger
from saga.dynamodb import DynamoLedger
from saga.ledger import Ledger, State
from sagactl.local import dynamodb


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[Any]:
    """A client of AWS's own DynamoDB Local, which runs as long as the tests do."""
    with dynamodb.running() as url:
        client = boto3.client("dynamodb", endpoint_url=url, config=Config(max_pool_connections=THREADS))
        create_tables(client)
        yield client
        client.close()


@pytest.fixture(scope="module")
def moto_dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb")
        create_tables(client)
        yield client


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Any:
    """Anything that is asked for after this one is of this implementation: a client, or None in memory."""
    fixtures = {"moto": "moto_dynamodb", "dynamodb-local": "dynamodb_local"}
    return request.getfixturevalue(fixtures[request.param]) if request.param in fixtures else None


@pytest.fixture
def ledger_of(implementation: Any) -> LedgerOf:
    def ledger_of(state: type[State]) -> Ledger[Any]:
        return DynamoLedger(implementation, "OrderTable", state) if implementation else MemoryLedger()

    return ledger_of


@pytest.fixture
def stocked(implementation: Any) -> Stocked:
    """Makes a ledger with as many units of the products as are given, and no others."""

    def stocked(**units: int) -> StockLedger:
        if implementation is None:
            return MemoryStockLedger(units)
        for product_id, available in units.items():
            item = {"productId": {"S": product_id}, "available": {"N": str(available)}}
            implementation.put_item(TableName="StockTable", Item=item)
        return DynamoStockLedger(implementation, "InventoryTable", "StockTable")

    return stocked
