"""Whoever tests a function reaches no AWS account with it, and no LocalStack that the README had them name."""

import os


def isolate() -> None:
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret  # it is none
        "AWS_DEFAULT_REGION": "us-east-1",
        # As template.yaml sets them for every function; Powertools counts nothing without a namespace.
        "POWERTOOLS_METRICS_NAMESPACE": "Saga",
        "POWERTOOLS_SERVICE_NAME": "test",
    }
