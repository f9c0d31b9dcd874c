"""template.yaml as it is written: its resources, and how events reach its functions."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from sagactl.paths import PROJECT

PATH = PROJECT / "template.yaml"
RULE_ARN = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"
ASYNCHRONOUS = ("EventBridgeRule", "Schedule")  # kinds of SAM events whose sender never sees the function fail


class _Loader(yaml.CSafeLoader):  # ten times as fast as the one in Python
    """YAML with CloudFormation's short tags: `!Ref Bus` is {"Ref": "Bus"}."""


def _tagged(loader: Any, tag: str, node: Any) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    return {tag: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _tagged)


def parsed(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506  # it is a SafeLoader


TEXT = PATH.read_text()
TEMPLATE = parsed(TEXT)


class Function(NamedTuple):
    """A Lambda function; `module` is its handler's."""

    name: str
    module: str
    properties: dict[str, Any]

    @property
    def short_name(self) -> str:
        """Returns the deployed function's name without the stack's, such as order-http."""
        return text(self.properties["FunctionName"]).removeprefix("${AWS::StackName}-")

    @property
    def events(self) -> dict[str, Any]:
        events: dict[str, Any] = self.properties.get("Events", {})
        return events

    @property
    def is_asynchronous(self) -> bool:
        return any(event["Type"] in ASYNCHRONOUS for event in self.events.values())

    @property
    def variables(self) -> dict[str, Any]:
        shared: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
        own: dict[str, Any] = self.properties["Environment"]["Variables"]
        return shared | own

    @property
    def role(self) -> str | None:
        """Returns the logical ID of its role."""
        role = self.properties.get("Role")
        if isinstance(role, dict) and "GetAtt" in role:
            return str(role["GetAtt"]).removesuffix(".Arn")
        return None


class Rule(NamedTuple):
    """A rule or a schedule, with one of its targets.

    `function` is None if the target is something else. `target` holds the retry policy and the dead-letter queue.
    """

    name: str
    arn: str
    pattern: dict[str, Any] | None
    target: dict[str, Any]
    function: Function | None

    @property
    def is_schedule(self) -> bool:
        return "Schedule" in self.target

    @property
    def rule_name(self) -> str:
        return self.arn.removeprefix(RULE_ARN).rpartition("/")[2]

    @property
    def bus_name(self) -> str:
        """Returns the name of its bus, which is empty for the default bus."""
        return self.arn.removeprefix(RULE_ARN).rpartition("/")[0]

    @property
    def queue(self) -> str | None:
        """Returns the target if it is a queue, such as `${JournalQueue.Arn}`."""
        target = text(self.target.get("Arn", ""))
        return target if target in _queues() else None

    @property
    def dead_letters(self) -> str | None:
        """Returns the queue for what can't be delivered to the target."""
        queue = self.target.get("DeadLetterConfig", {}).get("Arn")
        return text(queue) if queue else None


def resources(kind: str) -> dict[str, Any]:
    """Returns the properties of the resources of a type, by logical ID."""
    found = TEMPLATE["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def functions() -> list[Function]:
    found = resources("AWS::Serverless::Function")
    return [Function(name, own["Handler"].removesuffix(".handler"), own) for name, own in found.items()]


def rules() -> list[Rule]:
    """Returns one Rule for each target of each rule, those in the functions' own properties first."""
    found: list[Rule] = []
    for function in functions():
        found.extend(_rules_of(function))
    return [*found, *_rules_outside()]


def _rules_of(function: Function) -> Iterator[Rule]:
    for event_name, event in function.events.items():
        if event["Type"] in ASYNCHRONOUS:
            own = event["Properties"]
            name = own.get("RuleName") or own.get("Name") or event_name
            yield Rule(f"{function.name}.{event_name}", _rule_arn(own, name), own.get("Pattern"), own, function)


def _rules_outside() -> Iterator[Rule]:
    by_arn = {f"${{{function.name}.Arn}}": function for function in functions()}
    for name, own in resources("AWS::Events::Rule").items():
        arn = _rule_arn(own, own.get("Name", name))
        for target in own["Targets"]:
            yield Rule(name, arn, own.get("EventPattern"), target, by_arn.get(text(target["Arn"])))


def senders() -> dict[str, list[str]]:
    """Returns, by queue, the ARNs of the rules that deliver to it, or put there what they can't deliver."""
    found: dict[str, list[str]] = {}
    for rule in rules():
        for queue in filter(None, (rule.queue, rule.dead_letters)):
            arns = found.setdefault(queue, [])
            if rule.arn not in arns:
                arns.append(rule.arn)
    return found


def dead_letter_queues() -> set[str]:
    """Returns the logical IDs of the queues for what could not be handled, delivered or received."""
    queues = resources("AWS::SQS::Queue")
    found = {rule.dead_letters for rule in rules()}
    found |= {
        text(queue["RedrivePolicy"]["deadLetterTargetArn"]) for queue in queues.values() if "RedrivePolicy" in queue
    }
    return {logical_id(queue) for queue in found if queue}


def _queues() -> set[str]:
    return {f"${{{name}.Arn}}" for name in resources("AWS::SQS::Queue")}


def text(value: Any) -> str:
    """Returns a reference in one form, however it is written, so that references can be compared."""
    match value:
        case {"Ref": name} if name in resources("AWS::Events::EventBus"):
            return text(resources("AWS::Events::EventBus")[name]["Name"])
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"GetAtt": attribute} if attribute.removesuffix(".Arn") in resources("AWS::Events::Rule"):
            rule = resources("AWS::Events::Rule")[attribute.removesuffix(".Arn")]
            return _rule_arn(rule, rule["Name"])
        case {"GetAtt": attribute}:
            return f"${{{attribute}}}"
        case {"Sub": pattern}:
            return str(pattern)
        case _:
            return str(value)


def logical_id(reference: str) -> str:
    """Returns `Bus` for `${Bus.Arn}`."""
    return reference.removeprefix("${").removesuffix("}").removesuffix(".Arn")


def listed(value: Any) -> list[Any]:
    """Returns a list of what may be written as one value or as a list."""
    return value if isinstance(value, list) else [value]


def _rule_arn(rule: dict[str, Any], name: Any) -> str:
    bus = f"{text(rule['EventBusName'])}/" if "EventBusName" in rule else ""
    return f"{RULE_ARN}{bus}{text(name)}"
