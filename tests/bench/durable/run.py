"""Runs an order as a durable function in AWS's testing library, which keeps the checkpoints in memory."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner
from aws_durable_execution_sdk_python_testing.execution import Execution
from aws_durable_execution_sdk_python_testing.executor import Executor
from aws_durable_execution_sdk_python_testing.stores.memory import InMemoryExecutionStore
from bench.durable.saga import Order

type Handler = Callable[..., Any]

# A crashed execution's thread may end after its test, and would then print on the terminal what became of it.
logging.getLogger("aws_durable_execution_sdk_python").addHandler(logging.NullHandler())


class Crash(BaseException):
    """The process ends here: neither the SDK nor the saga gets to catch it."""


class Ran(NamedTuple):
    """How an execution ended, and what Lambda bills for it."""

    status: str
    error: str | None
    operations: int
    bytes_written: int
    invocations: int


class Lambda:
    """Lambda, with one durable function. `handlers` are the code as it is deployed: each crash goes on to the next."""

    def __init__(self, *handlers: Handler, functions: dict[str, Handler] | None = None) -> None:
        self.invocations = 0
        self._handlers = list(handlers)
        self._store = InMemoryExecutionStore()
        self.runner = DurableFunctionTestRunner(self._invoke, store=self._store, poll_interval=0.01)
        for name, handler in (functions or {}).items():
            self.runner.register_function(name, handler)

    def start(self, order: Order, name: str = "an order", timeout_seconds: int = 300) -> str:
        return self.runner.run_async(json.dumps(order), execution_name=name, execution_timeout=timeout_seconds)

    def stop(self, arn: str) -> None:
        self.runner._executor.stop_execution(arn)

    def ended(self, arn: str) -> Ran:
        self.runner.wait_for_result(arn)
        execution = self._store.load(arn)
        error = execution.result.error if execution.result else None
        return Ran(
            status=execution.current_status().value,
            error=(error.type or "").rpartition(".")[2] if error else None,
            operations=operations(execution),
            bytes_written=sum(map(payload_bytes, self.history(arn))),
            invocations=self.invocations,
        )

    def history(self, arn: str) -> list[dict[str, Any]]:
        events = self.runner.get_execution_history(arn, include_execution_data=True).events
        return [event.to_dict() for event in events]

    def _invoke(self, event: Any, context: Any) -> Any:
        self.invocations += 1
        try:
            return self._handlers[0](event, context)
        except Crash as crash:
            if len(self._handlers) > 1:
                self._handlers.pop(0)
            raise RuntimeError("Runtime exited") from crash


@contextmanager
def running(*handlers: Handler, functions: dict[str, Handler] | None = None) -> Iterator[Lambda]:
    """A Lambda that does not wait before it invokes a function again that crashed."""
    with patch.object(Executor, "RETRY_BACKOFF_SECONDS", 0):
        service = Lambda(*handlers, functions=functions)
        try:
            with service.runner:
                yield service
        finally:
            service.runner._scheduler._loop.close()  # which the library leaves open


def operations(execution: Execution) -> int:
    """Those billed: the start, each attempt of a step, and each invocation of another function."""
    attempts = [operation.step_details.attempt for operation in execution.operations if operation.step_details]
    others = len(execution.operations) - len(attempts)
    return others + sum(attempts)


def payload_bytes(event: dict[str, Any]) -> int:
    """The input, result or error that an event of the history has."""
    sizes = 0
    for name, details in event.items():
        if name.endswith("Details"):
            for each in ("Input", "Result", "Error"):
                payload = details.get(each, {}).get("Payload", "")
                sizes += len(payload if isinstance(payload, str) else json.dumps(payload))
    return sizes
