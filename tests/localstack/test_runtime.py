"""Functions as processes: what happens to one that answers, fails, hangs, dies or leaves something behind."""

import base64
import io
import json
import os
import signal
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chaos.processes import Processes
from support.driver import Saga, eventually

from sagactl.local import localstack
from sagactl.stack import aws
from sagactl.stack.deployed_stack import Stack

OBEDIENT = """
import os, subprocess, sys, time, uuid
from pathlib import Path

INSTANCE = str(uuid.uuid4())

def handler(event, context):
    if text := event.get("prints"):
        print(text)
        print(text[::-1], file=sys.stderr)
    child = subprocess.Popen(["sleep", "600"]).pid if "starts" in event else None
    if folder := event.get("meets"):
        Path(folder, context.aws_request_id).write_text(str(os.getpid()))
        while len(os.listdir(folder)) < event.get("others", 0):
            time.sleep(0.01)
    time.sleep(event.get("sleeps", 0))
    if "raises" in event:
        raise LookupError(event["raises"])
    if "exits" in event:
        os._exit(event["exits"])
    return event["returns"] if "returns" in event else {
        "pid": os.getpid(),
        "child": child,
        "instance": INSTANCE,
        "environment": dict(os.environ),
        "requestId": context.aws_request_id,
        "remainingMs": context.get_remaining_time_in_millis(),
    }
"""
BROKEN = "raise LookupError('no settings')"
FUNCTIONS: dict[str, dict[str, Any]] = {
    "patient": {"Handler": "obedient.handler", "Timeout": 20},
    "hasty": {"Handler": "obedient.handler", "Timeout": 1},
    "early": {"Handler": "obedient.handler", "Timeout": 20},
    "doomed": {"Handler": "obedient.handler", "Timeout": 20},
    "broken": {"Handler": "broken.handler", "Timeout": 20},
}
PROMPTLY_SECONDS = 5


@dataclass(frozen=True)
class Reply:
    """What an invocation came to; `error` is whether Lambda calls the answer one."""

    request_id: str
    answer: Any
    error: bool
    log: str
    seconds: float


@dataclass(frozen=True)
class Function:
    name: str
    client: Any = field(repr=False)

    def __call__(self, **event: Any) -> Reply:
        started = time.monotonic()
        reply = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event), LogType="Tail")
        return Reply(
            reply["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"],
            json.load(reply["Payload"]),
            "FunctionError" in reply,
            base64.b64decode(reply["LogResult"]).decode(),
            time.monotonic() - started,
        )

    def active(self) -> bool:
        return bool(self.client.get_function(FunctionName=self.name)["Configuration"]["State"] == "Active")

    def updated(self) -> bool:
        configuration = self.client.get_function(FunctionName=self.name)["Configuration"]
        return bool(configuration["LastUpdateStatus"] == "Successful")


type Functions = dict[str, Function]


@pytest.fixture(scope="module")
def functions(stack: Stack) -> Iterator[Functions]:
    """The same code under several names, since each has a timeout of its own; by the rest of the name."""
    client = stack.client("lambda")
    common: dict[str, Any] = {
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/any",
        "Environment": {"Variables": {"SETTING": "a value"}},
        "Code": {"ZipFile": zipped(OBEDIENT)},
    }
    made = {name: Function(f"{aws.STACK_NAME}-{name}", client) for name in FUNCTIONS}
    for name, function in made.items():
        client.create_function(FunctionName=function.name, **common, **FUNCTIONS[name])
    for function in made.values():
        eventually(function.active, f"an active {function.name}")
    yield made
    for function in made.values():
        client.delete_function(FunctionName=function.name)


@pytest.mark.parametrize("value", [None, 0, [], {"a": [1.5, "ü€😀\n\0"]}, "m" * 1_000_000], ids=lambda v: repr(v)[:9])
def test_the_answer_is_what_the_handler_returns(functions: Functions, value: object) -> None:
    reply = functions["patient"](returns=value)
    assert (reply.answer, reply.error) == (value, False)


def test_a_function_starts_before_it_is_invoked(functions: Functions, stack: Stack) -> None:
    pids = eventually(lambda: Processes(stack.where.port).of("early"), "a process of the function")
    assert [functions["early"]().answer["pid"]] == pids


