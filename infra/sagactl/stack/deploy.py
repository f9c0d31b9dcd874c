"""Building and deploying the stack with the SAM CLI: sam build, then sam deploy."""

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sagactl import environment, room
from sagactl.design.template import TEMPLATE, parsed
from sagactl.errors import SagaError
from sagactl.local import child, locks
from sagactl.local.package_settings import for_pip_and_uv
from sagactl.paths import PROJECT, SAM_VENV, STATE, VENV
from sagactl.stack.aws import STACK_NAME, Target, is_deployed, stack_outputs, stack_parameters
from sagactl.stack.parameters import check_parameters

BUILD = PROJECT / ".aws-sam/build"
_NOWHERE = Target("http://127.0.0.1")  # building calls no AWS
_PACKED = "packed.json"
_UNDER_WAY = ".under-way"  # beside BUILD, which sam build empties before anything else
# The SAM CLI, which loads a command, and goes on when it has read that command's options. It ends before garbage
# matters; Python would search all that it loaded once more at its end, for a third of a second.
_LOADED_SAM = """
import atexit, gc, importlib, json, sys
gc.disable()
atexit.register(gc.freeze)
from samcli.cli.main import cli
importlib.import_module(f"samcli.commands.{sys.argv[1]}.command")
sys.argv += json.load(sys.stdin)
cli(prog_name="sam")
"""
_CODE = r"(?m)^( *CodeUri: ){}$"
Progress = Callable[[str], AbstractContextManager[None]]


def deploy(
    where: Target,
    parameters: Mapping[str, str],
    *,
    reset: bool = False,
    verbose: bool = False,
    step: Progress = lambda _: nullcontext(),
    start: Callable[[], object] | None = None,
) -> dict[str, str]:
    """Builds and deploys the stack, and returns its outputs. `step` is entered with the title of each step.

    A parameter that is not given keeps the value of an earlier deployment, unless `reset`: then it has its default.
    `start` starts LocalStack while the functions are built; without it, LocalStack must answer already.
    Raises SagaError before anything is done if template.yaml has no such parameter or does not allow its value, and at
    the first failure: after a failed build, `sam deploy` would deploy the source as it is and report success.
    """
    if not (SAM_VENV / "bin/sam").exists():
        raise SagaError("The SAM CLI is not installed", "Run: make setup")
    check_parameters(parameters)
    if start is None:
        where.check()
    defaults = template_defaults() if reset else {}
    own_names = _own_names(where)
    if own_names and (reset or not is_deployed(where)):
        defaults |= own_names
    config = _config(where)
    with locks.held("build"):  # sam deploy reads what sam build wrote
        options = ["--config-env", config, *_overriding(defaults | _overrides(config, where, parameters))]
        _build_and_deploy(where, options, step=step, start=start, verbose=verbose)
    return stack_outputs(where)


def _build_and_deploy(
    where: Target, options: Sequence[str], *, step: Progress, start: Callable[[], object] | None, verbose: bool
) -> None:
    title = "Building the functions (sam build)"
    if start:
        title = "Starting LocalStack, building the functions (sam build)"
    bucket_options: list[str] = []
    with _told_later() as (options_from, tell), _in_threads() as begin:

        def build_and_load() -> Future[None]:
            with _built(where, options, verbose=verbose):
                return begin(lambda: sam(where, ["deploy"], verbose=verbose, options_from=options_from))

        with step(title):
            built = begin(build_and_load)
            if start:
                start()
                where.check()  # it may have started where this address does not lead
            if where.is_local:
                bucket_options = local_bucket(where)
                Thread(target=_load_services, args=[where], daemon=True).start()
            deployed = built.result()
        with step("Deploying the stack (sam deploy)"):
            template = ["--template-file", str(BUILD / _PACKED), "--config-file", str(PROJECT / "samconfig.toml")]
            tell(["--stack-name", where.stack_name, *template, *options, *bucket_options])
            deployed.result()


