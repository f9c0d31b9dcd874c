"""The deployed saga, as a test drives it and sees what it does."""

import itertools
import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.ports import free_port
from typer.testing import CliRunner, Result

from contracts.events import OrderCreated
from contracts.values import Amount
from saga.bus import ENTRIES_MAX, EventBridgeBus
from saga.event import Event, Timestamp
from sagactl.cli import app
from sagactl.design.ways import PRODUCT, UNITS, Way, all_ways
from sagactl.local import localstack
from sagactl.paths import VENV
from sagactl.stack import aws, dead_letters, entries, journal, shop
from sagactl.stack.dead_letters import DeadLetter
from sagactl.stack.deployed_stack import Stack

TIMEOUT_SECONDS = 30
LOOK_SECONDS = 0.2
QUIET_LOOKS = 15  # 3 s: longer than the journal waits to fill a batch
WAYS = all_ways()


@contextmanager
def deployed() -> Iterator[Stack]:
    """The saga on a LocalStack of its own, with units of PRODUCT in stock.

    It is deployed by the command, in another folder than the project's: it must work in any.
    """
    port = free_port()
    command = [str(VENV / "bin/saga"), "deploy", "--port", str(port), "--json"]
    with ExitStack() as at_end:
        at_end.callback(localstack.stop, port)  # even if a test has said `saga up`, which keeps it
        at_end.enter_context(localstack.running(port))
        elsewhere = at_end.enter_context(TemporaryDirectory())
        ran = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]
        stack = Stack(aws.target(port=port), json.loads(ran.stdout)["outputs"])
        shop.set_available(stack, PRODUCT, UNITS)
        yield stack


@dataclass(frozen=True)
class Saga:
    """The deployed saga, as a test drives and sees it."""

    stack: Stack

    def put(self, entries: list[dict[str, Any]]) -> None:
        """Puts entries on the bus as they are, without any of our own checks."""
        bus = {"EventBusName": self.stack.outputs["BusName"]}
        for batch in itertools.batched(entries, ENTRIES_MAX, strict=False):
            answer = self.stack.client("events").put_events(Entries=[entry | bus for entry in batch])
            assert answer["FailedEntryCount"] == 0, answer

    def tell(self, *events: Event) -> None:
        EventBridgeBus(self.stack.client("events"), self.stack.outputs["BusName"]).tell(events)

    def run(self, *arguments: str) -> Result:
        """Runs a `saga` command on this stack."""
        return CliRunner().invoke(app, [*arguments, "--port", str(self.stack.where.port)])

    def close(self, order_id: str) -> dict[str, Any]:
        order = shop.wait_until_closed(self.stack, order_id, TIMEOUT_SECONDS)
        assert order, f"{order_id} is still open: {entries.states(self.stack, order_id)}"
        return order

    def items(self, order_id: str) -> dict[str, Any]:
        """The order's item in each service's table, as DynamoDB has it."""
        return {service: self._item(service, order_id) for service in ("order", "payment", "inventory", "shipping")}

    def tables(self) -> dict[str, Any]:
        """Every item of every service's tables, as DynamoDB has it."""
        names = [name for name in self.stack.outputs if name.endswith("Table") and name != "JournalTable"]
        return {name: self._table(self.stack.outputs[name]) for name in names}

    def told(self, order_id: str, last: str) -> list[journal.Told]:
        """The order's timeline once the journal has its last event."""

        def complete() -> list[journal.Told] | None:
            timeline = journal.timeline(self.stack, order_id)
            return timeline if any(told.name == last for told in timeline) else None

        return eventually(complete, f"{last} of {order_id} in the journal")

    def quiet(self, order_id: str) -> list[journal.Told]:
        """The order's timeline once nothing has been added to it for a while."""
        lengths: list[int] = []

        def settled() -> list[journal.Told] | None:
            timeline = journal.timeline(self.stack, order_id)
            lengths.append(len(timeline))
            return timeline if len(lengths) >= QUIET_LOOKS and len(set(lengths[-QUIET_LOOKS:])) == 1 else None

        return eventually(settled, f"an end of {order_id}")

    def dead_letter(self, order_id: str) -> DeadLetter:
        """One of the order's dead letters, once there is any."""

        def found() -> DeadLetter | None:
            with dead_letters.held(self.stack, order_id) as held:
                return next(iter(held.letters), None)

        return eventually(found, f"a dead letter of {order_id}")

    def log(self, service: str, marker: str) -> str:
        """The line of a service's log that mentions the marker, once it is there."""
        group = f"/aws/lambda/{aws.STACK_NAME}-{service}"

        def found() -> str | None:
            logs = self.stack.client("logs")
            try:
                events = logs.filter_log_events(logGroupName=group)["events"]
            except logs.exceptions.ResourceNotFoundException:  # nothing was logged so far
                return None
            return next((event["message"] for event in events if marker in event["message"]), None)

        return eventually(found, f"{marker} in {group}")

    def _table(self, name: str) -> list[Any]:
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        items = itertools.chain.from_iterable(page["Items"] for page in pages)
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))

    def _item(self, service: str, order_id: str) -> Any:
        key = {"orderId": {"S": order_id}}
        table = self.stack.table(service)
        return self.stack.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")


def eventually[T](look: Callable[[], T | None], what: str) -> T:
    """What is looked for, as soon as it is there; fails if it never is."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(LOOK_SECONDS)
    pytest.fail(f"there was never {what}")


def order_created(way: Way = WAYS["completed"]) -> OrderCreated:
    """An order that goes this way, new each time."""
    return OrderCreated(uuid.uuid4(), PRODUCT, way.quantity, Amount(way.amount), timestamp=Timestamp.now())


@contextmanager
def deaf(stack: Stack, service: str) -> Iterator[None]:
    """What the service would hear meanwhile is lost."""
    events = stack.client("events")
    bus = {"EventBusName": stack.outputs["BusName"]}
    rule = {"Rule": f"{aws.STACK_NAME}-{service}"} | bus
    targets = events.list_targets_by_rule(**rule)["Targets"]
    events.remove_targets(**rule, Ids=[target["Id"] for target in targets])  # LocalStack heeds no disabled rule
    try:
        yield
    finally:
        events.put_targets(**rule, Targets=targets)
