"""`python -m explore`, or `make explore`: larger budgets than the tests have time for, on every core."""

import itertools
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from explore.explorer import Found, Violation, explore
from explore.moves import Budget, Door, Trial
from explore.world import World, quiet

DOORS: tuple[Door, ...] = ("POST", "bus")
EVERY_WORLD = [World(*corner) for corner in itertools.product((True, False), repeat=3)]
TWO_ORDERS = [World(orders=2)]  # for one of which there is stock
CANCELLED = [world._replace(cancelled=True) for world in (World(), World(ships=False), World(pays=False))]
TWO_VERSIONS = [World(versions=2)]
THREE_VERSIONS = [World(versions=3)]
BUDGETS = [
    (Budget(), EVERY_WORLD),
    (Budget(repeats=2), EVERY_WORLD),
    (Budget(losses=3), EVERY_WORLD),
    (Budget(losses=2, crashes=1), EVERY_WORLD),
    (Budget(crashes=1, asks=1), EVERY_WORLD),
    (Budget(conflicts=1, asks=1), EVERY_WORLD),
    (Budget(repeats=1, losses=1), EVERY_WORLD),
    (Budget(refusals=1, losses=1), EVERY_WORLD),
    (Budget(crashes=2, repeats=2, watchdog=False), EVERY_WORLD),
    (Budget(conflicts=2, crashes=1, repeats=1, watchdog=False), EVERY_WORLD),
    (Budget(refusals=2, crashes=1, watchdog=False), EVERY_WORLD),
    (Budget(), CANCELLED),
    (Budget(), THREE_VERSIONS),
    (Budget(repeats=1), TWO_VERSIONS),
    (Budget(losses=1), TWO_VERSIONS),
    (Budget(repeats=1), TWO_ORDERS),
    (Budget(conflicts=2, watchdog=False), TWO_ORDERS),
    (Budget(crashes=1, watchdog=False), TWO_ORDERS),
]

type Group = tuple[Budget, Door, list[World]]

_ROW = "{:46} {:6}  {:4} {:>9} {:>11} {:>7}  {}"


def explored(trial: Trial) -> Found | Violation:
    with quiet():
        try:
            return explore(trial)
        except Violation as violation:
            return violation


def main() -> int:
    started = time.monotonic()
    everything = list[Found | Violation]()
    groups: list[Group] = []
    for budget, worlds in BUDGETS:
        groups.extend((budget, door, worlds) for door in DOORS)
    trials: list[Trial] = []
    for budget, door, worlds in groups:
        trials += [Trial(world, door, budget) for world in worlds]
    print(_ROW.format("budget of faults", "orders", "door", "states", "transitions", "seconds", "ends"))
    with ProcessPoolExecutor() as pool:
        results = pool.map(explored, trials)  # all at once, so that no core waits for the last world of a budget
        for budget, door, worlds in groups:
            found = list(itertools.islice(results, len(worlds)))
            everything += found
            states, transitions, ends = counts(found)
            seconds = f"{time.monotonic() - started:.0f}"
            row = (shown(budget), worlds[0].orders, door, f"{states:,}", f"{transitions:,}", seconds, ends)
            print(_ROW.format(*row), *violations(found), sep="\n", flush=True)
    states, transitions, _ = counts(everything)
    print(f"{states} states, {transitions} transitions, {len(violations(everything))} violations")
    return 1 if violations(everything) else 0


def counts(found: list[Found | Violation]) -> tuple[int, int, str]:
    """States, transitions, and how often orders ended in which way."""
    explored = [one for one in found if isinstance(one, Found)]
    ends = sum((one.ends for one in explored), Counter[str]())
    shown_ends = ", ".join(f"{number:,} {end}" for end, number in sorted(ends.items()))
    return sum(one.states for one in explored), sum(one.transitions for one in explored), shown_ends


def violations(found: list[Found | Violation]) -> list[Violation]:
    return [one for one in found if isinstance(one, Violation)]


def shown(budget: Budget) -> str:
    given = [f"{name} {value}" for name, value in budget._asdict().items() if value and name != "watchdog"]
    if not budget.watchdog:
        given.append("no watchdog")
    return ", ".join(given) or "no fault"


if __name__ == "__main__":
    sys.exit(main())
