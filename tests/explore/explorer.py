"""Every way in which orders can go: all deliveries in every order, with every fault that a budget allows.

Breadth first, so that the first violation found has one of the shortest schedules that lead to it.
"""

import itertools
import json
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple

from explore.world import (
    CRASHES,
    HTTP,
    ORDER_IDS,
    REFUSALS,
    SERVICES,
    THROTTLED,
    WATCHDOG,
    Case,
    Delivery,
    World,
    cancelled,
    case,
    expired,
    heard_by,
    service_of,
)

from saga.event import Event
from sagactl.design import choreography

type Door = Literal["POST", "bus"]
type Entries = tuple[bytes | None, ...]  # by order, then service

_CLOSED = set(choreography.closed())
# How a status may change; a service not named here may do as it likes. No act is ever done twice.
_MAY_BECOME: dict[str, dict[str | None, set[str]]] = {
    "order": {
        None: {"PENDING", "FAILING", "COMPLETED", "FAILED"},
        "PENDING": {"FAILING", "COMPLETED", "FAILED"},
        "FAILING": {"FAILED"},
    },
    "payment": {None: {"CHARGED", "DECLINED", "CANCELLED"}, "CHARGED": {"CANCELLED"}},
    "inventory": {None: {"RESERVED", "OUT_OF_STOCK", "RELEASED"}, "RESERVED": {"RELEASED"}},
    "shipping": {None: {"WAITING", "SHIPPED", "FAILED"}, "WAITING": {"SHIPPED", "FAILED"}},
}
# What a service holds of an order is in this status, and the order service gets to know it by this event.
_HELD = {
    "payment": ("CHARGED", "PaymentOK"),
    "inventory": ("RESERVED", "StockReserved"),
    "shipping": ("SHIPPED", "ShipmentOK"),
}
_NOTICED = ("PaymentOK", "StockReserved")  # an order that is known is not changed by these
_FACTS_MAX = {"order": 1, "payment": 2, "inventory": 2, "shipping": 1}  # with OrderCreated, seven an order


class Budget(NamedTuple):
    """How often each fault may befall one schedule; `asks` is how often the watchdog asks out of turn.

    `conflicts` counts deliveries heard in full between another's recall and record. Without a watchdog, retries alone
    must close every order, so none is given up.
    """

    repeats: int = 0
    losses: int = 0
    crashes: int = 0
    refusals: int = 0
    conflicts: int = 0
    asks: int = 0
    watchdog: bool = True


class State(NamedTuple):
    """All there is at one moment. `flight` is what may be delivered next.

    `given_up` are the deliveries that were lost, or whose retries were spent: the dead-letter queue alone has them.
    """

    entries: Entries
    stock: int
    flight: frozenset[Delivery]
    left: Budget
    failures_told: frozenset[int] = frozenset()
    given_up: frozenset[Delivery] = frozenset()
    asked: bool = False


class Step(NamedTuple):
    """What happened: a delivery with the fault that befell it and the facts it had told.

    `wrong` is what must not happen in it, if it does.
    """

    delivery: Delivery
    what: str
    told: tuple[str, ...]
    wrong: str | None = None


class Trial(NamedTuple):
    """A corner of the world, and what may go wrong in it."""

    world: World
    door: Door
    budget: Budget


class Violation(AssertionError):
    """What must never be, with the choices that lead to it from the start."""

    def __init__(self, what: str, trial: Trial, choices: list[int], steps: list[Step]) -> None:
        super().__init__(what, trial, choices, steps)
        self.what = what
        self.trial = trial
        self.choices = choices
        self.steps = steps

    def __str__(self) -> str:
        return f"{self.what}\nreplay({self.trial}, {self.choices})\n{mermaid(self.steps)}"


