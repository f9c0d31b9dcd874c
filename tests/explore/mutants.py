"""Every guard of the kernel and the reactions, taken away one at a time: the explorer must find why each is there.

`python -m explore.mutants`, or `make mutants`, prints each with the shortest schedule that shows it.
"""

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID

from explore import moves
from explore.explorer import Violation, explore
from explore.moves import Budget, Trial
from explore.properties import problem_of_order
from explore.world import APPS, DOOR, WATCH, World, case, heard_by, made_again, quiet
from msgspec.structs import replace
from support import memory
from support.memory import MemoryLedger, MemoryOpenOrders, MemoryStockLedger

from contracts.events import OrderExpired, OrderFailed, PaymentOK, ShipmentFail, ShipmentOK, StockReserved
from contracts.values import Amount
from inventory.reactions import release, reserve
from inventory.stock import given_back
from order.reactions import Order, fail, insist, settle_payment, settle_stock
from order.reactions import cancel as cancel_order
from payment.reactions import cancel, charge
from saga import dynamodb, service
from saga.bus import EventBridgeBus
from saga.event import Event, Metadata, Timestamp
from saga.ledger import Conflict
from saga.service import Outcome, Service
from sagactl.stack import restored
from shipping.reactions import Shipment, expire, ship
from shipping.reactions import cancel as cancel_shipment

type Patch = AbstractContextManager[Any]


class Mutant(NamedTuple):
    name: str
    patches: Callable[[], Iterable[Patch]]
    # Where it is found soonest, if the others take long.
    trial: Trial | None = None


BUDGETS = (
    Budget(watchdog=False),
    Budget(refusals=1, watchdog=False),
    Budget(conflicts=1, watchdog=False),
    Budget(repeats=1, watchdog=False),
    Budget(losses=1),
    Budget(crashes=1, watchdog=False),
    Budget(losses=2),
    Budget(repeats=1, conflicts=1, watchdog=False),
)
WORLDS = (World(), World(pays=False), World(in_stock=False), World(ships=False), World(pays=False, in_stock=False))
# The smallest first, so that what is found is found quickly and is short.
TRIALS = [
    Trial(World(cancelled=True), "POST", Budget(watchdog=False)),
    Trial(World(versions=2), "POST", Budget(watchdog=False)),
    Trial(World(pays=False), "POST", Budget(refusals=1)),
    *(Trial(world, "bus", budget) for budget, world in itertools.product(BUDGETS, WORLDS)),
    Trial(World(orders=2), "bus", Budget(conflicts=1, watchdog=False)),
    Trial(World(), "POST", Budget(asks=1, conflicts=1)),
]
ONE_LOSS = Trial(World(), "bus", Budget(losses=1))
TWO_LOSSES = Trial(World(), "bus", Budget(losses=2))
NOT_SHIPPED = Trial(World(ships=False), "bus", Budget(losses=1))
TWO_ORDERS = Trial(World(orders=2), "bus", Budget(conflicts=1, watchdog=False))
A_REFUSAL = Trial(World(), "bus", Budget(refusals=1, watchdog=False))
BOTH_FAIL = Trial(World(pays=False, in_stock=False), "bus", Budget())
A_CONFLICT = Trial(World(), "bus", Budget(conflicts=1, watchdog=False))
NOT_ANSWERED = Trial(World(), "bus", Budget(unanswered=1, conflicts=1, watchdog=False))
THREE_VERSIONS = Trial(World(versions=3), "bus", Budget())
POSTED = Trial(World(), "POST", Budget(watchdog=False))
RESTORED = Trial(World(cancelled=True), "POST", Budget(restores=1))
UPDATING = Trial(World(updating=True), "POST", Budget(losses=1))
CANCELLED_WHILE_UPDATING = Trial(World(cancelled=True, updating=True), "POST", Budget())
OVERTAKEN = Trial(World(), "POST", Budget(asks=1, conflicts=1))


def violation_of(mutant: Mutant) -> Violation | None:
    """What the mutant breaks, in the first trial that shows it; None if it survives them all."""
    trials = [mutant.trial, *TRIALS] if mutant.trial else TRIALS
    with mutated(mutant):
        for trial in trials:
            try:
                explore(trial)
            except Violation as violation:
                return violation
    return None


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    with ExitStack() as patches:
        for patching in mutant.patches():
            patches.enter_context(patching)
        for remembered in (case, heard_by, made_again, problem_of_order):
            patches.callback(remembered.cache_clear)
            remembered.cache_clear()
        yield


