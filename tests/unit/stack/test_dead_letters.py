"""Dead letters of either shape and of none, read and redriven; the queue is moto's."""

import io
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError
from support.emulation import Heard, emulated, refusing
from support.given import ORDER_ID, a, detail, envelope
from typer.testing import CliRunner, Result

from contracts.events import OrderCreated
from sagactl.cli import app
from sagactl.commands import dlq
from sagactl.stack import aws, dead_letters
from sagactl.stack.dead_letters import DeadLetter, Failure
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.redrive import redrive

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:saga-payment"
DISCARDED = "/saga/saga/discarded"
JOURNAL = "saga-journal"
WATCHDOG = "arn:aws:lambda:eu-central-1:123456789012:function:saga-order-watchdog"
EVENT = envelope(a(OrderCreated))
SCHEDULED = EVENT | {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
RAISED = {"errorType": "KeyError", "errorMessage": "'x'", "stackTrace": ['  File "app.py", line 1, in handler\n']}
SENT_MS, SENT_AT = 1_769_861_000_123, "2026-01-31T12:03:20.123Z"
NOT_UNDERSTOOD = ["not JSON", "", "[]", "null", "5", '{"detail-type": 5}', "[" * 100_000, '{"requestContext": null}']


def record(event: Any = EVENT, function: str = f"{ARN}:$LATEST", **other: Any) -> dict[str, Any]:
    """The invocation record that Lambda sends of an event it gave up."""
    context = {"functionArn": function, "condition": "RetriesExhausted", "approximateInvokeCount": 3}
    return {
        "version": "1.0",
        "timestamp": "2026-01-31T12:03:19.500Z",
        "requestContext": context,
        "requestPayload": event,
        "responsePayload": {"errorType": "KeyError", "errorMessage": "'x'", "stackTrace": []},
    } | other


def message(body: Any, **attributes: str) -> dict[str, Any]:
    """The message as SQS hands it out."""
    return {
        "MessageId": "m1",
        "ReceiptHandle": "r1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": str(SENT_MS)},
        "MessageAttributes": {name: {"StringValue": value, "DataType": "String"} for name, value in attributes.items()},
    }


# -- read


def test_a_function_that_kept_raising() -> None:
    assert dead_letters.read(message(record())) == DeadLetter(
        message_id="m1",
        receipt="r1",
        event=EVENT,
        function=ARN,
        failure=Failure("KeyError", "'x'"),
        attempts=3,
        first_at="2026-01-31T12:00:00.000Z",
        last_at="2026-01-31T12:03:19.500Z",
    )


def test_an_event_that_was_never_handed_over() -> None:
    said = {
        "RULE_ARN": "arn:aws:events:eu-central-1:123456789012:rule/saga/saga-payment",
        "TARGET_ARN": ARN,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "not authorized",
        "RETRY_ATTEMPTS": "24",
    }
    assert dead_letters.read(message(EVENT, **said)) == DeadLetter(
        message_id="m1",
        receipt="r1",
        event=EVENT,
        function=ARN,
        failure=Failure("NO_PERMISSIONS", "not authorized"),
        attempts=25,
        first_at="2026-01-31T12:00:00.000Z",
        last_at=SENT_AT,
    )


def test_an_event_of_which_nobody_says_where_it_failed() -> None:
    letter = dead_letters.read(message(EVENT))
    assert (letter.name, letter.order_id) == ("OrderCreated", str(ORDER_ID))
    assert (letter.function, letter.attempts, letter.failure.type) == (None, None, "NotDelivered")


STRAYS = [
    ({"source": "saga.payment"}, "source: OrderCreated is told by saga.order alone"),
    ({"detail-type": "OrderCreate"}, "detail-type: no service tells OrderCreate"),
]


@pytest.mark.parametrize(("change", "why"), STRAYS)
def test_a_stray_is_poison(change: dict[str, str], why: str) -> None:
    letter = dead_letters.read(message(EVENT | change))
    assert (letter.failure, letter.function) == (Failure("Refused", why), None)
    assert letter.failure.is_poison


