"""`saga down`: stop LocalStack."""

from typing import Annotated

import typer

from sagactl.commands.options import Json
from sagactl.local import localstack
from sagactl.terminal import result

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="LocalStack's port. Default: every port.")]


def down(port: Port = None, as_json: Json = False) -> None:
    """Stop LocalStack and all that it runs.

    Only a LocalStack that saga up started is stopped, not one in Docker.
    """
    candidates = [port] if port else localstack.started_ports()
    ports = [number for number in candidates if localstack.stop(number)]
    places = ", ".join(map(str, ports))
    sentence = f"Stopped LocalStack at port {places}." if ports else "No LocalStack started by saga up was running."
    result({"stopped": ports}, sentence, as_json=as_json)
