"""What `saga deploy` does to what sam has built."""

from pathlib import Path
from typing import Any

import pytest

from sagactl.stack import deploy
from sagactl.stack.aws import Target

UNCHECKED = 1  # in a .pyc's flags: by the source's hash, which is not looked at


@pytest.mark.parametrize(("endpoint", "packed"), [(None, True), ("http://127.0.0.1:4599", False)])
def test_aws_gets_bytecode_as_lambda_can_write_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str | None, packed: bool
) -> None:
    source = tmp_path / "OrderFunction" / "order" / "app.py"
    flags: list[int] = []

    def sam(_where: Target, arguments: list[str], **_: Any) -> None:
        if arguments[0] == "build":
            source.parent.mkdir(parents=True)
            source.write_text("answer = 42\n")
        else:
            flags.extend(path.read_bytes()[4] for path in tmp_path.rglob("__pycache__/app.cpython-313.pyc"))

    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    monkeypatch.setattr(deploy, "sam", sam)
    monkeypatch.setattr(Target, "check", lambda _: None)
    monkeypatch.setattr(deploy, "prepare_local", lambda _: [])
    monkeypatch.setattr(deploy, "stack_outputs", lambda _: {})
    deploy.deploy(Target(endpoint), {})
    assert flags == ([UNCHECKED] if packed else [])
