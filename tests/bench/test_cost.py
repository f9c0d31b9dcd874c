"""What a saga costs: the units that AWS bills on every path, counted on DynamoDB Local. Every change shows here."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import pytest
from bench.peers import COMPARED
from typer.testing import CliRunner

from sagactl.bench.conflicts import conflicts
from sagactl.bench.cost import PATHS, Walked, journaled_at_once, walk
from sagactl.bench.meter import Meter, Usage
from sagactl.bench.serial import Serial, running
from sagactl.cli import app
from sagactl.commands.bench import cost as command
from sagactl.paths import PROJECT


class Cost(NamedTuple):
    """Of a saga placed by POST. The journal and the watchdog's queries are not counted."""

    events: int
    invocations: int
    write_units: int
    read_units: int
    hops: int
    dollars_per_million: float


# fmt: off
COSTS = {
    #                                events  invocations  writes  reads  hops  dollars
    "completed":                      Cost(4,            9,     11,     7,    2,  17.050),
    "payment_failed":                 Cost(5,           10,     16,     8,    3,  21.500),
    "stock_failed":                   Cost(5,           10,     10,     8,    3,  17.750),
    "shipment_failed":                Cost(7,           14,     19,    12,    4,  26.675),
    "payment_and_stock_failed":       Cost(6,           11,     10,     9,    2,  19.075),
    "completed_every_delivery_twice": Cost(9,           31,     16,    28,    2,  32.200),
    "expired":                        Cost(8,           14,     19,    12,    3,  27.675),
    "cancelled":                      Cost(16,          29,     21,    28,    4,  45.425),
}
# fmt: on
JOURNALED = {"write_units": 5, "invocations": 1, "queue_requests": 3}  # at most, for an event in a batch of its own
WATCHDOG_PAGES = 4  # of a run, one of each shard, as long as there are less than thousands of open orders
MOVED_ON_UNITS = 3  # the order, and its entry in the index: one removed, one put


JOURNALED_AT_ONCE = {
    "write_units": 7,
    "invocations": 1,
    "queue_requests": 6,
    "read_units": 0,
}  # all of an order's events


class Measured(NamedTuple):
    walked: dict[str, Walked]
    again: dict[str, Walked]
    at_once: Usage
    conflicts: dict[str, Usage]


@pytest.fixture(scope="module")
def serial() -> Iterator[Serial]:
    with running() as serial:
        yield serial


@pytest.fixture(scope="module")
def found(serial: Serial) -> Measured:
    first, again = ({name: walk(serial, PATHS[name], f"{name} {n}") for name in PATHS} for n in range(2))
    return Measured(first, again, journaled_at_once(serial), conflicts(serial))


def spent(usage: Usage) -> Cost:
    fields = usage.fields()
    return Cost(*(fields.get(name, usage.hops) for name in Cost._fields))  # type: ignore[arg-type]  # numbers


def test_every_path_has_a_cost() -> None:
    assert COSTS.keys() == PATHS.keys()


@pytest.mark.parametrize("name", PATHS)
def test_a_saga_costs_exactly_this(found: Measured, name: str) -> None:
    assert spent(found.walked[name].saga) == COSTS[name]


@pytest.mark.parametrize("name", PATHS)
def test_the_next_one_costs_the_same(found: Measured, name: str) -> None:
    again = found.again[name]
    before = found.walked[name]
    assert (again.saga.counts, again.saga.hops) == (before.saga.counts, before.saga.hops)
    assert again.watchdog.counts == before.watchdog.counts


@pytest.mark.parametrize("name", PATHS)
def test_everything_is_small_enough_to_be_billed_as_one(found: Measured, name: str) -> None:
    saga, journal, _ = found.walked[name]
    assert 0 < saga.item_bytes < 1_024
    assert 0 < journal.item_bytes < 1_024
    assert saga.counts["event_chunks"] == saga.counts["events"]
    assert 0 < saga.event_bytes < 1_024


@pytest.mark.parametrize("name", PATHS)
def test_the_journal_writes_each_event_once_and_reads_nothing(found: Measured, name: str) -> None:
    journal = found.walked[name].journal.counts
    assert journal["events"] == COSTS[name].events
    assert all(journal[each] <= JOURNALED[each] * journal["events"] for each in JOURNALED)
    assert journal["read_units"] == 0