@dataclass
class Found:
    states: int = 0
    transitions: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def explore(trial: Trial) -> Found:
    """Counts what there is to see. Raises Violation."""
    world = trial.world
    start = opening(trial)
    origin: dict[State, tuple[State, int] | None] = {start: None}
    numbers = {start: 0}
    todo = deque([start])
    found = Found()
    graph = Graph()
    while todo:
        state = todo.popleft()
        following = list(successors(state))
        found.transitions += len(following)
        is_end = all(after == state for _, after in following)  # nothing, or deliveries that fail for ever
        wrong = problem_now(world, state)
        if is_end and not wrong:
            wrong = problem_at_end(state)
        if wrong:
            raise Violation(wrong, trial, *_schedule(origin, state))
        for choice, (step, after) in enumerate(following):
            if after not in origin:
                origin[after] = (state, choice)
                numbers[after] = len(numbers)
                todo.append(after)
            graph.add(numbers[state], numbers[after])
            if wrong := step.wrong or problem_of_change(state.entries, after.entries):
                raise Violation(wrong, trial, *_schedule(origin | {after: (state, choice)}, after))
        if is_end:
            graph.ends.append(numbers[state])
            found.ends[_end(state)] += 1
    found.states = len(origin)
    endless = next((state for state, number in numbers.items() if not graph.leads_to_end[number]), None)
    if endless:
        raise Violation("no end can be reached any more: it goes on for ever", trial, *_schedule(origin, endless))
    return found


