"""The durable function on LocalStack, which knows no durable functions: AWS's testing library takes its checkpoints."""

import io
import json
import logging
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aws_durable_execution_sdk_python as sdk
import httpx
from aws_durable_execution_sdk_python_testing import WebRunner, WebRunnerConfig
from aws_durable_execution_sdk_python_testing.web.server import WebServiceConfig
from bench.durable.saga import Order
from support.ports import free_port

from sagactl.stack import aws

_HERE = Path(__file__).parent
_NAME = "durable"


@contextmanager
def deployed(where: aws.Target, environment: dict[str, str]) -> Iterator[Callable[[Order], None]]:
    """Yields what starts an order."""
    logging.getLogger().addHandler(logging.NullHandler())  # or else the library prints what every function logs here
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    checkpoints_go_to = {"AWS_ENDPOINT_URL_LAMBDA": url}
    create_function(
        where.client("lambda"),
        _NAME,
        "bench.durable.lambda_function.handler",
        package(tasks() | _saga()),
        environment | checkpoints_go_to,
    )
    config = WebRunnerConfig(
        WebServiceConfig("127.0.0.1", port, logging.ERROR),
        lambda_endpoint=str(where.endpoint_url),
        local_runner_endpoint=url,
        local_runner_region=aws.LOCAL_REGION,
    )
    with WebRunner(config) as runner, httpx.Client(base_url=url, trust_env=False) as client:
        thread = threading.Thread(target=runner.serve_forever, daemon=True)
        thread.start()

        def start(order: Order) -> None:
            client.post("/start-durable-execution", json=_execution(order)).raise_for_status()

        try:
            yield start
        finally:
            assert runner._server
            runner._server.shutdown()
            thread.join()


def _execution(order: Order) -> dict[str, Any]:
    return {
        "AccountId": "000000000000",
        "FunctionName": _NAME,
        "FunctionQualifier": "$LATEST",
        "ExecutionName": order["orderId"],
        "ExecutionTimeoutSeconds": 300,
        "ExecutionRetentionPeriodDays": 1,
        "InvocationId": str(uuid.uuid4()),
        "Input": json.dumps(order),
    }


def create_function(client: Any, name: str, handler: str, package: bytes, environment: dict[str, str]) -> str:
    """Returns the function's ARN once it can be invoked."""
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/bench",
        Handler=handler,
        Code={"ZipFile": package},
        MemorySize=512,
        Timeout=30,
        Environment={"Variables": environment},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return str(made["FunctionArn"])


def package(files: dict[Path, str]) -> bytes:
    """`files` are where they are here, and where in the package."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, name in files.items():
            archive.write(path, name)
    return packed.getvalue()


def tasks() -> dict[Path, str]:
    """The files of the task functions."""
    return {path: path.name for path in (_HERE.parent / "orchestrated/functions").glob("*.py")}


def _saga() -> dict[Path, str]:
    """The files of the durable function and of the SDK, which is Python only."""
    sdk_folder = Path(str(sdk.__file__)).parent
    own = {_HERE / name: f"bench/durable/{name}" for name in ("saga.py", "lambda_function.py")}
    return own | {path: str(path.relative_to(sdk_folder.parent)) for path in sdk_folder.rglob("*.py")}