@pytest.mark.parametrize("body", NOT_UNDERSTOOD)
def test_anything_else_is_shown_as_it_is(body: str) -> None:
    letter = dead_letters.read(message(body))
    assert not letter.readable
    assert (letter.event, letter.failure) == (body, Failure("Unreadable", body))
    assert (letter.name, letter.order_id, letter.first_at, letter.last_at) == ("unknown", None, SENT_AT, SENT_AT)


@pytest.mark.parametrize("event", [None, [], "text", {}, {"detail-type": 5, "detail": {"orderId": 5}, "time": 5}])
def test_an_invocation_with_what_is_no_event(event: object) -> None:
    letter = dead_letters.read(message(record(event)))
    assert (letter.readable, letter.event, letter.name, letter.order_id) == (True, event, "unknown", None)
    assert letter.first_at == SENT_AT


ANSWERS: dict[str, tuple[Any, Failure]] = {
    "none, as when the event was too old": (None, Failure("RetriesExhausted", "")),
    "without a type, as for a timeout": ({"errorMessage": "Task timed out"}, Failure("Error", "Task timed out")),
    "no error": ("done", Failure("RetriesExhausted", "")),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_error_is_the_functions_or_else_what_lambda_says(answer: str) -> None:
    payload, failure = ANSWERS[answer]
    assert dead_letters.read(message(record(responsePayload=payload))).failure == failure


def test_only_a_refusal_is_poison() -> None:
    assert Failure("Refused", "hops").is_poison
    assert str(Failure("Refused", "hops")) == "poison, Refused: hops"
    assert not Failure("NotTold", "PaymentOK: Throttling").is_poison


def test_times_and_counts_that_are_none_are_left_out() -> None:
    context = {"functionArn": ARN, "condition": None, "approximateInvokeCount": "many"}
    letter = dead_letters.read(message(record(requestContext=context, timestamp="yesterday")))
    assert (letter.attempts, letter.last_at) == (None, SENT_AT)


# -- the queue


class Functions:
    """Lambda, whose functions all answer well but for those in `errors`, by ARN."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, Any]] = []
        self.errors: dict[str, Any] = {}

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        self.invoked.append((FunctionName, json.loads(Payload)))
        if FunctionName == JOURNAL:
            failures = [{"itemIdentifier": self.invoked[-1][1]["Records"][0]["messageId"]}] * bool(self.errors)
            return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode())}
        error = self.errors.get(FunctionName)
        if isinstance(error, Exception):
            raise error
        return ({"FunctionError": "Unhandled"} if error else {}) | {"Payload": io.BytesIO(json.dumps(error).encode())}


@pytest.fixture(scope="module", autouse=True)
def _clients() -> Iterator[None]:
    """None that another module's test made, nor that this module's tests leave behind; theirs are made once."""
    for made in (aws._client, aws._session):
        made.cache_clear()
    yield
    for made in (aws._client, aws._session):
        made.cache_clear()


@pytest.fixture
def heard() -> Iterator[Heard]:
    with emulated():
        yield Heard()


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def stack(heard: Heard, functions: Functions, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack at moto, but for its functions."""
    target = aws.target(aws=True)
    queue = target.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    of_journal = target.client("sqs").create_queue(QueueName="journal-dead-letters")["QueueUrl"]
    target.client("logs").create_log_group(logGroupName=DISCARDED)
    outputs = {
        "BusName": heard.bus_name,
        "DeadLetterQueueUrl": queue,
        "DiscardedLogs": DISCARDED,
        "JournalDeadLetterQueueUrl": of_journal,
        "JournalFunction": JOURNAL,
    }
    stack = Stack(target, outputs)
    client = Stack.client
    monkeypatch.setattr(Stack, "client", lambda self, name: functions if name == "lambda" else client(self, name))
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)
    monkeypatch.setattr(dlq, "find", lambda **_: stack)
    return stack


