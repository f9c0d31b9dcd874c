"""What AWS refuses, or the way to it, as errors of one line.

Nothing is imported for this: without the SDK, which takes long to import, there is no error of its.
"""

import re
import sys
from typing import Any
from urllib.parse import urlsplit

from sagactl import environment
from sagactl.errors import SagaError

_LOG_IN = "Log in: aws sso login, or aws configure"
_REMEDIES = {
    r"Throttl|TooManyRequests|LimitExceeded|ThroughputExceeded|SlowDown": "Wait a moment, and try again",
    r"Expired|Signature|AuthFailure|InvalidAccessKey|InvalidClientToken|InvalidToken|UnrecognizedClient": _LOG_IN,
    r"AccessDenied|Forbidden|NotAuthorized|Unauthorized": "Ask for this permission, or choose another AWS_PROFILE",
    r"NotFound|NonExistent|NoSuch": "Look whether the stack is still there: saga url",
}
"""What to do, by a pattern of AWS's error codes."""
_FAULT = "Try again; if it is LocalStack, its log is in .saga/localstack"
_OTHER = "Check the credentials and the region"
_SERVER_ERROR = 500


def sdk_errors() -> tuple[type[Exception], ...]:
    """Returns the classes of the errors of AWS's SDK; none as long as it is not imported."""
    sdk: Any = sys.modules.get("botocore.exceptions")
    return (sdk.ClientError, sdk.BotoCoreError) if sdk else ()


def aws_refusal(error: Exception) -> SagaError:
    """Returns an error of AWS's SDK as a SagaError."""
    sdk: Any = sys.modules["botocore.exceptions"]
    if isinstance(error, sdk.ClientError):
        return _refused(error)
    if isinstance(error, (sdk.ConnectionError, sdk.HTTPClientError)):
        return _unreached(error)
    return _not_asked(error)


def _refused(error: Any) -> SagaError:
    """What AWS answered."""
    code = str(error.response["Error"].get("Code", "Unknown"))
    said = [code, _line(str(error.response["Error"].get("Message", "")))]
    message = f"AWS refused {error.operation_name}: {': '.join(filter(None, said))}"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return SagaError(message, _remedy(code, status))


def _remedy(code: str, status: int) -> str:
    for pattern, remedy in _REMEDIES.items():
        if re.search(pattern, code):
            return remedy
    return _FAULT if status >= _SERVER_ERROR else _OTHER


def _unreached(error: Any) -> SagaError:
    """Nothing answered."""
    url = urlsplit(str(error.kwargs.get("endpoint_url", "")))
    if environment.is_loopback(url.hostname):
        return SagaError(f"No LocalStack answers any more at {url.scheme}://{url.netloc}", "Start it: saga up")
    return SagaError(f"AWS can't be reached: {_line(str(error))}", "Check the network, the proxy and the region")


def _not_asked(error: Exception) -> SagaError:
    """The SDK itself gave up before it asked."""
    message = f"AWS can't be asked: {_line(str(error))}"
    if re.search("Credential|Login|SSO|Token", type(error).__name__):
        return SagaError(message, _LOG_IN)
    return SagaError(message, "Check AWS_PROFILE, AWS_REGION and ~/.aws/config")


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
