"""`saga doctor`: what is needed, and what of it is missing."""

from dataclasses import asdict

import typer
from rich.text import Text

from sagactl.commands.options import Json, Port
from sagactl.local import machine
from sagactl.stack.aws import target
from sagactl.terminal import plain, result, table


def doctor(port: Port = None, as_json: Json = False) -> None:
    """Say what this machine has of what is needed, and what is missing.

    Exits with 1 if something is, and says what to do about each.
    """
    findings = machine.findings(target(port=port).port)
    shown = table("needed", "found", "what to do")
    for finding in findings:
        style = "red" if finding.remedy else "green"
        shown.add_row(finding.name, Text(plain(finding.found), style), finding.remedy)
    result([asdict(finding) for finding in findings], shown, as_json=as_json)
    if any(finding.remedy for finding in findings):
        raise typer.Exit(1)
