"""Every rule hands over exactly what is heard, and whatever is not handled ends in a dead-letter queue."""

from collections.abc import Iterable, Iterator
from itertools import product

from contracts.events import EVENTS
from sagactl.checks import baseline, event_patterns, iam
from sagactl.checks.messages import difference, remedy
from sagactl.design import choreography, template, template_sections
from sagactl.design.template import Function, Rule, logical_id, text

type Pairs = set[tuple[str, str]]  # of source and detail-type

FACTS: Pairs = {(event.source, name) for name, event in EVENTS.items()}
SOURCES = list(dict.fromkeys(event.source for event in EVENTS.values()))
NAMES = list(EVENTS)
EVERY: Pairs = set(product([*SOURCES, "elsewhere"], [*NAMES, "Else"]))
STRAYS: Pairs = {(source, name) for source, name in EVERY - FACTS if source in SOURCES or name in NAMES}
RETRY = "    RetryPolicy: *retries"
DEAD_LETTERS = "    DeadLetterConfig: *dead-letters"
ON_FAILURE = "    EventInvokeConfig: *keep-failures"


def problems() -> Iterator[str]:
    for rule in template.rules():
        yield from targets(rule)
    unknown = list(not_understood())
    if unknown:
        yield from unknown
        return
    for function in template.functions():
        yield from hearing(function)
        yield from failing(function)
        yield from updated_last(function)
    yield from strays()
    yield from polled_queues()
    yield from archives()


def hearing(function: Function) -> Iterator[str]:
    """The function's rules match what its handler hears, and nothing else."""
    steps = choreography.wired_in(function.module)
    wanted = {(step.heard.source, step.heard.name) for step in steps if step.heard}
    found = _matched_by(rule for rule in template.rules() if rule.function == function)
    if found != wanted:
        yield (
            f"The rules of {function.name} don't match what {function.module} hears{difference(found, wanted)}\n"
            f"{remedy(template_sections.hearing(function))}"
        )


def updated_last(function: Function) -> Iterator[str]:
    """The function tells an event that the last release did not have only once all who hear it have been updated.

    CloudFormation updates a resource after those that it depends on, and all else in any order.
    """
    old = baseline.released()["events"]
    told = choreography.told_by(choreography.wired_in(function.module))
    hearers: set[str] = set()
    for event in told:
        if event.name not in old:
            hearers.update(f"{service}.app" for service in choreography.heard_by(event.name, event.source))
    hearers.discard(function.module)
    needed = {
        rule.name.replace(".", "") for rule in template.rules() if rule.function and rule.function.module in hearers
    }
    found = set(template.listed(template.TEMPLATE["Resources"][function.name].get("DependsOn", [])))
    if not needed <= found:
        yield (
            f"{function.name} may be updated before who hears its new events, which would be lost then.\n"
            f"Write beside its Type, or have it tell them in a later release only (docs/evolving-events.md):\n"
            f"    DependsOn: [{', '.join(sorted(needed | found))}]"
        )


def strays() -> Iterator[str]:
    """What no service may tell goes to the dead letters: it matches no service's rule, and would be lost."""
    found = _matched_by(rule for rule in template.rules() if _is_last(rule))
    if found != STRAYS:
        yield (
            f"The rule for strays doesn't match what no service may tell{difference(found, STRAYS)}\n"
            f"{remedy(template_sections.STRAYS)}"
        )


def _matched_by(rules: Iterable[Rule]) -> Pairs:
    return set().union(*(_matched(rule) for rule in rules))


def _matched(rule: Rule) -> Pairs:
    pattern = rule.pattern
    if pattern is None:  # a schedule
        return set()
    return {
        (source, name)
        for source, name in EVERY
        if event_patterns.matches(pattern, {"source": source, "detail-type": name})
    }


def targets(rule: Rule) -> Iterator[str]:
    retries = rule.target.get("RetryPolicy", {})
    if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= retries.keys():
        yield f"{rule.name} retries without bounds:\n{RETRY}"
    if not rule.dead_letters and not _is_last(rule):
        yield f"{rule.name} needs a dead-letter queue, or loses what its target does not take:\n{DEAD_LETTERS}"
    unknown = rule.target.keys() & {"Input", "InputPath", "InputTransformer", "State"}
    if unknown:
        yield f"{rule.name} has {' and '.join(sorted(unknown))}, but functions hear events whole. Delete these lines."


def _is_last(rule: Rule) -> bool:
    """Returns whether the target is itself a queue for dead letters."""
    return rule.queue is not None and rule.queue in {other.dead_letters for other in template.rules()}


def not_understood() -> Iterator[str]:
    for rule in template.rules():
        try:
            _matched(rule)
        except event_patterns.Unknown as part:
            yield (
                f"{rule.name} goes by more than source and detail-type, which are all that a reaction's signature "
                f"says, or in a way that is not understood here:\n    {part}"
            )


def failing(function: Function) -> Iterator[str]:
    """What is handed over asynchronously is kept if the function fails. Other callers see the failure themselves."""
    shared = template.TEMPLATE["Globals"]["Function"]["EventInvokeConfig"]
    bounds = shared | function.properties.get("EventInvokeConfig", {})
    if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= bounds.keys():
        yield f"{function.name} retries without bounds; EventInvokeConfig under Globals must say how often, how long."
    if function.is_asynchronous and not iam.on_failure(function):
        yield f"{function.name} loses what it can't handle:\n{ON_FAILURE}"


def polled_queues() -> Iterator[str]:
    queues = template.resources("AWS::SQS::Queue")
    for function in template.functions():
        polled = [event["Properties"]["Queue"] for event in function.events.values() if event["Type"] == "SQS"]
        for queue in map(logical_id, map(text, polled)):
            if "RedrivePolicy" not in queues[queue]:
                yield f"{queue} hands {function.name} for ever what it can't handle; it needs a RedrivePolicy."
            missing = FACTS - _matched_by(rule for rule in template.rules() if rule.queue == f"${{{queue}.Arn}}")
            if missing:
                yield f"{function.name} should hear every event by {queue}{difference(set(), missing)}"


def archives() -> Iterator[str]:
    """What an archive lacks can't be replayed."""
    for name, archive in template.resources("AWS::Events::Archive").items():
        pattern = archive.get("EventPattern", {})
        matched = [event_patterns.matches(pattern, {"source": source, "detail-type": kind}) for source, kind in FACTS]
        if text(archive.get("SourceArn")) != "${Bus.Arn}" or not pattern or not all(matched):
            yield f"{name} should keep every event of the bus"
        if archive.get("RetentionDays") != {"Ref": "ArchiveDays"}:
            yield f"{name} should keep events for as long as is wished:\n    RetentionDays: !Ref ArchiveDays"
