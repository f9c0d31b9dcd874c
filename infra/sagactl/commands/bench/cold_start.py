"""`saga bench cold-start`: what a function's start and its invocations take, beside the bare SDK."""

from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table

from sagactl.bench.cold_start import compare_start, compile_runtime, ratio_max, zip_bytes_of
from sagactl.bench.comparison import Compared
from sagactl.bench.invocation import BATCH_EVENTS, compare_invocations, dollars_per_million, journal_batch_seconds
from sagactl.commands.options import Json
from sagactl.design import template
from sagactl.design.template import Function
from sagactl.errors import SagaError
from sagactl.local import locks
from sagactl.stack.deploy import build, built_code, compile_bytecode, forget_bytecode
from sagactl.terminal import err, figures, progress, result

Pairs = Annotated[int, typer.Option("--pairs", min=1, max=1000, help="How many measurements of each kind.")]
Source = Annotated[bool, typer.Option("--source", help="Without bytecode, as sam build packs functions.")]


def cold_start(pairs: Pairs = 15, source: Source = False, as_json: Json = False) -> None:
    """Measure cold starts and invocations beside the bare SDK.

    A cold start is a new process that imports a function. It alternates with one
    that imports boto3 and makes the same clients. An invocation is what a service
    does for an event. It alternates with the same SDK calls without the service.
    Neither has a network. Exits with 1 if a cold start takes too many times as
    long as boto3 alone.
    """
    functions = {function.short_name: function for function in template.functions()}
    limits = {name: ratio_max(function) for name, function in functions.items()}
    with locks.held("build"):  # a deployment would replace what is measured
        _build(source)
        starts = _measured(functions, limits, pairs)
        zip_bytes = zip_bytes_of(built_code(next(iter(functions.values())).name))
    err.print("Invocations")  # without a spinner, whose thread would disturb the times
    invocations = compare_invocations(pairs)
    batches = {orders: journal_batch_seconds(orders) for orders in (BATCH_EVENTS, BATCH_EVENTS // 4)}
    fields = {
        "coldStarts": {name: _start_fields(start, limits[name]) for name, start in starts.items()},
        "invocations": {name: _invocation_fields(invocation) for name, invocation in invocations.items()},
        "journalBatches": {str(orders): round(seconds, 4) for orders, seconds in batches.items()},
        "zipBytes": zip_bytes,
    }
    packed = "without" if source else "with"
    size = f"Each function's zip has {zip_bytes / 1e6:.1f} MB, {packed} bytecode."
    tables = (_starts_table(starts, limits), "", _invocations_table(invocations), "", _batches_table(batches))
    shown = Group(*tables, "", size)
    result(fields, shown, as_json=as_json)
    too_long = _too_long(starts, limits)
    if too_long and not source:
        message = f"Cold starts take too long beside boto3 alone: {', '.join(too_long)}"
        raise SagaError(message, "See which import takes the time: python -X importtime")


def _build(source: bool) -> None:
    with err.status("Building the functions (sam build)"):
        build()
        compile_runtime()
        if source:
            forget_bytecode()
        else:
            compile_bytecode()


def _measured(functions: dict[str, Function], limits: dict[str, float], pairs: int) -> dict[str, Compared]:
    """What takes too long is measured once more: by chance, perhaps, because what else runs here disturbs the times."""
    starts = {
        name: compare_start(functions[name], pairs) for name in progress(functions, "Cold starts", len(functions))
    }
    for name in _too_long(starts, limits):
        again = compare_start(functions[name], 2 * pairs)
        if again.ratio < starts[name].ratio:
            starts[name] = again
    return starts


def _too_long(starts: dict[str, Compared], limits: dict[str, float]) -> list[str]:
    return [name for name, start in starts.items() if round(start.ratio, 2) > limits[name]]


def _start_fields(start: Compared, limit: float) -> dict[str, float]:
    return {
        "seconds": round(start.own, 4),
        "bareSeconds": round(start.bare, 4),
        "ratio": round(start.ratio, 3),
        "ratioMax": limit,
    }


def _invocation_fields(invocation: Compared) -> dict[str, float]:
    return {
        "seconds": round(invocation.own, 6),
        "bareSeconds": round(invocation.bare, 6),
        "addedSeconds": round(invocation.added, 6),
        "addedDollarsPerMillion": round(dollars_per_million(invocation.added), 4),
    }


def _starts_table(starts: dict[str, Compared], limits: dict[str, float]) -> Table:
    shown = figures("cold start, ms of user CPU", "function", "boto3 alone", "ratio", "at most")
    for name, start in starts.items():
        shown.add_row(
            name, f"{start.own * 1000:.0f}", f"{start.bare * 1000:.0f}", f"{start.ratio:.2f}", f"{limits[name]:.2f}"
        )
    return shown


def _batches_table(batches: dict[int, float]) -> Table:
    shown = figures(f"the journal, {BATCH_EVENTS} events", "ms of CPU")
    for orders, seconds in batches.items():
        shown.add_row(f"of {orders} orders", f"{seconds * 1000:.0f}")
    return shown


def _invocations_table(invocations: dict[str, Compared]) -> Table:
    shown = figures("invocation, ms of CPU", "service", "its SDK calls", "added", "$ a million")
    for name, invocation in invocations.items():
        dollars = dollars_per_million(invocation.added)
        shown.add_row(
            name,
            f"{invocation.own * 1000:.2f}",
            f"{invocation.bare * 1000:.2f}",
            f"{invocation.added * 1000:.2f}",
            f"{dollars:.3f}",
        )
    return shown
