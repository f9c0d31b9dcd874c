"""Orders through a storm of faults on a deployed stack, and the repair after it."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from chaos.checks import Findings, check
from chaos.clients import Placed, cancel, place
from chaos.faulty_bus import FaultyBus, faulty_bus
from chaos.healing import Healed, heal, until_quiet
from chaos.plan import Plan, Wanted
from chaos.processes import Processes
from support.driver import deaf

from saga.bus import EventBridgeBus
from sagactl.design.ways import PRODUCT
from sagactl.stack import audit, aws, shop
from sagactl.stack.deployed_stack import Stack

CLIENTS = 8
_FUNCTIONS = ("order", "order-http", "order-watchdog", "payment", "inventory", "shipping")
_OLD_POLLER_SECONDS = 3


@dataclass
class Injected:
    kills: int = 0
    freezes: int = 0
    frozen_seconds: float = 0.0
    outage_seconds: float = 0.0


@dataclass(frozen=True)
class Storm:
    """What a storm did, and what was found after it."""

    placed: list[Placed]
    injected: Injected
    bus: FaultyBus
    healed: Healed
    findings: Findings

    @property
    def faults(self) -> int:
        return self.injected.kills + self.injected.freezes + self.bus.fates["twice"] + self.bus.fates["swallowed"]


def storm(stack: Stack, planned: Plan) -> Storm:
    """Places the orders while faults happen, repairs the rest, and checks. Afterwards only the orders are left."""
    processes = Processes(stack.where.port)
    stocked = audit.stock(stack)
    since_ms = int(time.time() * 1000)
    variables = {"DEADLINE_SECONDS": str(planned.size.deadline_seconds)}  # which only order's functions read
    with (
        faulty_bus(str(stack.where.endpoint_url), planned.fate) as bus,
        configured(
            stack, variables | {"AWS_ENDPOINT_URL_EVENTBRIDGE": bus.url}
        ),  # which boto3 reads; no code of ours does
    ):
        teller = EventBridgeBus(aws.Target(bus.url).client("events"), stack.outputs["BusName"])
        warm_up(stack, bus)
        bus.is_faulty = True
        placed, injected = in_the_storm(stack, teller, processes, planned)
        until_quiet(bus)
        bus.is_faulty = False
        healed = heal(stack, teller, bus, placed)
    return Storm(placed, injected, bus, healed, check(stack, bus, placed, stocked, since_ms))


def warm_up(stack: Stack, bus: FaultyBus) -> None:
    """Places an order before the storm, so that every function has a process that tells through the faulty bus."""
    order_id = shop.place(stack, {"productId": PRODUCT, "quantity": 1, "amount": 1}, "api")
    assert shop.wait_until_closed(stack, order_id), f"{order_id} stays open without any fault"
    assert {"OrderCreated", "PaymentOK", "StockReserved", "ShipmentOK"} == bus.facts[order_id].keys()


def in_the_storm(
    stack: Stack, teller: EventBridgeBus, processes: Processes, planned: Plan
) -> tuple[list[Placed], Injected]:
    started = time.monotonic()
    injected = Injected()

    def wait_for(at_seconds: float) -> None:
        time.sleep(max(0, started + at_seconds - time.monotonic()))

    def place_at(wanted: Wanted) -> Placed:
        wait_for(wanted.at_seconds)
        placed = place(stack, teller, wanted)
        cancellations.append(customers.submit(cancel, stack, teller, placed))
        return placed

    def kill() -> None:
        for at_seconds, function in planned.kills:
            wait_for(at_seconds)
            injected.kills += processes.kill(function)

    def freeze() -> None:
        for at_seconds, seconds in planned.freezes:
            wait_for(at_seconds)
            processes.freeze_dynamodb(seconds)
            injected.freezes += 1
            injected.frozen_seconds += seconds

    def cut_off() -> None:
        wait_for(planned.size.seconds * 3 / 4)  # most orders come before
        with deaf(stack, "shipping"):
            time.sleep(planned.size.outage_seconds)
        injected.outage_seconds += planned.size.outage_seconds

    cancellations: list[Future[None]] = []
    with ThreadPoolExecutor(CLIENTS) as customers, ThreadPoolExecutor(CLIENTS + 3) as threads:
        faults = [threads.submit(fault) for fault in (kill, freeze, cut_off)]
        placed = list(threads.map(place_at, planned.orders))
        for done in (*faults, *cancellations):
            done.result()
    return placed, injected


@contextmanager
def configured(stack: Stack, variables: dict[str, str]) -> Iterator[None]:
    """Adds environment variables to the saga's functions, and removes them in the end."""
    functions = stack.client("lambda")
    names = [f"{aws.STACK_NAME}-{function}" for function in _FUNCTIONS]
    before = {
        name: functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"] for name in names
    }

    def configure(environments: dict[str, dict[str, str]]) -> None:
        for name, environment in environments.items():
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": environment})
        for name in environments:
            functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        # LocalStack's poller of the replaced version ends only after it has read the queue once more, and what it reads
        # then is invoked a minute later.
        time.sleep(_OLD_POLLER_SECONDS)

    configure({name: environment | variables for name, environment in before.items()})
    try:
        yield
    finally:
        configure(before)
