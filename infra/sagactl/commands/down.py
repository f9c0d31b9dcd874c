"""`saga down`: stop LocalStack."""

from typing import Annotated

import typer

from sagactl.commands.options import Json
from sagactl.local import localstack
from sagactl.terminal import result

StartedPort = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Only the LocalStack at this port.")]


def down(port: StartedPort = None, as_json: Json = False) -> None:
    """Stop every LocalStack that saga up started, or the one at the port, with all that it runs.

    A LocalStack started otherwise, with Docker for instance, is left alone.
    """
    candidates = [port] if port else localstack.started_ports()
    ports = [number for number in candidates if localstack.stop(number)]
    places = ", ".join(str(port) for port in ports)
    sentence = f"Stopped LocalStack at port {places}." if ports else "No LocalStack of ours was running."
    result({"stopped": ports}, sentence, as_json=as_json)
