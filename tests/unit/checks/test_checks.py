"""What rots a choreography, done to a copy of the project: the checks say so once, in words, with what to write."""

from pathlib import Path
from typing import Any

import pytest
from support.copies import Copy

from sagactl.checks import compatibility, event_patterns, roles, rules
from sagactl.design import template
from sagactl.design.template import Rule
from sagactl.paths import PROJECT


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_all_is_well(copy: Copy) -> None:
    assert copy.check() == (0, "")


def test_a_reaction_that_closes_a_loop(copy: Copy) -> None:
    path = "functions/inventory/reactions.py"
    copy.replace(path, "import OrderCreated, PaymentFail", "import OrderCreated, PaymentCancel, PaymentFail")
    copy.replace(path, 'type[StockRelease]]:\n    """Gives', 'type[StockRelease | StockFailed]]:\n    """Gives')
    copy.replace(path, "event: PaymentFail | ShipmentFail", "event: PaymentCancel | PaymentFail | ShipmentFail")
    status, message = copy.check()
    assert status == 1
    assert (
        message
        == """\
PaymentCancel leads back to itself. Have one of these reactions hear or tell something else:
    PaymentCancel -> StockFailed: release in functions/inventory/reactions.py
    StockFailed -> PaymentCancel: cancel in functions/payment/reactions.py
"""
    )


def test_nothing_is_derived_from_a_loop(copy: Copy) -> None:
    copy.replace("functions/payment/reactions.py", "event: StockFailed |", "event: PaymentCancel | StockFailed |")
    ran = copy.run("-m", "sagactl.design.derived_files")
    assert (ran.returncode, ran.stderr) == (1, "An event leads back to itself. Find out which one: make check.\n")


def test_a_rule_that_hears_what_no_code_handles(copy: Copy) -> None:
    line = "  detail-type: [OrderExpired, OrderCancelled]"
    copy.replace("template.yaml", line, "  detail-type: [OrderCreated, OrderExpired, OrderCancelled]")
    status, message = copy.check()
    assert status == 1
    assert message.startswith("""\
The rules of ShippingFunction don't match what shipping.app hears
    too much: OrderCreated from saga.order
  Write it again:
    make derive
""")


def test_a_grant_for_an_event_that_is_not_told(copy: Copy) -> None:
    line = "events:detail-type: [OrderExpired]"
    copy.replace("template.yaml", line, "events:detail-type: [OrderExpired, OrderFailed]")
    status, message = copy.check()
    assert status == 1
    assert (
        message
        == """\
OrderWatchdogRole doesn't allow exactly what order.watchdog tells
    too much: OrderFailed from saga.order
  Write it again:
    make derive
"""
    )


def test_a_renamed_field(copy: Copy) -> None:
    field = 'refunded: AmountOrZero = field(name="amount")'
    copy.replace("functions/contracts/events.py", field, "refunded: AmountOrZero")
    status, message = copy.check()
    assert status == 1
    assert (
        message
        == """\
PaymentCancel is not what was released:
    - amount is gone: a reader that uses it finds nothing
    - refunded is newly required: events told before lack it, and are refused
  docs/evolving-events.md says how to change an event so that nobody breaks. If every service that tells or hears it has
  been changed already, accept it as it is:
    make baseline
"""
    )


# -- more of the same in the code, each by the beginning of its message