def reaction(original: Any, mutated: Callable[..., Any]) -> Patch:
    """Has a service react otherwise, with the original's signature. `mutated` is given the original first."""

    @wraps(original)
    def instead(event: Event, state: Any, **known: Any) -> Any:
        return mutated(lambda event, state: original(event, state, **known), event, state)

    name = original.__module__.split(".")[0]
    reactions = APPS[name].service.reactions
    [present] = {present for present in reactions.values() if getattr(present, "func", present) is original}
    bound = instead if present is original else type(present)(instead, **present.keywords)
    swapped = {event: bound for event, reaction in reactions.items() if reaction is present}
    return patch.dict(reactions, swapped)


def unheard(name: str, event: type[Event]) -> Patch:
    """Has a service not hear an event."""
    reactions = APPS[name].service.reactions
    return patch.dict(reactions, {n: r for n, r in reactions.items() if n != event.name}, clear=True)


# The kernel


def unconditional_record(self: Any, entry: Any, before: Any) -> None:
    self.entries[entry.order_id] = entry


def record_if_known(self: Any, entry: Any, before: Any) -> None:
    if (entry.order_id in self.entries) != (before is not None):
        raise Conflict
    self.entries[entry.order_id] = entry


def nothing_back(entry: Any, before: Any) -> int:
    return -int(entry.state.held) if before is None else 0


def oversell(self: Any, entry: Any, before: Any) -> None:
    MemoryLedger.record(self, entry, before)
    self.stock[str(entry.state.product_id)] = self.stock.get(str(entry.state.product_id), 0) + given_back(entry, before)


def tell_before_record(self: Any, envelope: Any) -> None:
    event = self._read(envelope)
    before = self.ledger.recall(event.order_id)
    state, told = self.decide(event, before, Timestamp.now())
    if before and event.name in before.heard:
        name = before.heard[event.name].told
        if name:
            self._tell(before, self.tells[name], envelope, event)
        return
    if before and before.state == state and not told:
        return
    entry = service._advance(before, event, state, told, Timestamp.now())
    if told:
        self._tell(entry, told, envelope, event)
    self.ledger.record(entry, before)


def told_despite_conflict(self: Any, event: Any, at: Any, **_: Any) -> Any:
    before = self.ledger.recall(event.order_id)
    if before and event.name in before.heard:
        return service._again(event, before)
    state, told = self.decide(event, before, at)
    if before and before.state == state and not told:
        return Outcome(before, None)
    entry = service._advance(before, event, state, told, at)
    with suppress(Conflict):
        self.ledger.record(entry, before)
    name = told.name if told else None
    return Outcome(entry, name)


def decides_on_what_it_recalled_first(self: Any, event: Any, at: Any, **_: Any) -> Any:
    first = self.ledger.recall(event.order_id)
    record = self.ledger.record

    def record_or_say_nothing(entry: Any, before: Any) -> None:
        try:
            record(entry, before)
        except Conflict:
            raise Conflict from None

    with patch.multiple(self.ledger, recall=lambda _: first, record=record_or_say_nothing):
        return _learn(self, event, at)