def send(stack: Stack, *bodies: Any, queue: str = "DeadLetterQueueUrl") -> None:
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body)
        stack.client("sqs").send_message(QueueUrl=stack.outputs[queue], MessageBody=text)


def listed(stack: Stack, order_id: str | None = None) -> list[DeadLetter]:
    with dead_letters.held(stack, order_id) as found:
        return found.letters


def of_order(number: int) -> dict[str, Any]:
    return record(envelope(a(OrderCreated, order_id=UUID(int=number))))


def test_listing_takes_nothing_away(stack: Stack) -> None:
    send(stack, *(of_order(number) for number in range(25)))
    first, second = ({letter.message_id for letter in listed(stack)} for _ in range(2))
    assert first == second
    assert len(first) == 25


def test_a_message_handed_out_twice_is_one_dead_letter(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "HELD_SECONDS", 0)
    send(stack, of_order(1), of_order(2))
    assert len(listed(stack)) == 2


def test_what_is_held_is_given_back_whatever_happens(stack: Stack) -> None:
    send(stack, record())
    with pytest.raises(KeyboardInterrupt), dead_letters.held(stack):
        raise KeyboardInterrupt
    assert len(listed(stack)) == 1


def test_the_newest_failure_comes_first(stack: Stack) -> None:
    times = ["2026-01-31T12:03:19.500Z", "2026-01-31T12:03:21.000Z", "2026-01-31T12:03:20.000Z"]
    send(stack, *(record(timestamp=time) for time in times))
    assert [letter.last_at for letter in listed(stack)] == sorted(times, reverse=True)


@pytest.mark.parametrize("wanted", [str(UUID(int=0xA)), str(UUID(int=0xA)).upper(), UUID(int=0xA).hex])
def test_letters_of_one_order(stack: Stack, wanted: str) -> None:
    compact = detail(a(OrderCreated)) | {"orderId": UUID(int=0xA).hex}
    written = record(envelope(a(OrderCreated), detail=compact))
    send(stack, of_order(1), of_order(0xA), written, record(SCHEDULED), "not JSON")
    letters = listed(stack, wanted)
    assert [letter.order_id for letter in letters] == [str(UUID(int=0xA))] * 2


