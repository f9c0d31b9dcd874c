"""Every value of template.yaml is changed in turn, and the checks or the tests of its alarms must notice.

The text is changed, as a person would change it; then it is read again. What is only for people to read is left alone.
"""

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import pytest
import yaml
from mutation.trial import CORES, Trial, passed, pretend, tests_pass

from sagactl.paths import PROJECT, STATE

PATH = PROJECT / "template.yaml"
CALLS = STATE / "mutation/calls.json"
FOR_PEOPLE = {"Description", "AlarmDescription", "ConstraintDescription", "Sid", "Id", "PolicyName"}
SECTIONS = {"Conditions", "Globals", "Resources"}  # besides the numbers that parameters have by default
NEEDED = {"AttributeDefinitions", "KeySchema", "Type"}  # cfn-lint refuses a resource that lacks any of it
# Which tests look at what, by a part of its path.
TESTS = {
    "": ["tests/unit/test_parameters.py"],
    "Parameters/": ["tests/unit/checks/test_alarms.py"],
    "Globals/Function": ["tests/unit/test_packaging.py"],
    "WatchdogFunction/": ["tests/unit/order/test_watchdog.py"],
    "Alarm/": ["tests/unit/checks/test_alarms.py"],
    "Function": ["tests/unit/saga/test_sdk.py", "tests/unit/order/test_http.py"],
    "JournalTable/": ["tests/unit/journal", "tests/service/test_journal.py"],
    "OrderTable/": ["tests/unit/order/test_app.py", "tests/contract/test_open_orders.py"],
    "PaymentTable/": ["tests/unit/payment/test_app.py"],
    "StockTable/": ["tests/unit/inventory/test_app.py"],
}
# These look for lines of the template to change, or take long.
LEFT_OUT = ["-k", "not would_not_work and not do_not_fit and not backlog"]
TIMES = 10
_DERIVED = re.compile(r"# derived: .*?# end derived", re.DOTALL)


type Change = tuple[int, int, str, str]  # the beginning and the end of what is replaced, its path, and by what


class Mutant(NamedTuple):
    """`path` leads to what is changed."""

    path: str
    change: str
    text: str

    @property
    def name(self) -> str:
        return f"template/{self.path}: {self.change}"


class _Loader(yaml.SafeLoader):
    """Has an alias as a value of its own, where it is written."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if not self.check_event(yaml.AliasEvent):
            return super().compose_node(parent, index)
        event: Any = self.get_event()  # type: ignore[no-untyped-call]  # it has no types
        return yaml.ScalarNode("alias", f"*{event.anchor}", event.start_mark, event.end_mark)


class Place(NamedTuple):
    """A value in the text, and how it is reached; `key` is the name that it has, or that its list has."""

    path: str
    key: str
    node: Any


def mutants(text: str) -> list[Mutant]:
    """Returns every change but those of what is derived from the code, and compared with it to the letter."""
    derived = [section.span() for section in _DERIVED.finditer(text)]
    found = []
    for start, end, path, after in _changes(text):
        is_derived = any(first < end and start < last for first, last in derived)
        if not is_derived and _is_meant(path, after):
            change = f"{text[start:end]} -> {after}" if after else "nothing"
            found.append(Mutant(path, change, text[:start] + after + text[end:]))
    return found


def _is_meant(path: str, after: str) -> bool:
    section, *names = path.split("/")
    if section == "Parameters":
        return names[1:] == ["Default"] and after.strip('"').isdecimal()
    if section not in SECTIONS or not names:
        return False
    return bool(after) or not (names[-1] == "Properties" or NEEDED & {*names})


def _changes(text: str) -> Iterator[Change]:
    root = yaml.compose(text, _Loader)
    places = list(_places(root, "", ""))
    others: dict[tuple[str, str], list[str]] = defaultdict(list)
    for place in places:
        if isinstance(place.node, yaml.ScalarNode):
            written = _written(text, place.node)
            if written not in others[place.key, place.node.tag]:
                others[place.key, place.node.tag].append(written)
    for place in places:
        if isinstance(place.node, yaml.ScalarNode):
            yield from _changed(text, place, others[place.key, place.node.tag])
        else:
            yield from _without_each(place)


def _places(node: Any, path: str, key: str) -> Iterator[Place]:
    yield Place(path, key, node)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value not in FOR_PEOPLE:
                yield from _places(value, f"{path}/{name.value}".lstrip("/"), name.value)
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _places(value, f"{path}/{_named(value, number)}", key)


def _named(node: Any, number: int) -> str:
    """Returns what tells an item of a list from the others, whatever is added before it."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in ("Sid", "Name", "Id", "IndexName", "AttributeName") and isinstance(value, yaml.ScalarNode):
                return str(value.value)
    return str(node.value) if isinstance(node, yaml.ScalarNode) else str(number)


