"""The same orders in the choreography, in Step Functions, and as bare SDK calls."""

import importlib.util
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import boto3
from bench.durable import deployment, run
from bench.durable.saga import in_functions, in_steps, of_services, saga
from botocore import xform_name
from botocore.config import Config

from sagactl.bench.cost import PATHS
from sagactl.bench.meter import Meter, Usage
from sagactl.bench.serial import running
from sagactl.bench.timing import OrderPlacer, OrderWaiter, Watcher
from sagactl.design.ways import PRODUCT, UNITS
from sagactl.local import functions
from sagactl.paths import PROJECT, STATE
from sagactl.stack import aws, shop
from sagactl.stack.deploy import local_bucket, sam
from sagactl.stack.deployed_stack import Stack

FOLDER = PROJECT / "tests/bench/orchestrated"
_TABLES = ("ORDERS", "PAYMENTS", "RESERVATIONS", "SHIPMENTS", "STOCK")
_STOCKED = {"productId": {"S": PRODUCT}, "available": {"N": str(UNITS)}}
_ADDED = ("ReturnConsumedCapacity", "ClientRequestToken")  # arguments added by the meter, and by the SDK


class Peer(NamedTuple):
    """`place` starts an order, and `closed` waits until it is closed.

    Where `place` waits itself, it returns the status, and `closed` only passes that on. `calls` are the SDK calls that
    an order takes, where it takes nothing else.
    """

    place: OrderPlacer
    closed: OrderWaiter
    calls: int = 0


type Task = Callable[[dict[str, Any], object], None]

COMPARED = ("completed", "payment_failed", "stock_failed", "shipment_failed")
WANTED: dict[str, Any] = {"productId": PRODUCT, "quantity": 1, "amount": 1}


def choreography(stack: Stack, watcher: Watcher) -> Peer:
    shop.set_available(stack, PRODUCT, 1_000_000)
    return Peer(lambda _: shop.place(stack, WANTED, "api"), watcher.closed)


def deploy_orchestrated(where: aws.Target) -> dict[str, str]:
    """Deploys the state machines, and returns the stack's outputs."""
    build = str(STATE / "bench/build")
    cache = str(STATE / "bench/cache")
    sam(where, ["build", "--cached", "--cache-dir", cache, "--build-dir", build, "-t", f"{FOLDER}/template.yaml"])
    bucket = local_bucket(where)
    options = ["--stack-name", "orchestrated", "--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"]
    sam(where, ["deploy", "-t", f"{build}/template.yaml", "--region", "us-east-1", *bucket, *options])
    return aws.stack_outputs(aws.Target(where.endpoint_url, "orchestrated"))


def environment(outputs: dict[str, str]) -> dict[str, str]:
    """The variables that tell the task functions their tables."""
    return {name: outputs[name.capitalize()] for name in _TABLES}


def standard(where: aws.Target, outputs: dict[str, str], watcher: Watcher) -> Peer:
    client = where.client("stepfunctions")

    def place(_: int) -> str:
        order_id = str(uuid.uuid4())
        order = WANTED | {"orderId": order_id}
        client.start_execution(stateMachineArn=outputs["Standard"], input=json.dumps(order))
        return order_id

    return Peer(place, watcher.closed)


def express(where: aws.Target, outputs: dict[str, str]) -> Peer:
    config = Config(inject_host_prefix=False, max_pool_connections=50)
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client: Any = boto3.client("stepfunctions", endpoint_url=where.endpoint_url, config=config, **keys)
    statuses = {"SUCCEEDED": "COMPLETED"}

    def place(_: int) -> str:
        order = WANTED | {"orderId": str(uuid.uuid4())}
        answer = client.start_sync_execution(stateMachineArn=outputs["Express"], input=json.dumps(order))
        return statuses[answer["status"]]

    return Peer(place, lambda status: status)


@contextmanager
def durable(where: aws.Target, outputs: dict[str, str], watcher: Watcher) -> Iterator[Peer]:
    with deployment.deployed(where, environment(outputs)) as start:

        def place(_: int) -> str:
            order_id = str(uuid.uuid4())
            start(WANTED | {"orderId": order_id})
            return order_id

        yield Peer(place, watcher.closed)


def bare_calls(where: aws.Target, bus: str) -> Peer:
    """The SDK calls of a completed saga, recorded, and repeated for a new order without Lambda and without rules."""
    calls, recorded_id = _recorded()
    client = {"dynamodb": where.client("dynamodb"), "events": where.client("events")}
    for table in functions.tables():
        client["dynamodb"].create_table(**table)
    item = {"productId": {"S": PRODUCT}, "available": {"N": "1000000"}}
    client["dynamodb"].put_item(TableName="StockTable", Item=item)
    client["events"].create_event_bus(Name=bus)

    def place(_: int) -> str:
        order_id = str(uuid.uuid4())
        for service, operation, text in calls:
            arguments = json.loads(text.replace(recorded_id, order_id).replace('"Bus"', f'"{bus}"'))
            getattr(client[service], xform_name(operation))(**arguments)
        return "COMPLETED"

    return Peer(place, lambda status: status, len(calls))


