"""A slice of `make fuzz`: every valid input is accepted, every other refused by the names of all that is wrong."""

from collections.abc import Callable, Iterator

import pytest
from fuzz.doors import Doors, doors, fuzz_cancellations, fuzz_events, fuzz_posts

EXAMPLES = 100


@pytest.fixture(scope="module")
def opened() -> Iterator[Doors]:
    with doors() as opened:
        yield opened


@pytest.mark.parametrize("fuzz", [fuzz_posts, fuzz_events, fuzz_cancellations])
def test_inputs_are_accepted_or_refused_as_their_schemas_say(fuzz: Callable[[Doors, int], None], opened: Doors) -> None:
    before = opened.accepted + opened.refused
    fuzz(opened, EXAMPLES)
    assert opened.accepted + opened.refused == before + EXAMPLES
