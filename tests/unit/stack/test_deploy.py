"""What `saga deploy` does to what sam has built."""

from pathlib import Path
from typing import Any

import pytest

from sagactl.stack import deploy
from sagactl.stack.aws import Target

UNCHECKED = 1  # in a .pyc's flags: by the source's hash, which is not looked at


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4599"])
def test_functions_get_bytecode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str | None) -> None:
    sources = {
        "OrderFunction/order/app.py": "answer = 42\n",
        "PaymentFunction/order/app.py": "answer = 42\n",
        "Other/order/app.py": "answer = 43\n",
    }
    deployed: dict[str, bytes] = {}

    def sam(_where: Target, arguments: list[str], **_: Any) -> None:
        if arguments[0] == "build":
            for name, text in sources.items():
                path = tmp_path / name
                path.parent.mkdir(parents=True)
                path.write_text(text)
        else:
            caches = tmp_path.rglob("__pycache__/app.cpython-313.pyc")
            deployed.update({path.relative_to(tmp_path).parts[0]: path.read_bytes() for path in caches})

    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    monkeypatch.setattr(deploy, "sam", sam)
    monkeypatch.setattr(Target, "check", lambda _: None)
    monkeypatch.setattr(deploy, "_prepare", lambda *_: [])
    monkeypatch.setattr(deploy, "stack_outputs", lambda _: {})
    deploy.deploy(Target(endpoint), {})
    assert {code[4] for code in deployed.values()} == {UNCHECKED}
    assert deployed["PaymentFunction"] == deployed["OrderFunction"] != deployed["Other"]
