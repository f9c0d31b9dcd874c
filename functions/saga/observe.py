"""Logs and metrics, by Powertools for AWS Lambda. Its POWERTOOLS_... variables in template.yaml configure both."""

import json
import logging
from functools import partial

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

logger = Logger(
    use_rfc3339=True,
    utc=True,
    serialize_stacktrace=False,  # `exception` has it already
    json_serializer=partial(json.dumps, default=str),  # with escapes: what came in may be no valid Unicode
)
logging.getLogger("botocore").setLevel(logging.WARNING)  # Lambda's JSON logs would keep its chatter


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    """Writes the metric at once, so that a crash afterwards can't take it along."""
    with single_metric(name=name, unit=unit, value=value):
        pass
