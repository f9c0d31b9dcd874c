"""While a stack is updated, the last release's code and rules are at work beside the present ones."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from explore import moves, world
from explore.__main__ import UPDATING
from explore.explorer import Violation, explore
from explore.moves import Budget, Trial
from explore.releases import LAST_RELEASE, as_json, recalled, written
from explore.world import HTTP, Delivery, World, case, quiet, was_heard
from msgspec.structs import fields

from contracts.events import EVENTS
from saga import service
from saga.serialization import parse
from sagactl.checks import baseline
from sagactl.design import samples

ONE_LOSS = Trial(World(updating=True), "POST", Budget(losses=1))
TRIALS = [
    *(Trial(each, "POST", Budget()) for each in UPDATING),
    *(Trial(each, "bus", Budget()) for each in (World(updating=True), World(pays=False, updating=True))),
    ONE_LOSS,
    Trial(World(updating=True), "POST", Budget(crashes=1)),
    Trial(World(pays=False, updating=True), "POST", Budget(refusals=1)),
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_whichever_release_hears_what(trial: Trial) -> None:
    """What always holds, holds, and every order closes; without a fault as it does in one release."""
    found = explore(trial)
    if trial.budget == Budget():
        ends_well = trial.world.pays and trial.world.in_stock and trial.world.ships
        assert set(found.ends) == {"COMPLETED" if ends_well else "FAILED"}


def test_each_release_runs_its_own_code() -> None:
    delivery = Delivery("order", World().created(0))
    now = case(delivery, None, 0)
    before = case(delivery._replace(is_by_last_release=True), None, 0)
    assert all(each.entry for each in (now, before))
    assert LAST_RELEASE.kernel is not service
    assert str(LAST_RELEASE.kernel.__file__).startswith(str(baseline.CODE))


@pytest.mark.parametrize("name", [name for name in EVENTS if LAST_RELEASE.knows(name)])
def test_both_releases_have_one_fingerprint_for_an_event(name: str) -> None:
    """Else each would count a contradiction where the other has heard the event before."""
    detail: dict[str, Any] = samples.detail(name) | {"aNewField": 1}
    with LAST_RELEASE.in_place():
        event = LAST_RELEASE.kernel.parse(detail, LAST_RELEASE.modules["contracts.events"].EVENTS[name])
        before = LAST_RELEASE.kernel._fingerprint(event)
    assert before == service._fingerprint(parse(detail, EVENTS[name]))


class Keeping:
    """What the last release's ledgers would do if they kept the fields that they do not know, as those here do."""

    def __init__(self) -> None:
        self.unknown: dict[str, Any] = {}

    def recalled(self, ledger: Any, order_id: Any, known: bytes) -> Any:
        entry = recalled(ledger, order_id, known)
        names = {field.encode_name for field in fields(type(entry.state))}
        self.unknown = {name: value for name, value in json.loads(known)["state"].items() if name not in names}
        return entry

    def written(self, ledger: Any, entry: Any) -> bytes | None:
        item = written(ledger, entry)
        if item is None:
            return None
        kept = json.loads(item)
        kept["state"] |= self.unknown
        return as_json(kept)


def is_opened_here(delivery: Delivery) -> bool:
    """Has this release alone open orders, so that each has a due time at first."""
    return was_heard(delivery) and delivery.service != HTTP


def test_old_code_that_drops_what_it_does_not_know_leaves_orders_unwatched() -> None:
    """Which is why code keeps it, and why the due times that release 1.0 drops are given back after the update."""
    keeping = Keeping()
    trial = Trial(World(pays=False, updating=True), "POST", Budget(losses=1))
    with patch.multiple(moves, dated=lambda entry: entry, was_heard=is_opened_here):
        with pytest.raises(Violation, match="the order stays"):
            explore(trial)
        case.cache_clear()
        with patch.multiple(world, recalled=keeping.recalled, written=keeping.written):
            assert explore(trial).states > 1
        case.cache_clear()
