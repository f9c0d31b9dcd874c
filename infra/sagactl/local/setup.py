"""`make setup`: all that the saga command and the tests need, installed inside this folder.

Any Python 3.13 runs this, before anything is installed. Each part has a mark that says what it was installed from. It
is installed again if that has changed, if the folder was moved, if Python is another one now, if it was interrupted, or
if some of it is missing.
"""

import hashlib
import os
import re
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sagactl import environment, room
from sagactl.errors import SagaError, refusal, together
from sagactl.local import asyncapi_schema, child, dynamodb, localstack, locks, marks, npm, programs
from sagactl.local.package_settings import TEMPORARY, for_npm, for_pip_and_uv, for_uv
from sagactl.paths import LOCALSTACK, PROJECT, STATE, VENV
from sagactl.signals import leave_blocks_first

_STACK = ("localstack", "sam", "lambda", "dynamodb", "asyncapi")  # what runs the stack on this machine
_AT_ONCE = 2  # environments, in this order: LocalStack's takes longest, so it is among the first
_COMPILED = ("lambda",)  # the functions' processes import it, several at once: none of them should have to compile it
_FIRST_IMPORTS = "import boto3, sagactl.commands.demo"  # to have them compiled while other things are installed
_LONGEST_PATH = 200  # bytes: SQLite takes 512, and the path of LocalStack's temporary folder has this one twice
_REQUIREMENTS = PROJECT / "requirements"
_PYTHON = VENV / "bin/python"
_LOG = STATE / "setup.log"
_LAUNCHER = """#!/bin/sh
# The saga command, whatever the shell has set for other Pythons.
here=$(readlink -f -- "$0")
if [ "$here" != INSTALLED ]; then # .venv would run the code where it was installed
  echo 'error: This checkout was copied or moved. Run: make setup.' >&2
  exit 1
fi
if [ ! -x "${here%/*}/python" ]; then
  echo 'error: The Python that .venv was made with is gone. Run: make setup.' >&2
  exit 1
fi
exec "${here%/*}/python" -I -X utf8 -m sagactl "$@"
"""


class _ToolFailure(SagaError):
    """A tool failed. What it printed goes into the log if this is reported: the first failure ends the other tools."""

    def __init__(self, why: str, printed: str) -> None:
        super().__init__(why, f"Read all that it printed: {_LOG.relative_to(PROJECT)}")
        self.printed = printed


@dataclass(frozen=True)
class Part:
    """Something to install, what it is made from, the folders it is in, and the file that marks it as complete."""

    name: str
    sources: Sequence[Path]
    mark: Path
    install: Callable[[], None]
    contents: Sequence[Path] = ()
    is_movable: bool = False  # whether it works in another place, and with another Python

    @property
    def is_complete(self) -> bool:
        marked = marks.read(self.mark)
        return marked.get("made_from") == self._fingerprint() and marks.is_whole(self.mark, marked)

    @property
    def is_only_outdated(self) -> bool:
        """Whether it is complete, but for what it is made from."""
        marked = marks.read(self.mark)
        made_from = marked.get("made_from", {}) | {"sources": ""}
        return made_from == self._fingerprint() | {"sources": ""} and marks.is_whole(self.mark, marked)

    def complete(self) -> None:
        marks.write(self.mark, self._fingerprint(), self.contents)

    def _fingerprint(self) -> dict[str, str]:
        contents = hashlib.sha256(b"\0".join(path.read_bytes() for path in self.sources)).hexdigest()
        if self.is_movable:
            return {"sources": contents}
        return {"place": str(PROJECT), "python": sys.version, "sources": contents}


def parts(names: Sequence[str]) -> list[Part]:
    """Returns what the saga command needs, and what is named: by its lock in requirements/, or as one of these here.

    "stack" is all that runs the stack on this machine. "dev" is what the tests and the checks need, in one environment
    with what the saga command needs.
    """
    saga = _saga("dev.txt")
    if "dev" not in names and not saga.is_complete:
        saga = _saga("saga.txt")
    known = {
        "saga": saga,
        "npm": _movable("npm", _locks("package.json", "package-lock.json"), _npm, STATE / "npm/node_modules"),
        "dynamodb": _movable("dynamodb", _code("dynamodb"), dynamodb.fetch, dynamodb.LIBRARY),
        "asyncapi": _movable("asyncapi", _code("asyncapi_schema"), asyncapi_schema.fetch_specification),
    }
    of_stack = _STACK if "stack" in names else ()
    wanted = dict.fromkeys(name for name in ("saga", *of_stack, *names) if name not in ("stack", "dev"))
    return [known.get(name) or _environment(name) for name in wanted]


