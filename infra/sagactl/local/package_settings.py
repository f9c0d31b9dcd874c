"""Where packages come from, as the caller's settings say, for pip, uv and npm; and none of their other settings.

An index, the proxy to it and the authority that certifies it are the machine's. All else that these tools read, from
their variables and their files, is for other projects, and would fail an installation here or put it elsewhere.
"""

import configparser
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagactl import environment, room
from sagactl.errors import SagaError
from sagactl.paths import STATE

MACHINE = Path("/etc")
"""Where the settings of the machine are."""
TEMPORARY = STATE / "tmp"
"""Where packages are unpacked: the machine's own folder may be small, full, or mounted with noexec."""
_PIP = ("cert", "client-cert", "extra-index-url", "find-links", "index-url", "proxy", "trusted-host")
_UV = (
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
)
_UV_AUTHORITIES = ("SSL_CERT_DIR", "SSL_CERT_FILE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS")
_UV_CREDENTIALS = ("_USERNAME", "_PASSWORD")  # of UV_INDEX_ and an index's name
_NPM = ("ca", "cafile", "https-proxy", "noproxy", "proxy", "registry", "strict-ssl")


def for_pip_and_uv() -> dict[str, str]:
    """Returns the environment for pip and uv, and for what calls them, such as sam.

    Raises SagaError if a file of their settings is not valid.
    """
    pip = _pip()
    TEMPORARY.mkdir(parents=True, exist_ok=True)
    places = _cache("UV_CACHE_DIR", ".cache/uv", levels=1) | {"TMPDIR": str(TEMPORARY)}
    return environment.internet() | pip | _uv(pip) | places


def for_uv() -> dict[str, str]:
    """Returns the environment for uv alone: its certificates and proxies are pip's if it has none of its own.

    Other programs read these variables, too, and they mean more to them than where packages come from.
    """
    own = for_pip_and_uv()
    return own | _certificates(own) | _proxies(own)


def for_npm() -> dict[str, str]:
    """Returns the environment for npm. What is kept of the user's own file of settings is in a file below STATE."""
    lines = "".join(_npm_lines())
    own = STATE / "npmrc"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.unlink(missing_ok=True)
    own.touch(mode=0o600)  # it may have a token
    own.write_text(lines, encoding="utf-8", errors="surrogateescape")
    named = environment.given(re.findall(r"\$\{(\w+)", lines))
    settings = {"npm_config_userconfig": str(own), "npm_config_update_notifier": "false"}
    return environment.internet() | named | _npm_variables() | settings | _cache("npm_config_cache", ".npm", levels=3)


def _cache(variable: str, usual: str, levels: int) -> dict[str, str]:
    """Names a cache below STATE if the usual one can't be written to, as sudo leaves it, or has no room for it all.

    (pip does without one.)
    """
    home = Path(environment.machine()["HOME"])
    if _is_writable(home / usual, levels) and room.free_bytes(home) >= room.SETUP_BYTES:
        return {}
    return {variable: str(STATE / "cache" / Path(usual).name.removeprefix("."))}


def _is_writable(folder: Path, levels: int) -> bool:
    """Whether files can be made there, and in so many levels of folders in it."""
    if not folder.exists():
        return _is_writable(folder.parent, 0)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return False
    if levels == 0:
        return True
    return all(_is_writable(inner, levels - 1) for inner in folder.iterdir() if inner.is_dir())


def _pip() -> dict[str, str]:
    files = configparser.RawConfigParser(strict=False)
    for path in _pip_files():
        try:
            files.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            raise SagaError(f"{path} is not a valid file of pip's settings", "See why: pip config debug") from None
    found: dict[str, str] = {}
    for section in ("global", "download", "install"):
        items = dict(files.items(section)) if files.has_section(section) else {}
        found |= {name.replace("_", "-"): value for name, value in items.items()}
    kept = {_pip_variable(name): found[name] for name in _PIP if found.get(name)}
    given = environment.given(map(_pip_variable, _PIP))
    return kept | given | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def _certificates(own: dict[str, str]) -> dict[str, str]:
    found = {}
    if "PIP_CERT" in own and not any(name in own for name in _UV_AUTHORITIES):
        authorities = Path(own["PIP_CERT"]).expanduser()
        variable = "SSL_CERT_DIR" if authorities.is_dir() else "SSL_CERT_FILE"
        found[variable] = str(authorities)
    if "PIP_CLIENT_CERT" in own:
        found["SSL_CLIENT_CERT"] = str(Path(own["PIP_CLIENT_CERT"]).expanduser())
    return found


