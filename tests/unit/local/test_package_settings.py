"""Where packages come from is the caller's to say, and nothing else of how they are installed here."""

import os
from pathlib import Path

import pytest

from sagactl import environment, room
from sagactl.errors import SagaError
from sagactl.local import package_settings

INDEX = "https://packages.example/simple"
OTHER = "https://other.example/simple"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without any file, of someone with no settings."""
    for name in list(os.environ):
        if name.lower().startswith(("pip_", "uv_", "npm_config_", "xdg_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path))
    monkeypatch.setattr(package_settings, "STATE", tmp_path / "state")
    monkeypatch.setattr(package_settings, "TEMPORARY", tmp_path / "state/tmp")
    monkeypatch.setattr(package_settings, "MACHINE", tmp_path)
    return home


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("theirs", "passed"),
    [
        (".cache", {"UV_CACHE_DIR": "state/cache/uv"}),
        (".cache/uv", {"UV_CACHE_DIR": "state/cache/uv"}),
        (".cache/uv/wheels-v5", {"UV_CACHE_DIR": "state/cache/uv"}),
        (".npm", {"npm_config_cache": "state/cache/npm"}),
        (".npm/_cacache/index-v5/00", {"npm_config_cache": "state/cache/npm"}),
        (".cache/pip", {}),
        ("", {}),  # which is no home for our programs then
    ],
)
def test_a_cache_of_roots_is_replaced(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path, theirs: str, passed: dict[str, str]
) -> None:
    (home / theirs).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(environment, "STATE", tmp_path / "state")
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: path not in {home / theirs, str(home / theirs)} and access(path, mode)
    )
    assert caches() == {name: str(tmp_path / value) for name, value in passed.items()}


def caches() -> dict[str, str]:
    settings = package_settings.for_uv() | package_settings.for_npm()
    return {name: settings[name] for name in ("UV_CACHE_DIR", "npm_config_cache") if name in settings}


def test_a_home_without_room_for_caches_has_none(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    free_bytes = {home: 699 * 10**6}
    monkeypatch.setattr(room, "free_bytes", lambda folder: free_bytes[folder])
    state = tmp_path / "state"
    assert caches() == {"UV_CACHE_DIR": str(state / "cache/uv"), "npm_config_cache": str(state / "cache/npm")}
    free_bytes[home] += 10**6
    assert caches() == {}


def test_packages_are_unpacked_in_this_folder(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    """The machine has another place for temporary files, which may be small, or full."""
    monkeypatch.setenv("TMPDIR", str(home))
    for passed in (package_settings.for_pip_and_uv(), package_settings.for_uv()):
        assert passed["TMPDIR"] == str(tmp_path / "state/tmp")
        assert Path(passed["TMPDIR"]).is_dir()


def settings_of(tool: str, passed: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in passed.items() if name.upper().startswith(tool)}


OURS = {
    "PIP_": {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"},
    "UV_": {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"},
}


@pytest.mark.parametrize(
    "name",
    ["PIP_USER", "PIP_TARGET", "PIP_REQUIRE_HASHES", "PIP_NO_INDEX", "UV_REQUIRE_HASHES", "UV_OFFLINE", "UV_PYTHON"],
)
@pytest.mark.usefixtures("home")
def test_variables_for_other_projects_are_not_passed_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    passed = package_settings.for_pip_and_uv()
    for tool, ours in OURS.items():
        assert settings_of(tool, passed) == ours


@pytest.mark.parametrize("file", [".pip/pip.conf", ".config/pip/pip.conf"])
def test_pip_and_uv_keep_the_index_of_pips_file(home: Path, file: str) -> None:
    write(
        home / file, f"[global]\nuser = true\nindex-url = {INDEX}\n[install]\ntarget = /t\nfind_links =\n  /a\n  /b\n"
    )
    passed = package_settings.for_pip_and_uv()
    assert settings_of("PIP_", passed) == OURS["PIP_"] | {"PIP_INDEX_URL": INDEX, "PIP_FIND_LINKS": "\n/a\n/b"}
    assert settings_of("UV_", passed) == OURS["UV_"] | {"UV_DEFAULT_INDEX": INDEX}


def test_a_variable_says_more_than_a_file(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    write(home / ".config/pip/pip.conf", f"[global]\nindex-url = {INDEX}\n")
    monkeypatch.setenv("PIP_INDEX_URL", OTHER)
    assert package_settings.for_pip_and_uv()["PIP_INDEX_URL"] == OTHER


def test_a_file_of_pips_that_is_named_is_read_and_dev_null_means_none(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    write(home / ".config/pip/pip.conf", f"[global]\nindex-url = {INDEX}\n")
    write(tmp_path / "mine", f"[global]\nindex-url = {OTHER}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "mine"))
    assert package_settings.for_pip_and_uv()["PIP_INDEX_URL"] == OTHER
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert "PIP_INDEX_URL" not in package_settings.for_pip_and_uv()


@pytest.fixture
def no_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that names neither certificates nor proxies."""
    for name in (*environment.PROXIES, *package_settings._UV_AUTHORITIES):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("cert = ~/ca.pem", {"SSL_CERT_FILE": "HOME/ca.pem"}),
        ("cert = ~/certs", {"SSL_CERT_DIR": "HOME/certs"}),
        ("client-cert = ~/me.pem", {"SSL_CLIENT_CERT": "HOME/me.pem"}),
        ("proxy = http://p.example:1", dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), "http://p.example:1")),
        ("trusted-host =\n  a.example\n  b.example:1", {"UV_INSECURE_HOST": "a.example b.example:1"}),
    ],
)
@pytest.mark.usefixtures("no_own_way")
def test_uv_goes_pips_way(home: Path, line: str, same: dict[str, str]) -> None:
    (home / "certs").mkdir()
    none = package_settings.for_uv()
    write(home / ".config/pip/pip.conf", f"[global]\n{line}\n")
    passed = package_settings.for_uv()
    added = {name: value for name, value in passed.items() if name not in none and not name.startswith("PIP_")}
    assert added == {name: value.replace("HOME", str(home)) for name, value in same.items()}


