"""What a function shows of itself: lines that CloudWatch reads, whatever is in them."""

import json
import runpy
from typing import Any

import pytest
from deployment import TEMPLATE
from given import ORDER_ID, Counted, Logged

from saga import observe
from saga.events import Timestamp
from saga.observe import count, log

LEVELS = TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"]


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "_SERVICE", "payment")


def test_a_record_is_one_line_of_json(logged: Logged) -> None:
    log("WARN", "two\nlines, é", orderId=ORDER_ID, problems=["a", "b"])
    (line,) = map(json.loads, logged())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "WARN",
        "message": "two\nlines, é",
        "service": "payment",
        "orderId": str(ORDER_ID),
        "problems": ["a", "b"],
    }


def test_a_record_holds_what_json_knows_only_by_escapes(logged: Logged) -> None:
    log("ERROR", "KeyError: \ud800", orderId=ORDER_ID)
    (line,) = map(json.loads, logged())
    assert (line["message"], line["orderId"]) == ("KeyError: \ud800", str(ORDER_ID))
    assert Timestamp.parse(line["timestamp"])
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("least", [*LEVELS, "whatever"])
def test_only_what_is_severe_enough_is_kept(monkeypatch: pytest.MonkeyPatch, logged: Logged, least: str) -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    (name,) = (name for name, value in variables.items() if value == {"Ref": "LogLevel"})
    monkeypatch.setenv(name, least)
    anew: Any = runpy.run_path(observe.__file__)
    for level in LEVELS:
        anew["log"](level, "said")
    kept = LEVELS[LEVELS.index(least) :] if least in LEVELS else LEVELS
    assert [json.loads(line)["level"] for line in logged()] == kept


def test_a_metric_is_in_cloudwatchs_embedded_format(capsys: pytest.CaptureFixture[str]) -> None:
    count("OldestOpenSeconds", 1.5, "Seconds")
    line = json.loads(capsys.readouterr().out)
    assert isinstance(line["_aws"].pop("Timestamp"), int)
    metric = {"Name": "OldestOpenSeconds", "Unit": "Seconds"}
    definition = {"Namespace": "Saga", "Dimensions": [["service"]], "Metrics": [metric]}
    assert line == {"_aws": {"CloudWatchMetrics": [definition]}, "service": "payment", "OldestOpenSeconds": 1.5}


def test_metrics_are_written_whatever_level_is_kept(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    monkeypatch.setattr(observe, "_KEPT", ("ERROR",))
    count("Loops")
    assert counted() == {"Loops": 1}
