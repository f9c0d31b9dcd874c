"""Measures the choreography, Step Functions, a durable function and the bare SDK calls, on one LocalStack in one run.

`make bench` runs it. It writes the figures to .saga/bench/peers.json.
"""

import json
from typing import Any

from bench import faults
from bench.peers import (
    Peer,
    bare_calls,
    choreography,
    deploy_orchestrated,
    durable,
    durable_usage,
    express,
    orchestrated_usage,
    standard,
)
from bench.split import STEPS, split
from support.isolation import isolate
from support.ports import free_port

from sagactl.bench import load, timing
from sagactl.bench.meter import PRICES
from sagactl.bench.timing import Run
from sagactl.local import localstack
from sagactl.paths import STATE
from sagactl.signals import leave_blocks_first
from sagactl.stack import aws
from sagactl.stack.deploy import deploy
from sagactl.stack.deployed_stack import Stack
from sagactl.terminal import out, step, table

ORDERS_ALONE = 30  # one after another
ORDERS_TOGETHER = 40  # with several in flight
STOCK_ORDERS = 60
IN_FLIGHT = (1, 4, 16)


def main() -> None:
    isolate()
    leave_blocks_first()  # so that no LocalStack is left
    port = free_port()
    with localstack.running(port):
        found = measure(aws.target(port=port))
    folder = STATE / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(found, indent=1))
    show(found)
    assert found["faults"] == {name: left._asdict() for name, left in faults.EXPECTED.items()}


def measure(where: aws.Target) -> dict[str, Any]:
    stack = Stack(where, deploy(where, {}, step=step))
    with step("Deploying the state machines"):
        outputs = deploy_orchestrated(where)
    item = {"productId": {"S": "item-001"}, "available": {"N": "1000000"}}
    where.client("dynamodb").put_item(TableName=outputs["Stock"], Item=item)
    dynamodb = where.client("dynamodb")
    with (
        timing.watching(dynamodb, stack.table("order")) as ours,
        timing.watching(dynamodb, outputs["Orders"]) as theirs,
        durable(where, outputs, theirs) as durable_function,
    ):
        peers = {
            "choreography": choreography(stack, ours),
            "standard": standard(where, outputs, theirs),
            "express": express(where, outputs),
            "durable": durable_function,
            "bare_calls": bare_calls(where, "bare-calls"),
        }
        runs = {name: _runs(name, peer) for name, peer in peers.items()}
        with step("Where an order's time goes"):
            divided = split(stack, ours.closed, ORDERS_ALONE)
        divided["call"] = runs["bare_calls"]["p50_seconds"] * 1000 / peers["bare_calls"].calls
    with step("Counting what the state machines and the durable function use"):
        usage = orchestrated_usage(where, outputs)
        for path, used in durable_usage().items():
            usage[path] |= used
    with step("Crash points of the state machine"):
        left = faults.StateMachines(where, outputs).put_through()
    with step("Orders of one product, and of a hundred"):
        stock = {"one product": _stock(stack, 1), "a hundred products": _stock(stack, 100)}
    kinds = next(iter(usage.values()))
    cost = {kind: {path: used[kind].fields() for path, used in usage.items()} for kind in kinds}
    transitions = {path: used["standard"].counts["transitions"] for path, used in usage.items()}
    faulty = {name: each._asdict() for name, each in left.items()}
    return {"runs": runs, "split": divided, "cost": cost, "transitions": transitions, "stock": stock, "faults": faulty}


def _runs(name: str, peer: Peer) -> dict[str, Any]:
    with step(f"Orders: {name}"):
        timing.run(peer.place, peer.closed, max(IN_FLIGHT), max(IN_FLIGHT))  # to warm up
        alone = timing.run(peer.place, peer.closed, ORDERS_ALONE, 1)
        per_second = {"1": alone.per_second}
        for in_flight in IN_FLIGHT[1:]:
            together = timing.run(peer.place, peer.closed, ORDERS_TOGETHER, in_flight)
            per_second[str(in_flight)] = together.per_second
    return _fields(alone) | {
        "latencies": [round(seconds, 4) for seconds in alone.latencies],
        "per_second": {in_flight: round(rate, 2) for in_flight, rate in per_second.items()},
    }


def _stock(stack: Stack, products: int) -> dict[str, Any]:
    done, conflicts, problems = load.run_load(stack, STOCK_ORDERS, None, products, in_flight=16)
    assert not problems, problems
    return _fields(done) | {"conflicts": conflicts, "per_second": round(done.per_second, 2)}


def _fields(done: Run) -> dict[str, Any]:
    return {"p50_seconds": round(done.percentile(50), 3), "p99_seconds": round(done.percentile(99), 3)}


def show(found: dict[str, Any]) -> None:
    shown = table("", "p50 ms", "p99 ms", *(f"{number} in flight" for number in IN_FLIGHT))
    for name, run in found["runs"].items():
        times = [f"{run[key] * 1000:.0f}" for key in ("p50_seconds", "p99_seconds")]
        shown.add_row(name, *times, *map(str, run["per_second"].values()))
    out.print(shown)
    where = table("where an order's time goes", "p50 ms", "its SDK calls alone, ms")
    divided = found["split"]
    for name, (what, calls) in STEPS.items():
        where.add_row(what, f"{divided[name]:.0f}", f"{calls * divided['call']:.0f}")
    where.add_row(
        "all together", f"{divided['all']:.0f}", f"{sum(calls for _, calls in STEPS.values()) * divided['call']:.0f}"
    )
    out.print(where)
    paths = next(iter(found["cost"].values()))
    dollars = table("$ a million", *paths)
    for kind, used in found["cost"].items():
        dollars.add_row(kind, *(f"{used[path]['dollars_per_million']:.2f}" for path in paths))
    out.print(dollars)
    out.print(f"Prices that were not read at their source: {', '.join(PRICES['not_read_at_their_source']['prices'])}")
    left = table("crash point of the state machine", *faults.Left._fields)
    for name, each in found["faults"].items():
        left.add_row(name, *each.values())
    out.print(left)
    for name, run in found["stock"].items():
        out.print(f"{name}: {run}")


if __name__ == "__main__":
    main()
