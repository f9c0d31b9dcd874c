"""`saga order`: what cannot be honoured is refused, before anything is placed."""

import pytest
from typer.testing import CliRunner

from sagactl.cli import app
from sagactl.commands import order

WANTED = ("order", "--product", "item-001", "--quantity", "1", "--amount", "1")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--key", ""), "Invalid value for '--key': it is empty"),
        (("--key", "a\nb"), "an Idempotency-Key has 1 to 255 printable ASCII characters"),
        (("--key", "\udcff"), "an Idempotency-Key has 1 to 255 printable ASCII characters"),
        (("--key", "日本"), "an Idempotency-Key has 1 to 255 printable ASCII characters"),
        (("--key", "k" * 256), "an Idempotency-Key has 1 to 255 printable ASCII characters"),
        (("--via", "bus", "--key", "k"), "only the API knows a key"),
        (("--via", "bus", "--key", ""), "Invalid value for '--key': it is empty"),
    ],
)
def test_a_key_that_would_not_hold_is_refused(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], why: str
) -> None:
    monkeypatch.setattr(order, "find", lambda **_: pytest.fail("nothing is looked for"))
    refused = CliRunner().invoke(app, [*WANTED, *options])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert why in " ".join(refused.stderr.replace("│", " ").split())
