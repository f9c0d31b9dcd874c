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

REGIONS = """
import patches
from botocore.loaders import JSONFileLoader
from localstack.services.stores import RegionBundle
from localstack.services.sqs.models import SqsStore
from localstack.services.events.models import EventsStore

read = []
load_file = JSONFileLoader.load_file

def count(self, path):
    read.append(path)
    return load_file(self, path)

JSONFileLoader.load_file = count
patches.apply()
for name, store in (("sqs", SqsStore), ("events", EventsStore)):
    assert "us-east-1" in RegionBundle(name, store, True, "000000000000", {}).valid_regions
print(sum(path.endswith("/endpoints") for path in read))
"""


@pytest.mark.parametrize("script", [AT_ONCE, REGIONS])
def test_that_is_done_once(script: str) -> None:
    """Tables' schemas are looked up by one thread at a time; AWS's regions are read once for all services."""
    command = [str(LOCALSTACK / "venv/bin/python"), "-c", script]
    own = os.environ | {"PYTHONPATH": str(PROJECT / "infra/localstack")}
    ran = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr
