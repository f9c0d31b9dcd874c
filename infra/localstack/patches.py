"""What LocalStack takes longer for than it need, while a stack is deployed."""

import functools
from types import SimpleNamespace

import boto3
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.lambda_.invocation import lambda_models

_RESOURCE_TIMEOUT_SECONDS = 300
_PAUSE_SECONDS = 0.1


def apply() -> None:
    # CloudFormation looks whether a new resource is ready, and pauses: a second, while a function takes half of one.
    ResourceProviderExecutor.deploy_loop.__defaults__ = (_RESOURCE_TIMEOUT_SECONDS, _PAUSE_SECONDS)
    # At each look, Lambda made a client of S3 to sign the address of the code. That takes a tenth of a second.
    lambda_models.boto3 = SimpleNamespace(client=functools.cache(boto3.client))