def test_it_is_said_that_there_may_be_more(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    send(stack, *(of_order(number) for number in range(11)))
    with dead_letters.held(stack) as found, dead_letters.held(stack) as by_another:
        assert (len(found.letters), found.may_be_more) == (11, False)
        assert (len(by_another.letters), by_another.may_be_more) == (0, True)
    monkeypatch.setattr(dead_letters, "PAGES_MAX", 1)
    with dead_letters.held(stack) as found:
        assert (len(found.letters), found.may_be_more) == (10, True)


# -- redrive


def redriven(stack: Stack) -> list[tuple[str, Failure | None]]:
    with dead_letters.held(stack) as found:
        return [(outcome.became, outcome.failure) for outcome in redrive(stack, found.letters)]


@pytest.mark.parametrize(("event", "function"), [(EVENT, ARN), (SCHEDULED, WATCHDOG)])
def test_just_the_function_that_failed_is_invoked(
    stack: Stack, functions: Functions, heard: Heard, event: Any, function: str
) -> None:
    send(stack, record(event, f"{function}:$LATEST"))
    assert redriven(stack) == [("healed", None)]
    assert (functions.invoked, heard(), listed(stack)) == ([(function, event)], [], [])
    assert redriven(stack) == []


def test_an_event_of_which_nobody_says_where_it_failed_is_told_to_all(
    stack: Stack, functions: Functions, heard: Heard
) -> None:
    send(stack, EVENT)
    assert redriven(stack) == [("put on the bus", None)]
    [told] = heard()
    assert [told[name] for name in ("source", "detail-type", "detail")] == [
        EVENT[name] for name in ("source", "detail-type", "detail")
    ]
    assert (functions.invoked, listed(stack)) == ([], [])


def test_a_stray_is_kept_because_nobody_would_hear_it(stack: Stack, heard: Heard) -> None:
    send(stack, EVENT | {"source": "elsewhere"})
    [(became, _)] = redriven(stack)
    assert (became, heard(), len(listed(stack))) == ("poison", [], 1)


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Invoke")
FAILING: dict[str, tuple[Any, str, Failure]] = {
    # what: the function's answer, what became of the event, and why
    "raises": ({"errorType": "KeyError", "errorMessage": "'x'"}, "still failing", Failure("KeyError", "'x'")),
    "refuses": ({"errorType": "Refused", "errorMessage": "hops"}, "poison", Failure("Refused", "hops")),
    "ends": ({"unknown": "answer"}, "still failing", Failure("Unhandled", "")),
    "may not be invoked": (DENIED, "still failing", Failure("ClientError", str(DENIED))),
}


@pytest.mark.parametrize("case", FAILING)
def test_an_event_that_fails_again_is_kept(stack: Stack, functions: Functions, case: str) -> None:
    answer, became, failure = FAILING[case]
    functions.errors[ARN] = answer
    send(stack, record(), record(SCHEDULED, WATCHDOG))
    [before] = (letter for letter in listed(stack) if letter.function == ARN)
    assert sorted(redriven(stack), key=str) == sorted([("healed", None), (became, failure)], key=str)
    [after] = listed(stack)
    assert (after.message_id, after.failure) == (before.message_id, before.failure)


def test_an_event_that_the_bus_refuses_is_kept(stack: Stack) -> None:
    send(stack, EVENT)
    with refusing(stack.client("events"), 1):
        assert redriven(stack) == [("still failing", Failure("InternalFailure", "try again"))]
    assert len(listed(stack)) == 1


def test_what_is_not_understood_is_kept(stack: Stack, functions: Functions) -> None:
    send(stack, "not JSON")
    assert redriven(stack) == [("still failing", Failure("Unreadable", "not JSON"))]
    assert (functions.invoked, len(listed(stack))) == ([], 1)


# -- saga dlq


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["dlq", *arguments])


def test_the_list_names_the_cause_and_order_tries_and_times(stack: Stack) -> None:
    send(stack, record(responsePayload=RAISED))
    cause, letter, last = run().stdout.splitlines()
    assert cause == "1x OrderCreated in saga-payment: KeyError: 'x'"
    message_id, *others = letter.split(maxsplit=3)
    assert others == ["01-31", "12:03:19", f"order {ORDER_ID}, 3 tries since 01-31 12:00:00"]
    assert last == "1 dead letter of 1 cause. Next: saga dlq redrive"

    found = json.loads(run("--json").stdout)
    assert found["mayBeMore"] is False
    assert found["causes"] == {"OrderCreated in saga-payment: KeyError: 'x'": 1}
    [fields] = found["deadLetters"]
    assert fields.pop("messageId") == message_id
    assert fields == {
        "cause": "OrderCreated in saga-payment: KeyError: 'x'",
        "event": "OrderCreated",
        "orderId": str(ORDER_ID),
        "failedIn": "saga-payment",
        "error": {"type": "KeyError", "message": "'x'"},
        "poison": False,
        "attempts": 3,
        "firstAt": "2026-01-31T12:00:00.000Z",
        "lastAt": "2026-01-31T12:03:19.500Z",
        "stackTrace": RAISED["stackTrace"],
        "payload": EVENT,
    }


def test_dead_letters_of_one_cause_are_counted_together_whatever_numbers_they_name(stack: Stack) -> None:
    slow = [{"errorType": "Timeout", "errorMessage": f"{ORDER_ID} after {n}.5 s", "stackTrace": []} for n in range(12)]
    send(stack, record(), *(record(responsePayload=answer) for answer in slow))
    lines = run().stdout.splitlines()
    assert lines[0] == "12x OrderCreated in saga-payment: Timeout: … after ….… s"
    assert lines[11:13] == ["    … and 2 more", "1x OrderCreated in saga-payment: KeyError: 'x'"]
    assert lines[-1] == "13 dead letters of 2 causes. Next: saga dlq redrive"
    assert len(json.loads(run("--cause", "timeout", "--json").stdout)["deadLetters"]) == 12


