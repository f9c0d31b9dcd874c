"""`saga url`: the address of the API."""

from sagactl.commands.options import STACK_NAME, Aws, Port, StackName
from sagactl.stack.deployed_stack import find


def url(port: Port = None, aws: Aws = False, stack_name: StackName = STACK_NAME) -> None:
    """Print the address of the API.

    For instance: curl "$(saga url)/orders/ORDER".
    """
    print(find(use_aws=aws, port=port, stack_name=stack_name).api_url)