def test_the_journal_writes_an_order_in_a_batch_for_few_units(found: Measured) -> None:
    assert {name: found.at_once.counts[name] for name in JOURNALED_AT_ONCE} == JOURNALED_AT_ONCE


def test_the_watchdog_reads_its_index_and_moves_the_order_on(found: Measured) -> None:
    counts = found.walked["expired"].watchdog.counts
    assert (counts["pages"], counts["read_units"]) == (WATCHDOG_PAGES, WATCHDOG_PAGES / 2)
    assert counts["write_units"] == MOVED_ON_UNITS


def test_a_conflict_costs_the_lost_write_and_reading_the_stock_again(found: Measured) -> None:
    units = {name: (usage.counts["write_units"], usage.counts["read_units"]) for name, usage in found.conflicts.items()}
    assert units == {
        "PaymentOK and StockReserved meet at shipping": (1, 0),
        "two orders meet at the stock of a product": (4, 2),
    }


def test_a_call_that_the_meter_does_not_know_is_not_free(serial: Serial) -> None:
    client = serial.modules["payment.app"].service.ledger.client
    # What the meter raises on purpose, so that no call is ever counted as free because nobody gave it a price.
    with pytest.raises(NotImplementedError, match="no price for dynamodb Scan"):
        client.scan(TableName="OrderTable")


def test_a_large_event_is_billed_for_each_64_kb() -> None:
    meter = Meter()
    entry = {"Source": "s", "DetailType": "d", "Detail": json.dumps({"text": "x" * 65 * 1024})}
    meter._put_events({"body": json.dumps({"Entries": [entry]})})
    assert meter.usage.counts["event_chunks"] == 2
    assert meter.usage.dollars_per_million == 2


@pytest.mark.parametrize("name", PATHS)
def test_the_documentation_says_the_same(found: Measured, name: str) -> None:
    cost = COSTS[name]
    figures = [cost.events, cost.invocations, cost.write_units, cost.read_units, found.walked[name].saga.dollars]
    row = [name.replace("_", " "), *map(str, figures)]
    assert f"| {' | '.join(row)} |" in (PROJECT / "docs/performance.md").read_text()


def test_the_documentation_goes_by_it_in_other_places_too() -> None:
    on_aws = (PROJECT / "docs/aws.md").read_text()
    performance = (PROJECT / "docs/performance.md").read_text()
    events, invocations, writes, reads, *_ = COSTS["completed"]
    heard = invocations - 1  # but for the call of the API
    targets = heard + events  # the journal's queue takes every event
    for said in (
        f"| events put on the bus | {events} |",
        f"| functions invoked | {invocations}, some 20 ms",
        f"| writes | {writes} units |",
        f"| reads, strongly consistent | {reads} units |",
        f"{invocations} invocations of some 20 ms an order",
        f"| {targets} an order that completes, the journal's queue included |",
    ):
        assert said in on_aws
    for said in (
        f"| {heard} of functions, {events} of the journal's queue | {to_tens(18_750 / targets)} |",
        f"if each of {invocations} invocations takes 50 ms | {to_tens(1000 / (invocations * 0.05))} |",
    ):
        assert said in performance


def to_tens(number: float) -> str:
    return f"{number // 10 * 10:,.0f}"


def test_the_comparison_has_the_same_dollars(found: Measured) -> None:
    row = ["choreography", *(found.walked[path].saga.dollars for path in COMPARED)]
    assert f"| {' | '.join(row)} |" in (PROJECT / "docs/performance.md").read_text()


def test_the_command_prints_what_was_counted(found: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {
        "running": nullcontext,
        "walk": lambda _serial, _path, name: found.walked[name],
        "journaled_at_once": lambda _: found.at_once,
        "conflicts": lambda _: found.conflicts,
    }
    for name, instead in counted.items():
        monkeypatch.setattr(command, name, instead)
    said = CliRunner().invoke(app, ["bench", "cost", "--json"])
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout)
    assert answer.keys() == {"paths", "journal", "journal_at_once"}
    keys = [name for name in Cost._fields if name != "hops"]
    assert {tuple(fields) for fields in (*answer["paths"].values(), answer["journal"], answer["journal_at_once"])} == {
        tuple(keys)
    }
    for name, fields in answer["paths"].items():
        assert [fields[key] for key in keys] == [getattr(COSTS[name], key) for key in keys]
