"""Every rule hands over exactly what is heard, and whatever is not handled ends in a dead-letter queue."""

from collections.abc import Iterable, Iterator
from itertools import groupby, product

from contracts.events import EVENTS
from sagactl.checks import patterns, policies
from sagactl.design import choreography, template
from sagactl.design.template import Function, Rule, text

type Pairs = set[tuple[str, str]]  # of source and detail-type

FACTS: Pairs = {(event.source, name) for name, event in EVENTS.items()}
SOURCES = list(dict.fromkeys(event.source for event in EVENTS.values()))
NAMES = list(EVENTS)
EVERY: Pairs = set(product([*SOURCES, "elsewhere"], [*NAMES, "Else"]))
STRAYS: Pairs = {(source, name) for source, name in EVERY - FACTS if source in SOURCES or name in NAMES}
RETRIES = """\
    RetryPolicy: {MaximumRetryAttempts: 24, MaximumEventAgeInSeconds: 3600}
    DeadLetterConfig: {Arn: !GetAtt DeadLetterQueue.Arn}"""
ON_FAILURE = """\
    EventInvokeConfig:
      DestinationConfig:
        OnFailure: {Type: SQS, Destination: !GetAtt DeadLetterQueue.Arn}"""


def problems() -> Iterator[str]:
    for rule in template.rules():
        yield from targets(rule)
    if unknown := list(not_understood()):
        yield from unknown
        return
    for function in template.functions():
        yield from hearing(function)
        yield from failing(function)
    yield from strays()
    yield from polled_queues()


def hearing(function: Function) -> Iterator[str]:
    """The function's rules that match facts match what its handler hears, and nothing else."""
    wanted = {(step.heard.source, step.heard.name) for step in choreography.wired_in(function.module) if step.heard}
    found: Pairs = set()
    for rule in rules_to(function):
        matched = _matched(rule)
        if matched & FACTS:
            found |= matched
    if found != wanted:
        yield (
            f"The rules of {function.name} don't match what {function.module} hears{difference(found, wanted)}\n"
            f"{pattern(wanted)}"
        )


def strays() -> Iterator[str]:
    """What no service may tell matches no other rule, and would vanish: one function gets it, and refuses it."""
    matched = [_matched(rule) for function in template.functions() for rule in rules_to(function)]
    found = set().union(*(pairs for pairs in matched if not pairs & FACTS))
    if found != STRAYS:
        yield (
            f"The rule for strays doesn't match what no service may tell{difference(found, STRAYS)}\n{stray_pattern()}"
        )


def rules_to(function: Function) -> list[Rule]:
    """Those with a pattern."""
    return [rule for rule in template.rules() if rule.function and rule.function.name == function.name and rule.pattern]


def _matched(rule: Rule) -> Pairs:
    if rule.pattern is None:  # a schedule
        return set()
    return {
        pair
        for pair in EVERY
        if patterns.matches(rule.pattern, dict(zip(("source", "detail-type"), pair, strict=True)))
    }


def targets(rule: Rule) -> Iterator[str]:
    retries = rule.target.get("RetryPolicy", {})
    if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= retries.keys() or not _letters_of(rule):
        yield f"{rule.name} needs a bounded retry and a dead-letter queue:\n{RETRIES}"
    if unknown := rule.target.keys() & {"Input", "InputPath", "InputTransformer", "State"}:
        yield f"{rule.name} has {' and '.join(sorted(unknown))}, but functions hear events whole. Delete these lines."


def not_understood() -> Iterator[str]:
    for rule in template.rules():
        try:
            _matched(rule)
        except patterns.Unknown as part:
            yield (
                f"{rule.name} goes by more than source and detail-type, which are all that a reaction's signature "
                f"says, or in a way that is not understood here:\n    {part}"
            )


def failing(function: Function) -> Iterator[str]:
    """What is handed over asynchronously is kept if the function fails; other callers see the failure themselves."""
    bounds = template.TEMPLATE["Globals"]["Function"]["EventInvokeConfig"] | function.properties.get(
        "EventInvokeConfig", {}
    )
    if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= bounds.keys():
        yield f"{function.name} retries without bounds; EventInvokeConfig under Globals must say how often, how long."
    if function.is_asynchronous and not policies.on_failure(function):
        yield f"{function.name} loses what it can't handle:\n{ON_FAILURE}"


def polled_queues() -> Iterator[str]:
    queues = template.resources("AWS::SQS::Queue")
    for function in template.functions():
        for event in function.events.values():
            queue = text(event["Properties"].get("Queue", ""))[2:].removesuffix(".Arn}")
            if event["Type"] == "SQS" and "RedrivePolicy" not in queues[queue]:
                yield f"{queue} hands {function.name} for ever what it can't handle; it needs a RedrivePolicy."


def letters() -> dict[str, set[str]]:
    """The rules, by ARN, that put what they can't deliver into each queue, and those that deliver to it."""
    senders: dict[str, set[str]] = {}
    for rule in template.rules():
        for queue in filter(None, (_letters_of(rule), text(rule.target.get("Arn", "")))):
            senders.setdefault(queue, set()).add(rule.arn)
    return senders


def _letters_of(rule: Rule) -> str:
    return text(rule.target.get("DeadLetterConfig", {}).get("Arn", ""))


def pattern(wanted: Pairs) -> str:
    """The lines of a rule that matches these facts and nothing else."""
    if not wanted:
        return "    Delete the rule."
    pairs = [(f"source: [{source}]", f"detail-type: [{', '.join(names)}]") for source, names in _by_source(wanted)]
    if len(pairs) == 1:  # $or takes two or more
        return "    Pattern:\n" + "\n".join(f"      {line}" for line in pairs[0])
    return "    Pattern:\n      $or:\n" + "\n".join(f"        - {first}\n          {second}" for first, second in pairs)


def stray_pattern() -> str:
    by_source = _by_source(FACTS)
    lines = [
        f"        - source: [anything-but: {source}]\n          detail-type: [{', '.join(names)}]"
        for source, names in by_source
    ]
    everything = "\n".join(f"                - {name}" for name in NAMES)
    lines.append(
        f"        - source: [{', '.join(SOURCES)}]\n          detail-type:\n            - anything-but:\n{everything}"
    )
    return "    Pattern:\n      $or:\n" + "\n".join(lines)


def _by_source(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    in_sequence = sorted(pairs, key=lambda pair: NAMES.index(pair[1]))
    return [(source, [name for _, name in group]) for source, group in groupby(in_sequence, key=lambda pair: pair[0])]


def difference(found: Pairs, wanted: Pairs) -> str:
    """`: not X from y; Z from y, which it must not`, then the lines to paste."""
    missing = ", ".join(f"{name} from {source}" for source, name in sorted(wanted - found))
    extra = ", ".join(f"{name} from {source}" for source, name in sorted(found - wanted))
    return "".join(
        [
            f"\n    missing: {missing}" if missing else "",
            f"\n    too much: {extra}" if extra else "",
            "\n  It takes:",
        ]
    )
