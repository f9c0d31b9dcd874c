"""Time-outs, retries and retention fit each other: by value, because each alone looks right."""

from collections.abc import Iterator
from typing import Any

from sagactl.design import template
from sagactl.design.template import Function, logical_id, resources, text

RETENTION_MAX_SECONDS = 1_209_600
RETRY_DELAYS_SECONDS = (60, 120)  # after which Lambda invokes a function again that failed at an event
OUTAGE_SECONDS = 3600  # for which nothing may give up
RETRIES_MIN = 24  # of EventBridge in an hour: it waits longer each time
WINDOWS = 6  # times the function's time-out, which AWS asks of a queue's visibility time-out
MINUTE_SECONDS = 60
CONCURRENCY_MIN = 2  # that Lambda takes
CONCURRENCY = f"ScalingConfig needs a MaximumConcurrency of {CONCURRENCY_MIN} or more"
REPORTED = "FunctionResponseTypes: [ReportBatchItemFailures]"
EVERY_MINUTE = "rate(1 minute)"
OLD_AFTER_DEADLINES = 4


def problems() -> Iterator[str]:
    yield from _retries()
    for function in template.functions():
        for event in function.events.values():
            yield from _polled(function, event)
            yield from _scheduled(function, event)
    yield from _retention()
    yield from _deadline()


def timeout_seconds(function: Function) -> int:
    shared = template.TEMPLATE["Globals"]["Function"]["Timeout"]
    return int(function.properties.get("Timeout", shared))


def _default(parameter: str) -> float:
    return float(template.TEMPLATE["Parameters"][parameter]["Default"])


def _retries() -> Iterator[str]:
    """Lambda keeps an event for an hour at least, and so does EventBridge."""
    shared = template.TEMPLATE["Globals"]["Function"]["EventInvokeConfig"]
    retries = len(RETRY_DELAYS_SECONDS)
    if shared["MaximumEventAgeInSeconds"] < OUTAGE_SECONDS or shared["MaximumRetryAttempts"] != retries:
        yield "Globals: Lambda should retry twice, in an hour at least"
    for rule in template.rules():
        policy = rule.target["RetryPolicy"]
        if policy["MaximumEventAgeInSeconds"] < OUTAGE_SECONDS or policy["MaximumRetryAttempts"] < RETRIES_MIN:
            yield f"{rule.name}: EventBridge should retry for an hour at least, {RETRIES_MIN} times"


def _polled(function: Function, event: dict[str, Any]) -> Iterator[str]:
    if event["Type"] != "SQS":
        return
    name = logical_id(text(event["Properties"]["Queue"]))
    queue = resources("AWS::SQS::Queue")[name]
    window = event["Properties"].get("MaximumBatchingWindowInSeconds", 0)
    wanted = WINDOWS * timeout_seconds(function) + window
    visible_after = queue["VisibilityTimeout"]
    if visible_after < wanted:
        yield f"{name}: VisibilityTimeout is {visible_after}, and {function.name} needs {wanted}"
    attempts = queue["RedrivePolicy"]["maxReceiveCount"]
    if event["Properties"].get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
        yield f"{function.name}: one failure brings the whole batch back:\n    {REPORTED}"
    if event["Properties"].get("ScalingConfig", {}).get("MaximumConcurrency", 0) < CONCURRENCY_MIN:
        yield f"{function.name}: a backlog takes all the concurrency that the account has. {CONCURRENCY}"
    if attempts * visible_after < OUTAGE_SECONDS:
        yield f"{name}: gives up after {attempts * visible_after} s, and an outage may take {OUTAGE_SECONDS} s"


def _scheduled(function: Function, event: dict[str, Any]) -> Iterator[str]:
    if event["Type"] != "Schedule":
        return
    if event["Properties"]["Schedule"] != EVERY_MINUTE:
        yield f"{function.name} should run every minute, for which its alarms wait:\n    Schedule: {EVERY_MINUTE}"
    if timeout_seconds(function) >= MINUTE_SECONDS:
        yield f"{function.name} may run for {timeout_seconds(function)} s, and its next run is due after a minute"


def _retention() -> Iterator[str]:
    for name, queue in resources("AWS::SQS::Queue").items():
        if queue.get("MessageRetentionPeriod") != RETENTION_MAX_SECONDS:
            yield f"{name} should keep messages as long as it can:\n    MessageRetentionPeriod: {RETENTION_MAX_SECONDS}"


def _deadline() -> Iterator[str]:
    """An order does not expire while Lambda still retries one of its events, and no alarm goes off meanwhile."""
    attempts_seconds = 3 * max(
        timeout_seconds(rule.function) for rule in template.rules() if rule.function and rule.pattern
    )
    wanted = sum(RETRY_DELAYS_SECONDS) + attempts_seconds
    if _default("DeadlineSeconds") < wanted:
        yield f"DeadlineSeconds: an event may be handled in the last attempt, after {wanted} s"
    if _default("OldestOpenAlarmSeconds") < OLD_AFTER_DEADLINES * _default("DeadlineSeconds"):
        yield f"OldestOpenAlarmSeconds: less than {OLD_AFTER_DEADLINES} deadlines"
