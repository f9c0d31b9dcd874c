"""One item in memory, updated as DynamoDB updates it, as far as the journal's expressions go."""

import re
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

_ACTION = re.compile(r"(\S+) = (?:if_not_exists\((\S+), (\S+)\)|(:\w+))")
_CONDITION = re.compile(r"(\w+) > (:\w+) AND attribute_not_exists\((\w+)\)")


class Refusal(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")


class ItemInMemory:
    """Stands for a client of DynamoDB whose table has this item alone."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=Refusal)

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.attributes = attributes

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        before = dict(self.attributes)
        values = arguments["ExpressionAttributeValues"]
        names = arguments.get("ExpressionAttributeNames", {})
        condition = arguments.get("ConditionExpression")
        if condition and not _holds(condition, values, before):
            raise Refusal
        actions = arguments["UpdateExpression"].removeprefix("SET ")
        assert _ACTION.sub("", actions).strip(", ") == "", actions
        for path, kept, otherwise, value in _ACTION.findall(actions):
            new = values[value] if value else before.get(names.get(kept, kept), values.get(otherwise))
            self.attributes[names.get(path, path)] = new
        return {"Attributes": dict(self.attributes)}


def _holds(condition: str, values: dict[str, Any], item: dict[str, Any]) -> bool:
    parsed = _CONDITION.fullmatch(condition)
    assert parsed, condition
    path, value, absent = parsed.groups()
    return item[path]["S"] > values[value]["S"] and absent not in item
