"""`saga env`: what functions in sam local's containers need to know of the deployed stack."""

import json

from sagactl.commands.options import Aws, Port
from sagactl.stack.aws import STACK_NAME
from sagactl.stack.deployed import Stack, find

_THIS_MACHINE = "host.docker.internal"  # as containers name it


def env(port: Port = None, aws: Aws = False) -> None:
    """Print the settings of the deployed functions, for: sam local invoke --env-vars FILE.

    So they work on the stack's own tables and bus, which is LocalStack's or, with --aws, that on AWS.
    """
    print(json.dumps(settings(find(use_aws=aws, port=port)), indent=2))


def settings(stack: Stack) -> dict[str, dict[str, str]]:
    """Each function's variables, by logical id."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
    return {
        resource["LogicalResourceId"]: _variables(stack, resource["PhysicalResourceId"])
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }


def _variables(stack: Stack, name: str) -> dict[str, str]:
    configuration = stack.client("lambda").get_function_configuration(FunctionName=name)
    deployed: dict[str, str] = configuration["Environment"]["Variables"]
    elsewhere = {"AWS_ENDPOINT_URL": f"http://{_THIS_MACHINE}:{stack.where.port}"} if stack.where.is_local else {}
    return deployed | elsewhere
