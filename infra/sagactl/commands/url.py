"""`saga url`: the address of the API."""

from sagactl.commands.options import Aws, Port
from sagactl.stack.deployed_stack import find


def url(port: Port = None, aws: Aws = False) -> None:
    """Print the address of the API.

    For instance: curl "$(saga url)/orders/ORDER".
    """
    print(find(use_aws=aws, port=port).api_url)