PAYMENT, ORDER = "functions/payment/reactions.py", "functions/order/reactions.py"
# fmt: off
CODE = {
    "a compensation that a failure does not lead to": (
        PAYMENT, "event: StockFailed | ShipmentFail", "event: ShipmentFail",
        "StockFailed may come after PaymentOK, and nothing undoes that: no PaymentCancel follows.",
    ),
    "an event that nobody hears": (
        ORDER, "event: StockFailed | StockRelease", "event: StockFailed",
        "StockRelease is heard by no service. If it is for listeners outside, say so in",
    ),
    "an end that is not reached": (
        ORDER, 'status="COMPLETED", open_shard=None', 'status="PENDING", open_shard=None',
        "ShipmentOK leads to no end: its order stays open.",
    ),
    "an event that says what its teller does not keep": (
        "functions/contracts/events.py", 'class PaymentOK(Event, frozen=True):\n    source = "saga.payment"\n',
        'class PaymentOK(Event, frozen=True):\n    source = "saga.payment"\n    balance: int\n    card: str\n',
        "PaymentOK has balance and card, and Payment, the state that it is told from, has not. Give the state what",
    ),
    "an event under another service's source": (
        "functions/contracts/events.py", 'class PaymentOK(Event, frozen=True):\n    source = "saga.payment"',
        'class PaymentOK(Event, frozen=True):\n    source = "saga.order"',
        "PaymentOK is told by payment, and its source in functions/contracts/events.py is 'saga.order'.",
    ),
    "an event that nobody tells": (
        PAYMENT, "type[PaymentOK | PaymentFail | PaymentCancel]", "type[PaymentOK | PaymentCancel]",
        "PaymentFail is told by nobody. Have a reaction of payment tell it, or delete the event.",
    ),
    "an event that two services tell": (
        PAYMENT, "type[PaymentOK | PaymentFail | PaymentCancel]",
        "type[PaymentOK | PaymentFail | PaymentCancel | StockFailed]",
        "StockFailed is told by payment and inventory. Only one service tells an event: leave it to inventory, and",
    ),
    "a reaction that no handler imports": (
        "functions/order/app.py", "    fail,\n", "",
        "fail in functions/order/reactions.py is imported by no handler",
    ),
    "a service that imports another": (
        "functions/payment/app.py", "import os\n", "import os\nimport shipping.reactions\n",
        "An import is not allowed:\n",
    ),
    "a reaction that asks the environment": (
        PAYMENT, "from decimal import Decimal\n", "import os\nfrom decimal import Decimal\n",
        "An import is not allowed:\n",
    ),
    "a kernel that knows an event": (
        "functions/saga/bus.py", "import itertools\n", "import itertools\nimport contracts.events\n",
        "An import is not allowed:\n",
    ),
    "a floor that imports a higher one": (
        "infra/sagactl/paths.py", "from pathlib import Path\n", "from pathlib import Path\nimport sagactl.errors\n",
        "An import is not allowed:\n",
    ),
    "a generated file that is not written again": (
        "events/asyncapi.json", '"asyncapi": "3.0.0"', '"asyncapi": "3.1.0"',
        "Not what the event types and signatures say: events/asyncapi.json. Write them again:\n    make derive",
    ),
}
# fmt: on


@pytest.mark.parametrize(("path", "old", "new", "message"), CODE.values(), ids=CODE)
def test_a_change_of_the_code(copy: Copy, path: str, old: str, new: str, message: str) -> None:
    copy.replace(path, old, new)
    status, said = copy.check()
    assert (status, said[: len(message)]) == (1, message)


# -- and in the template

# fmt: off
TEMPLATES = {
    "a source that may tell another's event": (
        "events:source: saga.payment", "events:source: [saga.payment, saga.order]",
        "PaymentRole doesn't allow exactly what payment.app tells\n    too much: PaymentCancel from",
    ),
    "lists that match in every combination": (
        "- source: [saga.inventory]\n                  detail-type: [StockFailed]\n",
        "- source: [saga.inventory, saga.shipping]\n                  detail-type: [StockFailed]\n",
        "The rules of PaymentFunction don't match what payment.app hears\n    too much: StockFailed from",
    ),
    "a rule that hears too little": (
        "detail-type: [StockReserved]\n", "detail-type: [StockReserve]\n",
        "The rules of ShippingFunction don't match what shipping.app hears\n    missing: StockReserved from ",
    ),
    "a stray that would vanish": (
        "[anything-but: saga.shipping]", "[anything-but: [saga.shipping, elsewhere]]",
        "The rule for strays doesn't match what no service may tell\n    missing: ShipmentFail from elsewhere,",
    ),
    "a filter on a field": (
        "                  detail-type: [OrderExpired, OrderCancelled]\n",
        "                  detail-type: [OrderExpired, OrderCancelled]\n                  detail: {a: [1]}\n",
        "ShippingFunction.Hears goes by more than source and detail-type",
    ),
    "a journal that misses events": (
        "EventPattern:\n        source: [prefix: saga.]\n      Targets",
        "EventPattern:\n        source: [prefix: saga.o]\n      Targets",
        "JournalFunction should hear every event by JournalQueue\n    missing: StockFailed from saga.inventory",
    ),
    "an archive of some events": (
        "EventPattern:\n        source: [prefix: saga.]\n      RetentionDays",
        "EventPattern:\n        source: [saga.order]\n      RetentionDays",
        "BusArchive should keep every event of the bus",
    ),
    "an archive for ever": (
        "      RetentionDays: !Ref ArchiveDays\n", "", "BusArchive should keep events for as long as is wished",
    ),
    "a rule that is turned off": (
        "RuleName: !Sub ${AWS::StackName}-payment", "State: DISABLED",
        "PaymentFunction.Hears has State, but functions hear events whole",
    ),
    "a table that another service owns": (
        "Resource: !GetAtt PaymentTable.Arn", "Resource: [!GetAtt PaymentTable.Arn, !GetAtt OrderTable.Arn]",
        "PaymentRole grants ${OrderTable.Arn}, which no variable of PaymentFunction names.",
    ),
    "a condition that matches more": (
        "StringEquals:\n                    events:source: saga.payment",
        "StringLike:\n                    events:source: saga.payment",
        "PaymentRole has a condition StringLike.",
    ),
    "a wildcard": (
        "Resource: !Sub ${OrderTable.Arn}/index/due", "Resource: !Sub ${OrderTable.Arn}/index/*",
        "OrderWatchdogRole allows Resource ${OrderTable.Arn}/index/*.",
    ),
    "a queue that another rule may send to": (
        "rule/${BusName}/${AWS::StackName}-strays", "rule/${BusName}/${AWS::StackName}-mine",
        "DeadLetterQueuePolicy must let the rules that send to ${DeadLetterQueue.Arn} do so, and nobody else\n    miss",
    ),
    "an API for everybody": (
        "DefaultAuthorizer: AWS_IAM", "DefaultAuthorizer: NONE", "Api lets everybody call it:",
    ),
    "logs of another function": (
        "Resource: !GetAtt ShippingLogs.Arn", "Resource: !GetAtt OrderLogs.Arn",
        "ShippingRole lacks what Lambda needs for ShippingFunction:\n    - Effect: Allow\n      Action: logs:Create",
    ),
    "a role that API Gateway does not take": (
        "policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs", "policy/Nothing",
        "ApiLogsAccountRole should have the managed policy",
    ),
    "a role for two": (
        "Role: !GetAtt ShippingRole.Arn", "Role: !GetAtt PaymentRole.Arn",
        "PaymentRole doesn't allow exactly what shipping.app tells",
    ),
}
# fmt: on