@pytest.mark.parametrize(
    ("name", "pips"),
    [
        *((name, "SSL_CERT_FILE") for name in ("SSL_CERT_DIR", "UV_SYSTEM_CERTS")),
        *((name, "HTTP_PROXY") for name in ("HTTPS_PROXY", "all_proxy")),
        ("SSL_CERT_FILE", "SSL_CERT_FILE"),
        ("UV_INSECURE_HOST", "UV_INSECURE_HOST"),
    ],
)
@pytest.mark.usefixtures("no_own_way")
def test_uv_goes_its_own_way_if_it_has_one(monkeypatch: pytest.MonkeyPatch, home: Path, name: str, pips: str) -> None:
    write(home / ".config/pip/pip.conf", "[global]\ncert = pips\nproxy = pips\ntrusted-host = pips\n")
    assert package_settings.for_uv()[pips] == "pips"
    monkeypatch.setenv(name, "own")
    passed = package_settings.for_uv()
    assert passed[name] == "own"
    assert passed.get(pips) != "pips"


@pytest.mark.usefixtures("no_own_way")
def test_only_uv_goes_pips_way(home: Path) -> None:
    write(home / ".config/pip/pip.conf", "[global]\ncert = pips\nproxy = pips\n")
    assert not {"SSL_CERT_FILE", "HTTPS_PROXY"} & package_settings.for_pip_and_uv().keys()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f'index-url = "{INDEX}"\noffline = true', {"UV_DEFAULT_INDEX": INDEX}),
        (f'[pip]\nindex-url = "{INDEX}"\nrequire-hashes = true', {"UV_DEFAULT_INDEX": INDEX}),
        (
            f'[[index]]\nurl = "{INDEX}"\ndefault = true\n[[index]]\nname = "b"\nurl = "{OTHER}"',
            {"UV_DEFAULT_INDEX": INDEX, "UV_INDEX": f"b={OTHER}"},
        ),
        (f'extra-index-url = ["{INDEX}", "{OTHER}"]', {"UV_INDEX": f"{INDEX} {OTHER}"}),
        ('allow-insecure-host = ["a", "b:1"]', {"UV_INSECURE_HOST": "a b:1"}),
        ("native-tls = true", {"UV_SYSTEM_CERTS": "true"}),
    ],
)
def test_uv_keeps_the_way_that_its_file_says(home: Path, text: str, kept: dict[str, str]) -> None:
    write(home / ".config/uv/uv.toml", text)
    assert settings_of("UV_", package_settings.for_pip_and_uv()) == OURS["UV_"] | kept


@pytest.mark.parametrize(("file", "tool"), [(".config/pip/pip.conf", "pip"), (".config/uv/uv.toml", "uv")])
def test_a_file_that_is_not_valid_is_named(home: Path, file: str, tool: str) -> None:
    write(home / file, "= nothing [")
    with pytest.raises(SagaError, match=f"{file} is not a valid file of {tool}'s settings"):
        package_settings.for_pip_and_uv()


def test_npm_keeps_its_registry_its_proxy_and_who_the_caller_is(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    kept = "registry=https://npm.example/\n//npm.example/:_authToken=${MY_NAME}\n@a:registry = https://a.example/\n"
    write(home / ".npmrc", f"{kept}global=true\nignore-scripts=true\ndry-run=true\n; a comment\n")
    variables = {
        "NPM_CONFIG_HTTPS_PROXY": "http://proxy.example",
        "npm_config_offline": "true",
        "NODE_ENV": "production",
        "MY_NAME": "mine",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    passed = package_settings.for_npm()
    own = Path(passed["npm_config_userconfig"])
    assert own.read_text() == kept
    assert own.stat().st_mode & 0o077 == 0
    assert passed["npm_config_https_proxy"] == "http://proxy.example"
    assert passed["MY_NAME"] == "mine"
    assert not {"npm_config_offline", "NODE_ENV", "NPM_CONFIG_HTTPS_PROXY"} & passed.keys()
