"""A bus that loses and doubles events: a proxy in front of EventBridge that answers just like it."""

import json
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from chaos.plan import Fate

_KEPT_HEADERS = ("Authorization", "Content-Type", "X-Amz-Date", "X-Amz-Target", "X-Amz-Security-Token")

type PutEntry = dict[str, str]
type FateOf = Callable[[str, str, int], Fate]


@dataclass
class Fact:
    """How often an order's event was told, how many of these tellings were lost, and its contents without metadata."""

    tellings: int = 0
    swallowed: int = 0
    details: set[str] = field(default_factory=set)

    @property
    def is_on_bus(self) -> bool:
        return self.tellings > self.swallowed


type Facts = dict[str, Fact]  # by detail-type


class FaultyBus(ThreadingHTTPServer):
    """Decides the fate of each entry of PutEvents, and always answers as if nothing had happened."""

    daemon_threads = True
    block_on_close = False  # functions keep their connections
    request_queue_size = 128  # connections that are not taken yet: the default, 5, has functions time out

    def __init__(self, upstream: httpx.Client, fate: FateOf) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.fate = fate
        self.fates: Counter[Fate] = Counter()
        self.facts: dict[str, Facts] = defaultdict(lambda: defaultdict(Fact))  # by order
        self.is_faulty = False
        self._told_at_seconds = time.monotonic()
        self._lock = threading.Lock()  # guards all of these

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def quiet_seconds(self) -> float:
        return time.monotonic() - self._told_at_seconds

    def decide(self, entry: PutEntry) -> Fate:
        detail = json.loads(entry["Detail"]) | {"metadata": None}
        order_id = detail["orderId"]
        name = entry["DetailType"]
        with self._lock:
            self._told_at_seconds = time.monotonic()
            fact = self.facts[order_id][name]
            fact.tellings += 1
            fact.details.add(json.dumps(detail, sort_keys=True))
            fate: Fate = "once"
            if self.is_faulty:
                fate = self.fate(order_id, name, fact.tellings)
            fact.swallowed += fate == "swallowed"
            self.fates[fate] += 1
            return fate

    def handle_error(self, *_: object) -> None:
        """Does nothing: a connection breaks when the process at its other end is killed."""


@contextmanager
def faulty_bus(endpoint_url: str, fate: FateOf) -> Iterator[FaultyBus]:
    with httpx.Client(base_url=endpoint_url, timeout=60, trust_env=False) as upstream, FaultyBus(upstream, fate) as bus:
        threading.Thread(target=bus.serve_forever, daemon=True).start()
        try:
            yield bus
        finally:
            bus.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body would wait 40 ms until the client acknowledges the headers
    server: FaultyBus

    def log_message(self, *_: object) -> None:
        """Writes no access log."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("X-Amz-Target") == "AWSEvents.PutEvents":
            body = self._put_events(json.loads(body))
        else:
            body = self._forward(body)
        self.send_response(200)
        self.send_header("Content-Type", self.headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _put_events(self, request: dict[str, Any]) -> bytes:
        """Puts the copies in a second call: with them, there might be more entries than PutEvents takes in one."""
        fated = [(entry, self.server.decide(entry)) for entry in request["Entries"]]
        results = iter(self._put([entry for entry, fate in fated if fate != "swallowed"]))
        self._put([entry for entry, fate in fated if fate == "twice"])
        answers = []
        for _, fate in fated:
            if fate == "swallowed":
                answers.append({"EventId": str(uuid.uuid4())})
            else:
                answers.append(next(results))
        failed = sum("ErrorCode" in answer for answer in answers)
        return json.dumps({"FailedEntryCount": failed, "Entries": answers}).encode()

    def _put(self, entries: list[PutEntry]) -> list[dict[str, str]]:
        if not entries:
            return []
        answer = json.loads(self._forward(json.dumps({"Entries": entries}).encode()))
        results: list[dict[str, str]] = answer["Entries"]
        return results

    def _forward(self, body: bytes) -> bytes:
        """LocalStack checks no signature, so the body may differ from the one that was signed."""
        headers = {name: self.headers[name] for name in _KEPT_HEADERS if name in self.headers}
        return self.server.upstream.post("/", content=body, headers=headers).raise_for_status().content
