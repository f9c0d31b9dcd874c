"""Where things are in this checkout."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
STATE = PROJECT / ".saga"  # what setup installs and LocalStack writes; never committed
SAM_VENV = STATE / "sam/venv"
LAMBDA_VENV = STATE / "lambda/venv"
LOCALSTACK = STATE / "localstack"
DYNAMODB = STATE / "dynamodb"


def may_run_in(folder: Path) -> bool:
    """Whether a program in this folder may run: its file system may be mounted with noexec."""
    return not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)
