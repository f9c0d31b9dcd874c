from collections.abc import Iterator

import pytest
from moto import mock_aws
from support.emulation import create_tables

from sagactl.local.functions import tables
from sagactl.stack import aws
from sagactl.stack.deployed_stack import Stack


@pytest.fixture(scope="module")
def nowhere() -> Iterator[aws.Target]:
    """What takes itself for AWS, and has nothing in it."""
    for made in (aws._client, aws._session):
        made.cache_clear()
    with mock_aws():
        yield aws.target(aws=True)
    for made in (aws._client, aws._session):
        made.cache_clear()


@pytest.fixture
def stack(nowhere: aws.Target) -> Iterator[Stack]:
    """The services' tables, empty."""
    names = [table["TableName"] for table in tables()]
    dynamodb = nowhere.client("dynamodb")
    create_tables(dynamodb)
    yield Stack(nowhere, dict(zip(names, names, strict=True)))
    for name in names:
        dynamodb.delete_table(TableName=name)