@pytest.mark.parametrize(("old", "new", "message"), TEMPLATES.values(), ids=TEMPLATES)
def test_a_change_of_the_template(old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_template(monkeypatch, {old: new})
    problems = [*rules.problems()] or [*roles.problems()]
    assert problems[0][: len(message)] == message


def change_template(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]) -> None:
    text = (PROJECT / "template.yaml").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)  # a new service may have the same lines, further down
    monkeypatch.setattr(template, "TEXT", text)
    monkeypatch.setattr(template, "TEMPLATE", template.parsed(text))


TELLS = "              # derived: what payment tells\n"
FACTS = "events:detail-type: [PaymentOK, PaymentFail, PaymentCancel]\n"
END = f"{FACTS}              # end derived\n"
ANOTHER = "              - {Effect: Allow, Action: events:PutEvents, Resource: !GetAtt Bus.Arn}\n"
REMEDIES = {
    # what is changed, each once, and what to do about it
    "in the section": ({FACTS: "events:detail-type: [PaymentOK]\n"}, "  Write it again:\n    make derive"),
    "without the section": (
        {TELLS: "", END: "events:detail-type: [PaymentOK]\n"},
        f"    {TELLS.strip()}\n    # end derived",
    ),
    "beside the section": ({TELLS: ANOTHER + TELLS}, "Delete what else in template.yaml says otherwise."),
}


@pytest.mark.parametrize(("changes", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_what_to_do_about_it(changes: dict[str, str], remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_template(monkeypatch, changes)
    [problem] = roles.problems()
    assert problem.startswith("PaymentRole doesn't allow exactly what payment.app tells\n")
    assert problem.endswith(remedy)


def test_a_function_that_loses_what_it_cannot_handle() -> None:
    [function] = (function for function in template.functions() if function.name == "PaymentFunction")
    [problem] = rules.failing(function._replace(properties=function.properties | {"EventInvokeConfig": {}}))
    assert problem == f"PaymentFunction loses what it can't handle:\n{rules.ON_FAILURE}"


# -- changes of an event

# fmt: off
SCHEMAS: dict[str, tuple[Any, Any, list[str]]] = {
    # what: a field before and now, and what is said of it
    "the same": ({"type": "string"}, {"type": "string", "description": "in other words"}, []),
    "a lower maximum": ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 8},
                        ["a has maximum 8, no longer 9: events told before are refused"]),
    "a higher maximum": ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 10},
                         ["a has maximum 10, no longer 9: its readers refuse what the old one excludes"]),
    "a higher minimum": ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1},
                         ["a has minimum 1, no longer 0: events told before are refused"]),
    "a new bound": ({"type": "string"}, {"type": "string", "maxLength": 5},
                    ["a has maxLength 5, no longer none: events told before are refused"]),
    "no bound": ({"type": "string", "maxLength": 5}, {"type": "string"},
                 ["a has maxLength none, no longer 5: its readers refuse what the old one excludes"]),
    "one value less": ({"enum": ["x", "y"]}, {"enum": ["x"]}, ["a can no longer be y: events told before are refused"]),
    "one value more": ({"enum": ["x"]}, {"enum": ["x", "y"]}, ["a can also be y: its readers refuse that"]),
    "null, too": ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]},
                  ["a can also be null: its readers refuse that"]),
    "another type": ({"type": "string"}, {"type": "integer"},
                     ["a can no longer be string: events told before are refused",
                      "a can also be integer: its readers refuse that"]),
    "another pattern": ({"type": "string", "pattern": "x"}, {"type": "string", "pattern": "y"},
                        ["a has pattern y, no longer x: readers and events of before may go by the old one"]),
    "inside": ({"type": "object", "properties": {"b": {"type": "string"}}, "required": []},
               {"type": "object", "properties": {}, "required": []},
               ["a.b is gone: a reader that uses it finds nothing"]),
}
# fmt: on


