"""States, packed into whole numbers, and what can happen next in each.

What a service does depends on few parts of a state: the delivery, the service's entry, the stock, and the faults that
are left. So it is looked up by these parts alone, and applied to the rest as it is: an addition, and two masks.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Literal, NamedTuple

from explore.properties import CLOSED, Entries, is_open, problem, problem_at_rest, problem_of_change, read
from explore.world import (
    CRASHES,
    HTTP,
    ORDER_IDS,
    PASSING,
    REFUSALS,
    SERVICES,
    UNANSWERED,
    WATCHDOG,
    Case,
    Delivery,
    World,
    cancelled,
    case,
    dated,
    expired,
    heard_by,
    is_heard_now,
    is_told_last,
    made_again,
    service_of,
    was_heard,
)

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography

type Door = Literal["POST", "bus"]
type UnderWay = tuple[int, bool]  # the number of a delivery, and whether the same fact is under way twice
type State = tuple[int, int, int]
"""All there is at one moment.

First the entries, the stock, what is left of the budget and whether the watchdog asked, each in its bits. Then what may
be delivered next, two bits a delivery: the second is set if the same fact is under way twice. Then marks: the orders of
which OrderFailed was told; what was given up, that is lost, or not tried again: the dead-letter queue has it; and, if a
table may be restored, each fact that was told: the journal has it.
"""

_ENTRY_BITS = 16
_STOCK_BITS = 12
_FAULT_BITS = 3
_SERVICE_BITS = 3
_ENTRY = (1 << _ENTRY_BITS) - 1
UNHEARD = "not heard by one of the releases"
_NOTICED = ("PaymentOK", "StockReserved")  # an order that is known is not changed by these
FAULTS = {"crashes": CRASHES, "refusals": REFUSALS, "unanswered": UNANSWERED}  # by the budget they come from


class Budget(NamedTuple):
    """How often each fault may befall one schedule; `asks` is how often the watchdog asks out of turn.

    `unanswered` counts calls of AWS that are applied, and whose answer is lost. `conflicts` counts deliveries heard in
    full between another's recall and record. `restores` is how often a service's table is restored to an earlier
    moment, and healed by replay. Without a watchdog, retries alone must close every order, so none is given up.
    """

    repeats: int = 0
    losses: int = 0
    crashes: int = 0
    refusals: int = 0
    unanswered: int = 0
    conflicts: int = 0
    asks: int = 0
    restores: int = 0
    watchdog: bool = True


class Trial(NamedTuple):
    """A corner of the world, and what may go wrong in it."""

    world: World
    door: Door
    budget: Budget


class Step(NamedTuple):
    """What happened: a delivery with the fault that befell it and the facts it had told.

    `wrong` is what must not happen in it, if it does.
    """

    delivery: Delivery | None
    what: str
    told: tuple[str, ...]
    wrong: str | None = None


class Effect(NamedTuple):
    """What a step does to a state: it adds to the first part, keeps and adds deliveries, and adds marks."""

    added: int
    kept: int
    flying: int
    marks: int
    step: Step


class Table(dict[int, tuple[Effect, ...]]):
    """The effects of one delivery, by the parts of a state that they depend on; worked out when they are looked up."""

    def __init__(self, mask: int, effects: Callable[[int], Iterable[Effect]]) -> None:
        super().__init__()
        self.mask = mask
        self.effects = effects

    def __missing__(self, parts: int) -> tuple[Effect, ...]:
        found = self[parts] = tuple(self.effects(parts))
        return found


class Lookup[K, T](dict[K, T]):
    """Values that are worked out when they are looked up first."""

    def __init__(self, work_out: Callable[[K], T]) -> None:
        super().__init__()
        self.work_out = work_out

    def __missing__(self, key: K) -> T:
        value = self[key] = self.work_out(key)
        return value


class Numbered[T]:
    """Numbers for values, from 0 in the sequence in which they came."""

    def __init__(self, *values: T) -> None:
        self.values = list(values)
        self.numbers = {value: number for number, value in enumerate(values)}

    def number(self, value: T) -> int:
        if value not in self.numbers:
            self.numbers[value] = len(self.values)
            self.values.append(value)
        return self.numbers[value]


class Moves:
    """Everything that can happen in a trial. Deliveries that are idle are left out, unless `with_idle`."""

    def __init__(self, trial: Trial, *, with_idle: bool = False) -> None:
        self.trial = trial
        self.with_idle = with_idle
        self.world = trial.world
        self.wrong = False  # whether something that was looked up so far must not happen
        self._known = Numbered[bytes | None](None)
        self._deliveries = Numbered[Delivery]()
        self._slots = self.world.orders * len(SERVICES)
        self._stock_at = self._slots * _ENTRY_BITS
        faults_at = self._stock_at + _STOCK_BITS
        names = [name for name in Budget._fields if name != "watchdog"]
        self._fault_at = {name: faults_at + number * _FAULT_BITS for number, name in enumerate(names)}
        self._asked = 1 << (faults_at + len(names) * _FAULT_BITS)
        self._redriven = self._asked << 1
        self._updated = self._asked << 2
        self._backup_at = (self._updated << 1).bit_length() - 1
        self._facts = Numbered[Event]()
        self._of_facts = 0
        self._of_faults = self._asked - (1 << faults_at)
        self._of_entries = (1 << self._stock_at) - 1
        self._of_safety = (1 << faults_at) - 1
        self._of_failures = (1 << self.world.orders) - 1
        self._tables: dict[tuple[object, ...], Table] = {}
        self._under_way = Lookup(self._tables_of)
        self._awake = Lookup(self._awake_with)
        self._idle = Lookup(self._idle_with)
        self._names = Lookup(self._name_of)
        self._problems: dict[tuple[int, int], str | None] = {}

    def opening(self) -> State:
        """Orders on their way in, and what cancels them: as a POST each, or as an event put on the bus."""
        world, door, budget = self.trial
        orders = range(world.orders)
        placed: list[Event] = [world.created(order) for order in orders]
        if world.cancelled:
            placed += [cancelled(ORDER_IDS[order]) for order in orders]
        by_bus: list[Event] = []
        for order in orders:
            by_bus += [world.created(order, version) for version in range(1, world.versions)]
        if door == "bus":
            by_bus = placed + by_bus
            placed = []
        flight = self._flying(by_bus)
        for fact in placed:
            flight |= _bit(self._number(Delivery(HTTP, fact)))
        left = sum(getattr(budget, name) << at for name, at in self._fault_at.items())
        return (world.stocked << self._stock_at) + left, flight, self._marks_of(by_bus)

    def following(self, state: State) -> list[State]:
        """Returns what may come next, always in the same sequence; `steps` says how. What is idle is left out."""
        core, flight, marks = state
        awake = self._awake
        of_entries = self._of_entries
        found = []
        for table in self._under_way[flight]:
            for added, kept, flying, marked, _ in table[core & table.mask]:
                after = core + added
                found.append((after, (flight & kept | flying) & awake[after & of_entries], marks | marked))
        if not flight:
            found += [after for _, after in self._at_rest(state)]
        if self.trial.budget.restores:
            found += [after for _, after in self._restored(state)]
        return found

    def steps(self, state: State) -> list[Step]:
        core, flight, _ = state
        found = []
        for table in self._under_way[flight]:
            found += [effect.step for effect in table[core & table.mask]]
        if not flight:
            found += [step for step, _ in self._at_rest(state)]
        if self.trial.budget.restores:
            found += [step for step, _ in self._restored(state)]
        return found

    # What a state says

    def entries(self, state: State) -> Entries:
        return tuple(self._entry(state[0], slot) for slot in range(self._slots))

    def deliveries(self, state: State) -> list[Delivery]:
        """What may be delivered next."""
        return [self._deliveries.values[number] for number, _ in _in_flight(state[1])]

    def stock(self, core: int) -> int:
        units = (core >> self._stock_at) & ((1 << _STOCK_BITS) - 1)
        return units if units < 1 << (_STOCK_BITS - 1) else units - (1 << _STOCK_BITS)

    def problem(self, state: State) -> str | None:
        """Safety: what is wrong in this state."""
        known = (state[0] & self._of_safety, state[2] & self._of_failures)
        if known not in self._problems:
            stock = self.stock(state[0])
            self._problems[known] = problem(self.world, self.entries(state), stock, self._failures(state))
        return self._problems[known]

    def is_at_rest(self, state: State) -> bool:
        """Whether all is delivered, and the watchdog has nothing to ask about; what was given up may be redriven."""
        is_mixed = self.world.updating and not state[0] & self._updated
        return not state[1] and not self._is_to_ask(state[0]) and not is_mixed

    def is_redriven(self, state: State) -> bool:
        return bool(state[0] & self._redriven)

    def problem_at_rest(self, state: State) -> str | None:
        """Liveness: what is wrong if nothing more happens."""
        budget = self.trial.budget
        is_accepted = not (budget.crashes or budget.refusals or budget.unanswered)
        given_up = frozenset(self._given_up(state))
        failures = self._failures(state)
        return problem_at_rest(self.world, self.entries(state), failures, given_up, is_accepted=is_accepted)

    def _failures(self, state: State) -> frozenset[int]:
        return frozenset(order for order in range(self.world.orders) if state[2] >> order & 1)

    def _given_up(self, state: State) -> list[Delivery]:
        marks = state[2] >> self.world.orders
        return [delivery for number, delivery in enumerate(self._deliveries.values) if marks >> (2 * number) & 1]

    def _journal(self, state: State) -> list[Event]:
        """Every fact that was told."""
        marks = state[2] >> self.world.orders
        return [fact for number, fact in enumerate(self._facts.values) if marks >> (2 * number + 1) & 1]

    def _entry(self, core: int, slot: int) -> bytes | None:
        return self._known.values[core >> (slot * _ENTRY_BITS) & _ENTRY]

    def entry_of(self, core: int, delivery: Delivery) -> bytes | None:
        return self._entry(core, _slot(delivery))

    def stock_for(self, core: int, delivery: Delivery) -> int:
        return self.stock(core) if service_of(delivery) == "inventory" else 0

    def _left(self, core: int) -> Budget:
        left = {name: core >> at & ((1 << _FAULT_BITS) - 1) for name, at in self._fault_at.items()}
        return Budget(**left, watchdog=self.trial.budget.watchdog)

    def due(self, core: int) -> list[Delivery]:
        """Runs of the watchdog, for each order that it finds in the index."""
        runs = [Delivery(WATCHDOG, expired(ORDER_IDS[order])) for order in range(self.world.orders)]
        return [run for run in runs if is_open(self.entry_of(core, run))]

    def _is_to_ask(self, core: int) -> bool:
        if not self.due(core):
            return False
        return self._left(core).asks > 0 or (self.trial.budget.watchdog and not core & self._asked)

    # What can happen

    def _tables_of(self, flight: int) -> list[Table]:
        """The tables of what can happen with these deliveries under way."""
        asks = self.trial.budget.asks
        under_way = sorted(_in_flight(flight), key=lambda one: self._names[one[0]])
        found = [self._table(self._deliver, one) for one in under_way]
        if asks:
            found.append(self._table(self._ask_out_of_turn))
        if not self.trial.budget.conflicts:
            return found
        for one, other in itertools.product(under_way, repeat=2):
            if service_of(self._delivery(one)) == service_of(self._delivery(other)):
                found.append(self._table(self._meanwhile, one, other))
        if asks:
            of_order = [one for one in under_way if service_of(self._delivery(one)) == "order"]
            found += [self._table(self._overtake, one) for one in of_order]
        return found

    def _table(self, effects: Callable[..., Iterable[Effect]], *under_way: UnderWay) -> Table:
        key = (effects.__name__, *under_way)
        if key not in self._tables:
            mask = self._of_faults | self._updated
            for one in under_way:
                mask |= self._parts_for(self._delivery(one))
            if effects in (self._ask_out_of_turn, self._overtake):
                for order_id in ORDER_IDS[: self.world.orders]:
                    mask |= self._parts_for(Delivery(WATCHDOG, expired(order_id)))
            self._tables[key] = Table(mask, partial(effects, *under_way))
        return self._tables[key]

    def _parts_for(self, delivery: Delivery) -> int:
        """The bits of a state that decide what the service does: its entry of the order, and the stock."""
        of_entry = _ENTRY << (_slot(delivery) * _ENTRY_BITS)
        of_stock = ((1 << _STOCK_BITS) - 1) << self._stock_at
        return of_entry | of_stock if service_of(delivery) == "inventory" else of_entry

    def _deliver(self, one: UnderWay, parts: int) -> Iterator[Effect]:
        delivery = self._delivery(one)
        is_mixed = self.world.updating and not parts & self._updated
        if is_heard_now(delivery):
            yield from self._heard(one, delivery, parts)
        if is_mixed and was_heard(delivery):
            yield from self._heard(one, delivery._replace(is_by_last_release=True), parts)
        if not is_heard_now(delivery) or (is_mixed and not was_heard(delivery) and not is_told_last(delivery.fact)):
            # The rule is the other release's; or the code is, and refuses the event until its retries are spent.
            step = Step(delivery, UNHEARD, ())
            yield self._effect(parts, delivery, self._unchanged(delivery, parts), step, gone=one)

    def _heard(self, one: UnderWay, delivery: Delivery, parts: int) -> Iterator[Effect]:
        heard = self._hear(delivery, parts)
        left = self._left(parts)
        names = _names(heard)
        wrong = None
        if not delivery.is_by_last_release:
            wrong = _unanswered(delivery, heard) or _endless(delivery, heard)
        yield self._effect(parts, delivery, heard, Step(delivery, "", names, wrong), gone=one)
        if left.repeats:
            yield self._effect(parts, delivery, heard, Step(delivery, "delivered twice", names), spent=("repeats",))
        if left.losses:
            step = Step(delivery, "lost", ())
            nothing = self._unchanged(delivery, parts)
            yield self._effect(parts, delivery, nothing, step, gone=one, given_up=True, spent=("losses",))
        for name, faults in FAULTS.items():
            if getattr(left, name):
                for fault in faults:
                    yield from self._befall(one, delivery, parts, name, fault)

    def _unchanged(self, delivery: Delivery, parts: int) -> Case:
        return Case(self.entry_of(parts, delivery), self.stock_for(parts, delivery), (), failed=False)

    def _befall(self, one: UnderWay, delivery: Delivery, parts: int, name: str, fault: str) -> Iterator[Effect]:
        """A fault befalls the delivery; if it fails then, it is tried again, or given up."""
        heard = self._hear(delivery, parts, fault)
        if heard == self._hear(delivery, parts):
            return  # it never came to that step, or it makes no difference
        is_passed = heard.failed and fault in PASSING and not delivery.is_by_last_release
        wrong = "the function fails for what has passed already" if is_passed else None
        step = Step(delivery, f"{fault}, retried", _names(heard), wrong)
        yield self._effect(parts, delivery, heard, step, gone=one, spent=(name,))
        if heard.failed and self.trial.budget.watchdog:
            step = Step(delivery, f"{fault}, given up", _names(heard))
            over = heard._replace(failed=False)
            yield self._effect(parts, delivery, over, step, gone=one, given_up=True, spent=(name,))

    def _meanwhile(self, one: UnderWay, other: UnderWay, parts: int) -> Iterator[Effect]:
        """The other is heard in full between recall and record; the two may be for one order, or for one stock."""
        if self._left(parts).conflicts:
            effect = self._between(parts, self._delivery(one), self._delivery(other), one, ("conflicts",))
            if effect.kept & _bit(one) and one == other:
                yield effect  # it fails, and is tried again
            else:
                yield effect._replace(kept=effect.kept & ~_bit(other))

    def _overtake(self, one: UnderWay, parts: int) -> Iterator[Effect]:
        """The watchdog asks about an order while another delivery about it is heard, and the other way round."""
        left = self._left(parts)
        delivery = self._delivery(one)
        if left.conflicts and left.asks:
            for run in self.due(parts):
                if run.fact.order_id == delivery.fact.order_id:
                    spent = ("asks", "conflicts")
                    yield self._between(parts, run, delivery, None, spent)._replace(kept=~_bit(one))
                    yield self._between(parts, delivery, run, one, spent)

    def _between(
        self, parts: int, delivery: Delivery, other: Delivery, gone: UnderWay | None, spent: tuple[str, ...]
    ) -> Effect:
        stock = self.stock_for(parts, delivery)
        both = case(delivery, self.entry_of(parts, delivery), stock, None, other, self.entry_of(parts, other))
        both = both._replace(told=tuple(dict.fromkeys(both.told)))
        wrong = "the function does not decide again after one conflict" if both.failed else None
        step = Step(delivery, f"{other.fact.name} is heard between its recall and its record", _names(both), wrong)
        return self._effect(parts, delivery, both, step, other=other, gone=gone, spent=spent)

    def _ask_out_of_turn(self, parts: int) -> Iterator[Effect]:
        """The watchdog asks while other deliveries are under way."""
        left = self._left(parts)
        due = self.due(parts)
        if not (due and left.asks):
            return
        yield self._ask(parts, due, None, ("asks",))
        yield from self._runs_that_fail(parts, ("asks",))

    def _runs_that_fail(self, parts: int, spent: tuple[str, ...]) -> Iterator[Effect]:
        """Runs of the watchdog that a fault befalls, and that tell something all the same; it runs again later."""
        left = self._left(parts)
        for name, faults in FAULTS.items():
            if getattr(left, name):
                for fault in faults:
                    effect = self._ask(parts, self.due(parts), fault, (*spent, name))
                    if effect.flying:
                        yield effect

    def _ask(self, parts: int, due: list[Delivery], fault: str | None, spent: tuple[str, ...]) -> Effect:
        """One run of the watchdog that finds these orders due."""
        run = due[0]
        other = due[1] if len(due) > 1 else None
        entry = self.entry_of(parts, run)
        heard = case(run, entry, 0, fault, other, self.entry_of(parts, other) if other else None)
        wrong = None
        if not fault and heard.entry == entry:
            wrong = "the watchdog asked about an order, and the order is still due"
        return self._effect(parts, run, heard, Step(run, fault or "", _names(heard), wrong), other=other, spent=spent)

    def _at_rest(self, state: State) -> Iterator[tuple[Step, State]]:
        """Sooner or later the watchdog asks when nothing else goes on. At last, what was given up is redriven."""
        core, _, marks = state
        if self.world.updating and not core & self._updated:
            yield Step(None, "all is of this release now; saga expire --undated", ()), self._all_new(state)
            return
        unfaulted = core & ~self._of_faults
        if self._is_to_ask(core):
            if self._left(core).asks:
                return
            asked = self._ask(unfaulted, self.due(core), None, ())
            after = unfaulted + asked.added | self._asked
            yield asked.step, (after, asked.flying & self._awake[after & self._of_entries], marks)
            for effect in self._runs_that_fail(core, ()):
                after = core + effect.added
                yield effect.step, (after, effect.flying & self._awake[after & self._of_entries], marks)
        elif given_up := self._given_up(state):
            after = unfaulted & ~self._asked | self._redriven
            flight = 0
            for delivery in given_up:
                flight |= _bit(self._number(delivery))
            flight &= self._awake[after & self._of_entries]
            kept = marks & (self._of_failures | self._of_facts)
            yield Step(None, "what was given up is redriven", ()), (after, flight, kept)

    def _restored(self, state: State) -> Iterator[tuple[Step, State]]:
        """A backup is made of a service's table, and later the table is what it was then."""
        core, flight, marks = state
        left = self._left(core).restores
        backup = core >> self._backup_at
        if not left:
            return
        if backup:
            step, entries = self._made_again(core, backup, self._journal(state))
            unfaulted = core & ~(self._of_faults | self._of_safety | self._asked) & ((1 << self._backup_at) - 1)
            after = unfaulted + entries + ((left - 1) << self._fault_at["restores"])
            flight |= self._flying(self._journal(state))
            yield step, (after, flight & self._awake[after & self._of_entries], marks)
            return
        for number, service in enumerate(SERVICES):
            units = self.stock(core) if service == "inventory" else 0
            entry = core >> (number * _ENTRY_BITS) & _ENTRY
            kept = ((entry << _STOCK_BITS | units) << _SERVICE_BITS) + number + 1
            yield Step(None, f"{service}'s table is backed up", ()), (core + (kept << self._backup_at), flight, marks)

    def _made_again(self, core: int, backup: int, journal: list[Event]) -> tuple[Step, int]:
        """Puts a service's entry back, as `saga replay --restored` does; and the stock, which is in the same backup."""
        number = (backup & ((1 << _SERVICE_BITS) - 1)) - 1
        units = backup >> _SERVICE_BITS & ((1 << _STOCK_BITS) - 1)
        entry = self._known.values[backup >> (_SERVICE_BITS + _STOCK_BITS)]
        service = SERVICES[number]
        again = made_again(service, entry, tuple(journal))
        wrong = None if again else "what was told does not follow from what was heard"
        self.wrong = self.wrong or again is None
        after, given_back = again or (entry, 0)
        stock = units + given_back if service == "inventory" else self.stock(core)
        entries = core & self._of_entries & ~(_ENTRY << (number * _ENTRY_BITS))
        entries += self._known.number(after) << (number * _ENTRY_BITS)
        step = Step(None, f"{service}'s table is restored, and all is replayed", (), wrong)
        return step, entries + (stock << self._stock_at)

    def _all_new(self, state: State) -> State:
        """The stack is updated, and orders without a due time get one, as docs/aws.md says."""
        core, flight, marks = state
        for slot in range(self._slots):
            entry = self._entry(core, slot)
            number = self._known.number(dated(entry)) - self._known.number(entry)
            core += number << (slot * _ENTRY_BITS)
        return core | self._updated, flight, marks

    # How it is packed

    def _hear(self, delivery: Delivery, core: int, fault: str | None = None) -> Case:
        return case(delivery, self.entry_of(core, delivery), self.stock_for(core, delivery), fault)

    def _effect(
        self,
        parts: int,
        delivery: Delivery,
        heard: Case,
        step: Step,
        *,
        other: Delivery | None = None,
        gone: UnderWay | None = None,
        given_up: bool = False,
        spent: tuple[str, ...] = (),
    ) -> Effect:
        """What came of a delivery, as it changes any state. `gone` is no longer under way, unless it failed."""
        entries = {_slot(delivery): heard.entry}
        if other:
            entries[_slot(other)] = heard.other_entry
        added = (heard.stock - self.stock_for(parts, delivery)) << self._stock_at
        wrong = step.wrong or heard.wrong
        for slot, entry in entries.items():
            before = self._entry(parts, slot)
            added += (self._known.number(entry) - self._known.number(before)) << (slot * _ENTRY_BITS)
            wrong = wrong or problem_of_change(SERVICES[slot % len(SERVICES)], before, entry)
        added -= sum(1 << self._fault_at[name] for name in spent)
        self.wrong = self.wrong or wrong is not None
        kept = ~_bit(gone) if gone and not heard.failed else -1
        marks = self._marks_of(heard.told)
        if given_up and gone and not gone[1] and delivery.service != HTTP:
            marks |= 1 << (self.world.orders + 2 * gone[0])
        return Effect(added, kept, self._flying(heard.told), marks, step._replace(wrong=wrong))

    def _marks_of(self, told: Iterable[Event]) -> int:
        marks = 0
        for fact in told:
            if fact.name == "OrderFailed":
                marks |= 1 << ORDER_IDS.index(fact.order_id)
            if self.trial.budget.restores:
                self._of_facts |= 1 << (self.world.orders + 2 * self._facts.number(fact) + 1)
                marks |= 1 << (self.world.orders + 2 * self._facts.number(fact) + 1)
        return marks

    def _flying(self, facts: Iterable[Event]) -> int:
        """The deliveries of facts that are told, once or several times."""
        flight = 0
        for fact, times in Counter(facts).items():
            for delivery in heard_by(fact, updating=self.world.updating):
                number, _ = self._number(delivery)
                flight |= _bit((number, False))
                if times > 1:
                    flight |= _bit((number, True))
        return flight

    def _number(self, delivery: Delivery) -> UnderWay:
        known = len(self._deliveries.values)
        number = self._deliveries.number(delivery)
        if number == known:
            self._awake.clear()  # nobody asked about this one yet
            self._idle.clear()
        return number, False

    def _name_of(self, number: int) -> tuple[str, ...]:
        """What deliveries are sorted by: numbers depend on what was seen first."""
        service, fact, _ = self._deliveries.values[number]
        return service, fact.name, str(fact.order_id), fact.answers or ""

    def _delivery(self, one: UnderWay) -> Delivery:
        return self._deliveries.values[one[0]]

    def _awake_with(self, of_entries: int) -> int:
        """All deliveries but those that are idle, given these entries."""
        idle = 0
        for slot in range(0 if self.with_idle else self._slots):
            idle |= self._idle[of_entries >> (slot * _ENTRY_BITS) & _ENTRY, slot]
        return ~idle

    def _idle_with(self, known: tuple[int, int]) -> int:
        """The deliveries that are idle, given an entry in its slot."""
        entry, slot = known
        idle = 0
        for number, delivery in enumerate(self._deliveries.values):
            if _slot(delivery) == slot and is_idle(delivery, self._known.values[entry], updating=self.world.updating):
                idle |= _bit((number, False)) | _bit((number, True))
        return idle


