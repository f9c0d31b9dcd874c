"""The environment of every process that is started here. It is made from a list of what is passed on.

What people have in their shells for other projects is no setting of this one. Passed on, where it is set, is

- what every program needs of the machine: PATH, HOME, TMPDIR, USER, LOGNAME, TERM, NO_COLOR, and LD_LIBRARY_PATH, which
  a Python may need that a module of a shared machine or a prefix of one's own brings;
- what the way to the Internet needs, for programs that go there: proxies and certificate authorities;
- what says who the caller is on AWS, for programs that go to AWS itself: AWS_*;
- where packages come from, for programs that fetch them: `local.package_settings` has the list.

The locale is always C.UTF-8, because Java can't open a file whose path has other letters than its locale. What is on
this machine is never asked for through a proxy.
"""

import ipaddress
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sagactl.paths import PROJECT, STATE

LOOPBACK = ("127.0.0.1", "localhost", "::1", "localhost.localstack.cloud")
"""Names and addresses that are always this machine's."""
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy")
"""The variables that name proxies."""
NO_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""For a program that asks as nobody: a profile may need a login, or have a region or an endpoint of its own."""

_MACHINE = ("LD_LIBRARY_PATH", "LOGNAME", "NO_COLOR", "PATH", "TERM", "USER")
_AUTHORITIES = ("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")
_ELSEWHERE = ("AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")  # AWS_ENDPOINT_URL_S3 and the like, too


def given(names: Iterable[str]) -> dict[str, str]:
    """Returns those of the caller's variables that are set, and not to nothing."""
    return {name: value for name in names if (value := os.environ.get(name))}


def machine() -> dict[str, str]:
    """For a program that needs nothing but this machine."""
    return given(_MACHINE) | {"HOME": str(_home()), "LC_ALL": "C.UTF-8", "TMPDIR": tempfile.gettempdir()}


def internet() -> dict[str, str]:
    """For a program that fetches something. It asks this machine for nothing through a proxy."""
    return machine() | given(PROXIES) | given(_AUTHORITIES) | no_proxy()


def code() -> dict[str, str]:
    """For a program that imports the code of this checkout."""
    return machine() | {"PYTHONPATH": os.pathsep.join([str(PROJECT / "functions"), str(PROJECT / "infra")])}


def aws() -> dict[str, str]:
    """For a program that calls AWS itself, as the caller; whatever endpoint the caller has set."""
    own = (name for name in os.environ if name.startswith("AWS_") and not name.startswith(_ELSEWHERE))
    return internet() | given(own) | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}


def no_proxy() -> dict[str, str]:
    """The variables that name what is asked for without a proxy: what the caller says, and this machine."""
    said = [os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    names = ",".join(dict.fromkeys(filter(None, [*said, *LOOPBACK])))
    if "*" in said:
        names = "*"
    return {"no_proxy": names, "NO_PROXY": names}


def is_loopback(host: str | None) -> bool:
    """Whether it is certainly this machine's."""
    name = (host or "").lower()
    if name in LOOPBACK or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _home() -> Path:
    """The caller's home, or else a folder of ours, because programs want one that they can write to."""
    home = os.environ.get("HOME", "")
    if home and os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return Path(home)
    own = STATE / "home"
    own.mkdir(parents=True, exist_ok=True)
    return own
