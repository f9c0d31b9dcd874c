"""The journal's items: an event under its order and the time it was told, and the order's summary."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from support.given import AT, ORDER_ID, a, detail, envelope

from contracts.events import EVENTS, OrderCreated, PaymentOK
from journal import items as journal
from saga.event import Event, Timestamp
from saga.serialization import parse
from sagactl.bench.meter import item_bytes
from sagactl.design.template import resources

ARRIVED_MS = 1_769_861_000_123
ARRIVED_AT = Timestamp("2026-01-31T12:03:20.123Z")
LATER = Timestamp("2026-01-31T12:00:00.001Z")
KEPT_SECONDS = int(timedelta(days=90).total_seconds())


def entry(event: Event, **other: Any) -> Any:
    return journal.journal_entry(envelope(event, event_id="e1", **other), ARRIVED_MS, KEPT_SECONDS)


def test_an_event_is_kept_whole() -> None:
    event = a(OrderCreated)
    assert entry(event) == {
        "orderId": {"S": str(ORDER_ID)},
        "sort": {"S": f"{AT}#e1"},
        "toldAt": {"S": AT},
        "arrivedAt": {"S": ARRIVED_AT},
        "eventId": {"S": "e1"},
        "detailType": {"S": "OrderCreated"},
        "source": {"S": "saga.order"},
        "detail": {"S": json.dumps(detail(event))},
        "expiresAt": {"N": str(ARRIVED_MS // 1000 + KEPT_SECONDS)},
    }


def test_the_table_forgets_an_item_once_it_expires() -> None:
    lifetime = resources("AWS::DynamoDB::Table")["JournalTable"]["TimeToLiveSpecification"]
    assert lifetime["Enabled"] is True
    assert "N" in entry(a(OrderCreated))[lifetime["AttributeName"]]


@pytest.mark.parametrize("timestamp", [None, "yesterday", 5, [], "2026-01-31T12:00:00"])
def test_an_event_without_a_valid_timestamp_has_the_time_of_its_arrival(timestamp: object) -> None:
    kept = entry(a(OrderCreated), detail=detail(a(OrderCreated)) | {"timestamp": timestamp})
    assert kept["toldAt"] == kept["arrivedAt"] == {"S": ARRIVED_AT}
    assert kept["sort"] == {"S": f"{ARRIVED_AT}#e1"}


@pytest.mark.parametrize(
    ("timestamp", "is_believed"),
    [
        ("2026-01-17T12:03:20.123Z", True),  # no queue kept it for longer
        ("2026-01-17T12:03:20.122Z", False),
        ("2026-01-31T12:04:20.123Z", True),  # a clock may be a little ahead
        ("2026-01-31T12:04:20.124Z", False),
        ("2025-01-01T00:00:00.000Z", False),
        ("9999-12-31T23:59:59.999Z", False),
        ("0001-01-01T00:00:00.000Z", False),
    ],
)
def test_an_event_that_claims_an_impossible_time_has_that_of_its_arrival(timestamp: str, is_believed: bool) -> None:
    kept = entry(a(OrderCreated, timestamp=Timestamp(timestamp)))
    assert kept["toldAt"] == {"S": timestamp if is_believed else ARRIVED_AT}
    assert kept["sort"] == {"S": f"{kept['toldAt']['S']}#e1"}


def test_times_and_ids_are_normalised() -> None:
    said = {"timestamp": "2026-01-31T13:00:00+01:00", "orderId": str(ORDER_ID).upper()}
    kept = entry(a(OrderCreated), detail=detail(a(OrderCreated)) | said)
    assert (kept["toldAt"], kept["orderId"]) == ({"S": AT}, {"S": str(ORDER_ID)})


@pytest.mark.parametrize("written", [str(ORDER_ID).upper(), ORDER_ID.hex, ORDER_ID.hex.upper()])
def test_an_event_is_kept_under_the_order_that_the_services_read(written: str) -> None:
    said = detail(a(OrderCreated)) | {"orderId": written}
    assert parse(said, OrderCreated).order_id == ORDER_ID
    kept = entry(a(OrderCreated), detail=said)
    assert kept["orderId"] == {"S": str(ORDER_ID)}


@pytest.mark.parametrize("written", ["no-uuid", 7, None, ["x"]])
def test_an_event_without_a_valid_order_id_is_kept_under_what_it_says(written: object) -> None:
    kept = entry(a(OrderCreated), detail=detail(a(OrderCreated)) | {"orderId": written})
    assert kept["orderId"] == {"S": str(written).lower()}


ITEM_BYTES_MAX = 400_000  # DynamoDB's 400 KB, for certain
EMOJI = "\N{SLICE OF PIZZA}"


def test_an_event_as_large_as_eventbridge_takes_is_kept_whole() -> None:
    said = detail(a(OrderCreated)) | {"note": EMOJI * 60_000}  # of 240,000 bytes in UTF-8, and 720,000 as escapes
    kept = entry(a(OrderCreated), detail=said)
    assert json.loads(kept["detail"]["S"]) == said
    assert item_bytes({"M": kept}) < ITEM_BYTES_MAX


@pytest.mark.parametrize(("bytes_each", "fields"), [(1_000_000, 1), (300_000, 3), (10, 70_000)])
def test_of_a_larger_event_the_largest_fields_are_left_out(bytes_each: int, fields: int) -> None:
    large = {f"x{number}": "x" * bytes_each for number in range(fields)}
    kept = entry(a(OrderCreated), detail=large | detail(a(OrderCreated)))
    read = json.loads(kept["detail"]["S"])
    assert parse(read, OrderCreated) == a(OrderCreated)
    assert kept["fieldsLeftOut"] == {"N": str(fields + len(detail(a(OrderCreated))) - len(read))}
    assert item_bytes({"M": kept}) < ITEM_BYTES_MAX


def of_bytes(size: int) -> dict[str, Any]:
    """A detail that is so large as JSON, most of it a note."""
    said = detail(a(OrderCreated)) | {"note": ""}
    return said | {"note": "x" * (size - len(json.dumps(said)))}


@pytest.mark.parametrize("larger", [{}, {"larger": "x" * 300_000}], ids=["alone", "beside a larger one"])
@pytest.mark.parametrize(("size", "is_kept"), [(262_144, True), (262_145, False)])
def test_a_field_is_left_out_only_if_what_is_kept_would_be_too_large(
    larger: dict[str, str], size: int, is_kept: bool
) -> None:
    kept = entry(a(OrderCreated), detail=larger | of_bytes(size))
    assert json.loads(kept["detail"]["S"]) == (of_bytes(size) if is_kept else detail(a(OrderCreated)))


def test_half_a_surrogate_pair_is_kept() -> None:
    said = detail(a(OrderCreated)) | {"note": "\ud83c"}
    kept = entry(a(OrderCreated), detail=said)["detail"]["S"]
    assert json.loads(kept.encode()) == said


def test_events_of_an_order_sort_by_when_they_were_told() -> None:
    assert entry(a(OrderCreated))["sort"]["S"] < entry(a(PaymentOK, timestamp=LATER))["sort"]["S"] < journal.SUMMARY


def test_what_earlier_releases_have_written_is_under_the_same_keys() -> None:
    update = journal.summary([entry(a(OrderCreated))])
    assert update["Key"] == {"orderId": {"S": str(ORDER_ID)}, "sort": {"S": "summary"}}
    assert update["ExpressionAttributeValues"][":state"] == {"S": "PENDING#1"}
    assert journal.shards("PENDING") == ["PENDING#0", "PENDING#1", "PENDING#2", "PENDING#3"]


def test_a_summary_says_when_each_event_was_told() -> None:
    update = journal.summary([entry(a(OrderCreated)), entry(a(PaymentOK, timestamp=LATER)), entry(a(OrderCreated))])
    assert update["Key"] == {"orderId": {"S": str(ORDER_ID)}, "sort": {"S": journal.SUMMARY}}
    assert update["ExpressionAttributeNames"] == {"#event0": "OrderCreated", "#event1": "PaymentOK"}
    assert update["ExpressionAttributeValues"][":at1"] == {"S": LATER}


def test_of_an_event_that_was_told_twice_the_first_time_counts() -> None:
    told = [entry(a(OrderCreated, timestamp=LATER)), entry(a(OrderCreated))]
    assert journal.summary(told)["ExpressionAttributeValues"][":at0"] == {"S": AT}


def test_a_summary_keeps_its_own_attributes_whatever_an_event_is_called() -> None:
    update = journal.summary([entry(a(OrderCreated), detail_type="opened")])
    assert "ExpressionAttributeNames" not in update


def test_an_order_without_its_first_event_was_opened_when_another_was_told() -> None:
    update = journal.opened_earlier([entry(a(PaymentOK))], {"opened": {"S": f"{LATER}#{ORDER_ID}"}})
    assert update
    assert update["ExpressionAttributeValues"] == {":opened": {"S": f"{AT}#{ORDER_ID}"}}


@pytest.mark.parametrize("known", [{"OrderCreated": {"S": LATER}}, {"opened": {"S": f"{AT}#{ORDER_ID}"}}])
def test_nothing_more_is_written_if_the_order_was_opened_before(known: Any) -> None:
    updated = {"opened": {"S": f"{LATER}#{ORDER_ID}"}} | known
    assert journal.opened_earlier([entry(a(PaymentOK))], updated) is None


def test_summaries_are_spread_by_state_and_batches_by_day() -> None:
    entries = [entry(a(OrderCreated, order_id=UUID(int=number))) for number in range(200)]
    states = [journal.summary([one])["ExpressionAttributeValues"][":state"]["S"] for one in entries]
    assert set(states) == set(journal.shards("PENDING"))
    ids = [one | {"eventId": {"S": str(number)}} for number, one in enumerate(entries)]
    batches = [journal.batch_entry([one], AT)["orderId"]["S"] for one in ids]
    assert set(batches) == set(journal.shards(journal.batches_of("2026-01-31")))


def test_an_order_is_listed_whatever_state_it_is_in() -> None:
    updates = [journal.summary([entry(a(event))]) for event in EVENTS.values()]
    states = {update["ExpressionAttributeValues"][":state"]["S"].partition("#")[0] for update in updates}
    assert states == set(journal.STATES)


def test_an_order_is_listed_under_one_shard_whatever_is_told_of_it() -> None:
    events = [a(event) for event in EVENTS.values()]
    updates = [journal.summary([entry(event)]) for event in events]
    assert len({update["ExpressionAttributeValues"][":state"]["S"][-1] for update in updates}) == 1


def test_a_batch_names_its_events() -> None:
    batch = journal.batch_entry([entry(a(OrderCreated)), entry(a(PaymentOK))], LATER)
    assert batch["sort"] == {"S": f"{LATER}#e1"}
    assert " " not in batch["events"]["S"]  # each KB is a write unit
    assert batch["expiresAt"] == entry(a(OrderCreated))["expiresAt"]
    assert json.loads(batch["events"]["S"]) == [
        [str(ORDER_ID), "e1", "OrderCreated", "saga.order", AT],
        [str(ORDER_ID), "e1", "PaymentOK", "saga.payment", AT],
    ]
