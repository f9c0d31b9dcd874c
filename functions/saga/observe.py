"""What a function shows of itself: lines of JSON on its standard output, which CloudWatch Logs keeps.

A line is a log record, or a metric in CloudWatch's embedded metric format: Powertools' lines, made in less time.
"""

import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from functools import cache
from typing import Literal

from msgspec import Raw

from saga.events import to_json

type Level = Literal["INFO", "WARN", "ERROR"]

_LEVELS = ("INFO", "WARN", "ERROR")
_LEAST = os.environ.get("LOG_LEVEL")
_KEPT = _LEVELS[_LEVELS.index(_LEAST) if _LEAST in _LEVELS else 0 :]
_SERVICE = os.environ.get("SERVICE_NAME")

logging.getLogger("botocore").setLevel(logging.WARNING)  # Lambda's JSON logs would keep its chatter


def log(level: Level, message: str, **fields: object) -> None:
    """Writes a record, unless the function keeps only more severe ones. What JSON can't hold becomes text."""
    if level in _KEPT:
        _write({"level": level, "message": message, "timestamp": datetime.now(UTC), "service": _SERVICE, **fields})


def count(name: str, value: float = 1, unit: str = "Count") -> None:
    """Writes the metric at once, so that a crash afterwards can't take it along."""
    header = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": _metrics(name, unit)}
    _write({"_aws": header, "service": _SERVICE, name: value})


@cache
def _metrics(name: str, unit: str) -> Raw:
    metric = {"Name": name, "Unit": unit}
    return Raw(to_json([{"Namespace": "Saga", "Dimensions": [["service"]], "Metrics": [metric]}]))


def _write(line: dict[str, object]) -> None:
    try:
        text = to_json(line).decode()
    except UnicodeEncodeError:  # a lone surrogate, which comes in as an escape
        text = json.dumps(line, default=lambda value: json.loads(to_json(value)))
    sys.stdout.write(f"{text}\n")  # in one piece: what follows may be a crash
