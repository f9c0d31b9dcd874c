"""The implementations of the ledgers that a contract is tried on, and AWS's own DynamoDB Local among them."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inventory.stock import DynamoStockLedger, MemoryStockLedger
from saga.ledger import Ledger, State

THREADS = 50
CONCURRENT = ["memory", "dynamodb-local"]  # moto is not made for threads
IMPLEMENTATIONS = [*CONCURRENT, "moto"]

type LedgerOf = Callable[[type[State]], Ledger[Any]]
type StockLedger = DynamoStockLedger | MemoryStockLedger
type Stocked = Callable[..., StockLedger]


@contextmanager
def running_dynamodb_local(folder: Path) -> Iterator[str]:
    """Runs the emulator that was unpacked there, and gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    java = [str(shutil.which("java")), "-XX:TieredStopAtLevel=1", f"-Djava.library.path={folder}/DynamoDBLocal_lib"]
    command = [*java, "-jar", str(folder / "DynamoDBLocal.jar"), "-inMemory", "-port", str(port)]
    with tempfile.TemporaryDirectory() as scratch:  # it leaves a file where it runs
        process = subprocess.Popen(command, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_port(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline_seconds = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline_seconds:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("DynamoDB Local does not start")
