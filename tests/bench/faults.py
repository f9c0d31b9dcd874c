"""Crash points of the state machine, each put through a Standard workflow on LocalStack.

Those of the durable function are tests (test_durable.py), and so are those of the choreography.
"""

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from bench.durable import deployment
from bench.peers import FOLDER, WANTED, environment
from botocore.exceptions import ClientError
from support.driver import eventually

from sagactl.stack import aws

type Definition = dict[str, Any]

_OVER_CAPACITY = {"quantity": 101}


class Left(NamedTuple):
    """What a saga left behind: how its execution ended, and the status that each service's table has of the order."""

    execution: str
    order: str | None
    payment: str | None
    reservation: str | None


EXPECTED = {
    "the charge is done, and its function dies": Left("SUCCEEDED", "FAILED", "CANCELLED", "RELEASED"),
    "the second compensation fails": Left("FAILED", "PENDING", "CANCELLED", "RESERVED"),
    "somebody stops it": Left("ABORTED", "PENDING", "CHARGED", "RESERVED"),
    "another definition is deployed meanwhile": Left("SUCCEEDED", "COMPLETED", "CHARGED", "RESERVED"),
    "the same order is started twice": Left("SUCCEEDED", "COMPLETED", "CHARGED", "RESERVED"),
}


class StateMachines:
    def __init__(self, where: aws.Target, outputs: dict[str, str]) -> None:
        self.where = where
        self.tables = environment(outputs)
        self.client = where.client("stepfunctions")
        found = self.client.describe_state_machine(stateMachineArn=outputs["Standard"])
        self.definition = found["definition"]
        self.role = found["roleArn"]
        self.pause = self.client.create_activity(name="pause")["activityArn"]

    def put_through(self) -> dict[str, Left]:
        """Returns what each crash point left behind."""
        left = (self._death(), self._outage(), self._stop(), self._deployment(), self._repetition())
        return dict(zip(EXPECTED, left, strict=True))

    def _death(self) -> Left:
        dies = self._function("dies_after_its_act")
        return self._left(self._start(self._machine(lambda states: states["ChargePayment"].update(Resource=dies))))

    def _outage(self) -> Left:
        is_down = self._function("is_down")
        machine = self._machine(lambda states: states["ReleaseStock"].update(Resource=is_down))
        return self._left(self._start(machine, **_OVER_CAPACITY))

    def _stop(self) -> Left:
        started = self._start(self._machine(self._pause_before_ship))
        paused = self._paused()
        self.client.stop_execution(executionArn=started["executionArn"])
        with suppress(ClientError):  # LocalStack stops it at the end of the task; AWS takes no answer any more
            self.client.send_task_success(taskToken=paused, output="{}")
        return self._left(started)

    def _deployment(self) -> Left:
        machine = self._machine(self._pause_before_ship)
        started = self._start(machine)
        paused = self._paused()
        others = json.loads(self.definition) | {"StartAt": "FailOrder"}
        self.client.update_state_machine(stateMachineArn=machine, definition=json.dumps(others))
        self.client.send_task_success(taskToken=paused, output="{}")
        return self._left(started)

    def _repetition(self) -> Left:
        name = str(uuid.uuid4())
        order = json.dumps(WANTED | {"orderId": name})
        machine = self._machine(self._pause_before_ship)
        first, second = (self.client.start_execution(stateMachineArn=machine, name=name, input=order) for _ in range(2))
        assert first["executionArn"] == second["executionArn"]
        self.client.send_task_success(taskToken=self._paused(), output="{}")
        return self._left({"executionArn": first["executionArn"], "orderId": name})

    def _pause_before_ship(self, states: Definition) -> None:
        states["ChargePayment"]["Next"] = "Pause"
        states["Pause"] = {"Type": "Task", "Resource": self.pause, "ResultPath": None, "Next": "Ship"}

    def _paused(self) -> str:
        """Waits until an execution is at the pause, and returns the token to go on."""
        return str(self.client.get_activity_task(activityArn=self.pause)["taskToken"])

    def _machine(self, change: Callable[[Definition], object]) -> str:
        definition = json.loads(self.definition)
        change(definition["States"])
        made = self.client.create_state_machine(
            name=str(uuid.uuid4()), roleArn=self.role, definition=json.dumps(definition)
        )
        return str(made["stateMachineArn"])

    def _start(self, machine: str, **others: Any) -> dict[str, str]:
        order = WANTED | others | {"orderId": str(uuid.uuid4())}
        started = self.client.start_execution(stateMachineArn=machine, input=json.dumps(order))
        return {"executionArn": started["executionArn"], "orderId": order["orderId"]}

    def _left(self, started: dict[str, str]) -> Left:
        status = eventually(lambda: self._ended(started["executionArn"]), "an end of the execution")
        tables = ("ORDERS", "PAYMENTS", "RESERVATIONS")
        return Left(status, *(self._status(table, started["orderId"]) for table in tables))

    def _ended(self, execution: str) -> str | None:
        status: str = self.client.describe_execution(executionArn=execution)["status"]
        return None if status == "RUNNING" else status

    def _status(self, table: str, order_id: str) -> str | None:
        key = {"orderId": {"S": order_id}}
        found = self.where.client("dynamodb").get_item(TableName=self.tables[table], Key=key, ConsistentRead=True)
        return found["Item"]["status"]["S"] if "Item" in found else None

    def _function(self, handler: str) -> str:
        package = deployment.package(deployment.tasks() | {FOLDER / "faulty.py": "faulty.py"})
        client = self.where.client("lambda")
        return deployment.create_function(client, handler, f"faulty.{handler}", package, self.tables)
