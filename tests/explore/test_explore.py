"""Every interleaving within budgets that fit into a minute; `make explore` runs larger ones."""

import itertools
from collections.abc import Iterator
from functools import cache

import pytest
from explore.__main__ import CANCELLED, DOORS, EVERY_WAY, EVERY_WORLD, TWO_ORDERS, TWO_VERSIONS, shown
from explore.explorer import explore, replay
from explore.moves import Budget, Door, Moves, State, Trial, is_idle
from explore.mutants import MUTANTS, Mutant, mutated, violation_of
from explore.world import KILLED, ONE_REFUSED, PUT_REFUSED, Case, World, case, quiet

BUDGETS = [
    (Budget(), EVERY_WORLD),
    (Budget(repeats=1), EVERY_WAY),
    (Budget(losses=2), EVERY_WAY),
    (Budget(), TWO_VERSIONS),
    (Budget(crashes=1, repeats=1, watchdog=False), EVERY_WAY),
    (Budget(conflicts=1, crashes=1, watchdog=False), EVERY_WAY),
    (Budget(refusals=2, watchdog=False), EVERY_WAY),
    (Budget(unanswered=1), EVERY_WAY),
    (Budget(losses=1, crashes=1), [World()]),
    (Budget(restores=1), [World()]),
    (Budget(), TWO_ORDERS),
]
EVENTS_MAX = 7


def cases_of(budget: Budget, worlds: list[World]) -> list[tuple[Budget, World, Door]]:
    return [(budget, world, door) for world, door in itertools.product(worlds, DOORS)]


CASES = [
    *itertools.chain.from_iterable(itertools.starmap(cases_of, BUDGETS)),
    # By the bus, these have too many states for a minute.
    *((Budget(asks=1), world, "POST") for world in EVERY_WAY),
    *((Budget(losses=1, crashes=1), world, "POST") for world in EVERY_WAY),
    *((Budget(restores=1), world, "POST") for world in EVERY_WAY),
    *((Budget(), world, "POST") for world in CANCELLED),
    (Budget(asks=1, conflicts=1), World(), "POST"),
    (Budget(conflicts=1, watchdog=False), TWO_ORDERS[0], "POST"),
    (Budget(losses=1), CANCELLED[0], "POST"),
    (Budget(unanswered=1, losses=1), World(ships=False), "POST"),
    (Budget(crashes=1, watchdog=False), CANCELLED[0], "POST"),
    (Budget(crashes=1, watchdog=False), TWO_VERSIONS[0], "POST"),
]


def name(value: Budget | World | Door) -> str:
    match value:
        case Budget():
            return shown(value)
        case World():
            return " ".join(word for word, holds in value._asdict().items() if holds is True) or "all fail"
    return value


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.mark.parametrize(("budget", "world", "door"), CASES, ids=name)
def test_always(budget: Budget, world: World, door: Door) -> None:
    """What always holds, holds in every state, and every order closes."""
    found = explore(Trial(world, door, budget))
    assert found.states > 1
    if door == "bus":
        assert "unseen" not in found.ends, "an order that nobody watches, after two faults at most"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed(mutant: Mutant) -> None:
    assert violation_of(mutant), f"{mutant.name} survives"


def test_a_violation_is_found_and_replayed_the_same_each_time() -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "no told-again")
    first = violation_of(mutant)
    again = violation_of(mutant)
    assert first
    assert again
    assert (first.trial, first.choices, first.steps) == (again.trial, again.choices, again.steps)
    with mutated(mutant):
        assert replay(first.trial, first.choices) == first.steps


@pytest.mark.parametrize("killed", KILLED)
def test_a_function_that_runs_out_of_time_leaves_what_a_crash_leaves(killed: str) -> None:
    """So that what is explored of crashes holds of it as well, whatever it was about to do."""
    moves = Moves(Trial(World(ships=False), "bus", Budget()))
    states = [moves.opening()]
    compared = 0
    for state in states:
        states += [after for after in moves.following(state) if after not in states]
        for delivery in moves.deliveries(state):
            known = (delivery, moves.entry_of(state[0], delivery), moves.stock_for(state[0], delivery))
            if case(*known, killed) != case(*known):  # it came to that step
                assert case(*known, killed) == case(*known, KILLED[killed])
                compared += 1
    assert compared


def test_of_entries_that_are_refused_in_part_each_order_is_as_if_it_were_alone() -> None:
    """The watchdog asks about two orders at once. So what is explored of one order holds of both."""
    moves = Moves(Trial(TWO_ORDERS[0], "POST", Budget()))
    state = moves.opening()
    for _ in range(2):
        state = next(after for after in moves.following(state) if moves.due(after[0]) != moves.due(state[0]))
    first, second = moves.due(state[0])
    entries = [moves.entry_of(state[0], run) for run in (first, second)]
    both = case(first, entries[0], 0, ONE_REFUSED, second, entries[1])
    refused = case(first, entries[0], 0, PUT_REFUSED)
    told = case(second, entries[1], 0, "crash after tell")
    assert (both.entry, both.other_entry) == (refused.entry, told.entry)
    assert (both.told, both.failed) == (refused.told + told.told, True)


@pytest.mark.parametrize("world", EVERY_WORLD, ids=name)
def test_without_faults_at_most_seven_events_are_told(world: World) -> None:
    moves = Moves(Trial(world, "POST", Budget()))

    @cache
    def told_max(state: State) -> int:
        steps = zip(moves.steps(state), moves.following(state), strict=True)
        return max((len(step.told) + told_max(after) for step, after in steps), default=0)

    assert told_max(moves.opening()) <= EVENTS_MAX


def test_one_of_two_orders_gets_the_last_units() -> None:
    found = explore(Trial(TWO_ORDERS[0], "bus", Budget()))
    assert set(found.ends) == {"COMPLETED FAILED", "FAILED COMPLETED"}


@pytest.mark.parametrize(
    ("world", "door"),
    [(World(), "bus"), (World(pays=False), "bus"), (World(cancelled=True), "POST")],
    ids=name,
)
def test_what_is_idle_changes_nothing_and_stays_idle(world: World, door: Door) -> None:
    """So that leaving it out leaves no state of the services out."""
    moves = Moves(Trial(world, door, Budget()), with_idle=True)
    seen = {moves.opening()}
    todo = list(seen)
    while todo:
        state = todo.pop()
        following = moves.following(state)
        for delivery in moves.deliveries(state):
            entry = moves.entry_of(state[0], delivery)
            if is_idle(delivery, entry):
                stock = moves.stock_for(state[0], delivery)
                assert case(delivery, entry, stock) == Case(entry, stock, (), failed=False, other_entry=entry)
                assert all(is_idle(delivery, moves.entry_of(after, delivery)) for after, *_ in following)
        todo += set(following) - seen
        seen |= set(following)
