"""A LocalStack Lambda executor that needs no Docker: every execution environment is a process.

Assignment, concurrency, async retries, dead letters and CloudWatch Logs stay LocalStack's own.
LAMBDA_RUNTIME_EXECUTOR=process selects it. LAMBDA_PROCESS_PYTHON is the interpreter whose packages the functions
find besides their own; LAMBDA_PROCESS_MARK is passed on to them, so that strays can be found.
"""

import os
import sys
import tempfile
import time
from threading import Lock
from typing import Any

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from runtime_process import Answer, Invocation, RuntimeFailed, RuntimeProcess

_LOAD_TIMEOUT_SECONDS = 20
_INHERITED = ("PATH", "LAMBDA_PROCESS_MARK")
_PYTHON = os.environ.get("LAMBDA_PROCESS_PYTHON", sys.executable)


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: its folder, its log, and one process at a time."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 (LocalStack's name for it)
        super().__init__(id, function_version)
        self._lock = Lock()  # guards _process and _stopped
        self._process: RuntimeProcess | None = None
        self._stopped = False
        # A file, because all that was printed is in it however its writer ended; without a name, because then
        # nothing is left of it however LocalStack ends.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._logged_bytes = 0
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-", ignore_cleanup_errors=True)

    def start(self, env_vars: dict[str, Any]) -> None:
        """Doesn't wait: a function that can't be loaded is the first invocation's error, and in its log."""
        code: Any = self.function_version.config.code  # never None: every function here is deployed as a zip file
        self._code = str(code.get_unzipped_code_location())
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        given = {name: str(value) for name, value in env_vars.items()}
        self._environment = {**inherited, "LANG": "C.UTF-8", **given} | {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.function_version.config.runtime}",
            "HOME": self._folder.name,  # where no AWS configuration of this machine's user lies
            "LAMBDA_TASK_ROOT": self._code,
            "TMPDIR": self._folder.name,
        }
        self._live_process()

    def stop(self) -> None:
        """An invocation under way gets Runtime.ExitError."""
        with self._lock:
            self._stopped = True
            if self._process:
                self._process.kill()
        self._folder.cleanup()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """When the process failed, the next one is starting by the time this returns."""
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
        headers = {
            "Lambda-Runtime-Aws-Request-Id": payload["invoke-id"],
            "Lambda-Runtime-Invoked-Function-Arn": payload["invoked-function-arn"],
            "Lambda-Runtime-Trace-Id": payload["trace-id"],
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout_seconds) * 1000)),
        }
        invocation = Invocation(payload["invoke-id"], payload["payload"].encode(), headers)
        return process.invoke(invocation, timeout_seconds)

    def _live_process(self) -> RuntimeProcess:
        """In place of a dead process a new one; once stopped, the dead one."""
        with self._lock:
            if self._process is None or not (self._stopped or self._process.alive):
                command = [_PYTHON, "-m", "awslambdaric", self.function_version.config.handler]
                self._process = RuntimeProcess(command, self._code, self._environment, self._log)
            return self._process

    def _new_output(self) -> str:
        text = self._output_since(self._logged_bytes)
        self._logged_bytes += len(text)
        decoded = text.decode(errors="replace")
        return decoded if decoded.endswith("\n") or not decoded else f"{decoded}\n"

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
        return ""  # where the init program of a container reports to; a process has none

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """LocalStack removes the code itself."""


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *_args: Any, **_kwargs: Any) -> type[RuntimeExecutor]:
        return ProcessExecutor
