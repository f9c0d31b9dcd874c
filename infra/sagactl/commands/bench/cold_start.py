"""`saga bench cold-start`: what a function needs to start, and what the kernel adds to the SDK's calls."""

from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table

from sagactl.bench.cold_start import name_of, start, zip_bytes_of
from sagactl.bench.kernel import Timed, time_kernel
from sagactl.commands.options import Json
from sagactl.design import template
from sagactl.stack.deployment import BUILD, build, compile_bytecode, forget_bytecode
from sagactl.terminal import err, progress, result, table

Pairs = Annotated[int, typer.Option("--pairs", min=1, max=1000, help="How many measurements of each kind.")]
Source = Annotated[bool, typer.Option("--source", help="Without bytecode, as sam alone packs functions.")]


def cold_start(pairs: Pairs = 15, source: Source = False, as_json: Json = False) -> None:
    """Measure cold starts beside bare boto3, and the kernel beside bare SDK calls.

    A cold start is a new process that imports a function. It alternates with one
    that imports boto3 and makes the same clients. Both are measured in user CPU;
    the ratio is the median of all pairs.
    """
    with err.status("Building the functions (sam build)"):
        build()
        if source:
            forget_bytecode()
        else:
            compile_bytecode()
    functions = {name_of(function): function for function in template.functions()}
    started = {name: start(functions[name], pairs) for name in progress(functions, "Cold starts", len(functions))}
    err.print("The kernel")  # without a spinner: its thread would disturb the times
    kernel = time_kernel(pairs)
    zip_bytes = zip_bytes_of(BUILD / next(iter(functions.values())).name)
    fields = {
        "functions": {name: timed.fields() for name, timed in started.items()},
        "kernel": {name: timed.fields() for name, timed in kernel.items()},
        "zipBytes": zip_bytes,
    }
    packed = "without" if source else "with"
    size = f"Each function's zip has {zip_bytes / 1e6:.1f} MB, {packed} bytecode."
    cold = _table("cold start, ms of user CPU", "boto3 alone", started, 1000)
    shown = Group(cold, "", _table("a reaction, µs of CPU", "its calls alone", kernel, 1_000_000), "", size)
    result(fields, shown, as_json=as_json)


def _table(title: str, beside: str, rows: dict[str, Timed], scale: int) -> Table:
    shown = table(title, "ours", beside, "ratio")
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, timed in rows.items():
        shown.add_row(name, f"{timed.own * scale:.0f}", f"{timed.bare * scale:.0f}", f"{timed.ratio:.2f}")
    return shown