def _recorded() -> tuple[list[tuple[str, str, str]], str]:
    calls: list[tuple[str, str, str]] = []

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        arguments = {name: value for name, value in params.items() if name not in _ADDED}
        calls.append((model.service_model.service_name, model.name, json.dumps(arguments)))

    with running() as serial:
        shop.set_available(serial.stack, PRODUCT, UNITS)
        clients = set()
        for module in (serial.modules["order.http"], *serial.services.values()):
            clients |= {module.service.ledger.client, module.service.bus._client}
        for client in clients:
            client.meta.events.register_first("before-parameter-build", record)
        order_id = serial.place(WANTED, "recorded")
        serial.deliver()
    return calls, order_id


def orchestrated_usage(where: aws.Target, outputs: dict[str, str]) -> dict[str, dict[str, Usage]]:
    """Returns what an order on each path uses.

    Transitions are counted in the executions' histories; units are counted by running the same tasks again here.
    """
    where.client("dynamodb").put_item(TableName=outputs["Stock"], Item=_STOCKED)
    with metered_tasks() as (meter, handlers):
        return {name: _usage(where, outputs, meter, handlers, PATHS[name].way.wanted) for name in COMPARED}


def durable_usage() -> dict[str, dict[str, Usage]]:
    """Returns what an order on each path uses as a durable function, its services inside it or functions themselves."""
    with metered_tasks() as (meter, handlers):
        return {name: _durable_usage(meter, handlers, PATHS[name].way.wanted) for name in COMPARED}


@contextmanager
def metered_tasks() -> Iterator[tuple[Meter, dict[str, Task]]]:
    """The task functions in this process, by the service, on a metered DynamoDB Local with stock."""
    with running() as serial:
        dynamodb = serial.stack.client("dynamodb")
        for name in _TABLES:
            key = "productId" if name == "STOCK" else "orderId"
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            )
        dynamodb.put_item(TableName="STOCK", Item=_STOCKED)
        yield serial.meter, _handlers()


def _handlers() -> dict[str, Task]:
    """Loads the task functions into this process."""
    os.environ.update({name: name for name in _TABLES})
    handlers = {}
    for path in (FOLDER / "functions").glob("*.py"):
        spec: Any = importlib.util.spec_from_file_location(f"orchestrated_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        handlers[path.stem] = module.handler
    return handlers


def _usage(
    where: aws.Target, outputs: dict[str, str], meter: Meter, handlers: dict[str, Task], order: Any
) -> dict[str, Usage]:
    client = where.client("stepfunctions")
    order = order | {"orderId": str(uuid.uuid4())}
    execution = client.start_execution(stateMachineArn=outputs["Standard"], input=json.dumps(order))["executionArn"]
    while client.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.1)
    events = client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    tasks = [event["lambdaFunctionScheduledEventDetails"] for event in events if "Scheduled" in event["type"]]
    with meter.into(Usage()) as usage:
        for task in tasks:
            name = next(name for name in handlers if f"{name.capitalize()}Function" in task["resource"])
            with suppress(Exception):  # which the state machine catches
                handlers[name](json.loads(task["input"]), None)
    usage.counts.update(api_requests=1, invocations=len(tasks))
    by_kind = {"standard": Usage(usage.counts.copy()), "express": Usage(usage.counts.copy())}
    entered = [event for event in events if event["type"].endswith("StateEntered")]
    by_kind["standard"].counts["transitions"] = len(entered)
    by_kind["express"].counts.update(express_requests=1, express_chunks=1)
    return by_kind


def _durable_usage(meter: Meter, handlers: dict[str, Task], order: dict[str, Any]) -> dict[str, Usage]:
    return {
        "durable": _durably(meter, saga(in_steps(of_services(handlers))), order),
        "durable_functions": _durably(meter, saga(in_functions), order, handlers),
    }


def _durably(meter: Meter, handler: Any, order: dict[str, Any], functions: dict[str, Task] | None = None) -> Usage:
    """`functions` are invoked by the durable one."""
    with meter.into(Usage()) as usage, run.running(handler, functions=functions) as service:
        ran = service.ended(service.start(order | {"orderId": str(uuid.uuid4())}))
    invoked = ran.operations - 1 if functions else 0
    usage.counts.update(
        api_requests=1,
        invocations=ran.invocations + invoked,
        durable_operations=ran.operations,
        durable_bytes=ran.bytes_written,
    )
    return usage
