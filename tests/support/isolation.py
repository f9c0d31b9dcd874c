"""Whoever tests a function reaches no AWS account with it, and nothing that their shell is set up for."""

import os
import shutil
import tempfile
from pathlib import Path

_FOREIGN = ("AWS_", "POWERTOOLS_", "SAGA_LOCALSTACK_", "TZ")
_HERE = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
_NEEDED_BYTES = 300 * 10**6  # for temporary files


def isolate() -> None:
    tempfile.tempdir = _temporary()
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    os.environ |= {
        "NO_PROXY": _HERE,
        "no_proxy": _HERE,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret  # it is none
        "AWS_DEFAULT_REGION": "us-east-1",
        # Of a profile's settings, a variable overrides some only, and a file that can't be parsed fails every client.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TMPDIR": tempfile.tempdir,  # Playwright takes it as it comes
        # As template.yaml sets them for every function; Powertools counts nothing without a namespace.
        "POWERTOOLS_METRICS_NAMESPACE": "saga",
        "POWERTOOLS_SERVICE_NAME": "test",
    }


def _temporary() -> str:
    """Returns the first folder with room for what tests write, some of it programs, which must be allowed to run."""
    usual = tempfile.gettempdir()
    for folder in (Path(usual), Path(os.environ.get("HOME", usual), ".cache")):
        if os.access(folder, os.W_OK) and _may_run_in(folder) and shutil.disk_usage(folder).free >= _NEEDED_BYTES:
            return str(folder)
    return usual


def _may_run_in(folder: Path) -> bool:
    return not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)
