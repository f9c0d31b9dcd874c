"""What of LocalStack's is replaced by infra/localstack/patches.py."""

import os
import subprocess

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


def test_the_schemas_of_tables_are_looked_up_by_one_thread_at_a_time() -> None:
    command = [str(LOCALSTACK / "venv/bin/python"), "-c", AT_ONCE]
    own = os.environ | {"PYTHONPATH": str(PROJECT / "infra/localstack")}
    ran = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "1\n"), ran.stderr
