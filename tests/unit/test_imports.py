"""A test of pure functions starts at once: it loads neither AWS's SDK nor the `saga` command."""

import subprocess
import sys

from sagactl.paths import PROJECT

HEAVY = {"boto3", "botocore", "moto", "aws_lambda_powertools", "sagactl", "typer", "rich", "yaml"}
RUN = """
import sys, pytest
status = pytest.main(["--quiet", *sys.argv[1:]])
print(*sys.modules)
sys.exit(status)
"""


def test_the_decision_tables_load_nothing_heavy() -> None:
    tables = [str(path) for path in sorted((PROJECT / "tests/unit").glob("*/test_reactions.py"))]
    ran = subprocess.run([sys.executable, "-c", RUN, *tables], cwd=PROJECT, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert {"payment.reactions", "shipping.reactions"} <= loaded
    assert HEAVY & loaded == set()
