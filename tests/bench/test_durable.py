"""What becomes of an order that is a durable function when something fails.

Its services do here what they are asked each time that they are asked, as one without an idempotency key does.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import StepSemantics
from aws_durable_execution_sdk_python.exceptions import DurableExecutionsError
from aws_durable_execution_sdk_python.retries import RetryPresets
from bench.durable.run import Crash, Ran, running
from bench.durable.saga import Order, in_steps, saga

ORDER = {"orderId": "1"}
HAPPY = ["place", "reserve", "charge", "ship", "complete"]
TASKS = (*HAPPY, "refund", "release", "fail")


class PaymentDeclined(Exception):
    pass


class Shop:
    """`done` is what the services did, in sequence.

    `faults` has for each task what its next attempts raise, and whether that is before they did it or after.
    """

    def __init__(self, **faults: Sequence[tuple[str, BaseException]]) -> None:
        self.done: list[str] = []
        self.faults = {name: list(each) for name, each in faults.items()}

    def tasks(self) -> dict[str, Callable[[Order], None]]:
        return {name: self.task(name) for name in TASKS}

    def task(self, name: str) -> Callable[[Order], None]:
        def task(_: Order) -> None:
            when, error = self.faults[name].pop(0) if self.faults.get(name) else ("", None)
            if when == "before":
                assert error
                raise error
            self.done.append(name)
            if error:
                raise error

        return task


def run(shop: Shop, *handlers: Any) -> Ran:
    with running(*(handlers or (saga(in_steps(shop.tasks())),))) as service:
        return service.ended(service.start(ORDER))


def test_an_order_completes_in_one_invocation() -> None:
    shop = Shop()
    ran = run(shop)
    assert (ran.status, ran.operations, ran.invocations) == ("SUCCEEDED", 1 + len(HAPPY), 1)
    assert shop.done == HAPPY


def test_a_refusal_is_not_retried_and_only_what_was_done_is_undone() -> None:
    shop = Shop(charge=[("before", PaymentDeclined("over the limit"))])
    ran = run(shop)
    assert shop.done == ["place", "reserve", "release", "fail"]
    assert (ran.status, ran.invocations) == ("SUCCEEDED", 1)


def test_a_crash_before_the_checkpoint_charges_twice() -> None:
    shop = Shop(charge=[("after", Crash())])
    ran = run(shop)
    assert (ran.status, ran.invocations) == ("SUCCEEDED", 2)
    assert shop.done == ["place", "reserve", "charge", "charge", "ship", "complete"]


def test_a_step_whose_answer_is_lost_charges_twice() -> None:
    shop = Shop(charge=[("after", TimeoutError("no answer"))])
    ran = run(shop)
    assert (ran.status, ran.operations) == ("SUCCEEDED", 1 + len(HAPPY) + 1)
    assert Counter(shop.done)["charge"] == 2


def test_at_most_once_charges_once_and_gives_the_order_up() -> None:
    """The process died at the charge, and so nothing says whether it was done."""
    shop = Shop(charge=[("after", Crash())])
    options = {"step_semantics": StepSemantics.AT_MOST_ONCE_PER_RETRY, "retry_strategy": RetryPresets.none()}
    ran = run(shop, saga(in_steps(shop.tasks(), **options)))
    assert ran.status == "SUCCEEDED"
    assert shop.done == ["place", "reserve", "charge", "refund", "release", "fail"]


def test_at_most_once_with_the_default_retries_charges_twice() -> None:
    shop = Shop(charge=[("after", Crash())])
    run(shop, saga(in_steps(shop.tasks(), step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY)))
    assert Counter(shop.done)["charge"] == 2


def test_if_the_second_compensation_fails_for_good_the_stock_stays_reserved() -> None:
    down = [("before", ConnectionError("inventory is down"))] * 6
    shop = Shop(ship=[("before", ValueError("refused"))] * 6, release=down)
    ran = run(shop)
    assert (ran.status, ran.error) == ("FAILED", "StepError")
    assert shop.done == ["place", "reserve", "charge", "refund"]  # neither released, nor the order FAILED


def test_a_function_that_always_dies_ends_the_saga_where_it_is() -> None:
    shop = Shop(ship=[("before", Crash())] * 20)
    ran = run(shop)
    assert (ran.status, ran.error, ran.invocations) == ("FAILED", "RuntimeError", 5)
    assert shop.done == ["place", "reserve", "charge"]


def changed(shop: Shop, *steps: str) -> Any:
    """The saga after a deployment, with other steps."""
    do = in_steps({name: shop.task(name) for name in steps})

    @durable_execution
    def handler(order: Order, context: DurableContext) -> dict[str, str]:
        for name in steps:
            do(context, name, order)
        return {"status": "COMPLETED"}

    return handler


@pytest.mark.parametrize(
    "steps",
    [["place", "check", *HAPPY[1:]], ["place", "allocate", *HAPPY[2:]]],
    ids=["a step is added", "a step is renamed"],
)
def test_a_deployment_that_changes_what_is_done_ends_the_saga_where_it_is(steps: list[str]) -> None:
    shop = Shop(ship=[("before", Crash())])
    ran = run(shop, saga(in_steps(shop.tasks())), changed(shop, *steps))
    assert (ran.status, ran.error) == ("FAILED", "NonDeterministicExecutionError")
    assert shop.done == ["place", "reserve", "charge"]  # and nothing is undone


def test_a_deployment_that_changes_what_is_still_to_be_done_goes_on() -> None:
    shop = Shop(charge=[("before", Crash())])
    ran = run(shop, saga(in_steps(shop.tasks())), changed(shop, *HAPPY, "notify"))
    assert ran.status == "SUCCEEDED"
    assert shop.done == [*HAPPY, "notify"]


def test_whoever_stops_a_saga_undoes_nothing() -> None:
    shop = Shop()
    at_the_charge = threading.Event()
    stopped = threading.Event()
    tasks = shop.tasks()

    def charge(_: Order) -> None:
        shop.done.append("charge")
        at_the_charge.set()
        stopped.wait()

    with running(saga(in_steps(tasks | {"charge": charge}))) as service:
        arn = service.start(ORDER)
        at_the_charge.wait()
        service.stop(arn)
        stopped.set()
        ran = service.ended(arn)
    assert ran.status == "STOPPED"
    assert shop.done == ["place", "reserve", "charge"]


def test_nothing_runs_while_a_person_is_waited_for() -> None:
    @durable_execution
    def approved(_: Order, context: DurableContext) -> Any:
        return context.wait_for_callback(lambda _callback_id, _context: None, name="approval")

    with running(approved) as service:
        arn = service.start(ORDER)
        callback = service.runner.wait_for_callback(arn)
        meanwhile = service.invocations
        service.runner.send_callback_success(callback, b"yes")
        ran = service.ended(arn)
    assert (meanwhile, ran.invocations, ran.operations) == (1, 2, 4)


def test_an_execution_that_nobody_answers_times_out_and_undoes_nothing() -> None:
    shop = Shop()
    do = in_steps(shop.tasks())

    @durable_execution
    def waiting(order: Order, context: DurableContext) -> None:
        do(context, "reserve", order)
        try:
            context.wait_for_callback(lambda _callback_id, _context: None, name="approval")
        except DurableExecutionsError:
            do(context, "release", order)

    with running(waiting) as service:
        ran = service.ended(service.start(ORDER, timeout_seconds=1))
    assert ran.status == "TIMED_OUT"
    assert shop.done == ["reserve"]


def test_the_testing_library_does_not_compare_names() -> None:
    """Lambda does: it answers with the execution that has this name already. So that is not shown by a run."""
    shop = Shop()
    with running(saga(in_steps(shop.tasks()))) as service:
        first, second = (service.start(ORDER, "order 1") for _ in range(2))
        service.ended(first)
        service.ended(second)
    assert first != second
    assert Counter(shop.done)["charge"] == 2
