"""`saga deploy`: its parameters reach CloudFormation as they were given, or are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sagactl.cli import app
from sagactl.design.template import TEMPLATE
from sagactl.errors import SagaError
from sagactl.stack import aws, deploy
from sagactl.stack.aws import Target

HERE = "http://127.0.0.1:4599"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["deploy", *arguments])


def said(result: Result) -> str:
    return " ".join(result.stderr.replace("│", " ").split())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What sam is told; a stack is deployed whose limit is 5."""
    told: dict[str, Any] = {}

    def sam(_where: Target, arguments: list[str], *, options_from: int | None = None, **_: Any) -> None:
        if options_from is not None:
            with open(options_from, closefd=False) as options:
                arguments += json.load(options)
        [file] = [argument for argument in arguments if argument.startswith("file://")]
        told[arguments[0]] = json.loads(Path(file.removeprefix("file://")).read_text())

    for file in ("installed", "template.yaml", "venv/bin/sam"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.setattr(deploy, "SAM_VENV", tmp_path / "venv")
    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    monkeypatch.setattr(deploy, "STATE", tmp_path)
    monkeypatch.setattr(deploy, "sam", sam)
    monkeypatch.setattr(deploy, "local_bucket", lambda _: [])
    monkeypatch.setattr(deploy, "_load_services", lambda _: None)
    monkeypatch.setattr(deploy, "compile_bytecode", lambda: None)
    monkeypatch.setattr(deploy, "pack", lambda: None)
    monkeypatch.setattr(Target, "check", lambda _: None)
    stack = {"Outputs": [{"OutputKey": "ApiId", "OutputValue": "id"}, {"OutputKey": "ApiStage", "OutputValue": "v1"}]}
    parameters = deploy.template_defaults() | {"Architecture": deploy.architecture(), "PaymentLimit": "5"}
    stack["Parameters"] = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    monkeypatch.setattr(aws, "_stack", lambda *_: stack)
    return told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["PaymentLimi=5"], "template.yaml has no parameter PaymentLimi. Choose from PaymentLimit, "),
        (["PaymentLimit=5", "PaymentLimit=6"], "PaymentLimit is given twice"),
        (["PaymentLimit"], "'PaymentLimit' is not NAME=VALUE"),
        (
            ["DeadlineSeconds=nan"],
            "DeadlineSeconds is 'nan': expected a whole number, 1 or more. Nothing was deployed.",
        ),
        (["DeadlineSeconds="], "DeadlineSeconds is '': expected a whole number, 1 or more. Nothing was deployed."),
        (["DeadlineSeconds=\udcff"], r"DeadlineSeconds is '\udcff': expected a whole number"),
        (["PaymentLimit=0"], "PaymentLimit is '0': expected a number, 0.01 or more. Nothing was deployed."),
        (["PaymentLimit=1e400"], "PaymentLimit is '1e400': expected a number, 0.01 or more. Nothing was deployed."),
        (["LogLevel=DEBUG"], "LogLevel is 'DEBUG': expected one of INFO, WARN, ERROR. Nothing was deployed."),
        (["BusName=a b"], "BusName is 'a b': expected what matches [A-Za-z0-9._-]{1,256}. Nothing was deployed."),
        (
            ["BusNam=a", "LogLevel=a", "ArchiveDays=-1"],
            "no parameter BusNam; LogLevel is 'a': expected one of INFO, WARN, ERROR; ArchiveDays is '-1': expected a",
        ),
    ],
)
def test_a_parameter_that_would_not_hold_is_refused(told: dict[str, Any], arguments: list[str], why: str) -> None:
    options = [word for argument in arguments for word in ("--parameter", argument)]
    refused = run("--port", "4599", *options)
    assert refused.exit_code
    assert why in said(refused)
    assert not told


@pytest.mark.parametrize("name", ["a b", "a 'b\" c", "x=y", " a ", "a\\", "é", "#a: [b]"])
def test_a_value_reaches_sam_whole(told: dict[str, Any], name: str) -> None:
    value = f"arn:aws:sns:eu-central-1:123456789012:{name}"
    assert run("--port", "4599", "--parameter", f"AlarmTopicArn={value}").exit_code == 0
    assert told["build"]["AlarmTopicArn"] == told["deploy"]["AlarmTopicArn"] == f'"{value}"'  # sam takes these off


def test_a_value_that_stays_of_an_earlier_deployment_is_named(told: dict[str, Any]) -> None:
    done = run("--port", "4599", "--json")
    assert json.loads(done.stdout)["kept"] == {"PaymentLimit": "5"}
    assert "Kept from an earlier deployment: PaymentLimit=5." in said(done)
    assert "PaymentLimit" not in told["deploy"]
    assert json.loads(run("--port", "4599", "--json", "--parameter", "PaymentLimit=5").stdout)["kept"] == {}


@pytest.mark.parametrize(
    ("is_there", "given", "bus"),
    [(False, {}, '"saga-two"'), (False, {"BusName": "mine"}, '"mine"'), (True, {}, None)],
)
def test_a_second_stack_has_a_bus_of_its_own_and_keeps_it(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch, is_there: bool, given: dict[str, str], bus: str | None
) -> None:
    monkeypatch.setattr(deploy, "is_deployed", lambda _: is_there)
    deploy.deploy(Target(HERE, "saga-two"), given)
    assert told["deploy"].get("BusName") == bus


def test_a_demo_has_every_parameter_at_its_default(told: dict[str, Any]) -> None:
    deploy.deploy(Target(HERE), {}, reset=True)
    assert told["deploy"]["PaymentLimit"] == '"10000"'
    assert told["deploy"].keys() == TEMPLATE["Parameters"].keys()


@pytest.mark.parametrize(
    ("status", "endpoint", "remedy"),
    [
        ("CREATE_IN_PROGRESS", HERE, "Wait until it is deployed."),
        ("ROLLBACK_COMPLETE", HERE, "Start anew: saga down, saga up, saga deploy."),
        ("ROLLBACK_COMPLETE", None, "Delete it, then deploy again: aws cloudformation delete-stack --stack-name saga."),
        ("UPDATE_ROLLBACK_COMPLETE", None, "Deploy again to see why: saga deploy."),
    ],
)
def test_a_stack_that_failed_has_its_own_remedy(
    monkeypatch: pytest.MonkeyPatch, status: str, endpoint: str | None, remedy: str
) -> None:
    monkeypatch.setattr(aws, "_stack", lambda *_: {"StackStatus": status})
    with pytest.raises(SagaError) as raised:
        aws.stack_outputs(Target(endpoint))
    assert str(raised.value) == f"The stack named saga is {status}. {remedy}"
