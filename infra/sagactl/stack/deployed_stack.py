"""The deployed stack: its outputs, its tables, its bus and its API."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sagactl.stack import aws


@dataclass(frozen=True)
class Stack:
    """The stack where it is deployed. `outputs` are those of template.yaml."""

    where: aws.Target
    outputs: dict[str, str]

    @property
    def api_url(self) -> str:
        return aws.api_url(self.where, self.outputs)

    def client(self, service: str) -> Any:
        return self.where.client(service)

    def resources(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yields the logical and the physical ID of the stack's own resources of a type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=self.where.stack_name):
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceType"] == kind:
                    yield resource["LogicalResourceId"], resource["PhysicalResourceId"]

    def table(self, service: str) -> str:
        """The name of a service's own table."""
        return self.outputs[_table_output(service)]

    def has_table(self, service: str) -> bool:
        """Whether the service is deployed, and not only in this checkout."""
        return _table_output(service) in self.outputs

    def items(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Every item that a DynamoDB query or scan finds, with plain Python values, read page by page."""
        from saga.dynamodb import unmarshal

        for page in self.client("dynamodb").get_paginator(operation).paginate(**arguments):
            for item in page["Items"]:
                yield unmarshal(item)


def _table_output(service: str) -> str:
    return f"{service.capitalize()}Table"


def find(*, use_aws: bool, port: int | None, stack_name: str = aws.STACK_NAME) -> Stack:
    """Returns the stack that the options `--aws`, `--port` and `--stack-name` name.

    Raises SagaError if it is not deployed there.
    """
    where = aws.target(aws=use_aws, port=port, stack_name=stack_name)
    return Stack(where, aws.stack_outputs(where))
