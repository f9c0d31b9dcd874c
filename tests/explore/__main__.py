"""`python -m explore`, or `make explore`: larger budgets than the tests have time for, on every core."""

import itertools
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from explore.explorer import Budget, Door, Found, Violation, explore
from explore.world import World, quiet
from rich.console import Console
from rich.table import Table

DOORS: tuple[Door, ...] = ("POST", "bus")
EVERY_WORLD = [World(*corner) for corner in itertools.product((True, False), repeat=3)]
TWO_ORDERS = [World(orders=2)]  # for one of which there is stock
BUDGETS = [
    (Budget(), EVERY_WORLD),
    (Budget(repeats=2), EVERY_WORLD),
    (Budget(losses=3), EVERY_WORLD),
    (Budget(losses=2, crashes=1), EVERY_WORLD),
    (Budget(crashes=1, asks=1), EVERY_WORLD),
    (Budget(repeats=1, losses=1), EVERY_WORLD),
    (Budget(refusals=1, losses=1), EVERY_WORLD),
    (Budget(crashes=2, repeats=2, watchdog=False), EVERY_WORLD),
    (Budget(conflicts=2, crashes=1, repeats=1, watchdog=False), EVERY_WORLD),
    (Budget(refusals=2, crashes=1, watchdog=False), EVERY_WORLD),
    (Budget(repeats=1), TWO_ORDERS),
    (Budget(conflicts=2, watchdog=False), TWO_ORDERS),
    (Budget(crashes=1, watchdog=False), TWO_ORDERS),
]

type Task = tuple[Budget, Door, World]


def explored(task: Task) -> Found | str:
    budget, door, world = task
    with quiet():
        try:
            return explore(world, door, budget)
        except Violation as violation:
            return f"{world}, {door}, {budget}: {violation}"


def main() -> int:
    console = Console(width=160)
    table = Table("budget", "orders", "door", "states", "transitions", "ends", "seconds", box=None)
    states = transitions = 0
    violations: list[str] = []
    with ProcessPoolExecutor() as pool, console.status("Exploring") as progress:
        for (budget, worlds), door in itertools.product(BUDGETS, DOORS):
            started, total = time.monotonic(), Found()
            progress.update(f"Exploring {shown(budget)} by {door}")
            for found in pool.map(explored, [(budget, door, world) for world in worlds]):
                if isinstance(found, str):
                    violations.append(found)
                else:
                    total.states += found.states
                    total.transitions += found.transitions
                    total.ends += found.ends
            seconds = f"{time.monotonic() - started:.0f}"
            counts = (f"{total.states:,}", f"{total.transitions:,}", ends(total.ends), seconds)
            table.add_row(shown(budget), str(worlds[0].orders), door, *counts)
            states, transitions = states + total.states, transitions + total.transitions
    console.print(table, *violations, sep="\n")
    print(f"{states} states, {transitions} transitions, {len(violations)} violations")
    return 1 if violations else 0


def shown(budget: Budget) -> str:
    given = [f"{name} {value}" for name, value in budget._asdict().items() if value and name != "watchdog"]
    return ", ".join([*given, *([] if budget.watchdog else ["no watchdog"])]) or "no fault"


def ends(counted: Counter[str]) -> str:
    return ", ".join(f"{number:,} {end}" for end, number in sorted(counted.items()))


if __name__ == "__main__":
    sys.exit(main())
