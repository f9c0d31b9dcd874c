"""Which Java is taken."""

from pathlib import Path

import pytest

from sagactl.errors import SagaError
from sagactl.local import programs

ASKED = '[ "$*" = "-XshowSettings:properties -version" ] || exit 1\n'


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def installed(home: Path, version: str) -> Path:
    """A Java that says where it is, as the real one does, among all that it says."""
    said = f"echo '    java.home = {home}\n    java.version = {version}\nopenjdk version \"{version}\"' >&2\n"
    return script(home / "bin/java", ASKED + said)


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The first folder on the PATH."""
    folder = tmp_path / "path"
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def test_behind_a_script_that_asks_the_callers_home_is_the_java_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: Path
) -> None:
    """LocalStack, which runs it, has another home."""
    java = installed(tmp_path / "versions/a java of 17", "17.0.15")
    script(path / "java", f'[ -f "$HOME/.tool-versions" ] && exec "{java}" "$@"\nexit 126\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".tool-versions").touch()
    assert programs.java() == str(java)


@pytest.mark.parametrize("version", ["17", "21.0.2"])
def test_a_java_that_is_new_enough_is_taken(path: Path, tmp_path: Path, version: str) -> None:
    path.symlink_to(installed(tmp_path / "java", version).parent)
    assert programs.java() == str(tmp_path / "java/bin/java")


@pytest.mark.parametrize(("version", "named"), [("1.8.0_402", 8), ("11.0.2", 11)])
def test_a_java_that_is_too_old_is_named_by_its_place_on_the_path(
    path: Path, tmp_path: Path, version: str, named: int
) -> None:
    path.symlink_to(installed(tmp_path / "java", version).parent)
    with pytest.raises(SagaError, match=f"{path}/java is Java {named}"):
        programs.java()


def test_the_one_in_java_home_stands_in_for_one_that_does_not_run(
    monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    script(path / "java", "exit 126\n")
    java = installed(tmp_path / "java", "17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    assert programs.java() == str(java)


def test_one_that_does_not_say_where_it_is_is_taken_as_it_is(path: Path) -> None:
    java = script(path / "java", "exit 0\n")
    assert programs.java() == str(java)
