"""Where things are in this checkout."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
STATE = PROJECT / ".saga"  # what setup installs and LocalStack writes; never committed
SAM_VENV = STATE / "sam/venv"
LAMBDA_VENV = STATE / "lambda/venv"
LOCALSTACK = STATE / "localstack"
DYNAMODB = STATE / "dynamodb"