def _end(state: State) -> str:
    orders = range(len(state.entries) // len(SERVICES))
    return " ".join(status(state.entries, order, "order") or "unseen" for order in orders)


class Graph:
    """Which state follows which, by their numbers in the sequence in which they were found."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self._sources = array("I")
        self._targets = array("I")

    def add(self, source: int, target: int) -> None:
        self._sources.append(source)
        self._targets.append(target)

    @cached_property
    def leads_to_end(self) -> bytearray:
        """Whether an end can be reached from each state. Call it once all is known."""
        reached = bytearray(max(self._targets, default=0) + 1)
        for end in self.ends:
            reached[end] = True
        is_new = True
        while is_new:
            is_new = False
            # Nearly all transitions lead to a state that was found later, so that few rounds are needed.
            for source, target in zip(reversed(self._sources), reversed(self._targets), strict=True):
                if reached[target] and not reached[source]:
                    reached[source] = True
                    is_new = True
        return reached


def opening(trial: Trial) -> State:
    """Orders on their way in, and what cancels them: as a POST each, or as an event put on the bus."""
    world, door, budget = trial
    orders = range(world.orders)
    placed: list[Event] = [world.created(order) for order in orders]
    if world.cancelled:
        placed += [cancelled(ORDER_IDS[order]) for order in orders]
    others = [world.created(order, version) for order in orders for version in range(1, world.versions)]
    by_bus = frozenset(itertools.chain.from_iterable(map(heard_by, others)))
    if door == "POST":
        by_post = frozenset(Delivery(HTTP, fact) for fact in placed)
        flight = by_post | by_bus
    else:
        flight = by_bus | frozenset(itertools.chain.from_iterable(map(heard_by, placed)))
    entries = (None,) * (world.orders * len(SERVICES))
    return State(entries, world.stocked, flight, budget)


def successors(state: State) -> Iterator[tuple[Step, State]]:
    """Everything that can happen next, always in the same sequence. What is idle is no longer in flight then."""
    for step, after in all_successors(state):
        yield step, _without_idle(after)


def _without_idle(state: State) -> State:
    idle = [delivery for delivery in state.flight if is_idle(delivery, entry_of(state, delivery))]
    return state._replace(flight=state.flight.difference(idle)) if idle else state


@cache
def is_idle(delivery: Delivery, entry: bytes | None) -> bool:
    """Returns whether hearing the fact changes nothing and tells nothing, now and whatever else is heard before it.

    So it makes no difference when it is heard, or whether. (tests/explore/test_explore.py shows that.)
    """
    if entry is None or delivery.service in (HTTP, WATCHDOG):
        return False
    known = _read(entry)
    name = delivery.fact.name
    if name in known["heard"]:
        _, told = known["heard"][name]
        return told is None
    if delivery.service != "order" or name == "OrderCreated":
        return False
    is_over = known["state"]["status"] in _CLOSED and "dueAt" not in known["state"]
    return is_over or name in _NOTICED


def all_successors(state: State) -> Iterator[tuple[Step, State]]:
    """As `successors`, with what is idle still in flight."""
    for delivery in _in_sequence(state.flight):
        yield from _deliveries(state, delivery)
    left = state.left
    due = [Delivery(WATCHDOG, expired(order_id)) for n, order_id in enumerate(ORDER_IDS) if is_open(state, n)]
    if due and left.asks:
        yield from _asks(state, due, left._replace(asks=left.asks - 1))
    elif due and left.watchdog and not state.flight and not state.asked:
        # Sooner or later it asks when nothing else goes on, and then the order must close.
        yield _ask(state._replace(asked=True), due, Budget())


def _deliveries(state: State, delivery: Delivery) -> Iterator[tuple[Step, State]]:
    left = state.left
    heard = _hear(state, delivery)
    yield Step(delivery, "", _names(heard), _unanswered(delivery, heard)), _after(state, delivery, heard, left)
    if left.repeats:
        again = _after(state, delivery, heard, left._replace(repeats=left.repeats - 1), again=True)
        yield Step(delivery, "delivered twice", _names(heard)), again
    if left.losses:
        lost = _given_up(state._replace(left=left._replace(losses=left.losses - 1)), delivery)
        yield Step(delivery, "lost", ()), lost._replace(flight=state.flight - {delivery})
    if left.crashes:
        for fault in CRASHES:
            yield from _faulty(state, delivery, fault, left._replace(crashes=left.crashes - 1))
    if left.refusals:
        for fault in REFUSALS:
            yield from _faulty(state, delivery, fault, left._replace(refusals=left.refusals - 1))
    if left.conflicts:
        for other in _in_sequence(state.flight):
            if service_of(other) == service_of(delivery):
                yield _meanwhile(state, delivery, other, left._replace(conflicts=left.conflicts - 1))


def _unanswered(delivery: Delivery, heard: Case) -> str | None:
    """Shipping says what it decided each time it is asked to stop an order."""
    if delivery.service == "shipping" and delivery.fact.name in ("OrderExpired", "OrderCancelled") and not heard.told:
        return f"shipping does not answer {delivery.fact.name}"
    return None


def _meanwhile(state: State, delivery: Delivery, other: Delivery, left: Budget) -> tuple[Step, State]:
    """The other is heard in full between recall and record; the two may be for one order, or for one stock."""
    slot = _slot(other)
    both = case(delivery, entry_of(state, delivery), state.stock, None, other, state.entries[slot])
    after = _after(state, delivery, both, left)
    entries = after.entries if slot == _slot(delivery) else _replaced(after.entries, slot, both.other_entry)
    flight = after.flight - {other} | _flying(both)
    kept = frozenset({delivery}) if both.failed else frozenset()
    step = Step(delivery, f"{other.fact.name} is heard between its recall and its record", _names(both))
    return step, after._replace(entries=entries, flight=flight | kept)


def _faulty(state: State, delivery: Delivery, fault: str, left: Budget) -> Iterator[tuple[Step, State]]:
    heard = _hear(state, delivery, fault)
    if heard == _hear(state, delivery):
        return  # it never came to that step
    wrong = "a transaction that was throttled once was not tried again" if fault == THROTTLED else None
    yield Step(delivery, f"{fault}, retried", _names(heard), wrong), _after(state, delivery, heard, left)
    if heard.failed and left.watchdog:
        given_up = _after(state, delivery, heard._replace(failed=False), left)
        yield Step(delivery, f"{fault}, given up", _names(heard)), _given_up(given_up, delivery)


def _given_up(state: State, delivery: Delivery) -> State:
    return state._replace(given_up=state.given_up | {delivery})


def _hear(state: State, delivery: Delivery, fault: str | None = None, other: Delivery | None = None) -> Case:
    return case(delivery, entry_of(state, delivery), state.stock, fault, other)


def _after(state: State, delivery: Delivery, heard: Case, left: Budget, *, again: bool = False) -> State:
    slot = _slot(delivery)
    flight = state.flight | _flying(heard)
    if not (again or heard.failed):
        flight -= {delivery}
    failures = {ORDER_IDS.index(fact.order_id) for fact in heard.told if fact.name == "OrderFailed"}
    return state._replace(
        entries=_replaced(state.entries, slot, heard.entry),
        stock=heard.stock,
        flight=flight,
        left=left,
        failures_told=state.failures_told | failures,
    )


def _replaced(entries: Entries, slot: int, entry: bytes | None) -> Entries:
    return (*entries[:slot], entry, *entries[slot + 1 :])


@cache
def _in_sequence(flight: frozenset[Delivery]) -> list[Delivery]:
    return sorted(flight, key=lambda d: (d.service, d.fact.name, d.fact.order_id, d.fact.answers or ""))


def _asks(state: State, due: list[Delivery], left: Budget) -> Iterator[tuple[Step, State]]:
    """The watchdog asks out of turn, while other deliveries are under way, each of which may be heard in between."""
    yield _ask(state, due, left)
    if left.crashes:
        yield _ask(state, due, left._replace(crashes=left.crashes - 1), "crash after tell")
    if left.conflicts:
        for run, other in itertools.product(due, _in_sequence(state.flight)):
            if _slot(run) == _slot(other):
                fewer = left._replace(conflicts=left.conflicts - 1)
                yield _meanwhile(state, run, other, fewer)
                yield _meanwhile(state, other, run, fewer)


def _ask(state: State, due: list[Delivery], left: Budget, fault: str | None = None) -> tuple[Step, State]:
    wrong = None
    for run in due:
        heard = _hear(state, run, fault)
        if heard.entry == state.entries[_slot(run)] and not fault:
            wrong = "the watchdog asked about an order, and the order is still due"
        state = _after(state, run, heard, left, again=True)
    return Step(due[0], fault or "", ("OrderExpired",), wrong), state


def _flying(heard: Case) -> frozenset[Delivery]:
    return frozenset(itertools.chain.from_iterable(map(heard_by, heard.told)))


def _names(heard: Case) -> tuple[str, ...]:
    return tuple(fact.name for fact in heard.told)


def entry_of(state: State, delivery: Delivery) -> bytes | None:
    """The entry of the service that hears the fact, about its order."""
    return state.entries[_slot(delivery)]


def _slot(delivery: Delivery) -> int:
    return ORDER_IDS.index(delivery.fact.order_id) * len(SERVICES) + SERVICES.index(service_of(delivery))


# What always holds


def problem_now(world: World, state: State) -> str | None:
    """Safety: what is wrong in this state."""
    wrong = problem(world, state.entries, state.stock, state.failures_told)
    return wrong or problem_of_telling(world.orders, state.entries) or problem_of_watching(world.orders, state.entries)


@cache
def problem(world: World, entries: Entries, stock: int, failures_told: frozenset[int]) -> str | None:
    """Safety: what is wrong with this very state."""
    held = 0
    for order in range(world.orders):
        at = {service: status(entries, order, service) for service in SERVICES}
        if wrong := _problem_of_order(at, is_told=order in failures_told):
            return wrong
        if at["inventory"] == "RESERVED":
            held += _quantity(entries, order)
        if at["shipping"] == "SHIPPED" and not _is_one_version(world, entries, order):
            return "shipped, but charged for another version of the order than reserved"
    if stock < 0 or stock + held != world.stocked:
        return f"{stock} available and {held} held of {world.stocked}"
    return None


def _problem_of_order(at: dict[str, str | None], *, is_told: bool) -> str | None:
    done = (at["payment"] == "CHARGED", at["inventory"] == "RESERVED", at["shipping"] == "SHIPPED")
    if done[2] and not (done[0] and done[1]):
        return f"shipped, but {at}"
    if at["order"] == "COMPLETED" and not done[2]:
        return f"completed, but {at}"
    if at["order"] == "FAILED" and any(done):
        return f"failed, but {at}"
    if is_told and at["order"] != "FAILED":
        return f"OrderFailed was told, but {at}"
    return None


@cache
def problem_of_telling(orders: int, entries: Entries) -> str | None:
    """Safety: no service tells of more than it can have done and undone."""
    for order, (service, facts_max) in itertools.product(range(orders), _FACTS_MAX.items()):
        if len(told := facts_told(entries, order, service)) > facts_max:
            return f"{service} told {' and '.join(sorted(told))}"
    return None


@cache
def problem_of_watching(orders: int, entries: Entries) -> str | None:
    """Safety: the watchdog never asks about what is completed."""
    for order in range(orders):
        if is_due(entries, order) and status(entries, order, "order") == "COMPLETED":
            return "a completed order is still due"
    return None


@cache
def problem_of_change(before: Entries, after: Entries) -> str | None:
    """Safety: nothing is done twice, and what is closed stays so."""
    for slot, (old, new) in enumerate(zip(before, after, strict=True)):
        service = SERVICES[slot % len(SERVICES)]
        was = _status(old)
        becomes = _status(new)
        if was != becomes and service in _MAY_BECOME and becomes not in _MAY_BECOME[service].get(was, ()):
            return f"{service} went from {was} to {becomes}"
    return None


def problem_at_end(state: State) -> str | None:
    """Liveness: when nothing more can happen, every order is closed, and who listens for OrderFailed heard it."""
    for order in range(len(state.entries) // len(SERVICES)):
        at = status(state.entries, order, "order")
        if at is None:
            if wrong := problem_of_unseen(state, order):
                return wrong
        elif at not in _CLOSED:
            return f"the order stays {at}"
        elif at == "FAILED" and order not in state.failures_told:
            return "the order failed, but OrderFailed was never told"
        elif is_due(state.entries, order):
            return f"the order is {at}, and the watchdog will ask about it for ever"
    return None


def problem_of_unseen(state: State, order: int) -> str | None:
    """Liveness: the order service has never heard of an order only if all that would have told it was given up."""
    given_up = {
        delivery.fact.name
        for delivery in state.given_up
        if delivery.fact.order_id == ORDER_IDS[order] and service_of(delivery) == "order"
    }
    if "OrderCreated" not in given_up:
        return "the order is not known"
    for service, (held, told) in _HELD.items():
        if status(state.entries, order, service) == held and told not in given_up:
            return f"the order is {held}, and the order service does not know it"
    return None


def status(entries: Entries, order: int, service: str) -> str | None:
    return _status(entries[order * len(SERVICES) + SERVICES.index(service)])


def _state(entries: Entries, order: int, service: str) -> dict[str, Any]:
    entry = entries[order * len(SERVICES) + SERVICES.index(service)]
    state: dict[str, Any] = _read(entry)["state"] if entry else {}
    return state


def _quantity(entries: Entries, order: int) -> int:
    return int(_state(entries, order, "inventory")["quantity"])


def _is_one_version(world: World, entries: Entries, order: int) -> bool:
    """Whether the order was charged and reserved as one OrderCreated says."""
    done = (_state(entries, order, "payment")["amount"], _quantity(entries, order))
    versions = [world.created(order, version) for version in range(world.versions)]
    return done in [(version.amount, version.quantity) for version in versions]


def facts_told(entries: Entries, order: int, service: str) -> set[str]:
    entry = entries[order * len(SERVICES) + SERVICES.index(service)]
    return set(_read(entry)["told"]) if entry else set()


def is_due(entries: Entries, order: int) -> bool:
    """Whether the order has a due time."""
    entry = entries[order * len(SERVICES) + SERVICES.index("order")]
    return entry is not None and "dueAt" in _read(entry)["state"]


def is_open(state: State, order: int) -> bool:
    """As the watchdog sees it: whether the order is in the index of open orders."""
    if order * len(SERVICES) >= len(state.entries):
        return False
    entry = state.entries[order * len(SERVICES) + SERVICES.index("order")]
    return entry is not None and {"openShard", "dueAt"} <= _read(entry)["state"].keys()


def _status(entry: bytes | None) -> str | None:
    return _read(entry)["state"]["status"] if entry else None


@cache
def _read(entry: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(entry)
    return fields


# How it came about


def replay(trial: Trial, choices: list[int]) -> list[Step]:
    """The steps that these choices make; a violation names the choices that lead to it."""
    state = opening(trial)
    steps = []
    for choice in choices:
        step, state = list(successors(state))[choice]
        steps.append(step)
    return steps


def mermaid(steps: list[Step]) -> str:
    """The steps as a sequence diagram."""
    lines = ["sequenceDiagram"]
    for step in steps:
        if step.delivery.service == WATCHDOG:
            lines.append(f"    Note over watchdog: {step.what or 'asks'}")
            continue
        name = step.delivery.fact.name
        service = step.delivery.service
        source = "client" if service == HTTP else step.delivery.fact.source.removeprefix("saga.")
        arrow = "--x" if step.what == "lost" else "->>"
        lines.append(f"    {source}{arrow}{service}: {name}")
        notes = [step.what] if step.what else []
        if step.told:
            notes.append(f"tells {' and '.join(step.told)}")
        if notes:
            lines.append(f"    Note right of {service}: {', '.join(notes)}")
    return "\n".join(lines)


def _schedule(origin: dict[State, tuple[State, int] | None], state: State) -> tuple[list[int], list[Step]]:
    choices = []
    steps = []
    while came := origin[state]:
        before, choice = came
        choices.append(choice)
        steps.append(list(successors(before))[choice][0])
        state = before
    return choices[::-1], steps[::-1]
