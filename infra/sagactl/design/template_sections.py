"""The sections of template.yaml and infra/observability.yaml that follow from the code, each between two comments:

    # derived: what payment hears
    # end derived

`make derive` writes what is between them, and touches nothing else.
"""

import re
import textwrap
from collections.abc import Iterable

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography, template
from sagactl.design.template import Function, Rule, logical_id
from sagactl.errors import SagaError

type Lines = list[str]

STRAYS = "strays"
LOSSES = "alarms on what could be lost"
LOG_GROUPS = "the functions' log groups"
SOURCES = "the functions' logs as sources"

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
    """Returns the lines of each section by its title, whether there is such a section or not."""
    groups = [f"/aws/lambda/${{Saga}}-{function.short_name}" for function in template.functions()]
    found = {
        STRAYS: _strays(),
        LOSSES: _loss_alarms(),
        LOG_GROUPS: [f"- !Sub {group}" for group in groups],
        SOURCES: [f"- !Sub SOURCE '{group}'" for group in groups],
    }
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
        return "\n".join((indent + line).rstrip() for line in lines)

    return _SECTION.sub(section, text)


def _check_markers(text: str, wanted: dict[str, Lines]) -> None:
    found = titles(text)
    if len(_MARKER.findall(text)) != 2 * len(found):
        raise SagaError(
            "There is a derived section without its beginning or its end",
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


def _loss_alarms() -> Lines:
    """Returns an alarm for each place where an event that can't be handled, or delivered, may not even reach a queue.

    A schedule's event is none that could be lost: the next one comes.
    """
    lines: Lines = []
    rules = [rule for rule in template.rules() if not rule.is_schedule]
    for function in [rule.function for rule in rules if rule.function]:
        name = function.name.removesuffix("Function")
        said = f"{function.short_name} failed at an event, and Lambda could not put it into the dead-letter queue."
        dimensions = [f"{{Name: FunctionName, Value: !Ref {function.name}}}"]
        lines += _alarm(f"{name}FailuresLostAlarm", said, "AWS/Lambda", "DestinationDeliveryFailures", dimensions)
    for rule in rules:
        name = rule.name.partition(".")[0].removesuffix("Function").removesuffix("Rule")
        lines += _alarm(f"{name}UndeliveredAlarm", *_undelivered(rule), _rule_dimensions(rule))
    return lines[:-1]


def _undelivered(rule: Rule) -> tuple[str, str, str]:
    """Returns what an alarm says, and its namespace and metric. A rule whose target is the queue has no other."""
    said = f"An event that matches the rule {rule.rule_name.removeprefix('${AWS::StackName}-')}"
    if rule.dead_letters:
        said += " could be neither delivered nor put into the dead-letter queue."
        return said, "AWS/Events", "InvocationsFailedToBeSentToDlq"
    return f"{said} could not be put into the dead-letter queue.", "AWS/Events", "FailedInvocations"


_WHAT_TO_DO = "It is lost. Check the queue, its policy and the roles; then tell it again by saga replay."


def _rule_dimensions(rule: Rule) -> Lines:
    """Returns those that EventBridge gives a rule's metrics; the default bus, which schedules are on, is not named."""
    dimensions = [f'{{Name: RuleName, Value: !Sub "{rule.rule_name}"}}']
    if rule.bus_name:
        dimensions.insert(0, f'{{Name: EventBusName, Value: !Sub "{rule.bus_name}"}}')
    return dimensions


def _alarm(name: str, said: str, namespace: str, metric: str, dimensions: Lines) -> Lines:
    """Returns an alarm that one datapoint raises, and an empty line."""
    return [
        f"{name}:",
        "  Type: AWS::CloudWatch::Alarm",
        "  Properties:",
        "    AlarmDescription: >-",
        *(f"      {line}" for line in textwrap.wrap(f"{said} {_WHAT_TO_DO}", 100)),
        f"    Namespace: {namespace}",
        f"    MetricName: {metric}",
        "    Dimensions:",
        *(f"      - {dimension}" for dimension in dimensions),
        "    Statistic: Sum",
        "    Period: 60",
        "    EvaluationPeriods: 1",
        "    ComparisonOperator: GreaterThanThreshold",
        "    Threshold: 0",
        "    TreatMissingData: notBreaching",
        "    AlarmActions: *notify",
        "    OKActions: *notify",
        "",
    ]


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