def _written(text: str, node: Any) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _changed(text: str, place: Place, others: list[str]) -> Iterator[Change]:
    """Yields other values: a number ten times as large and as small, the opposite, or what the key has elsewhere."""
    for after in _instead_of(_written(text, place.node), others):
        yield place.node.start_mark.index, place.node.end_mark.index, place.path, after


def _instead_of(before: str, others: list[str]) -> list[str]:
    number = re.fullmatch(r"(.*?)(\d+)(.*)", before) if re.fullmatch(r'"?\d+"?|rate.*', before) else None
    if number:
        value = int(number[2])
        instead = dict.fromkeys([value * TIMES or 1, value // TIMES])
        return [f"{number[1]}{other}{number[3]}" for other in instead if other != value]
    opposites = {"true": "false", "false": "true", "Allow": "Deny", "Deny": "Allow", "Retain": "Delete"}
    bare = before.strip('"')
    if bare in opposites:
        return [before.replace(bare, opposites[bare])]
    if len(others) > 1:
        return [others[(others.index(before) + 1) % len(others)]]
    return []


def _without_each(place: Place) -> Iterator[Change]:
    """Yields nothing for each of the items of a list, or each of the keys of a mapping."""
    node = place.node
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(item, item) for item in node.value]
    spans = [(first.start_mark.index, _end(last)) for first, last in pairs]
    for number, (first, _) in enumerate(pairs):
        name = _named(first, number)
        if name not in FOR_PEOPLE:
            yield *_with_what_divides(spans, number), f"{place.path}/{name}".lstrip("/"), ""


def _with_what_divides(spans: list[tuple[int, int]], number: int) -> tuple[int, int]:
    """Returns the span of an item, and of the comma or the indent before it, or after it if it is the first."""
    start, end = spans[number]
    if number > 0:
        return spans[number - 1][1], end
    if len(spans) > 1:
        return start, spans[1][0]
    return start, end


def _end(node: Any) -> int:
    """Returns where the value's own text ends: PyYAML counts the comments after a block as part of it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


class Asked:
    """Notes what each function asks AWS for, which tests/service/test_grants.py finds out on the running code."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        found = yield
        if fixturedef.argname == "asked":
            CALLS.parent.mkdir(parents=True, exist_ok=True)
            CALLS.write_text(json.dumps({module: sorted(calls) for module, calls in found.items()}))
        return found


def survivors(some: list[Mutant]) -> Iterator[str]:
    """Yields the names of the mutants that nothing notices."""
    [(_, is_well)] = passed([Trial(lambda: tests_pass(["tests/service/test_grants.py"], Asked()), 300)])
    assert is_well, "the tests of the grants fail on the template as it is"
    with ProcessPoolExecutor(CORES) as pool:
        assert not pool.submit(is_refused, PATH.read_text()).result(), "the checks refuse the template as it is"
        refused = pool.map(is_refused, [mutant.text for mutant in some], chunksize=25)
        left = [mutant for mutant, is_known in zip(some, refused, strict=True) if not is_known]
    linted("")  # loads cfn-lint, before processes are forked off
    for number, is_alive in passed(map(trial, left)):
        if is_alive:
            yield left[number].name


def linted(text: str) -> list[Any]:
    """Returns what cfn-lint finds wrong."""
    from cfnlint import api
    from cfnlint.config import ManualArgs

    found: list[Any] = api.lint(text, config=ManualArgs(regions=["us-east-1"]))
    return found


def is_refused(text: str) -> bool:
    """Returns whether the checks refuse the template, or can't even read it."""
    from sagactl.checks import alarms, limits, roles, rules, safeguards
    from sagactl.design import template, template_sections

    try:
        template.TEXT = text
        template.TEMPLATE = template.parsed(text)
        checks = (limits.problems, safeguards.problems, alarms.problems, rules.problems, roles.problems)
        problems = itertools.chain.from_iterable(check() for check in checks)
        return next(problems, None) is not None or bool(template_sections.stale(text)) or is_denied()
    except Exception:  # noqa: BLE001  # whatever it is, a person sees it
        return True


def is_denied() -> bool:
    """Returns whether a role lacks what its function asks for."""
    from sagactl.checks import iam
    from sagactl.design import template

    asked = json.loads(CALLS.read_text())
    for function in template.functions():
        granted = iam.statements(function)
        needs = [*asked[function.module], *iam.platform_calls(function)]
        if not all(iam.allowed(granted, iam.Call(*call)) for call in needs):
            return True
    return False


def trial(mutant: Mutant) -> Trial:
    wanted = list(itertools.chain.from_iterable(tests for part, tests in TESTS.items() if part in mutant.path))

    def run() -> bool:
        pretend(PATH, mutant.text)
        return tests_pass(["-x", *wanted, *LEFT_OUT]) and not linted(mutant.text)

    return Trial(run, 120)
