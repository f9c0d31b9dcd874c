"""The checks match the template's patterns as EventBridge does: LocalStack's is asked the same questions."""

import json
from typing import Any

import pytest

from sagactl.checks import event_patterns
from sagactl.checks.rules import EVERY
from sagactl.design import samples, template
from sagactl.stack.deployed_stack import Stack

SHIPPED = {"source": ["saga.shipping"], "detail-type": ["ShipmentOK"]}
RULES = [rule for rule in template.rules() if rule.pattern]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_checks_match_a_pattern_as_eventbridge_does(rule: template.Rule, stack: Stack) -> None:
    client = stack.client("events")
    pattern = rule.pattern or {}
    for source, name in EVERY:
        event = samples.envelope("OrderCreated") | {"source": source, "detail-type": name}
        answer = client.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))
        assert answer["Result"] == event_patterns.matches(pattern, {"source": source, "detail-type": name}), (
            source,
            name,
        )


@pytest.mark.parametrize(("pattern", "matches"), [(SHIPPED, True), ({"$or": [SHIPPED]}, False)])
def test_an_or_of_one_matches_nothing(pattern: dict[str, Any], matches: bool, stack: Stack) -> None:
    event = json.dumps(samples.envelope("ShipmentOK"))
    answer = stack.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=event)
    assert answer["Result"] == matches