@cache
def _slot(delivery: Delivery) -> int:
    return ORDER_IDS.index(delivery.fact.order_id) * len(SERVICES) + SERVICES.index(service_of(delivery))


def _bit(one: UnderWay) -> int:
    number, has_copy = one
    return 1 << (2 * number + has_copy)


@cache
def _in_flight(flight: int) -> tuple[UnderWay, ...]:
    numbers = range((flight.bit_length() + 1) // 2)
    return tuple((number, bool(flight >> (2 * number + 1) & 1)) for number in numbers if flight >> (2 * number) & 1)


def _names(heard: Case) -> tuple[str, ...]:
    return tuple(fact.name for fact in heard.told)


def _unanswered(delivery: Delivery, heard: Case) -> str | None:
    """Shipping says what it decided each time it is asked to stop an order."""
    if delivery.service == "shipping" and delivery.fact.name in ("OrderExpired", "OrderCancelled") and not heard.told:
        return f"shipping does not answer {delivery.fact.name}"
    return None


def _endless(delivery: Delivery, heard: Case) -> str | None:
    """A delivery weighs more than all that it leads to. So what is under way weighs less each time, and ends."""
    leads_to = set(itertools.chain.from_iterable(map(heard_by, heard.told)))
    if sum(weight(after.service, after.fact.name) for after in leads_to) < weight(delivery.service, delivery.fact.name):
        return None
    return f"{' and '.join(_names(heard))} for {delivery.fact.name}: it goes on for ever"


@cache
def weight(service: str, name: str) -> int:
    """How many deliveries a delivery of this event may lead to, itself included, by what reactions may tell."""
    told = [EVENTS[name]] if service == HTTP else []
    for step in choreography.steps():
        if step.service == service and step.heard and step.heard.name == name:
            told += step.tells
    after = [
        sum(weight(hearer, fact.name) for hearer in choreography.heard_by(fact.name, fact.source)) for fact in told
    ]
    return 1 + max(after, default=0)


@cache
def is_idle(delivery: Delivery, entry: bytes | None, *, updating: bool = False) -> bool:
    """Returns whether hearing the fact changes nothing and tells nothing, now and whatever else is heard before it.

    So it makes no difference when it is heard, or whether. (tests/explore/test_explore.py shows that.)
    """
    if entry is None or delivery.service in (HTTP, WATCHDOG):
        return False
    known = read(entry)
    name = delivery.fact.name
    if name in known["heard"]:
        _, told = known["heard"][name]
        return told is None
    if delivery.service != "order" or name == "OrderCreated":
        return False
    is_over = known["state"]["status"] in CLOSED and not {"openShard", "dueAt"} & known["state"].keys()
    is_noticed = name in _NOTICED and not updating  # else it may bring back a due time that the last release drops
    return is_over or is_noticed