def version_stays(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    entry = _advance(before, event, state, told, at)
    return replace(entry, version=before.version) if before else entry


def opened_now(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    return replace(_advance(before, event, state, told, at), opened_at=at)


def opened_when_told(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    entry = _advance(before, event, state, told, at)
    return entry if before else replace(entry, opened_at=event.timestamp)


def told_last(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    """A fact that a second event leads to, too, was decided now."""
    entry = _advance(before, event, state, told, at)
    return replace(entry, told=entry.told | {told.name: at}) if told else entry


def told_now(entry: Any, kind: Any, metadata: Any) -> Event:
    """A fact that is told again was decided now."""
    return replace(_fact(entry, kind, metadata), timestamp=Timestamp.now())


def hops_not_counted(self: Any, entry: Any, kind: Any, envelope: Any, cause: Any) -> None:
    self.bus.tell([_fact(entry, kind, Metadata(envelope.get("id"), 1, entry.state.answers))])


def answers_by(ignored: str) -> Patch:
    """The fingerprint of an order ignores a field."""

    def answers(self: Any) -> Any:
        return _answers(replace(self, **{ignored: 1})) if self.opens else _answers(self)

    return patch.object(Event, "answers", property(answers))


def conflict_swallowed(self: Any, event: Any, at: Any, **opens: Any) -> Any:
    try:
        return _learn_once(self, event, at, **opens)
    except Conflict:
        before = self.ledger.recall(event.order_id)
        state, told = self.decide(event, before, at)
        return Outcome(service._advance(before, event, state, told, at), None)


def failures_swallowed(self: Any, envelope: Any) -> None:
    with suppress(Exception):
        _hear(self, envelope)


def tells_everything_again(self: Any, envelope: Any) -> None:
    event = self._read(envelope)
    outcome = self.learn(event, Timestamp.now())
    names = {outcome.told} if outcome.told else set()
    if outcome.repeated:
        names |= outcome.entry.told.keys()
    for name in sorted(names):
        self._tell(outcome.entry, self.tells[name], envelope, event)


def refused_entries_ignored(self: Any, facts: Any) -> None:
    self._client.put_events(Entries=[self._entry(one) for one in facts])


def forgets_what_was_told(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    entry = _advance(before, event, state, told, at)
    return replace(entry, heard={name: replace(heard, told=None) for name, heard in entry.heard.items()})


def forgets_what_was_heard(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    return replace(_advance(before, event, state, told, at), heard={})


def forgets_what_it_answers(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    entry = _advance(before, event, state, told, at)
    return replace(entry, state=replace(entry.state, answers=None))


def over_at_once(before: Any, event: Any, state: Any, told: Any, at: Any) -> Any:
    if told is OrderFailed:
        state = replace(state, open_shard=None, due_at=None)
    return _advance(before, event, state, told, at)


_fact = service.fact
_answers = vars(Event)["answers"].fget
_hear = Service.hear
_advance = service._advance
_learn = Service.learn


def _learn_once(self: Any, event: Any, at: Any, **opens: Any) -> Any:
    with patch.object(service, "ATTEMPTS", 1):
        return _learn(self, event, at, **opens)


# The reactions


def forgets_if(status: str) -> Callable[..., Any]:
    def mutated(react: Any, event: Any, state: Any) -> Any:
        is_forgotten = state and state.status == status
        known = None if is_forgotten else state
        return react(event, known)

    return mutated


def join_on_one(react: Any, event: Any, shipment: Shipment | None) -> Any:
    known = shipment or Shipment(status="WAITING")
    return react(event, replace(known, paid=True, quantity=known.quantity or 2))


def cancelled_at_once(react: Any, event: Any, order: Order | None) -> Any:
    after, _ = react(event, order)
    if after.status == "PENDING":
        return replace(after, status="FAILED", reason="a step failed"), None
    return after, None


def joins_any_versions(react: Any, event: Any, shipment: Shipment | None) -> Any:
    return react(replace(event, metadata=None), shipment)


def settled_at_once(react: Any, event: Any, order: Order | None) -> Any:
    after, told = react(event, order)
    if after.status == "FAILING":
        reason = after.reason or "a step failed"
        return replace(after, status="FAILED", open_shard=None, due_at=None, reason=reason), OrderFailed
    return after, told


def leaves_the_index(react: Any, event: Any, order: Order | None) -> Any:
    after, told = react(event, order)
    if after.status == "FAILING":
        return replace(after, open_shard=None, due_at=None), told
    return after, told


def untold(react: Any, event: Any, state: Any) -> Any:
    return react(event, state)[0], None


def keeps(status: str) -> Callable[..., Any]:
    """A compensation that leaves alone what it should undo."""

    def mutated(react: Any, event: Any, state: Any) -> Any:
        after, told = react(event, state)
        if state and state.status == status:
            return state, told
        return after, told

    return mutated


def overrules(react: Any, event: Any, shipment: Shipment | None) -> Any:
    after, _ = react(event, None)
    return replace(shipment or after, status="FAILED", reason=after.reason), ShipmentFail


def changes_its_mind(react: Any, event: Any, shipment: Shipment | None) -> Any:
    return react(event, None) if shipment is None else (replace(shipment, status="SHIPPED"), ShipmentOK)


def reopens(react: Any, event: Any, order: Order | None) -> Any:
    return replace(order or Order(status="FAILING"), status="FAILING", open_shard=1), None


def tombstone_untold(react: Any, event: Any, state: Any) -> Any:
    """A compensation that comes before what it undoes is noted, and nobody gets to know."""
    after, told = react(event, state)
    return after, told if state else None


def gives_back(**other: Any) -> Callable[..., Any]:
    """A compensation that gives back something else than was taken."""

    def mutated(react: Any, event: Any, state: Any) -> Any:
        after, told = react(event, state)
        return (replace(after, **other), told) if state else (after, told)

    return mutated


def last_reason_stays(react: Any, event: Any, order: Order | None) -> Any:
    after, told = react(event, order)
    return replace(after, reason=getattr(event, "reason", None) or after.reason), told


def no_reason(react: Any, event: Any, order: Order | None) -> Any:
    after, told = react(event, order)
    return (replace(after, reason="a step failed"), told) if told else (after, told)


# The watchdog


def due_after_three_deadlines(opened_at: Any, now: Any, deadline: Any) -> Timestamp:
    return Timestamp.of(datetime.fromisoformat(opened_at) + 3 * deadline)


def moved_on_after_closing(self: Any, order: Any, due_at: Any) -> None:
    entry = self.ledger.entries[UUID(order.order_id)]
    self.ledger.entries[entry.order_id] = replace(entry, state=replace(entry.state, due_at=due_at))


# An update of the stack


def told_at_once(_fact: Event) -> bool:
    return False


def left_undated(entry: bytes | None) -> bytes | None:
    return entry


MUTANTS = [
    Mutant("no version condition", lambda: [patch.object(MemoryLedger, "record", unconditional_record)], A_CONFLICT),
    Mutant(
        "version dropped from the condition",
        lambda: [patch.object(MemoryLedger, "record", record_if_known)],
        A_CONFLICT,
    ),
    Mutant("version not moved on", lambda: [patch.object(service, "_advance", version_stays)], A_CONFLICT),
    Mutant("units not given back", lambda: [patch.object(memory, "given_back", nothing_back)]),
    Mutant("stock condition dropped", lambda: [patch.object(MemoryStockLedger, "record", oversell)], TWO_ORDERS),
    Mutant("tell before record", lambda: [patch.object(Service, "hear", tell_before_record)], A_CONFLICT),
    Mutant(
        "told although the record was lost", lambda: [patch.object(Service, "learn", told_despite_conflict)], A_CONFLICT
    ),
    Mutant("conflict swallowed", lambda: [patch.object(Service, "learn", conflict_swallowed)], NOT_ANSWERED),
    Mutant(
        "conflict does not recall",
        lambda: [patch.object(Service, "learn", decides_on_what_it_recalled_first)],
        NOT_ANSWERED,
    ),
    Mutant("failures swallowed", lambda: [patch.object(Service, "hear", failures_swallowed)], A_REFUSAL),
    Mutant(
        "no told-again",
        lambda: [patch.object(service, "_again", lambda event, entry: Outcome(entry, None, True))],
        A_REFUSAL,
    ),
    Mutant("forgets what was told", lambda: [patch.object(service, "_advance", forgets_what_was_told)], A_REFUSAL),
    Mutant("forgets what was heard", lambda: [patch.object(service, "_advance", forgets_what_was_heard)]),
    Mutant("a fact told for a second event has a new time", lambda: [patch.object(service, "_advance", told_last)]),
    Mutant("a fact told again has a new time", lambda: [patch.object(service, "fact", told_now)]),
    Mutant("hops not counted", lambda: [patch.object(Service, "_tell", hops_not_counted)]),
    Mutant("an entry's opening time is renewed", lambda: [patch.object(service, "_advance", opened_now)]),
    Mutant("an entry is opened when its event says", lambda: [patch.object(service, "_advance", opened_when_told)]),
    Mutant(
        "PutEvents entry failures ignored",
        lambda: [patch.object(EventBridgeBus, "tell", refused_entries_ignored)],
        A_REFUSAL,
    ),
    Mutant("no tombstone in payment", lambda: [reaction(charge, forgets_if("CANCELLED"))]),
    Mutant("no tombstone in inventory", lambda: [reaction(reserve, forgets_if("RELEASED"))]),
    Mutant("payment's tombstone untold", lambda: [reaction(cancel, tombstone_untold)], BOTH_FAIL),
    Mutant("inventory's tombstone untold", lambda: [reaction(release, tombstone_untold)], BOTH_FAIL),
    Mutant("payment gives back another amount", lambda: [reaction(cancel, gives_back(amount=Amount(1)))]),
    Mutant("inventory gives back fewer units", lambda: [reaction(release, gives_back(quantity=1))]),
    Mutant("payment keeps the money", lambda: [reaction(cancel, keeps("CHARGED"))]),
    Mutant("inventory keeps the units", lambda: [reaction(release, keeps("RESERVED"))]),
    Mutant("cancellation untold", lambda: [reaction(cancel, untold)]),
    Mutant("release untold", lambda: [reaction(release, untold)]),
    Mutant("shipping joins on one instead of both", lambda: [reaction(ship, join_on_one)]),
    Mutant("expiry overrules a shipment", lambda: [reaction(expire, overrules)], ONE_LOSS),
    Mutant("expiry unanswered", lambda: [reaction(expire, untold)]),
    Mutant("cancellation overrules a shipment", lambda: [reaction(cancel_shipment, overrules)]),
    Mutant("cancellation unanswered", lambda: [reaction(cancel_shipment, untold)]),
    Mutant("order does not wait for its cancellation", lambda: [reaction(cancel_order, cancelled_at_once)]),
    Mutant("ships two versions as one", lambda: [reaction(ship, joins_any_versions)]),
    Mutant("a fingerprint ignores the quantity", lambda: [answers_by("quantity")], THREE_VERSIONS),
    Mutant("a fingerprint ignores the amount", lambda: [answers_by("amount")], THREE_VERSIONS),
    Mutant("facts do not say what they answer", lambda: [patch.object(service, "_advance", forgets_what_it_answers)]),
    Mutant("order deaf to PaymentOK", lambda: [unheard("order", PaymentOK)], TWO_LOSSES),
    Mutant("order deaf to StockReserved", lambda: [unheard("order", StockReserved)], TWO_LOSSES),
    Mutant("order deaf to its OrderFailed", lambda: [unheard("order", OrderFailed)]),
    Mutant("order does not insist", lambda: [reaction(insist, untold)]),
    Mutant("order is done before OrderFailed is on the bus", lambda: [patch.object(service, "_advance", over_at_once)]),
    Mutant("the last reason stays", lambda: [reaction(settle_payment, last_reason_stays)], BOTH_FAIL),
    Mutant("an order fails without a reason", lambda: [reaction(settle_stock, no_reason)]),
    Mutant("POST tells nothing", lambda: [patch.object(DOOR, "tell_created", lambda _: "nothing")], POSTED),
    Mutant("everything is told again", lambda: [patch.object(Service, "hear", tells_everything_again)]),
    Mutant("watchdog asks the wrong service", lambda: [unheard("shipping", OrderExpired)]),
    Mutant("due time not moved on", lambda: [patch.object(MemoryOpenOrders, "move_on", lambda *_: None)]),
    Mutant("due after three deadlines", lambda: [patch.object(WATCH, "next_due", due_after_three_deadlines)]),
    Mutant("OrderExpired of a later time", lambda: [patch.object(WATCH, "due", lambda _: Timestamp.now())]),
    Mutant("due time never set", lambda: [patch.object(APPS["order"].service, "dated", lambda order, _: order)]),
    Mutant(
        "due time moved on after closing",
        lambda: [patch.object(MemoryOpenOrders, "move_on", moved_on_after_closing)],
        OVERTAKEN,
    ),
    Mutant("throttled transaction not retried", lambda: [patch.object(dynamodb, "THROTTLING", set())]),
    Mutant("payment deaf to ShipmentFail", lambda: [unheard("payment", ShipmentFail)]),
    Mutant("inventory deaf to ShipmentFail", lambda: [unheard("inventory", ShipmentFail)]),
    Mutant("order fails on the first settlement (payment)", lambda: [reaction(settle_payment, settled_at_once)]),
    Mutant("order fails on the first settlement (stock)", lambda: [reaction(settle_stock, settled_at_once)]),
    Mutant("order leaves the index of open orders early", lambda: [reaction(fail, leaves_the_index)], NOT_SHIPPED),
    Mutant("closed order reopens", lambda: [reaction(fail, reopens)]),
    Mutant(
        "a restored table hears all again as it is",
        lambda: [patch.object(restored, "lacking", lambda *_: ())],
        RESTORED,
    ),
    Mutant("OrderFailed untold", lambda: [reaction(settle_payment, untold), reaction(settle_stock, untold)]),
    Mutant(
        "a new event is told before all who hear it are updated",
        lambda: [patch.object(moves, "is_told_last", told_at_once)],
        CANCELLED_WHILE_UPDATING,
    ),
    Mutant(
        "due times that old code dropped are not given back",
        lambda: [patch.object(moves, "dated", left_undated)],
        UPDATING,
    ),
]


def main() -> int:
    killed = 0
    with quiet():
        for mutant in MUTANTS:
            violation = violation_of(mutant)
            killed += violation is not None
            print(f"\n{mutant.name}: {violation or 'SURVIVED'}", flush=True)
    print(f"\n{len(MUTANTS)} mutants, {killed} killed")
    return 0 if killed == len(MUTANTS) else 1


if __name__ == "__main__":
    sys.exit(main())
