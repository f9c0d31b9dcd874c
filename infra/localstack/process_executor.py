"""An executor for Lambda functions in LocalStack that needs no Docker: each execution environment is a process.

LocalStack itself still assigns invocations, limits concurrency, retries asynchronous invocations, sends dead letters
and keeps CloudWatch Logs. Three variables of LocalStack's environment concern this executor:

LAMBDA_RUNTIME_EXECUTOR=process selects it.
LAMBDA_PROCESS_PYTHON is the interpreter that runs the functions. They can import its packages besides their own.
LAMBDA_PROCESS_MARK is passed on to the functions, so that processes left behind can be found.
"""

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from localstack.services.plugins import SERVICE_PLUGINS
from runtime_process import Answer, Invocation, RuntimeFailed, RuntimeProcess

_LOAD_TIMEOUT_SECONDS = 20
_INHERITED = ("LD_LIBRARY_PATH", "PATH", "LAMBDA_PROCESS_MARK")  # Python itself may need the first
_PYTHON = os.environ.get("LAMBDA_PROCESS_PYTHON", sys.executable)


class UnzippedCode:
    """A folder for each code, which all functions that have this code share: unzipping takes half a second."""

    def __init__(self) -> None:
        self._root = Path(tempfile.gettempdir(), "lambda-code")
        self._lock = Lock()
        self._users: Counter[Path] = Counter()

    def folder(self, version: FunctionVersion) -> Path:
        return self._root / _code(version).code_sha256.replace("/", "-")

    def add(self, version: FunctionVersion) -> None:
        code = _code(version)
        folder = self.folder(version)
        with self._lock:
            if not folder.exists():
                code.prepare_for_execution()
                self._root.mkdir(exist_ok=True)
                code.get_unzipped_code_location().rename(folder)
            self._users[folder] += 1

    def remove(self, version: FunctionVersion) -> None:
        folder = self.folder(version)
        with self._lock:
            self._users[folder] -= 1
            if self._users[folder] <= 0:
                shutil.rmtree(folder, ignore_errors=True)


def _code(version: FunctionVersion) -> Any:
    return version.config.code  # never None: every function here is deployed as a zip file


unzipped = UnzippedCode()


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: a folder, a log, and one process at a time."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002  # LocalStack's base class names it so
        super().__init__(id, function_version)
        self._lock = Lock()  # guards _process and _stopped
        self._process: RuntimeProcess | None = None
        self._stopped = False
        # A file has all that was printed, however the process ended. A file without a name is gone when LocalStack
        # ends, however it ends.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # no block: it stays open until LocalStack ends
        self._logged_bytes = 0
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-", ignore_cleanup_errors=True)

    def start(self, env_vars: dict[str, Any]) -> None:
        """Starts the process without waiting for it.

        If the function cannot be loaded, the first invocation returns the error and logs it.
        """
        self._code = str(unzipped.folder(self.function_version))
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        given = {name: str(value) for name, value in env_vars.items()}
        self._environment = {**inherited, "LANG": "C.UTF-8", **given} | {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.function_version.config.runtime}",
            "HOME": self._folder.name,  # so that the user's own AWS configuration is not found
            "LAMBDA_TASK_ROOT": self._code,
            "TMPDIR": self._folder.name,
        }
        self._live_process()

    def stop(self) -> None:
        """Ends the process. An invocation in progress fails with Runtime.ExitError."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.kill()
        self._folder.cleanup()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Runs one invocation. If the process failed, a new one is already starting when this returns."""
        request_id = payload["invoke-id"]
        started = time.monotonic()
        failure = ""
        try:
            answer = self._run(payload)
        except RuntimeFailed as error:
            answer = error.answer(request_id)
            failure = f"RequestId: {request_id} Error: {error}\n"
        duration_ms = (time.monotonic() - started) * 1000
        logs = (
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n"
            f"{self._new_output()}{failure}"
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\t"
            f"Memory Size: {self.function_version.config.memory_size} MB\n"
        )
        if failure:
            self._live_process()
        return InvocationResult(request_id, answer.body, is_error=answer.is_error, logs=logs)

    def _run(self, payload: dict[str, str]) -> Answer:
        process = self._live_process()
        if failed := process.await_load(_LOAD_TIMEOUT_SECONDS):
            return failed
        timeout_seconds = self.function_version.config.timeout
        deadline_ms = int((time.time() + timeout_seconds) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": payload["invoke-id"],
            "Lambda-Runtime-Invoked-Function-Arn": payload["invoked-function-arn"],
            "Lambda-Runtime-Trace-Id": payload["trace-id"],
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
        }
        invocation = Invocation(payload["invoke-id"], payload["payload"].encode(), headers)
        return process.invoke(invocation, timeout_seconds)

    def _live_process(self) -> RuntimeProcess:
        """Returns the process, after replacing it if it is dead. A stopped environment keeps its dead process."""
        with self._lock:
            is_dead = self._process is not None and not self._process.alive
            if self._process is None or (is_dead and not self._stopped):
                command = [_PYTHON, "-m", "awslambdaric", self.function_version.config.handler]
                self._process = RuntimeProcess(command, self._code, self._environment, self._log)
            return self._process

    def _new_output(self) -> str:
        text = self._output_since(self._logged_bytes)
        self._logged_bytes += len(text)
        decoded = text.decode(errors="replace")
        if decoded and not decoded.endswith("\n"):
            return f"{decoded}\n"
        return decoded

    def _output_since(self, offset_bytes: int) -> bytes:
        size_bytes = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size_bytes - offset_bytes, offset_bytes)

    def get_logs(self) -> str:
        return self._output_since(0).decode(errors="replace")

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return ""  # The init program of a container reports to this address. A process has no such program.

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Also starts an execution environment, as Lambda may do ahead of invocations.

        A deployed function then loads while the rest of the stack is still being deployed.
        """
        unzipped.add(function_version)
        _start_ahead(function_version)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        unzipped.remove(function_version)


def _start_ahead(function_version: FunctionVersion) -> None:
    service = SERVICE_PLUGINS.get_service("lambda").lifecycle_hook.lambda_service
    version_manager = service.lambda_starting_versions[function_version.qualified_arn]
    environment = service.assignment_service.start_environment(version_manager.id, function_version)
    service.assignment_service.environments[version_manager.id][environment.id] = environment


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *_args: Any, **_kwargs: Any) -> type[RuntimeExecutor]:
        return ProcessExecutor