def _proxies(own: dict[str, str]) -> dict[str, str]:
    if "PIP_PROXY" not in own or any(name in own for name in environment.PROXIES):
        return {}
    return dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), own["PIP_PROXY"])


def _pip_variable(name: str) -> str:
    return "PIP_" + name.upper().replace("-", "_")


def _pip_files() -> Iterator[Path]:
    """Where pip looks for its settings. What a later file says replaces what an earlier one does."""
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    for folder in reversed(os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")):
        yield Path(folder, "pip/pip.conf")
    yield MACHINE / "pip.conf"
    home = Path(os.environ.get("HOME", "/"))
    yield home / ".pip/pip.conf"
    yield home / "Library/Application Support/pip/pip.conf"
    yield _config_home() / "pip/pip.conf"
    if named:
        yield Path(named)


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path(os.environ.get("HOME", "/"), ".config"))


def _uv(pip: dict[str, str]) -> dict[str, str]:
    """uv's own settings. If they name no index, or no trusted host, pip's is uv's, too."""
    credentials = (name for name in os.environ if name.startswith("UV_INDEX_") and name.endswith(_UV_CREDENTIALS))
    found = _uv_files() | environment.given(_UV) | environment.given(credentials)
    if not any("INDEX" in name for name in found) and "PIP_INDEX_URL" in pip:
        found["UV_DEFAULT_INDEX"] = pip["PIP_INDEX_URL"]
    if "PIP_TRUSTED_HOST" in pip:
        found.setdefault("UV_INSECURE_HOST", " ".join(pip["PIP_TRUSTED_HOST"].split()))
    return found | {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}


def _uv_files() -> dict[str, str]:
    """What uv's files say of indexes and certificates, the user's before the machine's, as variables."""
    own = Path(os.environ.get("UV_CONFIG_FILE") or _config_home() / "uv/uv.toml")
    found: dict[str, str] = {}
    for path in (MACHINE / "uv/uv.toml", own):
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError:
            continue
        except ValueError:
            raise SagaError(f"{path} is not a valid file of uv's settings", "Correct or remove it") from None
        found |= _uv_settings(settings.get("pip", {})) | _uv_settings(settings)
    return found


def _uv_settings(settings: dict[str, Any]) -> dict[str, str]:
    found = {}
    if url := settings.get("index-url"):
        found["UV_DEFAULT_INDEX"] = str(url)
    others = [str(url) for url in settings.get("extra-index-url", [])]
    for index in settings.get("index", []):
        named = f"{index['name']}={index['url']}" if "name" in index else str(index["url"])
        if index.get("default"):
            found["UV_DEFAULT_INDEX"] = named
        else:
            others.append(named)
    if others:
        found["UV_INDEX"] = " ".join(others)
    if hosts := settings.get("allow-insecure-host"):
        found["UV_INSECURE_HOST"] = " ".join(map(str, hosts))
    if settings.get("system-certs") or settings.get("native-tls"):
        found["UV_SYSTEM_CERTS"] = "true"
    return found


def _npm_variables() -> dict[str, str]:
    """npm's variables may be in any letters, and have an underscore for a hyphen."""
    found = {}
    for name, value in os.environ.items():
        key = name.lower().removeprefix("npm_config_").replace("_", "-")
        if value and name.lower().startswith("npm_config_") and key in _NPM:
            found[f"npm_config_{key.replace('-', '_')}"] = value
    return found


def _npm_lines() -> Iterator[str]:
    named = next((value for name, value in os.environ.items() if name.lower() == "npm_config_userconfig"), "")
    path = Path(named or Path(os.environ.get("HOME", "/"), ".npmrc"))
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        key = line.partition("=")[0].strip().removesuffix("[]")
        if key in _NPM or key.endswith(":registry") or key.startswith("//"):
            yield f"{line}\n"
