"""A check that is silenced says why, on the same line."""

import itertools
import re

from sagactl.paths import PROJECT

SILENCED = re.compile(r"# (noqa: [A-Z0-9, ]+|type: ignore(?:\[[a-z, -]+\])?|pragma: allowlist secret)(?P<reason>.*)")
FOLDERS = ("functions", "infra", "tests")


def test_a_silenced_check_has_its_reason() -> None:
    paths = itertools.chain.from_iterable((PROJECT / folder).rglob("*.py") for folder in FOLDERS)
    lines = itertools.chain.from_iterable(path.read_text().split("\n") for path in paths)
    silenced = [match for line in lines if (match := SILENCED.search(line))]
    assert silenced
    assert [match[0] for match in silenced if not re.fullmatch(r" *# \w+.*", match["reason"])] == []
