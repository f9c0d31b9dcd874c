"""One process of a Lambda function, and the Runtime API from which it gets its invocations.

The process runs awslambdaric, AWS's own runtime client, which uses the Runtime API:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
A process that failed is replaced by a new one. Each process has an API at a port of its own, so a late answer of an
earlier process reaches nobody.
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
    """What an invocation returned, or the error that it ended with, as JSON."""

    body: bytes
    is_error: bool


class RuntimeFailed(Exception):
    """The process exited, was killed or took too long, so it gave no answer."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type

    def answer(self, request_id: str) -> Answer:
        """Returns what Lambda answers in this case."""
        error = {"errorType": self.error_type, "errorMessage": f"RequestId: {request_id} Error: {self}"}
        return Answer(json.dumps(error).encode(), is_error=True)


@dataclass(frozen=True)
class Invocation:
    request_id: str
    payload: bytes
    headers: dict[str, str]
    answer: Future[Answer] = field(default_factory=Future)


class RuntimeProcess:
    """A process that starts at once, and takes one invocation at a time until it exits or is killed."""

    def __init__(self, command: list[str], cwd: str, environment: dict[str, str], log: IO[bytes]) -> None:
        self.waiting: SimpleQueue[Invocation | None] = SimpleQueue()
        self._lock = Lock()  # guards the next three attributes
        self._loaded: Future[Answer | None] = Future()  # None if the function was loaded, or else the error
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
            process_group=0,  # so that processes started by the function end with it
        )
        Thread(target=self._api.serve_forever, daemon=True).start()
        Thread(target=self._await_exit, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def await_load(self, timeout_seconds: int) -> Answer | None:
        """Waits until the function is loaded. Returns None, or the error if it cannot be loaded.

        Raises RuntimeFailed. The process is dead after an error of either kind.
        """
        failed = self._await(self._loaded, timeout_seconds)
        if failed:
            self.kill()
        return failed

    def invoke(self, invocation: Invocation, timeout_seconds: int) -> Answer:
        """Returns the function's answer. Raises RuntimeFailed; the process is then dead."""
        with self._lock:
            if self._failure:
                raise self._failure
            self._current = invocation
        self.waiting.put(invocation)
        return self._await(invocation.answer, timeout_seconds)

    def kill(self) -> None:
        """Kills the process, and returns when it can no longer write anything."""
        self._process.kill()
        self._process.wait()

    def load_ended(self, failed: Answer | None) -> None:
        """Takes note that the function was loaded, or of the error if it cannot be loaded."""
        with self._lock:
            if not self._loaded.done():
                self._loaded.set_result(failed)

    def settle(self, request_id: str, answer: Answer) -> bool:
        """Gives the answer to whoever waits for it. Returns False if it is not for the invocation in progress."""
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
        reason = _reason(status)
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


def _reason(status: int) -> str:
    if status < 0:
        return f"signal: {signal.strsignal(-status)}".lower()
    return f"exit status {status}"


class _RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # because a thread may still be writing to a dead process

    def __init__(self, process: RuntimeProcess) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.process = process

    def handle_error(self, *_: object) -> None:
        """Does nothing: a connection breaks when its process dies, and _await_exit deals with that."""


def _in_utf8(body: bytes) -> bytes:
    """Why a function could not be loaded comes from AWS's client in Latin-1 if a path has letters beyond ASCII."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1").encode()
    return body


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body would wait 40 ms until the client acknowledges the headers
    server: _RuntimeApi

    def log_message(self, *_: object) -> None:
        """Writes no access log, because it would fill LocalStack's log."""

    def do_GET(self) -> None:
        if self.path != f"{_API}/invocation/next":
            self._reply(404)
            return
        self.server.process.load_ended(failed=None)
        invocation = self.server.process.waiting.get()
        if invocation is None:
            self._reply(410)
        else:
            self._reply(200, invocation.payload, invocation.headers)

    def do_POST(self) -> None:
        body = _in_utf8(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        match self.path.removeprefix(f"{_API}/").split("/"):
            case ["init", "error"]:
                self.server.process.load_ended(Answer(body, is_error=True))
                self._reply(202)
            case ["invocation", request_id, "response" | "error" as outcome]:
                is_awaited = self.server.process.settle(request_id, Answer(body, is_error=outcome == "error"))
                status = 202 if is_awaited else 400
                self._reply(status)
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