def test_what_only_poison_is_left_of_is_to_be_discarded(stack: Stack, functions: Functions) -> None:
    refused = {"errorType": "Refused", "errorMessage": "quantity: missing", "stackTrace": []}
    functions.errors[ARN] = refused
    send(stack, record(responsePayload=refused))
    assert run().stdout.endswith("Next: saga dlq discard --message ID --reason TEXT\n")
    assert "Nothing mends an event that is wrong itself: saga dlq discard" in run("redrive").stderr


# -- saga dlq discard


def test_what_is_discarded_leaves_the_queue_and_is_kept_in_a_log_with_the_reason(stack: Stack) -> None:
    send(stack, record(), of_order(1))
    kept, gone = sorted(listed(stack), key=lambda letter: letter.order_id == str(ORDER_ID))
    said = run("discard", "--message", gone.message_id[:8], "--reason", "a test put it there")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[-1] == f"1 dead letter discarded, and kept in {DISCARDED}."
    assert [letter.message_id for letter in listed(stack)] == [kept.message_id]

    [event] = stack.client("logs").filter_log_events(logGroupName=DISCARDED)["events"]
    line = json.loads(event["message"])
    assert (line["reason"], line["queue"], line["payload"]) == ("a test put it there", "saga", EVENT)
    assert (line["messageId"], line["error"]["type"]) == (gone.message_id, "KeyError")
    assert line["by"].startswith("arn:aws:sts::")


def test_nothing_is_discarded_without_saying_which_and_why(stack: Stack) -> None:
    send(stack, record())
    for arguments in (["--reason", "old"], ["--cause", "KeyError"], ["--cause", "KeyError", "--reason", " "]):
        assert run("discard", *arguments).exit_code == 2
    assert len(listed(stack)) == 1


def test_what_can_t_be_logged_is_not_discarded(stack: Stack) -> None:
    send(stack, record())
    stack.client("logs").delete_log_group(logGroupName=DISCARDED)
    assert run("discard", "--cause", "KeyError", "--reason", "old").exit_code == 1
    assert len(listed(stack)) == 1


# -- the journal's


def test_the_journal_s_dead_letters_are_listed_and_redriven(stack: Stack, functions: Functions) -> None:
    send(stack, EVENT, queue="JournalDeadLetterQueueUrl")
    assert run().stdout == "No dead letters.\n"
    cause, _, last = run("list", "--queue", "journal").stdout.splitlines()
    assert cause == "1x OrderCreated: NotJournaled: the journal's log says why"
    assert last == "1 dead letter of 1 cause. Next: saga dlq redrive --queue journal"

    functions.errors[JOURNAL] = "DynamoDB is away"
    failed = run("redrive", "--queue", "journal")
    assert failed.exit_code == 1
    assert failed.stderr.endswith("Fix the cause, then: saga dlq redrive --queue journal.\n")
    functions.errors.clear()
    assert run("redrive", "--queue", "journal").stdout.splitlines()[-1] == "1 written down."
    assert run("list", "--queue", "journal").stdout == "No dead letters.\n"
    [record] = functions.invoked[-1][1]["Records"]
    assert json.loads(record["body"]) == EVENT


def test_the_journal_takes_an_event_that_no_service_takes(stack: Stack) -> None:
    send(stack, EVENT | {"source": "elsewhere"}, queue="JournalDeadLetterQueueUrl")
    assert run("redrive", "--queue", "journal").exit_code == 0


