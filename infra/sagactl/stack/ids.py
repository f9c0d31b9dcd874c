"""Short IDs: wherever an ID is taken, its first characters are enough, as for git's commits."""

import re
from collections.abc import Iterable, Iterator
from uuid import UUID

from sagactl.errors import SagaError
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack

LENGTH_MIN = 6
_CANDIDATES_MAX = 5


def is_whole(text: str) -> bool:
    """Whether the text is an ID from its first to its last character."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def canonical(text: str) -> str:
    """Returns a UUID in the one way in which it is stored, and any other text in small letters."""
    return str(UUID(text)) if is_whole(text) else text.lower()


def order_id_of(stack: Stack, text: str) -> str:
    """Returns the order's ID, given that ID or its first characters.

    Only the newest orders that the journal lists are looked at. Raises SagaError if none of them has such an ID, or
    more than one has.
    """
    if is_whole(text):
        return str(UUID(text))
    return one_of(_newest(stack), text, f"order among the newest {journal.ORDERS_MAX:,}", "saga orders")


def check(start: str, listing: str) -> None:
    """Raises SagaError if no ID can start so, or if it is too short. `listing` is the command that lists the IDs."""
    if not re.fullmatch(f"[0-9a-f-]{{{LENGTH_MIN},}}", start.lower()):
        remedy = f"Give it whole, or at least its first {LENGTH_MIN} characters; to list them: {listing}"
        raise SagaError(f"{start!r} is not a valid ID", remedy)


def one_of(known: Iterable[str], start: str, thing: str, listing: str) -> str:
    """Returns the one known ID that starts so. Raises SagaError if there is none, or more than one."""
    check(start, listing)
    found = [each for each in dict.fromkeys(known) if _digits(each).startswith(_digits(start))]
    if not found:
        raise SagaError(f"No {thing} has an ID that starts with {start!r}", f"List them: {listing}")
    if len(found) > 1:
        candidates = ", ".join(found[:_CANDIDATES_MAX])
        if len(found) > _CANDIDATES_MAX:
            candidates += ", ..."
        raise SagaError(f"{len(found)} IDs start with {start!r}: {candidates}", "Give more characters")
    return found[0]


def _newest(stack: Stack) -> Iterator[str]:
    for order in journal.orders(stack, limit=journal.ORDERS_MAX):
        yield order.order_id


def _digits(text: str) -> str:
    """A UUID may be written without its hyphens."""
    return text.lower().replace("-", "")
