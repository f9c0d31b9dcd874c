"""How the tests are divided among processes, and in which order.

Those on LocalStack wait more than they work. One process has most of them; another has the browser's and then the
documentation's, which take as long; each has a deployment of its own. The others are given out by the file, and the
explorer's, which are in one long file, one by one.
"""

FIRST = 0
_DOCUMENTATION = "tests/localstack/test_documents.py"
_TURNS = {"localstack": FIRST, "browser": FIRST, "unit": 2, "explore": 3}  # by folder; 1 for all others


def turn(nodeid: str) -> int:
    """Returns when a test has its turn: what takes long comes first, and what can fill gaps last."""
    return _TURNS.get(_folder(nodeid), 1)


def share(nodeid: str) -> str:
    """Returns the name of what one process does as a whole."""
    if nodeid.startswith(_DOCUMENTATION):
        return "browser"
    if turn(nodeid) == FIRST:
        return _folder(nodeid)
    if _folder(nodeid) == "explore":
        return nodeid
    return nodeid.partition("::")[0]


def _folder(nodeid: str) -> str:
    """Returns the one below tests/."""
    return nodeid.split("/")[1]
