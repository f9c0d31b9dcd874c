"""One DynamoDB Local for all of these tests, because each takes seconds to start."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cache
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from sagactl.bench import serial
from sagactl.local import dynamodb
from sagactl.stack.aws import Target


@pytest.fixture(scope="session", autouse=True)
def _one_dynamodb_local() -> Iterator[None]:
    with ExitStack() as stack:
        start = cache(lambda: stack.enter_context(dynamodb.running()))

        def emptied() -> AbstractContextManager[str]:
            client = Target(start()).client("dynamodb")
            for name in client.list_tables()["TableNames"]:
                client.delete_table(TableName=name)
            return nullcontext(start())

        with patch.object(serial, "dynamodb", SimpleNamespace(running=emptied)):
            yield
