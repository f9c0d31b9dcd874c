"""`python -m explore`, or `make explore`: larger budgets than the tests have time for, on every core."""

import gc
import itertools
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from explore.explorer import Found, Violation, explore
from explore.moves import Budget, Door, Trial
from explore.world import World, quiet

type Group = tuple[Budget, Door, list[World]]

DOORS: tuple[Door, ...] = ("POST", "bus")
EVERY_WORLD = [World(*corner) for corner in itertools.product((True, False), repeat=3)]
# Whether an order would ship makes no difference if it is not both paid and reserved.
EVERY_WAY = [world for world in EVERY_WORLD if world.ships or (world.pays and world.in_stock)]
TWO_ORDERS = [World(orders=2)]  # for one of which there is stock
CANCELLED = [world._replace(cancelled=True) for world in (World(), World(ships=False), World(pays=False))]
TWO_VERSIONS = [World(versions=2)]
THREE_VERSIONS = [World(versions=3)]
UPDATING = [world._replace(updating=True) for world in EVERY_WAY]
# Those with the most states first, so that no core is idle at the end.
BY_POST: list[tuple[Budget, list[World]]] = [  # by the bus, these have too many states
    (Budget(unanswered=1, asks=1), EVERY_WAY),
    (Budget(restores=2), EVERY_WAY),
    (Budget(refusals=1, asks=1), EVERY_WAY),
    (Budget(), [World(cancelled=True, updating=True)]),
    (Budget(losses=1, refusals=1), TWO_ORDERS),
    (Budget(unanswered=1), CANCELLED),
    (Budget(crashes=1), CANCELLED),
    (Budget(crashes=1), UPDATING),
]
BUDGETS = [
    (Budget(crashes=1, asks=1), EVERY_WAY),
    (Budget(restores=1, losses=1), EVERY_WAY),
    (Budget(losses=1), CANCELLED),
    (Budget(conflicts=1, asks=1), EVERY_WAY),
    (Budget(repeats=2, losses=2), EVERY_WAY),
    (Budget(unanswered=1, losses=2), EVERY_WAY),
    (Budget(losses=2, crashes=1), EVERY_WAY),
    (Budget(refusals=1, losses=2), EVERY_WAY),
    (Budget(conflicts=2, crashes=1, repeats=1, watchdog=False), EVERY_WAY),
    (Budget(crashes=2, repeats=2, watchdog=False), EVERY_WAY),
    (Budget(refusals=2, crashes=1, watchdog=False), EVERY_WAY),
    (Budget(losses=7), EVERY_WORLD),
    (Budget(repeats=2), EVERY_WORLD),
    (Budget(), EVERY_WORLD),
    (Budget(), CANCELLED),
    (Budget(repeats=1), TWO_VERSIONS),
    (Budget(losses=1), TWO_VERSIONS),
    (Budget(unanswered=1), TWO_VERSIONS),
    (Budget(), THREE_VERSIONS),
    (Budget(repeats=1), TWO_ORDERS),
    (Budget(conflicts=2, watchdog=False), TWO_ORDERS),
    (Budget(crashes=1, watchdog=False), TWO_ORDERS),
    (Budget(), UPDATING),
    (Budget(losses=1), UPDATING),
]

_ROW = "{:46} {:6}  {:4} {:>10} {:>11} {:>7}  {}"


def explored(trial: Trial) -> Found | Violation:
    with quiet():
        try:
            return explore(trial)
        except Violation as violation:
            return violation
        finally:
            gc.collect()


def main() -> int:
    started = time.monotonic()
    everything = list[Found | Violation]()
    groups: list[Group] = [(budget, "POST", worlds) for budget, worlds in BY_POST]
    for budget, worlds in BUDGETS:
        groups.extend((budget, door, worlds) for door in DOORS)
    trials: list[Trial] = []
    for budget, door, worlds in groups:
        trials += [Trial(world, door, budget) for world in worlds]
    print(_ROW.format("budget of faults", "orders", "door", "states", "transitions", "seconds", "ends"))
    # No garbage is looked for while states are collected, of which none is any.
    with ProcessPoolExecutor(initializer=gc.disable) as pool:
        results = pool.map(explored, trials)  # all at once, so that no core waits for the last world of a budget
        for budget, door, worlds in groups:
            found = list(itertools.islice(results, len(worlds)))
            everything += found
            states, transitions, ends = counts(found)
            seconds = f"{time.monotonic() - started:.0f}"
            row = (shown(budget, worlds[0]), worlds[0].orders, door, f"{states:,}", f"{transitions:,}", seconds, ends)
            print(_ROW.format(*row), *violations(found), sep="\n", flush=True)
    states, transitions, _ = counts(everything)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{used.ru_utime + used.ru_stime:.0f} s of CPU, at most {used.ru_maxrss / 2**20:.1f} GB in a process")
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


def shown(budget: Budget, world: World | None = None) -> str:
    given = [f"{name} {value}" for name, value in budget._asdict().items() if value and name != "watchdog"]
    if not budget.watchdog:
        given.append("no watchdog")
    if world and world.cancelled:
        given.append("cancelled")
    if world and world.versions > 1:
        given.append(f"{world.versions} versions")
    if world and world.updating:
        given.append("updating")
    return ", ".join(given) or "no fault"


if __name__ == "__main__":
    sys.exit(main())
