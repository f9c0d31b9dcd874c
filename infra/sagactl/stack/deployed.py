"""The deployed stack: its outputs, its tables, its bus and its API."""

from dataclasses import dataclass
from typing import Any

from sagactl.stack import aws


@dataclass(frozen=True)
class Stack:
    """A stack at an AWS; `outputs` are those of template.yaml."""

    where: aws.Target
    outputs: dict[str, str]

    @property
    def api_url(self) -> str:
        return aws.api_url(self.where, self.outputs)

    def client(self, service: str) -> Any:
        return self.where.client(service)

    def table(self, service: str) -> str:
        """Name of a service's own table: order, payment, inventory or shipping."""
        return self.outputs[f"{service.capitalize()}Table"]


def find(*, use_aws: bool, port: int | None) -> Stack:
    """The stack that the options name. Raises SagaError if it is not deployed there."""
    where = aws.target(aws=use_aws, port=port)
    return Stack(where, aws.stack_outputs(where))
