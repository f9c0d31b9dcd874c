"""The template's parameters: what must be a whole number is refused if it is none, before anything is deployed."""

import json
from typing import Any

import pytest

from sagactl.design.template import TEMPLATE
from sagactl.stack.parameters import allowed, is_allowed

PARAMETERS = TEMPLATE["Parameters"]
WHOLE = ["ShippingCapacity", "DeadlineSeconds", "ApiBurstLimit", "JournalDays", "ArchiveDays"]
DECIMAL = ["PaymentLimit", "ApiRateLimit", "OldestOpenAlarmSeconds"]  # a price, a rate and a threshold


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", ["1.5", "1e3", "-1", "", " 1", "01", "ten"])
def test_what_is_no_whole_number_is_refused(name: str, value: str) -> None:
    assert not is_allowed(PARAMETERS[name], value)


def test_all_other_numbers_may_have_decimals_or_are_chosen_from_a_list() -> None:
    numbers = {name for name, each in PARAMETERS.items() if each["Type"] == "Number" and "AllowedValues" not in each}
    assert numbers == {*DECIMAL}


@pytest.mark.parametrize(
    ("parameter", "value", "is_taken"),
    [
        ({"Type": "Number"}, "-1.5", True),
        ({"Type": "Number"}, "ten", False),
        ({"Type": "Number", "MinValue": 0}, "-1", False),
        ({"Type": "String"}, "any\nthing", True),
        ({"Type": "String", "AllowedPattern": "[a-z]"}, "A", False),
    ],
)
def test_a_parameter_takes_what_the_template_does_not_rule_out(
    parameter: dict[str, Any], value: str, is_taken: bool
) -> None:
    assert is_allowed(parameter, value) == is_taken
    assert allowed(parameter)


TURNED_ON = [
    # condition            parameter         off       on
    ("KeepsOldOpenIndex", "OldOpenIndex",   "remove", "keep"),
    ("HasArchive",        "ArchiveDays",    "0",      "1"),
    ("HasAlarmTopic",     "AlarmTopicArn",  "",       "arn:aws:sns:eu-central-1:123456789012:alarms"),
    ("CreatesApiLogsRole", "ApiLogsRole",   "existing", "create"),
    ("HasBusLogs",        "BusLogLevel",    "OFF",    "ERROR"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "parameter", "off", "on"), TURNED_ON)
def test_a_parameter_turns_on_what_it_is_for(condition: str, parameter: str, off: str, on: str) -> None:
    assert not holds(TEMPLATE["Conditions"][condition], {parameter: off})
    assert holds(TEMPLATE["Conditions"][condition], {parameter: on})


def test_the_bus_logs_what_is_asked_for_and_no_event() -> None:
    wanted = {"Level": {"Ref": "BusLogLevel"}, "IncludeDetail": "NONE"}
    found = TEMPLATE["Resources"]["Bus"]["Properties"]["LogConfig"]
    assert found == {"If": ["HasBusLogs", wanted, {"Ref": "AWS::NoValue"}]}


def test_by_default_nothing_is_turned_on_that_only_some_want() -> None:
    defaults = {name: str(each["Default"]) for name, each in PARAMETERS.items()}
    turned_on = {name for name, condition in TEMPLATE["Conditions"].items() if holds(condition, defaults)}
    assert turned_on == {"CreatesApiLogsRole"}  # LocalStack, for one, has no archives


def holds(condition: Any, parameters: dict[str, str]) -> bool:
    """Evaluates a condition as CloudFormation does, to which each value is text."""
    match condition:
        case {"Not": [inner]}:
            return not holds(inner, parameters)
        case {"Equals": [{"Ref": name}, value]}:
            return parameters[name] == str(value)
        case _:
            raise AssertionError(condition)


def test_every_default_is_allowed() -> None:
    assert [name for name, each in PARAMETERS.items() if not is_allowed(each, str(each["Default"]))] == []


def test_every_parameter_is_used() -> None:
    elsewhere = json.dumps({name: section for name, section in TEMPLATE.items() if name != "Parameters"})
    unused = [name for name in PARAMETERS if f'"Ref": "{name}"' not in elsewhere]
    assert unused == []
