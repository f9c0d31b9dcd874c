"""The stock of a product in high demand, in several items: a design for inventory, explored, and its arithmetic.

    PYTHONPATH=tests .venv/bin/python -m explore.hot_product

Inventory does not do this. docs/performance.md says when it should.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sagactl.bench.meter import PRICES

type Units = tuple[int, ...]  # of each part of the stock
type Plan = Callable[[Units, int], Units | None]
"""What to take of each part, by what was seen in them; None to refuse."""


class Order(NamedTuple):
    wanted: int
    first: int  # the part that its ID chooses
    status: str = "NEW"
    seen: Units = ()
    taken: Units = ()
    fewest: int = 0  # units in all parts together, at the worst moment since it was read first


class State(NamedTuple):
    parts: Units
    orders: tuple[Order, ...]


class Design(NamedTuple):
    plan: Plan
    reads_at_once: bool  # by TransactGetItems, and else one part after the other


def from_one(seen: Units, wanted: int) -> Units | None:
    """All from the fullest part."""
    return _take({seen.index(max(seen)): wanted}, len(seen)) if max(seen) >= wanted else None


def from_several(seen: Units, wanted: int) -> Units | None:
    """From the fullest parts, from as few as possible, in one transaction."""
    plan = {}
    for part in sorted(range(len(seen)), key=lambda part: -seen[part]):
        plan[part] = min(seen[part], wanted)
        wanted -= plan[part]
    return None if wanted else _take(plan, len(seen))


def _take(plan: dict[int, int], parts: int) -> Units:
    return tuple(plan.get(part, 0) for part in range(parts))


DESIGNS = {
    "from one part": Design(from_one, reads_at_once=True),
    "from several, read one by one": Design(from_several, reads_at_once=False),
    "from several, read at once": Design(from_several, reads_at_once=True),
}


def step(design: Design, parts: Units, order: Order) -> tuple[Units, Order] | None:
    """What the order's next call to DynamoDB makes of the stock and of the order; None if it makes no more calls."""
    match order.status:
        case "NEW":
            return parts, _begun(parts, order)
        case "LOOKING":
            return parts, _looked(design, parts, order)
        case "TAKING":  # a transaction, conditional on the units being there
            left = tuple(map(int.__sub__, parts, order.taken))
            if min(left) < 0:
                return parts, order._replace(status="NEW")
            return left, order._replace(status="RESERVED")
        case "RESERVED":  # it may be cancelled at any time, or never: then the others go on before this
            return tuple(map(int.__add__, parts, order.taken)), order._replace(status="RELEASED")
    return None


def _begun(parts: Units, order: Order) -> Order:
    order = order._replace(seen=(), fewest=sum(parts))
    if parts[order.first] < order.wanted:
        return order._replace(status="LOOKING")
    return order._replace(status="TAKING", taken=_take({order.first: order.wanted}, len(parts)))


def _looked(design: Design, parts: Units, order: Order) -> Order:
    seen = parts if design.reads_at_once else (*order.seen, parts[len(order.seen)])
    if len(seen) < len(parts):
        return order._replace(seen=seen)
    taken = design.plan(seen, order.wanted)
    if taken is None:
        return order._replace(status="REFUSED", seen=seen)
    return order._replace(status="TAKING", seen=seen, taken=taken)


def explore(design: Design, start: State) -> tuple[int, set[str]]:
    """Goes through every interleaving of the orders. Returns how many states there are, and what is wrong in any."""
    known = {start}
    waiting = [start]
    problems = set()
    while waiting:
        state = waiting.pop()
        problems |= set(violations(start, state))
        for after in following(design, state):
            if after not in known:
                known.add(after)
                waiting.append(after)
    return len(known), problems


def following(design: Design, state: State) -> Iterator[State]:
    for number, order in enumerate(state.orders):
        made = step(design, state.parts, order)
        if made:
            parts, own = made
            orders = (*state.orders[:number], own, *state.orders[number + 1 :])
            yield State(parts, tuple(_witness(each, sum(parts)) for each in orders))


