"""The sections of template.yaml that follow from the code. Each stands between two comments:

    # derived: what payment hears
    # end derived

`make derive` writes what is between them, and touches nothing else.
"""

import re
from collections.abc import Iterable

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography, template
from sagactl.design.template import Function, logical_id
from sagactl.errors import SagaError

type Lines = list[str]

STRAYS = "strays"

_SECTION = re.compile(
    r"^(?P<indent> *)# derived: (?P<title>.+)\n(?P<content>(?:.*\n)*?)(?P=indent)# end derived$", re.MULTILINE
)
_MARKER = re.compile(r"^ *# (?:derived: .+|end derived)$", re.MULTILINE)


def hearing(function: Function) -> str:
    """Returns the title of the section with the pattern of the function's rule."""
    return f"what {function.short_name} hears"


def telling(function: Function) -> str:
    """Returns the title of the section with what the function's role may put on the bus."""
    return f"what {function.short_name} tells"


def sending(queue: str) -> str:
    """Returns the title of the section with the rules that may send to the queue."""
    return f"who sends to {logical_id(queue)}"


def sections() -> dict[str, Lines]:
    """Returns the lines of each section by its title, whether template.yaml has the section or not."""
    found = {STRAYS: _strays()}
    for function in template.functions():
        steps = choreography.wired_in(function.module)
        heard = [step.heard for step in steps if step.heard]
        if heard:
            found[hearing(function)] = _pattern(heard)
        if steps:
            found[telling(function)] = _grant(choreography.told_by(steps))
    for queue, rules in template.senders().items():
        found[sending(queue)] = ["aws:SourceArn:", *(f"  - !Sub {rule}" for rule in rules)]
    return found


def stale(text: str) -> list[str]:
    """Returns the titles of the sections that differ from what follows from the code."""
    now = {found["title"]: found["content"] for found in _SECTION.finditer(text)}
    return [found["title"] for found in _SECTION.finditer(rewritten(text)) if found["content"] != now[found["title"]]]


def titles(text: str) -> list[str]:
    """Returns the titles of the sections in the text."""
    return [found["title"] for found in _SECTION.finditer(text)]


def rewritten(text: str) -> str:
    """Returns the text with every section as it follows from the code. Raises SagaError if a marker is wrong."""
    wanted = sections()
    _check_markers(text, wanted)

    def section(found: re.Match[str]) -> str:
        indent = found["indent"]
        lines = [f"# derived: {found['title']}", *wanted[found["title"]], "# end derived"]
        return "\n".join(indent + line for line in lines)

    return _SECTION.sub(section, text)


def _check_markers(text: str, wanted: dict[str, Lines]) -> None:
    found = titles(text)
    if len(_MARKER.findall(text)) != 2 * len(found):
        raise SagaError(
            "template.yaml has a derived section without its beginning or its end",
            "Each stands between `# derived: ...` and `# end derived`, at the same indent",
        )
    unknown = [f"`# derived: {title}`" for title in found if title not in wanted]
    if unknown:
        raise SagaError(f"Nothing is derived for {', '.join(unknown)}", f"There is: {', '.join(wanted)}")


def _pattern(events: Iterable[type[Event]]) -> Lines:
    """Returns a SAM event's pattern that matches these events and nothing else.

    Each source has its own branch, because lists of sources and of detail-types match in every combination.
    """
    branches = [
        [f"source: [{source}]", f"detail-type: [{', '.join(names)}]"] for source, names in _by_source(events).items()
    ]
    if len(branches) == 1:  # $or takes two or more
        return ["Pattern:", *(f"  {line}" for line in branches[0])]
    return ["Pattern:", "  $or:", *_items(branches)]


def _strays() -> Lines:
    """Returns a rule's pattern that matches what no service may tell: another service's event, or an unknown one."""
    by_source = _by_source(EVENTS.values())
    anothers = [
        [f"source: [anything-but: {source}]", f"detail-type: [{', '.join(names)}]"]
        for source, names in by_source.items()
    ]
    unknown = [
        f"source: [{', '.join(by_source)}]",
        "detail-type:",
        "  - anything-but:",
        *(f"      - {name}" for name in EVENTS),
    ]
    return ["EventPattern:", "  $or:", *_items([*anothers, unknown])]


def _items(branches: list[Lines]) -> Lines:
    """Returns the lines of a YAML list, two levels deep."""
    found = []
    for first, *others in branches:
        found.append(f"    - {first}")
        found.extend(f"      {line}" for line in others)
    return found


def _grant(facts: Iterable[type[Event]]) -> Lines:
    """Returns the lines of a role's statement; none where nothing is told."""
    found = []
    for source, names in _by_source(facts).items():
        found += [
            "- Sid: Tell",
            "  Effect: Allow",
            "  Action: events:PutEvents",
            "  Resource: !GetAtt Bus.Arn",
            "  Condition:",
            "    StringEquals:",
            f"      events:source: {source}",
            f"      events:detail-type: [{', '.join(names)}]",
        ]
    return found


def _by_source(events: Iterable[type[Event]]) -> dict[str, list[str]]:
    """Returns names by source, both in the order of contracts/events.py."""
    wanted = set(events)
    in_sequence = [event for event in EVENTS.values() if event in wanted]
    by_source: dict[str, list[str]] = {}
    for event in in_sequence:
        by_source.setdefault(event.source, []).append(event.name)
    return by_source