def test_what_the_journal_s_rule_could_not_deliver_says_why() -> None:
    letter = dead_letters.read(message(EVENT, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not authorized"), "journal")
    assert (letter.failure, letter.queue) == (Failure("NO_PERMISSIONS", "not authorized"), "journal")


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("action", ["list", "redrive"])
def test_an_empty_queue_is_no_failure(action: str) -> None:
    said = run(action)
    assert (said.exit_code, said.stdout, said.stderr) == (0, "No dead letters.\n", "")


def test_whatever_a_dead_letter_says_is_shown_on_one_line(stack: Stack) -> None:
    wild = "[/red]\x1b[2J\n:cat:" + "x" * 1000
    send(stack, wild, record(EVENT | {"detail-type": wild, "detail": {"orderId": wild}}))
    said = run().stdout
    assert len(said.splitlines()) == 5
    assert "\x1b" not in said
    assert "[/red] [2J :cat:xxx" in said
    assert len(run("list", "--order", wild).stdout.splitlines()) == 3


def test_redriving_says_what_became_of_each_and_exits_with_1_if_any_fails(stack: Stack, functions: Functions) -> None:
    functions.errors[ARN] = {"errorType": "Refused", "errorMessage": "quantity: missing"}
    send(stack, record(SCHEDULED | {"time": "2026-01-31T12:00:01Z"}, WATCHDOG), record())
    said = run("redrive")
    assert said.exit_code == 1
    assert [line.strip() for line in said.stdout.splitlines()[2::3]] == [
        "still failing: poison, Refused: quantity: missing",
        "healed",
    ]
    assert said.stdout.splitlines()[-1] == "1 poison, 1 healed."
    assert said.stderr.startswith("error: 1 of 2 dead letters still failing, and kept in the queue. Nothing mends ")

    again = run("redrive", "--json")
    [outcome] = json.loads(again.stdout)["redriven"]
    assert (again.exit_code, outcome["became"], outcome["poison"]) == (1, "poison", True)
    functions.errors.clear()
    assert run("redrive").exit_code == 0
    assert run("redrive").stdout == "No dead letters.\n"


def test_only_the_dead_letters_of_an_order_are_listed(stack: Stack) -> None:
    send(stack, of_order(1), of_order(0xA), record(SCHEDULED))
    one, another = str(UUID(int=1)), str(UUID(int=0xA))
    for written in (another, another.upper(), another[:-1] + "a"):
        [letter] = json.loads(run("--order", written, "--json").stdout)["deadLetters"]
        assert letter["orderId"] == another
    assert run("--order", str(UUID(int=2))).stdout == "No dead letters.\n"
    assert run("--order", one[:8]).stderr.startswith("error: 2 IDs start with '00000000': ")
    assert "No order with a dead letter has an ID that starts with '12345678'" in run("--order", "12345678").stderr


def test_only_the_dead_letters_that_are_named_are_redriven(stack: Stack, functions: Functions) -> None:
    send(stack, *(of_order(number) for number in range(3)))
    ids = [letter.message_id for letter in listed(stack)]
    said = run("redrive", "--message", ids[0][:8], "--message", ids[1], "--json")
    assert {one["messageId"] for one in json.loads(said.stdout)["redriven"]} == set(ids[:2])
    assert len(functions.invoked) == 2
    assert [letter.message_id for letter in listed(stack)] == ids[2:]


def test_a_dead_letter_that_is_not_there_is_not_redriven(stack: Stack, functions: Functions) -> None:
    send(stack, of_order(1))
    said = run("redrive", "--message", "123456")
    assert (said.exit_code, said.stdout, functions.invoked) == (1, "", [])
    assert said.stderr == "error: No dead letter has an ID that starts with '123456'. List them: saga dlq list.\n"


def test_an_option_before_the_subcommand_is_never_ignored(stack: Stack, functions: Functions) -> None:
    send(stack, of_order(1))
    said = run("--aws", "redrive")
    assert (said.exit_code, said.stdout, functions.invoked) == (2, "", [])


def test_more_than_was_read_is_mentioned(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "PAGES_MAX", 1)
    send(stack, *(of_order(number) for number in range(11)))
    assert run().stdout.splitlines()[-1].startswith("There may be more")
