"""Tasks that fail, for the crash points."""

import os
from importlib import import_module
from typing import Any


def dies_after_its_act(event: dict[str, Any], context: object) -> None:
    import_module("payment").handler(event, context)
    os._exit(1)


def is_down(_event: dict[str, Any], _context: object) -> None:
    raise ConnectionError("inventory is down")
