"""One process of a Lambda function, and the Runtime API that it asks for work.

The process runs AWS's own runtime client, awslambdaric, which speaks
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
A process that failed is replaced, never mended. Each has an API on a port of its own, so whatever an earlier
one still has to say reaches nobody.
"""

import json
import os
import signal
import subprocess
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO, NamedTuple

_API = "/2018-06-01/runtime"


class Answer(NamedTuple):
    body: bytes
    is_error: bool


class RuntimeFailed(Exception):
    """The process exited, was killed or took too long, so there is no answer of its own."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type

    def answer(self, request_id: str) -> Answer:
        """What Lambda answers in its place."""
        error = {"errorType": self.error_type, "errorMessage": f"RequestId: {request_id} Error: {self}"}
        return Answer(json.dumps(error).encode(), is_error=True)


@dataclass(frozen=True)
class Invocation:
    request_id: str
    payload: bytes
    headers: dict[str, str]
    answer: Future[Answer] = field(default_factory=Future)


class RuntimeProcess:
    """Starts at once, and takes one invocation at a time until it exits or is killed."""

    def __init__(self, command: list[str], cwd: str, environment: dict[str, str], log: IO[bytes]) -> None:
        self.waiting: SimpleQueue[Invocation | None] = SimpleQueue()
        self._lock = Lock()  # guards the three below
        self._loaded: Future[Answer | None] = Future()  # None, or why the function could not be loaded
        self._current: Invocation | None = None
        self._failure: RuntimeFailed | None = None
        self._api = _RuntimeApi(self)
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,  # so that what the function starts ends with it
        )
        Thread(target=self._api.serve_forever, daemon=True).start()
        Thread(target=self._await_exit, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def await_load(self, timeout_seconds: int) -> Answer | None:
        """None once the function is loaded; after an answer or RuntimeFailed the process is dead."""
        if failed := self._await(self._loaded, timeout_seconds):
            self.kill()
        return failed

    def invoke(self, invocation: Invocation, timeout_seconds: int) -> Answer:
        """After RuntimeFailed the process is dead."""
        with self._lock:
            if self._failure:
                raise self._failure
            self._current = invocation
        self.waiting.put(invocation)
        return self._await(invocation.answer, timeout_seconds)

    def kill(self) -> None:
        """Returns when the process can write nothing more."""
        self._process.kill()
        self._process.wait()

    def load_ended(self, failed: Answer | None) -> None:
        with self._lock:
            if not self._loaded.done():
                self._loaded.set_result(failed)

    def settle(self, request_id: str, answer: Answer) -> bool:
        """Hand the answer over, if it is for the invocation under way."""
        with self._lock:
            if self._current is None or self._current.request_id != request_id:
                return False
            self._current.answer.set_result(answer)
            self._current = None
            return True

    def _await[T](self, future: Future[T], timeout_seconds: int) -> T:
        try:
            return future.result(timeout_seconds)
        except TimeoutError:
            self.kill()
            message = f"Task timed out after {timeout_seconds:.2f} seconds"
            raise RuntimeFailed("Sandbox.Timedout", message) from None

    def _await_exit(self) -> None:
        status = self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        reason = f"signal: {signal.strsignal(-status)}".lower() if status < 0 else f"exit status {status}"
        with self._lock:
            self._failure = RuntimeFailed("Runtime.ExitError", f"Runtime exited with error: {reason}")
            if not self._loaded.done():
                self._loaded.set_exception(self._failure)
            if self._current:
                self._current.answer.set_exception(self._failure)
                self._current = None
        self.waiting.put(None)
        self._api.shutdown()
        self._api.server_close()


class _RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a thread that still writes to a dead process must not delay its end

    def __init__(self, process: RuntimeProcess) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.process = process

    def handle_error(self, *_: object) -> None:
        """A connection breaks when its process dies, which _await_exit sees too."""


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the client to acknowledge the headers
    server: _RuntimeApi

    def log_message(self, *_: object) -> None:
        """No access log: LocalStack's own would be full of it."""

    def do_GET(self) -> None:
        if self.path != f"{_API}/invocation/next":
            return self._reply(404)
        self.server.process.load_ended(failed=None)
        invocation = self.server.process.waiting.get()
        if invocation is None:
            return self._reply(410)
        return self._reply(200, invocation.payload, invocation.headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.path.removeprefix(f"{_API}/").split("/"):
            case ["init", "error"]:
                self.server.process.load_ended(Answer(body, is_error=True))
                self._reply(202)
            case ["invocation", request_id, "response" | "error" as outcome]:
                known = self.server.process.settle(request_id, Answer(body, is_error=outcome == "error"))
                self._reply(202 if known else 400)
            case _:
                self._reply(404)

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
