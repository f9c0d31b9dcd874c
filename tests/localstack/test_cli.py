"""The commands against the deployed stack."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from support.driver import Saga, eventually
from typer.testing import CliRunner, Result

from sagactl.cli import app
from sagactl.design.template import resources
from sagactl.design.ways import PRODUCT
from sagactl.stack import shop
from sagactl.stack.deployed_stack import Stack

type Command = Callable[..., Result]
WANTED = ("--product", PRODUCT, "--quantity", "2", "--amount", "1000")


@pytest.fixture(scope="module")
def port(stack: Stack) -> str:
    return str(urlsplit(stack.where.endpoint_url).port)


@pytest.fixture(scope="module")
def command(port: str) -> Command:
    """Runs a command on the stack of these tests."""
    return lambda *arguments: run(*arguments, "--port", port)


@pytest.fixture
def product(stack: Stack) -> Iterator[str]:
    """A product of the test's own, which the stock forgets afterwards: other tests know all that is in it."""
    yield "item-cli"
    key = {"productId": {"S": "item-cli"}}
    stack.client("dynamodb").delete_item(TableName=stack.outputs["StockTable"], Key=key)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answer(result: Result) -> Any:
    """What a command printed as JSON, and nothing else on stdout."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_stock_is_set_and_listed(command: Command, product: str, stack: Stack) -> None:
    said = command("stock", "set", product, "7")
    assert (said.exit_code, said.stdout) == (0, f"{product}: 7 available.\n")
    assert answer(command("stock", "set", product, "8", "--json")) == {product: 8}
    assert shop.available(stack)[product] == 8

    assert answer(command("stock", "list", "--json")) == shop.available(stack)
    lines = [line.split() for line in command("stock", "list").stdout.splitlines()]
    assert lines[0] == ["product", "available"]
    assert [product, "8"] in lines


def test_orders_are_placed_waited_for_and_listed(command: Command, saga: Saga) -> None:
    placed = answer(command("order", *WANTED, "--via", "bus", "--json"))["orderId"]
    closed = answer(command("order", *WANTED, "--via", "api", "--wait", "--json"))
    assert closed["status"] == saga.close(placed)["status"] == "COMPLETED"
    assert (closed["productId"], closed["quantity"], closed["amount"]) == (PRODUCT, 2, 1000)
    ids = [placed, closed["orderId"]]

    def listed() -> list[dict[str, Any]] | None:
        found = answer(command("orders", "--json"))
        ours = [order for order in found if order["orderId"] in ids and order["status"] == "COMPLETED"]
        return ours if len(ours) == len(ids) else None

    for order in eventually(listed, "both orders in the list"):
        assert order["events"].keys() >= {"OrderCreated", "ShipmentOK"}
    assert ids[0] not in {order["orderId"] for order in answer(command("orders", "--status", "FAILED", "--json"))}
    assert answer(command("trace", ids[0][:12], "--json"))["orderId"] == ids[0]
    lines = {line.split()[0]: line.split() for line in command("orders").stdout.splitlines()}
    for order_id in ids:
        assert (lines[order_id][1], lines[order_id][-2]) == ("COMPLETED", "ShipmentOK")
        assert lines[order_id][-1].isdigit()


def test_an_order_that_fails_says_why(command: Command) -> None:
    said = command("order", "--product", PRODUCT, "--quantity", "101", "--amount", "1000", "--via", "bus", "--wait")
    assert said.exit_code == 0
    assert said.stdout.startswith("Order ")
    # ShipmentFail may be heard last. PaymentCancel and StockRelease say why, too.
    assert said.stdout.endswith(" is FAILED: quantity 101 is over the capacity of 100.\n")


def test_an_order_with_the_same_key_is_the_same(command: Command) -> None:
    key = str(uuid.uuid4())
    first, again = (answer(command("order", *WANTED, "--key", key, "--json")) for _ in range(2))
    assert first == again


def test_only_open_orders_are_listed_if_asked_for(command: Command, saga: Saga) -> None:
    order_id = str(uuid.uuid4())
    saga.put(entries_of("PaymentOK", "--order", order_id))  # shipping waits for the stock, for ever

    def open_orders() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = answer(command("orders", "--open", "--json"))
        return found if order_id in [order["orderId"] for order in found] else None

    found = eventually(open_orders, "the open order")
    assert {order["status"] for order in found} <= {"PENDING", "FAILING"}
    assert len(answer(command("orders", "--open", "--limit", "1", "--json"))) == 1


def test_an_event_put_on_the_bus_by_hand_starts_a_saga(saga: Saga, stack: Stack) -> None:
    entries = entries_of("OrderCreated")
    assert stack.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    assert saga.close(json.loads(entries[0]["Detail"])["orderId"])["status"] == "COMPLETED"


def test_url_is_all_that_a_shell_reads_from_stdout(port: str, stack: Stack) -> None:
    saga_command = Path(sys.executable).with_name("saga")
    ran = subprocess.run([saga_command, "url", "--port", port], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == (f"{stack.api_url}\n", "")
    assert httpx.get(f"{ran.stdout.strip()}/orders/none", trust_env=False).json()["problems"] == [
        "orderId: no such order"
    ]


def test_what_sam_local_must_know_is_what_lambda_knows(command: Command, port: str, stack: Stack) -> None:
    functions = resources("AWS::Serverless::Function")
    settings = answer(command("env"))
    assert settings.keys() == functions.keys()
    for name, variables in settings.items():
        table = functions[name]["Environment"]["Variables"]["TABLE_NAME"]["Ref"]
        assert variables["TABLE_NAME"] == stack.outputs[table]
        assert variables["AWS_ENDPOINT_URL"] == f"http://host.docker.internal:{port}"


def test_a_localstack_that_runs_is_not_moved(command: Command) -> None:
    refused = command("up", "--also-at", "127.0.0.2")
    assert refused.exit_code == 1
    assert "and not at 127.0.0.2. Stop it first: saga down." in refused.stderr


REFUSED = {
    # what: arguments, and how the line goes on after "error: "
    "by the API": (
        ("order", "--product", PRODUCT, "--quantity", "0", "--amount", "0.001"),
        "The API answers 400: quantity: ",
    ),
    "before it is put on the bus": (
        ("order", "--product", PRODUCT, "--quantity", "0", "--amount", "0.001", "--via", "bus"),
        "The order is not valid: quantity: ",
    ),
    "for its product": (("stock", "set", "no product", "1"), "'no product' is not a valid product ID: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_one_line(command: Command, case: str) -> None:
    arguments, why = REFUSED[case]
    said = command(*arguments)
    assert (said.exit_code, said.stdout) == (1, "")
    [line] = said.stderr.splitlines()
    assert line.startswith(f"error: {why}")
    if arguments[0] == "order":
        assert "; amount: " in line


def entries_of(*arguments: str) -> Any:
    """The entries that `saga event` prints."""
    return answer(run("event", *arguments))
