"""What a function shows of itself: structured logs, and metrics in CloudWatch's embedded metric format."""

import logging

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(use_rfc3339=True, utc=True)
logging.getLogger("botocore").setLevel(logging.WARNING)  # Lambda's JSON logs would keep its chatter


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    """Writes the metric at once, so that a crash afterwards can't take it along."""
    with single_metric(name=name, unit=unit, value=value) as metric:
        metric.add_dimension("service", logger.service)
