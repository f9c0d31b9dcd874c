"""What a function shows of itself: lines that CloudWatch reads, whatever is in them."""

import json

import pytest
from given import ORDER_ID, Counted, Logged

from saga import observe
from saga.observe import count, log


def test_a_record_is_one_line_of_json(logged: Logged) -> None:
    log("WARN", "two\nlines, é", orderId=ORDER_ID, problems=["a", "b"])
    (line,) = map(json.loads, logged())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "WARN",
        "message": "two\nlines, é",
        "service": None,
        "orderId": str(ORDER_ID),
        "problems": ["a", "b"],
    }


def test_a_record_holds_what_json_knows_only_by_escapes(logged: Logged) -> None:
    log("ERROR", "KeyError: \ud800", orderId=ORDER_ID)
    (line,) = map(json.loads, logged())
    assert (line["message"], line["orderId"]) == ("KeyError: \ud800", str(ORDER_ID))


def test_only_what_is_severe_enough_is_kept(monkeypatch: pytest.MonkeyPatch, logged: Logged) -> None:
    monkeypatch.setattr(observe, "_KEPT", ("WARN", "ERROR"))
    for level in ("INFO", "WARN", "ERROR"):
        log(level, "said")
    assert [json.loads(line)["level"] for line in logged()] == ["WARN", "ERROR"]


def test_a_metric_is_in_cloudwatchs_embedded_format(capsys: pytest.CaptureFixture[str]) -> None:
    count("OldestOpenSeconds", 1.5, "Seconds")
    line = json.loads(capsys.readouterr().out)
    assert isinstance(line["_aws"].pop("Timestamp"), int)
    metric = {"Name": "OldestOpenSeconds", "Unit": "Seconds"}
    definition = {"Namespace": "Saga", "Dimensions": [["service"]], "Metrics": [metric]}
    assert line == {"_aws": {"CloudWatchMetrics": [definition]}, "service": None, "OldestOpenSeconds": 1.5}


def test_metrics_are_written_whatever_level_is_kept(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    monkeypatch.setattr(observe, "_KEPT", ("ERROR",))
    count("Loops")
    assert counted() == {"Loops": 1}