def test_an_invocation_knows_its_id_and_its_time(functions: Functions) -> None:
    reply = functions["patient"]()
    assert reply.answer["requestId"] == reply.request_id
    assert 0 < reply.answer["remainingMs"] <= FUNCTIONS["patient"]["Timeout"] * 1000


def test_what_a_handler_raises_is_the_answer_and_its_process_goes_on(functions: Functions) -> None:
    before = functions["patient"]().answer
    reply = functions["patient"](raises="not there")
    assert reply.error
    assert (reply.answer["errorType"], reply.answer["errorMessage"]) == ("LookupError", "not there")
    assert "obedient.py" in reply.answer["stackTrace"][0]
    assert "[ERROR] LookupError: not there" in reply.log
    after = functions["patient"]().answer
    assert (after["pid"], after["instance"]) == (before["pid"], before["instance"])


def test_a_timeout_is_an_error_of_its_own_invocation_alone(functions: Functions) -> None:
    hasty = functions["hasty"]
    before = hasty().answer
    reply = hasty(prints="too long", sleeps=1.5, returns="late")
    assert reply.error
    assert reply.answer["errorType"] == "Sandbox.Timedout"
    assert reply.answer["errorMessage"] == f"RequestId: {reply.request_id} Error: Task timed out after 1.00 seconds"
    assert "too long" in reply.log
    assert not is_alive(before["pid"])

    after = hasty()
    assert after.answer["instance"] != before["instance"]
    assert "too long" not in after.log
    due = time.monotonic() + 1  # by then the late answer would have come
    numbers: list[Any] = []
    while time.monotonic() < due:
        numbers.append(hasty(returns=len(numbers)).answer)
        time.sleep(0.1)
    assert numbers == list(range(len(numbers)))


def test_a_killed_process_is_an_error_at_once(functions: Functions, tmp_path: Path) -> None:
    patient = functions["patient"]
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(patient, meets=str(tmp_path), sleeps=15)
        pid = eventually(lambda: first_met(tmp_path), "a process that sleeps")
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        reply = pending.result()
    assert time.monotonic() - killed < PROMPTLY_SECONDS
    assert reply.error
    assert reply.answer["errorType"] == "Runtime.ExitError"
    assert reply.answer["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    after = patient()
    assert not after.error
    assert after.answer["pid"] != pid


@pytest.mark.parametrize("status", [0, 3])
def test_an_exit_is_an_error_at_once(functions: Functions, status: int) -> None:
    patient = functions["patient"]
    before = patient().answer
    reply = patient(exits=status)
    assert reply.error
    assert reply.seconds < PROMPTLY_SECONDS
    assert reply.answer["errorType"] == "Runtime.ExitError"
    assert reply.answer["errorMessage"].endswith(f"Error: Runtime exited with error: exit status {status}")
    assert patient().answer["instance"] != before["instance"]


def test_a_process_killed_while_idle_is_replaced(functions: Functions) -> None:
    before = functions["patient"]().answer
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{before['pid']}").exists(), "a look at it by its parent")
    after = functions["patient"]()
    assert not after.error
    assert after.answer["instance"] != before["instance"]


def test_code_that_cannot_be_loaded_says_why_each_time(functions: Functions, saga: Saga) -> None:
    for _ in range(2):
        reply = functions["broken"]()
        assert reply.error
        assert (reply.answer["errorType"], reply.answer["errorMessage"]) == ("LookupError", "no settings")
        assert "broken.py" in "".join(reply.answer["stackTrace"])
        assert "broken.py" in reply.log
    assert "LookupError: no settings" in saga.log("broken", "broken.py")


def test_what_a_function_prints_before_it_dies_is_logged(functions: Functions, saga: Saga) -> None:
    reply = functions["patient"](prints="last words", exits=3)
    assert "last words" in reply.log
    for words in ("last words", "sdrow tsal", f"{reply.request_id} Error: Runtime exited with error: exit status 3"):
        assert saga.log("patient", words)
    assert functions["patient"](prints="first words").log.count("words") == 1
    assert "last words" not in functions["patient"]().log


def test_a_function_sees_its_own_settings_and_nothing_of_the_host(functions: Functions, stack: Stack) -> None:
    instance = localstack.status(urlsplit(stack.where.endpoint_url).port or 0)
    assert instance
    environ = Path(f"/proc/{instance.pid}/environ").read_text().split("\0")
    host = dict(variable.split("=", 1) for variable in environ if variable)
    function = functions["patient"]().answer["environment"]

    assert function["SETTING"] == "a value"
    assert function["AWS_LAMBDA_FUNCTION_NAME"] == functions["patient"].name
    assert function["AWS_ENDPOINT_URL"] == stack.where.endpoint_url
    assert function["HOME"] != host["HOME"]
    assert "PYTEST_CURRENT_TEST" not in host  # a variable of the one who started LocalStack
    same = {name for name, value in function.items() if host.get(name) == value}
    assert same <= {"LD_LIBRARY_PATH", "PATH", "LAMBDA_PROCESS_MARK", "LANG", "TZ"}
    assert "LAMBDA_PROCESS_MARK" in same  # by which saga down finds what a function left behind
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "AWS_PROFILE", "LAMBDA_RUNTIME_EXECUTOR"} & function.keys()


