"""What is said if npm can't fetch a package: which remedy there is follows from the error's code."""

from pathlib import Path

import pytest

from sagactl.errors import SagaError
from sagactl.local import npm


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (
            "npm error code EACCES\nnpm error syscall mkdir\nnpm error path /home/me/.npm/_cacache\n",
            "npm could not fetch a@1 (EACCES at /home/me/.npm/_cacache). Change its owner or its mode, and try again.",
        ),
        ("npm error code ENOTFOUND\n", "npm could not fetch a@1 (ENOTFOUND). See why: npm ping."),
        ("", "npm could not fetch a@1. See why: npm ping."),
    ],
)
def test_a_failure_has_a_remedy_that_fits(printed: str, line: str) -> None:
    assert str(npm._failure("a@1", printed)) == line


def test_a_full_disk_is_told_as_such() -> None:
    with pytest.raises(SagaError, match="No space left on device"):
        npm._failure("a@1", "npm error code ENOSPC\n")


def test_an_archive_that_npm_could_not_write_to_its_end_is_none(tmp_path: Path) -> None:
    program = tmp_path / "npm"
    program.write_text("#!/bin/sh\necho half > a-1.tgz\necho npm error code ENOSPC\nexit 228\n")
    program.chmod(0o755)
    with (
        pytest.raises(SagaError, match="No space left on device"),
        npm.unpacked(str(program), "a@1", "0" * 128, "lib/", tmp_path / "near"),
    ):
        pass
