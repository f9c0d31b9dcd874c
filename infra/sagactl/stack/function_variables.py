"""The environment variables of the deployed functions, for running them in sam local's containers."""

from sagactl.stack.deployed_stack import Stack

_FUNCTION = "AWS::Lambda::Function"
_THIS_MACHINE = "host.docker.internal"  # as containers name it


def for_containers(stack: Stack) -> dict[str, dict[str, str]]:
    """Returns each function's variables by its logical ID, as sam's `--env-vars` takes them."""
    return {logical_id: _variables(stack, name) for logical_id, name in stack.resources(_FUNCTION)}


def _variables(stack: Stack, function: str) -> dict[str, str]:
    configuration = stack.client("lambda").get_function_configuration(FunctionName=function)
    variables: dict[str, str] = dict(configuration["Environment"]["Variables"])
    if stack.where.is_local:
        variables["AWS_ENDPOINT_URL"] = f"http://{_THIS_MACHINE}:{stack.where.port}"
    return variables
