"""`saga url`: the address of the API."""

from sagactl.commands.options import Aws, Port
from sagactl.stack.deployed import find


def url(port: Port = None, aws: Aws = False) -> None:
    """Print the address of the API, for: curl "$(saga url)/orders"."""
    print(find(use_aws=aws, port=port).api_url)
