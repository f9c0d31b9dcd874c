"""The same order flow as a Lambda durable function. Its steps are the tasks of the state machines."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import StepConfig
from aws_durable_execution_sdk_python.exceptions import InvokeError, StepError
from aws_durable_execution_sdk_python.retries import RetryDecision, RetryPresets

type Order = dict[str, Any]
type Call = Callable[[DurableContext, str, Order], None]
"""Has one step of an order done, and comes back once that is on record."""

SERVICES = {
    "place": "order",
    "reserve": "inventory",
    "charge": "payment",
    "ship": "shipping",
    "complete": "order",
    "refund": "payment",
    "release": "inventory",
    "fail": "order",
}

# What is to be undone after a refusal. After any other error the step may have been done although nothing says so, and
# everything is undone; a compensation that finds nothing to undo changes nothing.
TO_UNDO: dict[str, tuple[str, ...]] = {
    "OutOfStock": (),
    "PaymentDeclined": ("release",),
    "ShipmentRefused": ("refund", "release"),
}
EVERYTHING = ("refund", "release")


def saga(do: Call) -> Callable[..., Any]:
    @durable_execution
    def handler(order: Order, context: DurableContext) -> dict[str, str]:
        do(context, "place", order)
        try:
            do(context, "reserve", order)
            do(context, "charge", order)
            do(context, "ship", order)
        except (StepError, InvokeError) as error:
            kind = error.error_type.rpartition(".")[2]  # a step's has its module, a function's has not
            for compensation in TO_UNDO.get(kind, EVERYTHING):
                do(context, compensation, order)
            do(context, "fail", order)
            return {"status": "FAILED"}
        do(context, "complete", order)
        return {"status": "COMPLETED"}

    return handler


def of_services(handlers: Mapping[str, Callable[[dict[str, Any], object], None]]) -> dict[str, Callable[[Order], None]]:
    """The tasks that these services' functions do."""

    def task(name: str) -> Callable[[Order], None]:
        return lambda order: handlers[SERVICES[name]]({"action": name, "order": order}, None)

    return {name: task(name) for name in SERVICES}


def unless_refused(error: Exception, attempt: int) -> RetryDecision:
    """The SDK's default, six attempts in all, but for refusals: it would ask a bank six times that has said no."""
    if type(error).__name__ in TO_UNDO:
        return RetryDecision.no_retry()
    return RetryPresets.default()(error, attempt)


def in_steps(tasks: Mapping[str, Callable[[Order], None]], **options: Any) -> Call:
    """Every task is a step, in the durable function itself."""
    config = StepConfig(**({"retry_strategy": unless_refused} | options))

    def do(context: DurableContext, name: str, order: Order) -> None:
        def step(_: StepContext) -> None:
            tasks[name](order)

        context.step(step, name=name, config=config)

    return do


def in_functions(context: DurableContext, name: str, order: Order) -> None:
    """Every service has a function of its own, as it has here; the durable function invokes it, and ends meanwhile."""
    context.invoke(SERVICES[name], {"action": name, "order": order}, name=name)
