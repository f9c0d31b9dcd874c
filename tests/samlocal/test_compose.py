"""LocalStack as Docker Compose runs it: docs/tools.md, as written.

Where the engine can't have LocalStack's image, a stand-in takes its place: it forwards to the LocalStack that this
machine runs as a process. Compose's file, its port and all that follows are the same.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from samlocal.conftest import RUNTIME, Reader, docker
from support.documents import commands, follow, script
from support.ports import free_port

from sagactl.paths import PROJECT

STAND_IN = r"""
FROM public.ecr.aws/lambda/python:{runtime}-x86_64
COPY forward.py /
ENTRYPOINT ["/var/lang/bin/python3", "/forward.py", "{host}", "{port}"]
HEALTHCHECK --interval=2s CMD ["/var/lang/bin/python3", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:4566/_localstack/health')"]
"""
FORWARD = """\
import asyncio
import sys


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def forward(reader, writer):
    other_reader, other_writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer), return_exceptions=True)


async def main():
    await (await asyncio.start_server(forward, "", 4566)).serve_forever()


asyncio.run(main())
"""


@pytest.fixture
def version(reader: Reader, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What Compose's file is told of LocalStack's version: nothing, or the stand-in's."""
    if docker("compose", "version").returncode:
        pytest.skip("Docker Compose is not installed: docker-compose-plugin, or docker-compose of Debian 13 and later")
    wanted = docker("compose", "--file", str(PROJECT / "infra/compose.yaml"), "config", "--images")
    assert wanted.returncode == 0, wanted.stderr
    image = wanted.stdout.strip()
    if docker("image", "inspect", image).returncode == 0 or docker("pull", "--quiet", image).returncode == 0:
        yield {}
        return
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").stdout.strip()
    (tmp_path / "Dockerfile").write_text(STAND_IN.format(runtime=RUNTIME, host=gateway, port=reader.port))
    (tmp_path / "forward.py").write_text(FORWARD)
    built = docker("build", "--quiet", "--tag", "localstack/localstack:stand-in", str(tmp_path))
    assert built.returncode == 0, built.stderr
    yield {"LOCALSTACK_VERSION": "stand-in"}
    docker("image", "rm", "--force", "localstack/localstack:stand-in")


def test_everything_works_on_compose_s_localstack(version: dict[str, str]) -> None:
    up, down = commands(PROJECT / "docs/tools.md", "compose")
    port = free_port()
    order = "order --product item-001 --quantity 2 --amount 1000 --wait --json"
    saga = "".join(f".venv/bin/saga {command}\n" for command in ("deploy", "stock set item-001 500", order))
    try:
        done = follow(script([up]) + saga, port, {"LOCALSTACK_PORT": str(port)} | version)
        assert done.returncode == 0, done.stderr[-3000:]
        assert '"status": "COMPLETED"' in done.stdout
    finally:
        ended = follow(script([down]), port)
    assert ended.returncode == 0, ended.stderr
    assert not docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=saga").stdout
