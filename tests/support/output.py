"""What functions write: a line of JSON for each log record, and for each metric."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

type Logged = Callable[[], list[str]]
type Counted = Callable[[], Counter[str]]


class Output:
    """The lines written, each of which is taken once."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._lines: list[str] = []

    def logged(self) -> list[str]:
        """The lines logged since this was asked last."""
        return self._take(metrics=False)

    def counted(self) -> Counter[str]:
        """The sum of each metric written since this was asked last."""
        sums: Counter[str] = Counter()
        for line in self._take(metrics=True):
            content = json.loads(line)
            for metric in content["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                sums[metric["Name"]] += sum(content[metric["Name"]])
        return sums

    def _take(self, *, metrics: bool) -> list[str]:
        lines = self._lines + list(_documents(self._capsys.readouterr().out))
        taken = [line for line in lines if ("_aws" in json.loads(line)) == metrics]
        self._lines = [line for line in lines if line not in taken]
        return taken


def _documents(text: str) -> Iterator[str]:
    """Yields each JSON document. Threads that print at once may print two of them before either ends its line."""
    rest = text.lstrip()
    while rest:
        _, end = json.JSONDecoder().raw_decode(rest)
        yield rest[:end]
        rest = rest[end:].lstrip()
