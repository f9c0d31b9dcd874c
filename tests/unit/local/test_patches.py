"""What of LocalStack's is replaced by infra/localstack/patches.py."""

import os
import subprocess

import pytest

from sagactl.paths import LOCALSTACK, PROJECT

AT_ONCE = """
import threading, time
import patches
from localstack.services.dynamodb import utils

patches.apply()
inside = []
most = 0

def clock():
    global most
    inside.append(1)
    time.sleep(0.01)
    most = max(most, len(inside))
    inside.pop()
    return time.monotonic()

def use():
    cache["orders"] = cache.get("orders") or 1
    cache.pop("orders", None)

cache = type(utils.SCHEMA_CACHE)(maxsize=50, ttl=20, timer=clock)
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(most)
"""

MODELS = """
import boto3
import patches
from botocore.loaders import JSONFileLoader
from localstack.services.stores import RegionBundle
from localstack.services.sqs.models import SqsStore

early = boto3.Session()
made = []
read = []
load_file = JSONFileLoader.load_file

def count(self, path):
    found = load_file(self, path)
    if found:
        read.append(path)
    return found

JSONFileLoader.load_file = count
patches.apply()
make = boto3.Session.__init__

def note(self):
    made.append(self)
    make(self)

boto3.Session.__init__ = note
for service in ("sqs", "sts"):
    assert "us-east-1" in RegionBundle(service, SqsStore, True, "000000000000", {}).valid_regions
assert len(made) == 1
for session in (early, boto3.Session(), boto3.Session()):
    assert "us-west-2" in session.get_available_regions("sqs")
    session.client("sqs", "us-east-1")
    assert len(session._loader.search_paths) == 3
for name in ("/endpoints", "/sqs/2012-11-05/service-2"):
    [_] = [path for path in read if path.endswith(name)]
print(1)
"""

GARBAGE = """
import gc
from localstack.runtime import hooks

hooks.on_runtime_create.run()
print(gc.get_threshold()[0] // 50_000)
"""

ROUTES = """
import patches
from werkzeug.routing import Map, Rule

compiled = []
compile_builder = Rule._compile_builder

def count(self, append_unknown):
    compiled.append(self)
    return compile_builder(self, append_unknown)

Rule._compile_builder = count
patches.apply()
address = Map([Rule("/orders/<id>", endpoint="order")]).bind("localhost")
assert address.match("/orders/1") == ("order", {"id": "1"})
assert not compiled
assert address.build("order", {"id": "a b", "of": "2"}) == "/orders/a%20b?of=2"
print(len(compiled))
"""


@pytest.mark.parametrize("script", [AT_ONCE, GARBAGE, MODELS, ROUTES])
def test_that_is_done_once(script: str) -> None:
    """Tables' schemas are looked up by one thread at a time.

    AWS's models are read once for all sessions, of which one lists the regions. Garbage is searched for once in 50,000
    new objects. What makes the URLs of a route is compiled when one is made.
    """
    command = [str(LOCALSTACK / "venv/bin/python"), "-c", script]
    own = os.environ | {"PYTHONPATH": str(PROJECT / "infra/localstack")}
    ran = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr
