"""Building and deploying the stack with the SAM CLI: sam build, then sam deploy."""

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sagactl import environment
from sagactl.design.template import TEMPLATE, parsed
from sagactl.errors import SagaError, check_room
from sagactl.local import child, locks
from sagactl.local.package_settings import for_pip_and_uv
from sagactl.paths import PROJECT, SAM_VENV, STATE, VENV
from sagactl.stack.aws import STACK_NAME, Target, is_deployed, stack_outputs, stack_parameters
from sagactl.stack.parameters import check_parameters

BUILD = PROJECT / ".aws-sam/build"
_NOWHERE = Target("http://127.0.0.1")  # building calls no AWS
_PACKED = "packed.json"
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
        bucket_options = _build_and_prepare(where, options, step=step, start=start, verbose=verbose)
        template = ["--template-file", str(BUILD / _PACKED), "--config-file", str(PROJECT / "samconfig.toml")]
        deploying = ["deploy", "--stack-name", where.stack_name, *template, *options, *bucket_options]
        with (
            step("Deploying the stack (sam deploy)"),
            _meanwhile(lambda: sam(where, deploying, verbose=verbose)) as deployed,
        ):
            if where.is_local:
                _load_services(where)
            deployed.result()
    return stack_outputs(where)


@contextmanager
def _meanwhile[T](work: Callable[[], T]) -> Iterator[Future[T]]:
    """Does the work in another thread. What interrupts the block ends the programs that it runs."""
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(work)
        try:
            yield under_way
        except BaseException:
            child.end_all([under_way])
            raise


def build(where: Target = _NOWHERE, options: Sequence[str] = (), *, verbose: bool = False) -> None:
    """Builds every function into a folder below BUILD; those with the same code have one.

    sam build makes copies of it, which would be compiled and packed one by one.
    """
    sam(where, ["build", "--cached", "--parallel", *options], verbose=verbose)
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


def _build_and_prepare(
    where: Target,
    options: Sequence[str],
    *,
    step: Progress,
    start: Callable[[], object] | None,
    verbose: bool,
) -> list[str]:
    """Builds, and starts LocalStack meanwhile. Returns sam's options for its bucket."""
    title = "Building the functions (sam build)"
    if start:
        title = "Starting LocalStack, building the functions (sam build)"
    with step(title), _meanwhile(lambda: _build_and_pack(where, options, verbose=verbose)) as built:
        if start:
            start()
            where.check()  # it may have started where this address does not lead
        bucket_options = local_bucket(where) if where.is_local else []
        built.result()
    return bucket_options


def _build_and_pack(where: Target, options: Sequence[str], *, verbose: bool) -> None:
    """Builds, unless the last build was of the same: sam takes seconds to find that out. It empties BUILD first."""
    mark = BUILD / ".packed"
    made_from = _fingerprint(options)
    if mark.exists() and mark.read_text() == made_from:
        return
    build(where, options, verbose=verbose)
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
    """Has LocalStack load what it would load during the deployment, at its first call: DynamoDB takes seconds."""
    # One after another, because it can't load several at once.
    where.client("cloudformation").list_stacks()
    where.client("dynamodb").list_tables()
    where.client("apigateway").get_rest_apis()
    where.client("lambda").list_functions()
    where.client("events").list_event_buses()
    where.client("sqs").list_queues()


def local_bucket(where: Target) -> list[str]:
    """Makes the bucket to which sam uploads, and returns the options that say so."""
    # sam makes its own bucket with a stack, for which it waits 15 s. A bucket's name is unique among all accounts.
    bucket = f"saga-build-{where.client('sts').get_caller_identity()['Account']}"
    where.client("s3").create_bucket(Bucket=bucket)
    return ["--no-resolve-s3", "--s3-bucket", bucket]


def sam(where: Target, arguments: list[str], *, verbose: bool = False) -> None:
    """Runs the SAM CLI. If it fails, prints its output and raises SagaError."""
    # By default it waits 5 seconds, which take longer than all else; but AWS limits how often one may ask.
    poll_seconds = "0.5" if where.is_local else "1"
    own = where.environment() | for_pip_and_uv()
    own |= {
        "PATH": f"{VENV / 'bin'}{os.pathsep}{own['PATH']}",  # sam build looks for python3.13 there
        "SAM_CLI_POLL_DELAY": poll_seconds,
        "SAM_CLI_TELEMETRY": "0",
    }
    result = child.run([SAM_VENV / "bin/sam", *arguments], own, PROJECT, capture=not verbose)
    if result.returncode == -signal.SIGKILL:  # when this program is interrupted, for one: its output is of no interest
        raise SagaError(f"sam {arguments[0]} was killed", "Try again")
    if result.returncode:
        check_room(result.stdout)
        sys.stderr.write(result.stdout)
        message = f"sam {arguments[0]} failed with exit code {result.returncode}"
        raise SagaError(message, "Its output is above")