@contextmanager
def _in_threads() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Gives what begins some work in another thread. What interrupts the block ends the programs that they run."""
    begun: list[Future[Any]] = []

    def begin[T](work: Callable[[], T]) -> Future[T]:
        future = pool.submit(work)
        begun.append(future)
        return future

    with ThreadPoolExecutor() as pool:
        try:
            yield begin
        except BaseException:
            child.end_all(begun)
            raise


@contextmanager
def _told_later() -> Iterator[tuple[int, Callable[[Sequence[str]], None]]]:
    """Gives a file descriptor for `sam`, and what writes its options there, once."""
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as file:

        def tell(options: Sequence[str]) -> None:
            with file:  # which closes it: sam finds no answer there if it asks something
                json.dump(options, file)

        yield reading, tell


def build(where: Target = _NOWHERE, options: Sequence[str] = (), *, verbose: bool = False) -> None:
    """Builds every function into a folder below BUILD; those with the same code have one.

    sam build makes copies of it, which would be compiled and packed one by one. It keeps the dependencies for the next
    build, and takes them for whole even if it failed while it wrote them, for want of room.
    """
    under_way = BUILD.with_name(_UNDER_WAY)
    if under_way.exists():
        BUILD.with_name("build.toml").unlink(missing_ok=True)  # where sam looks up what it has kept
    under_way.parent.mkdir(parents=True, exist_ok=True)
    under_way.touch()
    sam(where, ["build", "--cached", "--parallel", *options], verbose=verbose)
    under_way.unlink()
    template = BUILD / "template.yaml"
    text = template.read_text()
    first: dict[frozenset[tuple[Path, bytes]], str] = {}
    for folder in sorted(filter(Path.is_dir, BUILD.iterdir())):
        files = filter(Path.is_file, folder.rglob("*"))
        name = first.setdefault(frozenset((path.relative_to(folder), path.read_bytes()) for path in files), folder.name)
        if name != folder.name:
            text = re.sub(_CODE.format(folder.name), rf"\g<1>{name}", text)
            shutil.rmtree(folder)
    template.write_text(text)


def compile_bytecode() -> None:
    """Adds Python's bytecode to what was built. Lambda can't write it, and would compile at every cold start."""
    command = [str(VENV / "bin/python"), "-m", "compileall", "-q", "-j0", "--invalidation-mode=unchecked-hash"]
    # Among the children, because an interrupt from the terminal would reach its workers, which then wait for ever.
    compiled = child.run([*command, *filter(Path.is_dir, BUILD.iterdir())], environment.machine(), PROJECT)
    if compiled.returncode:
        room.check_failure(compiled.stdout)
        raise SagaError(f"The functions can't be compiled: {compiled.stdout.strip()}", "Mend it, then: saga deploy")


def pack() -> None:
    """Writes what was built as sam deploy has the least to do with it: the code in archives, the template in JSON.

    It would pack a folder once for each function, and read YAML in Python, five times.
    """
    template = parsed((BUILD / "template.yaml").read_text())
    for folder in filter(Path.is_dir, BUILD.iterdir()):
        with ZipFile(BUILD / f"{folder.name}.zip", "w", ZIP_DEFLATED) as archive:
            for path in sorted(filter(Path.is_file, folder.rglob("*"))):
                entry = ZipInfo(str(path.relative_to(folder)))  # without its time: the same code is the same archive
                entry.external_attr = path.stat().st_mode << 16
                archive.writestr(entry, path.read_bytes(), ZIP_DEFLATED)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        code = properties.get("CodeUri")
        if isinstance(code, str) and (BUILD / code).is_dir():
            properties["CodeUri"] = f"{code}.zip"
    (BUILD / _PACKED).write_text(json.dumps(template, default=str))  # a date, such as a policy's version, is text there


def built_code(function: str) -> Path:
    """Returns the folder of what was built for the function with this name in the template."""
    functions = parsed((BUILD / "template.yaml").read_text())["Resources"]
    return BUILD / str(functions[function]["Properties"]["CodeUri"])


def forget_bytecode() -> None:
    for folder in BUILD.rglob("__pycache__"):
        shutil.rmtree(folder)


def template_defaults() -> dict[str, str]:
    """Returns the default of each parameter of template.yaml."""
    return {name: str(parameter.get("Default", "")) for name, parameter in TEMPLATE["Parameters"].items()}


def kept(where: Target, given: Mapping[str, str]) -> dict[str, str]:
    """Returns the parameters that have another value than their default, and were not given now but earlier."""
    expected = template_defaults() | _own_names(where) | _overrides(_config(where), where, given)
    deployed = stack_parameters(where)
    return {name: value for name, value in deployed.items() if name in expected and value != expected[name]}


def _own_names(where: Target) -> dict[str, str]:
    """Returns the names that a stack of another name needs to stand beside the usual one."""
    if where.stack_name == STACK_NAME:
        return {}
    return {"BusName": where.stack_name}


def _config(where: Target) -> str:
    """The section of samconfig.toml."""
    return "default" if where.is_local else "aws"


def _overriding(overrides: Mapping[str, str]) -> list[str]:
    """Returns sam's option for these values, in a file, because sam cuts those on its command line at blanks."""
    if not overrides:
        return []
    path = STATE / "parameters.yaml"
    path.write_text(json.dumps({name: f'"{value}"' for name, value in overrides.items()}))  # sam takes the quotes off
    return ["--parameter-overrides", f"file://{path}"]