def test_a_burst_runs_at_once_and_each_gets_its_own_answer(functions: Functions, tmp_path: Path) -> None:
    size = 8

    def invoke(number: int) -> Reply:
        return functions["patient"](meets=str(tmp_path), others=size, returns=number)

    with ThreadPoolExecutor(size) as pool:
        replies = list(pool.map(invoke, range(size)))
    assert [reply.answer for reply in replies] == list(range(size))
    assert len({path.read_text() for path in tmp_path.iterdir()}) == size


@pytest.mark.parametrize("end", [{"exits": 3}, {"raises": "an error"}])
def test_a_child_lives_as_long_as_its_process(functions: Functions, end: dict[str, Any]) -> None:
    child = functions["patient"](starts=True).answer["child"]
    functions["patient"](**end)
    if "exits" in end:
        eventually(lambda: not is_alive(child), "an end of the child")
    else:
        assert is_alive(child)


def test_a_deleted_function_leaves_no_process(functions: Functions, stack: Stack) -> None:
    left = functions["doomed"](starts=True).answer
    stack.client("lambda").delete_function(FunctionName=functions.pop("doomed").name)
    eventually(lambda: not is_alive(left["pid"]) and not is_alive(left["child"]), "an end of both")


def test_functions_with_the_same_code_share_a_folder_for_as_long_as_one_has_that_code(functions: Functions) -> None:
    early, patient = functions["early"], functions["patient"]
    shared = root_of(early)
    assert root_of(patient) == shared

    early.client.update_function_configuration(FunctionName=early.name, Timeout=19)
    eventually(early.updated, "another time-out")
    early(exits=1)
    assert root_of(early) == shared  # in a new process

    early.client.update_function_code(FunctionName=early.name, ZipFile=zipped(f"{OBEDIENT}\n"))
    eventually(early.updated, "other code")
    own = root_of(early)
    assert own != shared
    patient(exits=1)
    assert root_of(patient) == shared

    early.client.delete_function(FunctionName=functions.pop("early").name)
    eventually(lambda: not own.exists(), "an end of the folder")
    assert root_of(patient).exists()


def test_what_is_uploaded_lies_in_localstacks_own_folder(stack: Stack) -> None:
    bucket = f"bucket-{uuid.uuid4()}"
    stack.client("s3").create_bucket(Bucket=bucket)
    stack.client("s3").put_object(Bucket=bucket, Key="large", Body=b"x" * 1_000_000)
    assert not list(Path(tempfile.gettempdir()).glob(f"*/{bucket}"))  # where another user's LocalStack would have it
    stack.client("s3").delete_object(Bucket=bucket, Key="large")
    stack.client("s3").delete_bucket(Bucket=bucket)


def zipped(obedient: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("obedient.py", obedient)
        code.writestr("broken.py", BROKEN)
    return archive.getvalue()


def root_of(function: Function) -> Path:
    return Path(function().answer["environment"]["LAMBDA_TASK_ROOT"])


def first_met(folder: Path) -> int | None:
    return next((int(path.read_text() or 0) for path in folder.iterdir()), None)


def is_alive(pid: int) -> bool:
    """Not as a zombie, which only waits to be read."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
