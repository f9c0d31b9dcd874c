"""DynamoDB's low-level calls, with plain Python values."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Conflict(Exception):
    """Another write came first: recall, and decide again."""


class _Deserializer(TypeDeserializer):
    """boto3 gives every number as a Decimal; here a whole number is an int."""

    def _deserialize_n(self, value: str) -> int | Decimal:
        try:
            return int(value)
        except ValueError:
            return Decimal(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def marshal(fields: dict[str, Any]) -> dict[str, Any]:
    """Plain values as DynamoDB's: {"status": "PENDING"} is {"status": {"S": "PENDING"}}."""
    return {name: _serialize(value) for name, value in fields.items()}


def unmarshal(item: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's values as plain ones: a whole number is an int, any other a Decimal."""
    return {name: _deserialize(value) for name, value in item.items()}


def get(client: "DynamoDBClient", table: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """Reads one item, strongly consistent."""
    answer = client.get_item(TableName=table, Key=marshal(key), ConsistentRead=True)
    if "Item" not in answer:
        return None
    return unmarshal(answer["Item"])


def write(operation: Callable[..., Any], **arguments: Any) -> None:
    """Calls a write of the client. Raises Conflict where DynamoDB refuses it because another came first."""
    try:
        operation(**arguments)
    except ClientError as error:
        if _reasons(error) & {"ConditionalCheckFailed", "TransactionConflict"}:
            raise Conflict from error
        raise


def _reasons(error: ClientError) -> set[str]:
    """Why a write was refused; a transaction has a reason for each of its writes."""
    response: Any = error.response
    code = response["Error"]["Code"].removesuffix("Exception")
    return {code, *(reason["Code"] for reason in response.get("CancellationReasons", []))}
