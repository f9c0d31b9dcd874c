"""Draws the figures in .saga/bench/, which `make bench` measured, into docs/performance/."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # pyright: ignore[reportMissingImports]  # in an environment of its own
import matplotlib.pyplot as plt  # pyright: ignore[reportMissingImports]

COLOURS = {
    "choreography": "#2c8a57",
    "standard": "#b5433a",
    "express": "#a97a10",
    "durable": "#3b6fb0",
    "bare_calls": "#777777",
}
NAMES = {
    "choreography": "choreography",
    "standard": "Step Functions Standard",
    "express": "Step Functions Express",
    "durable": "Lambda durable function",
    "bare_calls": "the bare SDK calls",
}


def main(measured: Path, plots: Path) -> None:
    # Without dates and random IDs, so that the same figures give the same file.
    mpl.rcParams.update(
        {"svg.hashsalt": "saga", "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False}
    )
    read = {name: json.loads((measured / f"{name}.json").read_text()) for name in ("cost", "peers", "scale")}
    plots.mkdir(parents=True, exist_ok=True)
    for draw in (cost, latency, throughput, scale):
        figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
        draw(axes, read)
        figure.savefig(plots / f"{draw.__name__}.svg", metadata={"Date": None})
        plt.close(figure)


def cost(axes: Any, read: dict[str, Any]) -> None:
    paths = list(read["peers"]["cost"]["standard"])
    dollars = {"choreography": [read["cost"]["paths"][path]["dollars_per_million"] for path in paths]}
    for kind in ("standard", "express", "durable"):
        dollars[kind] = [read["peers"]["cost"][kind][path]["dollars_per_million"] for path in paths]
    for number, (name, heights) in enumerate(dollars.items()):
        places = [place + (number - 1.5) * 0.21 for place in range(len(paths))]
        bars = axes.bar(places, heights, 0.2, label=NAMES[name], color=COLOURS[name])
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(range(len(paths)), [path.replace("_", " ") for path in paths])
    axes.set_ylabel("$ a million sagas")
    axes.legend(frameon=False)


def latency(axes: Any, read: dict[str, Any]) -> None:
    for name, run in read["peers"]["runs"].items():
        times = sorted(seconds * 1000 for seconds in run["latencies"])
        shares = [(number + 1) / len(times) * 100 for number in range(len(times))]
        axes.step(times, shares, where="post", label=NAMES[name], color=COLOURS[name])
    axes.set(xlabel="ms until closed, one order at a time, on LocalStack", ylabel="% of orders", xlim=(0, None))
    axes.legend(frameon=False)


def throughput(axes: Any, read: dict[str, Any]) -> None:
    in_flight: list[int] = []
    for name, run in read["peers"]["runs"].items():
        in_flight = list(map(int, run["per_second"]))
        axes.plot(in_flight, list(run["per_second"].values()), "o-", label=NAMES[name], color=COLOURS[name])
    axes.set(xlabel="orders in flight, on LocalStack", ylabel="orders a second", ylim=(0, None))
    axes.set_xticks(in_flight)
    axes.legend(frameon=False)


def scale(axes: Any, read: dict[str, Any]) -> None:
    sizes = [row["orders"] for row in read["scale"]["sizes"]]
    for name, label in (
        ("write_units", "write units of a saga"),
        ("read_units", "read units of a saga"),
        ("watchdog_pages", "pages of a run of the watchdog"),
        ("list_read_units", "read units of `saga orders`"),
    ):
        axes.plot(sizes, [row[name] for row in read["scale"]["sizes"]], "o-", label=label)
    axes.set(xscale="log", xlabel="orders in the tables", ylim=(0, None))
    axes.legend(frameon=False)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