def _overrides(environment: str, where: Target, given: Mapping[str, str]) -> dict[str, str]:
    """Merges the parameters, because those on sam's command line replace all those of samconfig.toml."""
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    overrides: dict[str, str] = {}
    for command in ("global", "deploy"):
        text = config.get(environment, {}).get(command, {}).get("parameters", {}).get("parameter_overrides", "")
        overrides |= dict(pair.split("=", 1) for pair in shlex.split(text))
    if where.is_local:
        # The functions run on this machine, so their compiled dependencies must be for it.
        overrides["Architecture"] = architecture()
    return overrides | dict(given)


def architecture() -> str:
    """Returns this machine's architecture as Lambda names it."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


@contextmanager
def _built(where: Target, options: Sequence[str], *, verbose: bool) -> Iterator[None]:
    """Builds before the block, and packs after it, unless the last build was of the same.

    sam takes seconds to find that out. What loads in the block does so while packing leaves a core idle.
    """
    mark = BUILD / ".packed"
    made_from = _fingerprint(options)
    if mark.exists() and mark.read_text() == made_from:
        yield
        return
    build(where, options, verbose=verbose)  # empties BUILD first
    yield
    compile_bytecode()
    pack()
    mark.write_text(made_from)


def _fingerprint(options: Sequence[str]) -> str:
    """Returns what a build depends on, as one hash."""
    code = sorted(path for path in (PROJECT / "functions").rglob("*") if path.suffix in {".py", ".txt"})
    given = [Path(option.removeprefix("file://")) for option in options if option.startswith("file://")]
    sources = [PROJECT / "template.yaml", PROJECT / "samconfig.toml", SAM_VENV.with_name("installed"), *given, *code]
    found = hashlib.sha256(json.dumps(options).encode())
    for path in sources:
        found.update(f"\0{path}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _load_services(where: Target) -> None:
    """Has LocalStack load what it would load during the deployment, at its first call."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):  # sam tells what is wrong
        where.client("cloudformation").list_stacks()
        where.client("apigateway").get_rest_apis()
        where.client("dynamodb").list_tables()
        where.client("lambda").list_functions()
        where.client("events").list_event_buses()
        where.client("sqs").list_queues()


def local_bucket(where: Target) -> list[str]:
    """Makes the bucket to which sam uploads, and returns the options that say so."""
    # sam makes its own bucket with a stack, for which it waits 15 s. A bucket's name is unique among all accounts.
    bucket = f"saga-build-{where.client('sts').get_caller_identity()['Account']}"
    where.client("s3").create_bucket(Bucket=bucket)
    return ["--no-resolve-s3", "--s3-bucket", bucket]


def sam(
    where: Target, arguments: Sequence[str], *, verbose: bool = False, options_from: int = subprocess.DEVNULL
) -> None:
    """Runs the SAM CLI. If it fails, prints its output and raises SagaError.

    With a file descriptor in `options_from`, it loads the command, and goes on when it has read its options there.
    """
    # By default it waits 5 seconds, which take longer than all else; but AWS limits how often one may ask.
    poll_seconds = "0.5" if where.is_local else "1"
    own = where.environment() | for_pip_and_uv()
    own |= {
        "PATH": f"{VENV / 'bin'}{os.pathsep}{own['PATH']}",  # sam build looks for python3.13 there
        "SAM_CLI_POLL_DELAY": poll_seconds,
        "SAM_CLI_TELEMETRY": "0",
    }
    command: list[str | Path] = [SAM_VENV / "bin/sam", *arguments]
    if options_from != subprocess.DEVNULL:
        command = [SAM_VENV / "bin/python", "-c", _LOADED_SAM, *arguments]
    result = child.run(command, own, PROJECT, capture=not verbose, stdin=options_from)
    if result.returncode == -signal.SIGKILL:  # when this program is interrupted, for one: its output is of no interest
        raise SagaError(f"sam {arguments[0]} was killed", "Try again")
    if result.returncode:
        room.check_failure(result.stdout)
        sys.stderr.write(result.stdout)
        message = f"sam {arguments[0]} failed with exit code {result.returncode}"
        raise SagaError(message, "Its output is above")
