"""`saga env`: the settings of the deployed functions."""

import json

from sagactl.commands.options import STACK_NAME, Aws, Port, StackName
from sagactl.stack.deployed_stack import find
from sagactl.stack.function_variables import for_containers


def env(port: Port = None, aws: Aws = False, stack_name: StackName = STACK_NAME) -> None:
    """Print the functions' settings for sam local invoke.

    Save them, and pass the file as --env-vars: functions in containers then use
    the deployed stack's tables and bus.
    """
    print(json.dumps(for_containers(find(use_aws=aws, port=port, stack_name=stack_name)), indent=2))