def install(names: Sequence[str]) -> None:
    """Installs what is not complete. Raises SagaError with the first failure; nothing is left running then."""
    wanted = parts(names)
    missing = [part for part in wanted if not part.is_complete] if _runs(_PYTHON) else wanted
    check_machine(wanted, missing)
    if not missing:
        return
    print("Installing into .venv and .saga, which takes about a minute", file=sys.stderr)
    with locks.held("setup", _say_that_it_waits):
        try:
            _install_all(names)
        except _ToolFailure as failure:
            _LOG.write_text(failure.printed)
            raise


def _say_that_it_waits() -> None:
    print("Waits until another make setup, or what it left running, has ended", file=sys.stderr)


def _install_all(names: Sequence[str]) -> None:
    wanted = parts(names)
    saga = next(part for part in wanted if part.name == "saga")
    missing = [part for part in wanted if part is saga or not part.is_complete]
    shutil.rmtree(TEMPORARY, ignore_errors=True)  # what a tool has left there that was killed
    of_npm = [part for part in missing if part.is_movable]  # they need nothing of Python's
    of_uv = [part for part in missing if not part.is_movable]
    with ThreadPoolExecutor() as by_npm, ThreadPoolExecutor(_AT_ONCE) as by_uv:
        under_way = [by_npm.submit(_install, part) for part in of_npm]
        try:
            _prepare(saga)
            under_way += [by_uv.submit(_install, part) for part in of_uv]
            wait(under_way, return_when="FIRST_EXCEPTION")
        finally:
            failed = [one for one in under_way if one.done() and one.exception()]
            for pool in (by_npm, by_uv):
                pool.shutdown(wait=False, cancel_futures=True)
            child.end_all(under_way)
    for one in failed:
        one.result()


def check_machine(wanted: Sequence[Part], missing: Sequence[Part]) -> None:
    """Raises SagaError, with every problem in a line, if something is missing that must be on this machine before.

    What is installed needs its programs, too: a shell may have no Java or npm where the one that installed it had.
    """
    names = {part.name for part in wanted}
    checks: list[Callable[[], object]] = [_own_pip, check_folder] if missing else []
    if "localstack" in {part.name for part in missing}:
        checks.append(partial(room.check_free, room.SETUP_BYTES))
    if "dynamodb" in names:
        checks.append(programs.java)
    if "npm" in names or any(part.is_movable for part in missing):
        checks.append(programs.npm)
    problems = []
    for check in checks:
        try:
            check()
        except SagaError as error:
            problems.append(error)
    if problems:
        raise together(problems)


def check_folder() -> None:
    """Raises SagaError if nothing can be installed in this folder, and run from there."""
    if not os.access(PROJECT, os.W_OK):
        raise SagaError(f"{PROJECT} can't be written to", "Clone to a folder of your own")
    if os.pathsep in str(PROJECT):
        raise SagaError(f"{PROJECT} has a colon in its name", "Rename it, or clone to a folder without one")
    if len(os.fsencode(PROJECT)) > _LONGEST_PATH:
        message = f"{PROJECT} is longer than {_LONGEST_PATH} bytes, too long for a database of LocalStack's"
        raise SagaError(message, "Clone to a folder with a shorter path")
    if os.statvfs(PROJECT).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise SagaError(f"No program in {PROJECT} may run: it is mounted with noexec", "Clone to another file system")


def _prepare(saga: Part) -> None:
    """Makes the environment in which uv is, unless it is only outdated. uv then installs everything else.

    It is installed by the pip that Python brings along, which runs unpacked: from its archive, Python compiles each
    module twice. To install that pip first would take as long again.
    """
    if saga.is_only_outdated and _runs(_PYTHON):
        return
    _run("python -m venv", [_base_python(), "-m", "venv", "--clear", "--without-pip", VENV], for_pip_and_uv())
    pip = VENV / "pip"
    shutil.unpack_archive(_own_pip(), pip, "zip")
    options = ("-qq", "--no-compile", "--require-hashes", "-r", _REQUIREMENTS / "uv.txt")
    _run("pip install uv", [_PYTHON, "-B", pip / "pip", "install", *options], for_pip_and_uv())
    shutil.rmtree(pip)


def _own_pip() -> Path:
    """The archive of pip that Python has for its environments. Raises SagaError if there is none."""
    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), Path(sysconfig.get_path("stdlib"), "ensurepip/_bundled")]
    for folder in filter(None, folders):
        for archive in Path(folder).glob("pip-*.whl"):
            return archive
    raise SagaError("Python has no ensurepip", "Install it: on Debian and Ubuntu, python3.13-venv")


