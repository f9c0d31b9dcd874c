"""The `saga` command: which commands there are. Each is in a module of its name in `commands`."""

from typing import Annotated, ClassVar

import typer

from sagactl.commands.group import LazyGroup, Listed

_RUN = "Run the saga"
_LOOK = "See what happens"
_REPAIR = "Repair what failed"
_DESIGN = "Change the design"
_MEASURE = "Measure"
_TOOLS = "Use with curl, aws and sam"


class Commands(LazyGroup):
    package = "sagactl.commands"
    # The panels of `saga --help` are in this sequence, and in each panel its commands.
    listed: ClassVar = {
        "demo": Listed("Start, deploy, and run an order for each way a saga can go.", _RUN),
        "up": Listed("Start LocalStack, an AWS on this machine, without Docker.", _RUN),
        "deploy": Listed("Build the functions and deploy the stack, with the SAM CLI.", _RUN),
        "stock": Listed("List or set how many units of each product are available.", _RUN),
        "order": Listed("Place an order.", _RUN),
        "cancel": Listed("Cancel an order, unless it has been shipped.", _RUN),
        "down": Listed("Stop LocalStack and all that it runs.", _RUN),
        "orders": Listed("List the newest orders and their status.", _LOOK),
        "trace": Listed("Show what happened to an order, event by event, and why.", _LOOK),
        "logs": Listed("Print what the functions log, merged by time.", _LOOK),
        "export": Listed("Send closed orders to an OpenTelemetry backend, as traces.", _LOOK),
        "watch": Listed("Show the orders live on a web page.", _LOOK),
        "audit": Listed("Check every order against what always holds.", _REPAIR),
        "dlq": Listed("List, redrive or discard dead letters: the events that could not be handled.", _REPAIR),
        "replay": Listed("Put events of an order, or of a period, on the bus again.", _REPAIR),
        "expire": Listed("Ask shipping now about orders that are open past their deadline.", _REPAIR),
        "graph": Listed("Print which service hears and tells which event.", _DESIGN),
        "new": Listed("Write the files of a new service: its code, template and test.", _DESIGN),
        "bench": Listed("Measure what a saga costs and how fast it is.", _MEASURE),
        "load": Listed("Place many orders at a steady rate, and check them all.", _MEASURE),
        "doctor": Listed("Say what this machine has of what is needed, and what is missing.", _TOOLS),
        "url": Listed("Print the address of the API.", _TOOLS),
        "event": Listed("Print an event for aws events put-events.", _TOOLS),
        "env": Listed("Print the functions' settings for sam local invoke.", _TOOLS),
    }


app = typer.Typer(cls=Commands, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"saga {version('saga-choreography')}")
        raise typer.Exit


@app.callback()
def saga(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run the order saga on this machine or on AWS, and see what it does."""
