"""A new service: its code, its section of template.yaml, and its test, as the other services have them.

The texts are in the .txt files beside this one. Names in angle brackets are filled in.
"""

import keyword
import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from contracts import events
from contracts.events import EVENTS
from sagactl.design import template
from sagactl.errors import SagaError
from sagactl.paths import PROJECT

NAME_LENGTH_MAX = 30
_NAME = re.compile(r"[a-z][a-z0-9]*")
_EVENT = re.compile(r"[A-Z][A-Za-z0-9]*")
_IN_REACTIONS = {"Any", "Literal", "Service", "State"}  # a service's State must not be called so
_TEXTS = Path(__file__).parent
_JOURNAL = f"  # {'-' * 111}\n  # Journal: "  # what follows the services in template.yaml


class Plan(NamedTuple):
    """The name of a service, and of the events that it hears and tells."""

    service: str
    hears: list[str]
    tells: list[str]

    @property
    def state(self) -> str:
        """Returns the name of its State, with which its resources in template.yaml begin, too."""
        return self.service.capitalize()

    @property
    def new_events(self) -> list[str]:
        return [name for name in self.tells if name not in EVENTS]


def problems(plan: Plan) -> list[str]:
    """Returns everything that is wrong with the plan."""
    return [*_problems_of_name(plan.service), *_problems_of_hears(plan), *_problems_of_tells(plan)]


def files(plan: Plan) -> dict[str, str]:
    """Returns what is to be written, by its path in the project. Raises SagaError if a file has no place for it."""
    package = f"functions/{plan.service}"
    found = {
        f"{package}/__init__.py": "",
        f"{package}/reactions.py": _reactions(plan),
        f"{package}/app.py": _text("app.py", plan),
        f"tests/unit/{plan.service}/test_reactions.py": _test(plan),
        "template.yaml": _template(plan),
    }
    if plan.new_events:
        found["functions/contracts/events.py"] = _events(plan)
    return found


def _problems_of_name(service: str) -> Iterator[str]:
    is_keyword = keyword.iskeyword(service) or keyword.iskeyword(service.capitalize())
    if not _NAME.fullmatch(service) or len(service) > NAME_LENGTH_MAX or is_keyword:
        yield f"{service!r} is not a name for a service: use up to {NAME_LENGTH_MAX} small letters and digits"
        return
    for folder in (f"functions/{service}", f"tests/unit/{service}"):
        if _has_files(PROJECT / folder):
            yield f"{folder} is there already"
            return
    module = find_spec(service)
    if module and module.origin:  # an empty folder is a module, too, without an origin
        yield f"Python has another module {service}"
    if service.capitalize() in _IN_REACTIONS or service.capitalize() in vars(events):
        yield f"its State would be called {service.capitalize()}, as something else is"
    yield from _problems_in_template(service)


def _has_files(folder: Path) -> bool:
    """What Python compiled stays behind in a folder that git has taken away."""
    return any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))


def _problems_in_template(service: str) -> Iterator[str]:
    wanted = {f"{service.capitalize()}{kind}" for kind in ("Table", "Function", "Role", "Logs")}
    taken = sorted(wanted & (template.TEMPLATE["Resources"].keys() | template.TEMPLATE["Outputs"].keys()))
    if taken:
        yield f"template.yaml has {' and '.join(taken)} already"
    rules = [rule for rule in template.rules() if rule.arn.endswith(f"/${{AWS::StackName}}-{service}")]
    if rules:
        yield f"template.yaml has a rule of that name already, {rules[0].name}"


def _problems_of_hears(plan: Plan) -> Iterator[str]:
    if not plan.hears:
        yield "a service hears at least one event"
    for name in plan.hears:
        if name not in EVENTS:
            close = get_close_matches(name, EVENTS, 1)
            choice = f"did you mean {close[0]}?" if close else f"there is {', '.join(EVENTS)}"
            yield f"it can't hear {name!r}, which no service tells: {choice}"


def _problems_of_tells(plan: Plan) -> Iterator[str]:
    for name in plan.tells:
        if name in EVENTS and EVENTS[name].source != f"saga.{plan.service}":
            yield f"it can't tell {name}, which {EVENTS[name].source} tells: an event has one teller"
        elif name not in EVENTS and (not _EVENT.fullmatch(name) or keyword.iskeyword(name)):
            yield f"{name!r} is not a name for an event: write it as OrderCreated"
        elif name not in EVENTS and name in vars(events):
            yield f"functions/contracts/events.py has another {name} already"


def _reactions(plan: Plan) -> str:
    tells = f"type[{' | '.join(plan.tells)}] | None" if plan.tells else "None"
    head = _text("reactions.py", plan, events=", ".join(sorted({*plan.hears, *plan.tells})))
    reactions = [_text("reaction.py", plan, reaction=_reaction(name), event=name, tells=tells) for name in plan.hears]
    return head + "".join(reactions)


def _test(plan: Plan) -> str:
    tells = "..." if plan.tells else "None"
    column = max(len(name) for name in plan.hears) + len("a(),") + 2
    rows = []
    cases = []
    for name in plan.hears:
        heard = f"a({name}),".ljust(column)
        rows += [f"    ({given.ljust(7)}{heard}...,          {tells})," for given in ("None,", "NOTED,")]
        cases.append(f"        case {name}():")
        cases.append(f"            assert {_reaction(name)}(when, given) == (then, tells)")
    values = {"when": "when it hears".ljust(column), "rows": "\n".join(rows), "cases": "\n".join(cases)}
    return _text("test_reactions.py", plan, heard_events=", ".join(sorted(plan.hears)), **values)


def _template(plan: Plan) -> str:
    output = f"  {plan.state}Table:\n    Value: !Ref {plan.state}Table\n"
    text = _before(_JOURNAL, _text("section.yaml", plan), template.TEXT)
    return _before("  JournalTable:\n    Value:", output, text)


def _events(plan: Plan) -> str:
    text = (PROJECT / "functions/contracts/events.py").read_text()
    classes = [_text("event.py", plan, event=name) for name in plan.new_events]
    return _before("EVENTS = {", "".join(classes), text)


def _before(landmark: str, new: str, text: str) -> str:
    if text.count(landmark) != 1:
        raise SagaError(f"There is no place for the new service before {landmark!r}", "Restore these lines")
    return text.replace(landmark, new + landmark)


def _reaction(event: str) -> str:
    """Returns `hear_order_created` for OrderCreated, until somebody finds a better verb."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", event)
    return "_".join(["hear", *words]).lower()


def _text(name: str, plan: Plan, **values: str) -> str:
    """Returns the text of that name, with what is in angle brackets filled in."""
    text = (_TEXTS / f"{name}.txt").read_text()
    filled = {
        "service": plan.service,
        "Service": plan.state,
        "reactions": ", ".join(_reaction(event) for event in plan.hears),
    } | values
    for placeholder, value in filled.items():
        text = text.replace(f"<{placeholder}>", value)
    return text