def _install(part: Part) -> None:
    if not part.is_complete:
        part.mark.unlink(missing_ok=True)
        part.install()
        part.complete()


def _saga(lock: str) -> Part:
    sources = [*_locks("uv.txt", lock), PROJECT / "pyproject.toml"]
    return Part("saga", sources, VENV / "installed", lambda: _install_saga(lock), [VENV])


def _install_saga(lock: str) -> None:
    _uv("pip", "sync", "--python", VENV, _REQUIREMENTS / lock)
    _install_own(VENV, PROJECT)
    _write_launcher(VENV / "bin/saga")
    _run("python -c", [_PYTHON, "-I", "-c", _FIRST_IMPORTS], environment.machine())


def _write_launcher(launcher: Path) -> None:
    launcher.unlink(missing_ok=True)  # uv's, which the shell's settings for Python would reach
    launcher.write_text(_LAUNCHER.replace("INSTALLED", shlex.quote(str(launcher))))
    launcher.chmod(0o755)


def _movable(name: str, sources: Sequence[Path], install: Callable[[], None], folder: Path | None = None) -> Part:
    """Something that works in any place, alone in its folder unless another is given."""
    return Part(name, sources, _mark(name), install, [folder or STATE / name], is_movable=True)


def _environment(name: str) -> Part:
    """An environment of its own, for what would hold the others to versions of its own."""
    lock = _REQUIREMENTS / f"{name}.txt"
    own_code = [path for path in [PROJECT / "infra" / name / "pyproject.toml"] if path.exists()]
    folder = STATE / name / "venv"
    contents = [folder]
    if name == "localstack":
        contents.append(LOCALSTACK / "indexed")
    part = Part(name, [lock, *own_code], _mark(name), lambda: _install_environment(part, folder), contents)
    return part


def _install_environment(part: Part, folder: Path) -> None:
    lock, *own_code = part.sources
    shutil.rmtree(folder, ignore_errors=True)  # uv clears no environment that is half made
    _uv("venv", "--python", _PYTHON, folder)
    compiled = ["--compile-bytecode"] if part.name in _COMPILED else []
    _uv("pip", "sync", *compiled, "--python", folder, lock)
    steps: list[Callable[[], None]] = [partial(_install_own, folder, path.parent) for path in own_code]
    if part.name == "localstack":
        steps.append(localstack.index_services)
    with ThreadPoolExecutor() as pool:
        for step in [pool.submit(step) for step in steps]:
            step.result()


def _install_own(folder: Path, project: Path) -> None:
    _uv("pip", "install", "--python", folder, "--no-deps", "--editable", _requirement(project))


def _npm() -> None:
    folder = STATE / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    for source in _locks("package.json", "package-lock.json"):
        shutil.copy(source, folder)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _run("npm ci", [programs.npm(), "ci", "--prefix", folder, *options], for_npm(), folder)


def _mark(name: str) -> Path:
    return STATE / name / "installed"


def _locks(*names: str) -> list[Path]:
    return [_REQUIREMENTS / name for name in names]


def _code(module: str) -> list[Path]:
    return [Path(__file__).with_name(f"{module}.py")]


def _requirement(folder: Path) -> str:
    """Names a folder of this checkout to uv, which takes a path apart at # or ;, and a [x] at its end for extras."""
    return f"./{folder.relative_to(PROJECT)}"


def _base_python() -> str:
    """The Python of this machine, even if this one is of an environment."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _runs(python: Path) -> bool:
    return os.access(python, os.X_OK)


def _uv(*arguments: str | Path) -> None:
    title = f"uv {' '.join(str(argument) for argument in arguments[:2])}"
    _run(title, [VENV / "bin/uv", "--quiet", *arguments], for_uv())


def _run(title: str, command: Sequence[str | Path], env: dict[str, str], cwd: Path = PROJECT) -> None:
    """Runs a tool. Raises SagaError with the line of its output that says most."""
    ran = child.run(command, env, cwd)
    if ran.returncode == 0:
        return
    room.check_failure(ran.stdout)
    lines = [line.strip() for line in ran.stdout.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(error|ERROR|Caused by|cause)\b", line)]
    why = npm.reason(ran.stdout) or (telling or lines or ["it printed nothing"])[-1]
    raise _ToolFailure(f"{title} failed: {why}", ran.stdout)


def _main() -> None:
    leave_blocks_first()
    try:
        install(sys.argv[1:])
    except SagaError as error:
        room.remove_what_may_be_cut_off()
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
    except OSError as error:
        refused = refusal(error)
        if refused is None:
            raise
        room.remove_what_may_be_cut_off()
        sys.exit(f"error: {refused}")


if __name__ == "__main__":
    _main()
