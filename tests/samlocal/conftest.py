"""A stack on LocalStack that containers reach, as docs/tools.md sets it up; skipped where no Docker engine answers."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from support.documents import commands, follow, script
from support.ports import free_port

from sagactl.design.template import TEMPLATE
from sagactl.local import localstack
from sagactl.paths import PROJECT
from sagactl.stack.deployed_stack import Stack, find

RUNTIME = TEMPLATE["Globals"]["Function"]["Runtime"].removeprefix("python")


def docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["/usr/bin/env", "docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check_engine() -> None:
    answer = docker("version")
    if answer.returncode == 0:
        return
    problem = f"no Docker engine answers: {answer.stderr.strip()}"
    if os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(problem)
    pytest.skip(f"{problem}; with REQUIRE_DOCKER=1 this is a failure")


class Reader:
    """Who does what docs/tools.md says in its blocks for Docker, on a LocalStack of their own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.setup, self.invoke, self.start_api, self.post = commands(PROJECT / "docs/tools.md", "docker")
        image = f"public.ecr.aws/lambda/python:{RUNTIME}-x86_64"
        self._settings = {"SAM_SKIP_PULL_IMAGE": str(docker("image", "inspect", image).returncode == 0)}

    def does(self, text: str) -> "subprocess.CompletedProcess[str]":
        return follow(text, self.port, self._settings)


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    check_engine()
    reader = Reader()
    try:
        done = reader.does(script([reader.setup]))
        assert done.returncode == 0, done.stderr
        yield reader
    finally:
        localstack.stop(reader.port)


@pytest.fixture(scope="session")
def stack(reader: Reader) -> Stack:
    return find(use_aws=False, port=reader.port)
