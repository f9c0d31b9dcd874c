"""The template's parameters, held to what it says of them. CloudFormation does that on AWS, LocalStack does not."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sagactl.design.template import TEMPLATE
from sagactl.errors import SagaError

_ANYTHING = "(?s).*"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def check_parameters(given: Mapping[str, str]) -> None:
    """Raises SagaError, which names every parameter that there is none of, and every value that is not allowed."""
    known = TEMPLATE["Parameters"]
    unknown = sorted(given.keys() - known.keys())
    refused = [
        f"{name} is {given[name]!r}: expected {allowed(known[name])}"
        for name in given
        if name in known and not is_allowed(known[name], given[name])
    ]
    if unknown:
        message = "; ".join([f"template.yaml has no parameter {', '.join(unknown)}", *refused])
        raise SagaError(message, f"Choose from {', '.join(known)}")
    if refused:
        raise SagaError("; ".join(refused), "Nothing was deployed")


def is_allowed(parameter: Mapping[str, Any], value: str) -> bool:
    """Returns whether CloudFormation takes the value for a parameter of the template."""
    if "AllowedValues" in parameter:
        return value in map(str, parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        least = str(parameter.get("MinValue", "-Infinity"))
        return bool(_NUMBER.fullmatch(value)) and Decimal(value) >= Decimal(least)
    return bool(re.fullmatch(parameter.get("AllowedPattern", _ANYTHING), value))


def allowed(parameter: Mapping[str, Any]) -> str:
    """Returns in words which values a parameter takes."""
    if "AllowedValues" in parameter:
        return f"one of {', '.join(map(str, parameter['AllowedValues']))}"
    if parameter["Type"] == "Number":
        return f"a number, {parameter['MinValue']} or more" if "MinValue" in parameter else "a number"
    return str(parameter.get("ConstraintDescription", f"what matches {parameter.get('AllowedPattern', _ANYTHING)}"))
