"""What a function shows of itself: lines that CloudWatch reads, whatever is in them."""

import json
import logging
import re
import subprocess
import sys
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from support.given import ORDER_ID
from support.output import Logged

from saga.event import Timestamp
from saga.observe import count, logger
from sagactl.design.template import TEMPLATE
from sagactl.paths import PROJECT

LEVELS = TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"]
SHARED = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
NAMESPACE = {"POWERTOOLS_METRICS_NAMESPACE": "saga"}  # the stack's name
SAYS = "from saga.observe import count, logger; count('Loops'); [getattr(logger, each)('said') for each in {}]"


def lines_of(**settings: str) -> list[dict[str, Any]]:
    """What a function with these variables writes when it counts, and logs once on each level."""
    shared = {name: value for name, value in SHARED.items() if isinstance(value, str)} | NAMESPACE
    code = SAYS.format([{"WARN": "warning"}.get(level, level.lower()) for level in LEVELS])
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT / "functions", env=shared | settings, capture_output=True, check=True
    )
    return [json.loads(line) for line in process.stdout.splitlines()]


def test_a_record_is_one_line_of_json(logged: Logged) -> None:
    logger.warning("two\nlines, é", problems=["a", "b"])
    (line,) = map(json.loads, logged())
    assert Timestamp.parse(line["timestamp"])
    assert (line["level"], line["message"], line["problems"]) == ("WARNING", "two\nlines, é", ["a", "b"])


@pytest.mark.usefixtures("far_from_utc")
def test_a_line_has_its_time_in_utc(logged: Logged) -> None:
    logger.warning("said")
    (line,) = map(json.loads, logged())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["timestamp"])


def test_an_error_is_logged_once_and_any_value_as_text(logged: Logged) -> None:
    try:
        raise KeyError("name")
    except KeyError:
        logger.exception("failed", orderId=ORDER_ID)
    (line,) = map(json.loads, logged())
    assert line["exception"].endswith("KeyError: 'name'")
    assert "stack_trace" not in line
    assert line["orderId"] == str(ORDER_ID)


def test_what_the_sdk_says_of_itself_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda sets the root logger's level."""
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    enabled = {name: logging.getLogger(name).isEnabledFor(logging.INFO) for name in ("botocore.httpsession", "other")}
    assert enabled == {"botocore.httpsession": False, "other": True}


def test_a_record_may_hold_what_is_not_unicode(logged: Logged) -> None:
    logger.error("KeyError: \ud800")
    (line,) = map(json.loads, logged())
    assert line["message"] == "KeyError: \ud800"


@pytest.mark.parametrize("least", LEVELS)
def test_the_log_level_drops_records_and_no_metrics(least: str) -> None:
    (name,) = (name for name, value in SHARED.items() if value == {"Ref": "LogLevel"})
    metric, *records = lines_of(**{name: least, "POWERTOOLS_SERVICE_NAME": "payment"})
    assert "_aws" in metric
    kept = LEVELS[LEVELS.index(least) :]
    assert [record["level"].removesuffix("ING") for record in records] == kept
    assert {record["service"] for record in records} == {"payment"}


def test_a_metric_is_in_cloudwatchs_embedded_format(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "payment")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "saga")
    count("OldestOpenSeconds", 1.5, MetricUnit.Seconds)
    line = json.loads(capsys.readouterr().out)
    assert isinstance(line["_aws"].pop("Timestamp"), int)
    metric = {"Name": "OldestOpenSeconds", "Unit": "Seconds"}
    definition = {"Namespace": "saga", "Dimensions": [["service"]], "Metrics": [metric]}
    assert line == {"_aws": {"CloudWatchMetrics": [definition]}, "service": "payment", "OldestOpenSeconds": [1.5]}
