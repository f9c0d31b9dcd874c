"""How the tests are divided among processes, and in which order.

Those on LocalStack wait more than they work. One process has most of them; another has the browser's and then the
documentation's, which take as long; each has a deployment of its own. The others are given out by the file: the
explorer's first, as what one test of it works out, the next looks up. Two folders have one DynamoDB Local each, which
takes seconds to start, for all their tests; so each is one process's.
"""

FIRST = 0
_TOGETHER = ("contract", "bench")
_DOCUMENTATION = "tests/localstack/test_documents.py"
_TURNS = {"localstack": FIRST, "browser": FIRST, "explore": 1, "unit": 3}  # by folder; 2 for all others


def turn(nodeid: str) -> int:
    """Returns when a test has its turn: what takes long comes first, and what can fill gaps last."""
    return _TURNS.get(_folder(nodeid), 2)


def share(nodeid: str) -> str:
    """Returns the name of what one process does as a whole."""
    if nodeid.startswith(_DOCUMENTATION):
        return "browser"
    if turn(nodeid) == FIRST or _folder(nodeid) in _TOGETHER:
        return _folder(nodeid)
    return nodeid.partition("::")[0]


def _folder(nodeid: str) -> str:
    """Returns the one below tests/."""
    return nodeid.split("/")[1]
