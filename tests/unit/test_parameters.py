"""The template's parameters: what must be a whole number is refused if it is none, before anything is deployed."""

import re

import pytest

from sagactl.design.template import TEMPLATE

PARAMETERS = TEMPLATE["Parameters"]
WHOLE = ["ShippingCapacity", "DeadlineSeconds", "ApiBurstLimit", "JournalDays", "ArchiveDays"]
DECIMAL = ["PaymentLimit", "ApiRateLimit", "OldestOpenAlarmSeconds"]  # a price, a rate and a threshold


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", ["1.5", "1e3", "-1", "", " 1", "01", "ten"])
def test_what_is_no_whole_number_is_refused(name: str, value: str) -> None:
    pattern = PARAMETERS[name]["AllowedPattern"]
    assert not re.fullmatch(pattern, value)
    assert re.fullmatch(pattern, PARAMETERS[name]["Default"])


def test_all_other_numbers_may_have_decimals_or_are_chosen_from_a_list() -> None:
    numbers = {name for name, each in PARAMETERS.items() if each["Type"] == "Number" and "AllowedValues" not in each}
    assert numbers == {*DECIMAL}
