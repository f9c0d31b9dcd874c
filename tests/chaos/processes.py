"""The processes of one LocalStack: functions to kill, and DynamoDB to freeze."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sagactl.local import localstack
from sagactl.stack import aws

_MARK = "LAMBDA_PROCESS_MARK"  # in the environment of LocalStack and all that it starts


class Processes:
    def __init__(self, port: int) -> None:
        instance = localstack.status(port)
        assert instance, f"no LocalStack at {port}"
        assert instance.pid, f"the LocalStack at {port} was not started by `saga up`: its processes cannot be killed"
        self._mark = _environment(instance.pid)[_MARK]

    def of(self, function: str) -> list[int]:
        """Returns the processes of a function."""
        name = f"{aws.STACK_NAME}-{function}"
        return [pid for pid, environment in self._all() if environment.get("AWS_LAMBDA_FUNCTION_NAME") == name]

    def kill(self, function: str) -> bool:
        """Kills the oldest process of a function, which gets most of the work. Returns False if there is none."""
        pids = self.of(function)
        if not pids:
            return False
        try:
            os.kill(min(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def freeze_dynamodb(self, seconds: float) -> None:
        """Stops it for a time. Then it takes all requests that were sent meanwhile, even by processes that are dead."""
        [pid] = (pid for pid, _ in self._all() if b"DynamoDBLocal.jar" in _command(pid))
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _all(self) -> Iterator[tuple[int, dict[str, str]]]:
        for folder in Path("/proc").glob("[0-9]*"):
            environment = _environment(int(folder.name))
            if environment.get(_MARK) == self._mark:
                yield int(folder.name), environment


def _environment(pid: int) -> dict[str, str]:
    """Empty for a process that has just ended, or belongs to another user."""
    variables: list[str] = []
    with suppress(PermissionError, FileNotFoundError, ProcessLookupError):
        variables = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    return dict(variable.split("=", 1) for variable in variables if "=" in variable)


def _command(pid: int) -> bytes:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