def _witness(order: Order, units: int) -> Order:
    if order.status in ("LOOKING", "TAKING"):
        return order._replace(fewest=min(order.fewest, units))
    return order


def violations(start: State, state: State) -> Iterator[str]:
    held = sum(sum(order.taken) for order in state.orders if order.status == "RESERVED")
    if min(state.parts) < 0 or sum(state.parts) + held != sum(start.parts):
        yield "units were lost, made or sold twice"
    for order in state.orders:
        if order.status == "REFUSED" and order.fewest >= order.wanted:
            yield "an order was refused while there was enough at all times"


def starts(parts: int, units: int, orders: int) -> Iterator[State]:
    """Every way to have at most so many units in the parts, and orders for one or two of them."""
    stocks = itertools.product(range(units + 1), repeat=parts)
    kinds = [Order(*kind) for kind in itertools.product((1, 2), range(parts))]
    for stock, wanted in itertools.product(stocks, itertools.combinations_with_replacement(kinds, orders)):
        yield State(stock, wanted)


def explored(design: Design, parts: int = 2, units: int = 2, orders: int = 3) -> tuple[int, set[str]]:
    states = 0
    problems = set()
    for start in starts(parts, units, orders):
        more, found = explore(design, start)
        states += more
        problems |= found
    return states, problems


ITEM_UNITS = 1_000  # that DynamoDB writes a second to one item, and to one partition
RESERVATION_UNITS = 2  # of them, in a transaction
NEW_PARTITIONS = 4  # of a table on demand
RESERVATION_SECONDS = 0.005  # that a transaction holds an item


def per_second(parts: int) -> float:
    return parts * ITEM_UNITS / RESERVATION_UNITS


def per_second_in_a_new_table(parts: int) -> float:
    """The items fall on its partitions at random, and the fullest partition is the first at its limit: on average."""
    mean_of_fullest = sum(1 - _at_most(parts, most) for most in range(parts))
    return min(per_second(parts), ITEM_UNITS / RESERVATION_UNITS * parts / mean_of_fullest)


def _at_most(parts: int, most: int) -> float:
    """How likely it is that no partition has more than so many of the parts."""
    ways = [1.0] + [0.0] * parts  # by how many parts are placed, each divided by the factorial of that number
    for _ in range(NEW_PARTITIONS):
        ways = [
            sum(ways[placed - own] / math.factorial(own) for own in range(min(most, placed) + 1))
            for placed in range(parts + 1)
        ]
    return float(ways[parts] * math.factorial(parts) / NEW_PARTITIONS**parts)


def overlapping(parts: int, reservations: float) -> float:
    """The share of reservations that overlap another at their part, if all come at random; one of two is cancelled."""
    return 1 - math.exp(-2 * reservations / parts * RESERVATION_SECONDS)


def dollars_to_refuse(parts: int) -> float:
    """For a million refusals, beyond those of undivided stock: all parts are read, at two units each."""
    more_units = 2 * parts if parts > 1 else 0
    return float(more_units * PRICES["dollars_per_million"]["read_units"])


def show_arithmetic() -> None:
    print("parts  a second  in a new table  overlap at 100 a second  at 400 a second  $ more a million refusals")
    for parts in (1, 2, 4, 8, 16):
        limits = f"{per_second(parts):8,.0f}  {per_second_in_a_new_table(parts):14,.0f}"
        shares = f"{overlapping(parts, 100):23.0%}  {overlapping(parts, 400):15.0%}"
        print(f"{parts:5}  {limits}  {shares}  {dollars_to_refuse(parts):25.2f}")


def main() -> None:
    for name, design in DESIGNS.items():
        states, problems = explored(design)
        print(f"{name}: {states:,} states, {', '.join(sorted(problems)) or 'nothing wrong'}")
    show_arithmetic()


if __name__ == "__main__":
    main()