@pytest.mark.parametrize(("before", "now", "said"), SCHEMAS.values(), ids=SCHEMAS)
def test_a_change_of_a_field(before: Any, now: Any, said: list[str]) -> None:
    assert list(compatibility.changes(event({"a": before}, ["a"]), event({"a": now}, ["a"]))) == said


def test_a_change_of_an_event() -> None:
    before = event({"a": {"type": "string"}}, ["a"])
    assert list(compatibility.changes(before, before)) == []
    assert list(compatibility.changes(before, event({"a": {"type": "string"}}, []))) == [
        "a may be missing: a reader that relies on it fails"
    ]
    assert list(compatibility.changes(before, before | {"source": "saga.b"})) == [
        "its source is saga.b, no longer saga.a: rules and readers go by that"
    ]
    assert list(compatibility.changes(before, None)) == ["it is gone: its readers hear nothing any more"]


def event(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"source": "saga.a", "detail": {"type": "object", "properties": properties, "required": required}}


def test_an_optional_field_may_be_added(copy: Copy) -> None:
    copy.replace(
        "functions/contracts/events.py",
        'source = "saga.shipping"\n    reason: Reason',
        'source = "saga.shipping"\n    reason: Reason\n    carrier: Reason | None = None',
    )
    field = "    paid: bool = False\n"
    copy.replace("functions/shipping/reactions.py", field, f"{field}    carrier: str | None = None\n")
    _, message = copy.check()
    assert message.startswith("Not what the event types and signatures say: events/asyncapi.json")


# -- each rule loses what makes it safe


@pytest.mark.parametrize(
    ("rule", "key"),
    [(rule, key) for rule in template.rules() for key in ("RetryPolicy", "DeadLetterConfig") if key in rule.target],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_target_without_is_refused(rule: Rule, key: str) -> None:
    target = {name: value for name, value in rule.target.items() if name != key}
    [problem] = rules.targets(rule._replace(target=target))
    message = {"RetryPolicy": "retries without bounds", "DeadLetterConfig": "needs a dead-letter queue"}
    assert problem.startswith(f"{rule.name} {message[key]}")


def test_only_the_dead_letters_need_no_others() -> None:
    assert [rule.name for rule in template.rules() if "DeadLetterConfig" not in rule.target] == ["StraysRule"]


def test_the_lines_to_paste_are_those_of_the_template() -> None:
    lines = [line.strip() for line in (PROJECT / "template.yaml").read_text().splitlines()]
    for pasted in (rules.RETRY, rules.DEAD_LETTERS, rules.ON_FAILURE):
        assert pasted.strip() in lines


# -- patterns

PATTERNS = [
    ({"source": ["saga.order"]}, {"saga.order": True, "saga.payment": False}),
    ({"source": [{"prefix": "saga."}]}, {"saga.order": True, "elsewhere": False}),
    ({"source": [{"anything-but": "saga.order"}]}, {"saga.order": False, "saga.payment": True}),
    ({"source": [{"anything-but": ["saga.order", "a"]}]}, {"saga.order": False, "a": False, "b": True}),
    ({"$or": [{"source": ["a"]}, {"source": ["b"]}]}, {"a": True, "b": True, "c": False}),
    ({"source": ["a"], "$or": [{"source": ["a"]}, {"source": ["b"]}]}, {"a": True, "b": False}),
]


@pytest.mark.parametrize(("pattern", "sources"), PATTERNS)
def test_a_pattern_matches(pattern: dict[str, object], sources: dict[str, bool]) -> None:
    assert {source: event_patterns.matches(pattern, {"source": source}) for source in sources} == sources


def test_an_or_of_one_is_no_or() -> None:
    with pytest.raises(event_patterns.Unknown, match="or"):
        event_patterns.matches({"$or": [{"source": ["a"]}]}, {"source": "a"})


UNKNOWN = [
    {"numeric": [">", 1]},
    {"wildcard": "*"},
    {"suffix": "a"},
    {"prefix": "a", "suffix": "b"},
    {"anything-but": {"prefix": "a"}},
    {"anything-but": ["a", 1]},
    1,
]


@pytest.mark.parametrize("wanted", UNKNOWN, ids=str)
def test_a_pattern_that_is_not_understood_is_no_match(wanted: object) -> None:
    with pytest.raises(event_patterns.Unknown):
        event_patterns.matches({"source": [wanted]}, {"source": "a"})
