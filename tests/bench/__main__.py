"""`make bench`: our choreography beside Step Functions and the bare calls, on one LocalStack in one run.

Writes what was measured to .saga/bench/peers.json.
"""

import json
import socket
from typing import Any

from bench.peers import Peer, choreography, deploy_orchestrated, express, floor, orchestrated_usage, standard

from sagactl.bench import load, timing
from sagactl.bench.timing import Run
from sagactl.local import localstack
from sagactl.paths import STATE
from sagactl.stack import aws
from sagactl.stack.deployed import Stack
from sagactl.stack.deployment import deploy
from sagactl.terminal import out, step, table

ONE_BY_ONE = 40
AT_ONCE = 60
IN_FLIGHT = (1, 4, 16)


def main() -> None:
    with socket.socket() as probe:
        probe.bind((localstack.HOST, 0))
        port = probe.getsockname()[1]
    with localstack.running(port):
        found = measure(aws.target(port=port))
    folder = STATE / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(found, indent=1))
    show(found)


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
    ):
        peers = {
            "choreography": choreography(stack, ours),
            "standard": standard(where, outputs, theirs),
            "express": express(where, outputs),
            "floor": floor(where, "floor"),
        }
        runs = {name: _runs(name, peer) for name, peer in peers.items()}
    with step("Counting what the state machines use"):
        usage = orchestrated_usage(where, outputs)
    with step("A hot product, and many"):
        stock = {name: _stock(stack, products) for name, products in (("hot", 1), ("many", 100))}
    cost = {kind: {path: used[kind].fields() for path, used in usage.items()} for kind in ("standard", "express")}
    transitions = {path: used["standard"].counts["transitions"] for path, used in usage.items()}
    return {"runs": runs, "cost": cost, "transitions": transitions, "stock": stock}


def _runs(name: str, peer: Peer) -> dict[str, Any]:
    with step(f"Orders: {name}"):
        timing.run(peer.place, peer.closed, 16, 16)  # warms it up
        alone = timing.run(peer.place, peer.closed, ONE_BY_ONE, 1)
        many = [alone, *(timing.run(peer.place, peer.closed, AT_ONCE, n) for n in IN_FLIGHT[1:])]
    per_second = {str(n): round(done.per_second, 2) for n, done in zip(IN_FLIGHT, many, strict=True)}
    return _fields(alone) | {"latencies": [round(seconds, 4) for seconds in alone.latencies], "per_second": per_second}


def _stock(stack: Stack, products: int) -> dict[str, Any]:
    done, conflicts, problems = load.placed(stack, 100, None, products, in_flight=16)
    assert not problems, problems
    return _fields(done) | {"conflicts": conflicts, "per_second": round(done.per_second, 2)}


def _fields(done: Run) -> dict[str, Any]:
    return {"p50_seconds": round(done.percentile(50), 3), "p99_seconds": round(done.percentile(99), 3)}


def show(found: dict[str, Any]) -> None:
    shown = table("", "p50 ms", "p99 ms", *(f"{n} in flight" for n in IN_FLIGHT), "$ a million")
    for name, run in found["runs"].items():
        cost = found["cost"].get(name, {}).get("completed", {}).get("dollars_per_million")
        times = [f"{run[key] * 1000:.0f}" for key in ("p50_seconds", "p99_seconds")]
        shown.add_row(name, *times, *map(str, run["per_second"].values()), f"{cost:.2f}" if cost else "-")
    out.print(shown)
    for name, run in found["stock"].items():
        out.print(f"{name}: {run}")


if __name__ == "__main__":
    main()
