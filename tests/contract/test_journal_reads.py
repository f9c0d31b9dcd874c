"""Listing orders of the journal reads the same number of items, however many orders there are."""

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from journal.items import STATES, journal_entry, shards, summary
from saga.event import Timestamp
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack

TABLE = "JournalTable"
MANY = 10_000
PAGE = 20


@pytest.fixture(scope="module")
def stack(dynamodb_local: Any) -> Stack:
    """A journal with one open order, and many that were opened later and are closed."""
    ids = [str(uuid.uuid4()) for _ in range(MANY + 1)]
    items = [item(ids[0], "PENDING", 0)]
    items += [item(order_id, "COMPLETED", number) for number, order_id in enumerate(ids[1:], start=1)]

    def write(batch: tuple[Any, ...]) -> None:
        answer = dynamodb_local.batch_write_item(RequestItems={TABLE: [{"PutRequest": {"Item": one}} for one in batch]})
        assert not answer["UnprocessedItems"]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, itertools.batched(items, 25, strict=False)))
    where: Any = SimpleNamespace(client=lambda _: dynamodb_local)
    return Stack(where, {TABLE: TABLE})


def item(order_id: str, state: str, second: int) -> dict[str, Any]:
    """The summary of an order, as the journal's updates leave it."""
    at = Timestamp(
        f"2026-01-{1 + second // 86_400:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"
    )
    detail = {"orderId": order_id, "timestamp": at}
    said = {"id": "e1", "detail-type": "OrderCreated", "source": "saga.order", "detail": detail}
    update: dict[str, Any] = summary([journal_entry(said, 1_767_312_000_000, 60)])
    values = update["ExpressionAttributeValues"]
    shard = values[":state"]["S"].partition("#")[2]
    key: dict[str, Any] = update["Key"]
    return key | {
        "opened": values[":opened"],
        "stateShard": {"S": f"{state}#{shard}"},
        "OrderCreated": {"S": at},
    }


@pytest.fixture
def counted(dynamodb_local: Any) -> Callable[[], Any]:
    """Counts the calls made inside, and the items that DynamoDB reads for them."""

    @contextmanager
    def counting() -> Iterator[Counter[str]]:
        seen: Counter[str] = Counter()

        def count(parsed: dict[str, Any], model: Any, **_: Any) -> None:
            seen[model.name] += 1
            seen["read"] += parsed["ScannedCount"]

        dynamodb_local.meta.events.register("after-call.dynamodb", count)
        yield seen
        dynamodb_local.meta.events.unregister("after-call.dynamodb", count)

    return counting


def test_the_newest_orders_are_listed_without_reading_the_others(stack: Stack, counted: Any) -> None:
    with counted() as seen:
        found = journal.orders(stack, limit=PAGE)
    assert len(found) == PAGE
    assert found[0].opened_at == "2026-01-01T02:46:40.000Z"
    assert [one.opened_at for one in found] == sorted((one.opened_at for one in found), reverse=True)
    lists = len(STATES) * len(shards(""))
    assert seen.keys() == {"Query", "read"}
    assert seen["Query"] <= lists + PAGE
    assert seen["read"] <= PAGE * (len(shards("")) + 1)


def test_an_open_order_is_found_behind_ten_thousand_closed_ones(stack: Stack, counted: Any) -> None:
    states = journal.open_states()
    with counted() as seen:
        [found] = journal.orders(stack, states, limit=PAGE)
    assert found.status == "PENDING"
    assert seen == {"Query": len(states) * len(shards("")), "read": 1}


def test_a_page_far_down_costs_what_the_first_does(stack: Stack, counted: Any) -> None:
    with counted() as first:
        newest = journal.orders(stack, limit=PAGE)
    middle = f"2026-01-01T01:00:00.000Z#{uuid.UUID(int=0)}"
    with counted() as later:
        found = journal.orders(stack, limit=PAGE, before=middle)
    assert found[0].opened_at == "2026-01-01T00:59:59.000Z"
    assert later["Query"] <= first["Query"] + PAGE
    assert later["read"] <= PAGE * (len(shards("")) + 1)
    assert not {one.order_id for one in found} & {one.order_id for one in newest}


def test_whoever_looks_at_orders_until_some_are_found_reads_no_more_than_those_and_a_page_of_each_list(
    stack: Stack, counted: Any
) -> None:
    looked_at = 5 * PAGE
    with counted() as seen:
        newest = journal.newest(stack, STATES, page=PAGE)
        assert len(list(itertools.islice(newest, looked_at))) == looked_at
    assert looked_at <= seen["read"] <= looked_at + PAGE * (len(shards("")) + 1)


def test_a_period_that_ends_before_it_begins_has_no_orders_and_no_state_has_none(stack: Stack) -> None:
    assert journal.orders(stack, limit=PAGE, since="2026-01-02", before="2026-01-01") == []
    assert journal.orders(stack, [], limit=PAGE) == []


@pytest.mark.parametrize("later", ["FAILING", "COMPLETED", "FAILED"])
def test_an_order_that_goes_on_between_two_reads_is_listed_once_as_what_it_became(later: str) -> None:
    order_id = str(uuid.uuid4())
    items = {state: item(order_id, state, 0) for state in ("PENDING", later)}

    def paginate(**query: Any) -> list[dict[str, Any]]:
        key = query["ExpressionAttributeValues"][":key"]
        return [{"Items": [one for one in items.values() if one["stateShard"] == key]}]

    client = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    where: Any = SimpleNamespace(client=lambda _: client)
    [found] = journal.orders(Stack(where, {TABLE: TABLE}), limit=PAGE)
    assert (found.order_id, found.status) == (order_id, later)


def test_nothing_is_listed_twice_or_left_out_from_page_to_page(stack: Stack) -> None:
    seen: list[str] = []
    cursor = journal.END
    for _ in range(5):
        page = journal.orders(stack, limit=PAGE, before=cursor)
        seen += [one.opened_at for one in page]
        cursor = page[-1].cursor
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5 * PAGE
