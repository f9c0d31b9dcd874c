"""Orders over HTTP, as API Gateway's REST proxy integration invokes the function."""

import base64
import itertools
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from msgspec.structs import fields
from support.answers import hold
from support.emulation import Function, Heard, interleave, refusing
from support.given import a, envelope
from support.output import Counted, Logged

from contracts.events import (
    EVENTS,
    OrderCancelled,
    OrderCreated,
    PaymentCancel,
    PaymentFail,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockRelease,
)
from contracts.values import CANCELLED, Amount
from order.triggers import PlaceOrder
from saga.bus import ATTEMPTS
from saga.event import Event
from saga.ledger import Conflict
from saga.serialization import parse
from sagactl.local.functions import CONTEXT, environment

JSON = {"Content-Type": "application/json"}
ORDER = {"productId": "apple", "quantity": 2, "amount": 49.9}


class Answer:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.status = HTTPStatus(raw["statusCode"])
        self.content = json.loads(raw["body"])
        self.headers = {name: values[0] for name, values in raw["multiValueHeaders"].items()}
        assert self.headers["Content-Type"] == "application/json"

    @property
    def order_id(self) -> UUID:
        return UUID(self.content["orderId"])


class Api:
    """API Gateway in front of the function, and what is told and kept behind it."""

    def __init__(self, http: Any, heard: Heard, heard_by_order: Callable[..., None]) -> None:
        self.module = http
        self._heard = heard
        self.hear = heard_by_order
        self._table = boto3.resource("dynamodb").Table(environment("order.http")["TABLE_NAME"])

    def post(self, body: Any = ORDER, headers: Any = JSON, key: str | None = None, **other: Any) -> Answer:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        headers = headers if key is None else headers | {"Idempotency-Key": key}
        return self._invoke("POST", "/orders", headers, text, **other)

    def get(self, order_id: object) -> Answer:
        return self._invoke("GET", f"/orders/{order_id}", None, None)

    def cancel(self, order_id: object, headers: Any = None) -> Answer:
        return self._invoke("POST", f"/orders/{order_id}/cancel", headers, None)

    def told(self) -> list[Event]:
        return [parse(e["detail"], EVENTS[e["detail-type"]]) for e in self._heard()]

    def kept(self) -> int:
        """Orders in the table."""
        return int(self._table.scan(Select="COUNT")["Count"])

    def _invoke(self, method: str, path: str, headers: Any, body: str | None, **other: Any) -> Answer:
        resource = "/orders"
        parameters = None
        if path != resource:
            order_id = path.removeprefix("/orders/").removesuffix("/cancel")
            resource = path.replace(order_id, "{orderId}")
            parameters = {"orderId": order_id}
        event = {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": headers and {name: [value] for name, value in headers.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": parameters,
            "stageVariables": None,
            "requestContext": {
                "accountId": "123456789012",  # whose API it is
                "apiId": "a1b2c3",
                "httpMethod": method,
                "identity": {"accountId": other.get("caller"), "sourceIp": "192.0.2.1", "userArn": None},
                "path": f"/v1{path}",
                "requestId": str(uuid4()),
                "resourcePath": path,
                "stage": "v1",
            },
            "body": body,
            "isBase64Encoded": other.get("is_base64", False),
        }
        answer = Answer(self.module.handler(event, CONTEXT))
        if "statusCode" not in answer.content:  # the router's own answer to a path that API Gateway never hands on
            hold(method.lower(), resource, answer.status, answer.content)
        return answer


@pytest.fixture
def api(function: Function, heard: Heard) -> Api:
    app = function("order.app")

    def heard_by_order(order_id: UUID, *events: type[Event], **fields: Any) -> None:
        for event in events:
            app.handler(envelope(a(event, order_id=order_id, **fields)), CONTEXT)

    api = Api(function("order.http"), heard, heard_by_order)
    heard()
    return api


@pytest.fixture
def key() -> str:
    return str(uuid4())


# -- placing an order -------------------------------------------------------------------------------------------------


def test_an_order_is_accepted_recorded_and_told(api: Api) -> None:
    answer = api.post()
    assert answer.status == HTTPStatus.ACCEPTED
    assert answer.content == {"orderId": str(answer.order_id), "status": "PENDING"}
    assert answer.headers["Location"] == f"orders/{answer.order_id}"
    (told,) = api.told()
    assert isinstance(told, OrderCreated)
    assert (told.order_id, told.product_id, told.quantity) == (answer.order_id, "apple", 2)
    assert (told.amount, told.metadata and told.metadata.hops) == (Amount("49.9"), 0)
    assert told.timestamp == api.get(answer.order_id).content["openedAt"]


def test_what_was_placed_is_logged_with_its_order(api: Api, key: str, logged: Logged) -> None:
    order_id = api.post(key=key).order_id
    placed = {"message": "placed", "orderId": str(order_id), "detailType": "OrderCreated"}
    (line,) = map(json.loads, logged())
    assert line | placed | {"decided": "PENDING", "told": "OrderCreated"} == line
    api.hear(order_id, ShipmentOK)
    logged()
    api.post(key=key)
    (line,) = map(json.loads, logged())
    assert line | placed | {"decided": "COMPLETED", "told": "nothing"} == line


def test_each_order_is_another(api: Api) -> None:
    assert api.post().order_id != api.post().order_id
    assert len(api.told()) == 2


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"],
)
@pytest.mark.parametrize("header", ["Content-Type", "content-type", "CONTENT-TYPE"])
def test_json_by_any_name_is_accepted(api: Api, header: str, content_type: str) -> None:
    assert api.post(headers={header: content_type}).status == HTTPStatus.ACCEPTED


def test_a_body_may_come_in_base64(api: Api) -> None:
    encoded = base64.b64encode(json.dumps(ORDER).encode()).decode()
    assert api.post(encoded, is_base64=True).status == HTTPStatus.ACCEPTED


def test_unknown_fields_pass(api: Api) -> None:
    assert api.post(ORDER | {"unknown": [{}]}).status == HTTPStatus.ACCEPTED


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"00-{'4b' * 16}-{'00' * 7}b7-01", True),
        (f"00-{'4B' * 16}-{'00' * 7}b7-01", False),
        (f"00-{'4b' * 16}-{'00' * 7}b7-01-more", False),
        ("x" * 1000, False),
    ],
)
def test_the_callers_trace_goes_with_what_is_told_if_it_is_one(api: Api, header: str, kept: bool) -> None:
    answer = api.post(headers=JSON | {"traceparent": header})
    assert api.cancel(answer.order_id, {"traceparent": header}).status == HTTPStatus.ACCEPTED
    passed_on = [told.metadata.traceparent for told in api.told() if told.metadata]
    assert passed_on == [header if kept else None] * 2


def test_hearing_of_a_posted_order_changes_nothing(api: Api, function: Function, heard: Heard) -> None:
    answer = api.post()
    (echo,) = heard()
    before = api.module.service.ledger.recall(answer.order_id)
    function("order.app").handler(echo, CONTEXT)
    assert api.module.service.ledger.recall(answer.order_id) == before
    assert api.told() == []


def test_an_order_that_could_not_be_told_is_recorded_so_that_the_watchdog_sees_it(api: Api, key: str) -> None:
    kept = api.kept()
    with refusing(api.module.service.bus._client, ATTEMPTS):
        answer = api.post(key=key)
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.headers["Location"] == f"orders/{answer.order_id}"
    problem = "orderId: recorded at most, and told to nobody. Repeat it with its Idempotency-Key"
    assert (answer.content["message"], answer.content["problems"]) == ("Service Unavailable", [problem])
    assert (api.kept(), api.told()) == (kept + 1, [])
    assert api.get(answer.order_id).content["status"] == "PENDING"
    assert api.post(key=key).content["status"] == "PENDING"
    assert [event.name for event in api.told()] == ["OrderCreated"]


@pytest.mark.parametrize(
    ("error", "status", "tells"),
    [
        (Conflict(), HTTPStatus.ACCEPTED, ["OrderCreated"]),  # the SDK has repeated the write, which met itself
        (ReadTimeoutError(endpoint_url="dynamodb"), HTTPStatus.SERVICE_UNAVAILABLE, []),
    ],
    ids=["repeated by the SDK", "given up"],
)
def test_a_record_whose_answer_is_lost_is_one_order(
    api: Api, key: str, monkeypatch: pytest.MonkeyPatch, error: Exception, status: HTTPStatus, tells: list[str]
) -> None:
    kept = api.kept()
    unanswered(monkeypatch, api.module.service.ledger, error)
    first = api.post(key=key)
    assert (first.status, [event.name for event in api.told()]) == (status, tells)
    assert api.get(first.order_id).content["status"] == "PENDING"
    again = api.post(key=key)
    assert (again.status, again.order_id, api.kept()) == (HTTPStatus.ACCEPTED, first.order_id, kept + 1)
    assert [event.name for event in api.told()] == ["OrderCreated"]


def test_a_new_order_is_recorded_without_a_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.module.service.ledger, "recall", lambda _: pytest.fail("it was read"))
    assert api.post().status == HTTPStatus.ACCEPTED


def test_what_is_refused_is_logged_and_counted(api: Api, logged: Logged, counted: Counted) -> None:
    assert api.post(ORDER | {"quantity": 0}).status == HTTPStatus.BAD_REQUEST
    [line] = map(json.loads, logged())
    assert (line["level"], line["message"], line["status"]) == ("WARNING", "refused", HTTPStatus.BAD_REQUEST)
    [problem] = line["problems"]
    assert problem.startswith("quantity: ")
    assert counted() == {"Refusals": 1}


def test_why_an_order_is_not_placed_is_logged_and_counted(
    api: Api, monkeypatch: pytest.MonkeyPatch, logged: Logged, counted: Counted
) -> None:
    monkeypatch.setattr(api.module.service.ledger.client, "put_item", hanging)
    assert api.post().status == HTTPStatus.SERVICE_UNAVAILABLE
    line = json.loads(logged()[-1])
    assert (line["level"], line["message"]) == ("ERROR", 'ReadTimeoutError: Read timeout on endpoint URL: "aws"')
    assert counted()["Failures"] == 1


def test_an_order_that_may_have_been_told_is_accepted(
    api: Api, monkeypatch: pytest.MonkeyPatch, logged: Logged, counted: Counted
) -> None:
    monkeypatch.setattr(api.module.service.bus._client, "put_events", hanging)
    assert api.post().status == HTTPStatus.ACCEPTED
    failed, placed = map(json.loads, logged())
    assert (failed["level"], failed["message"]) == ("ERROR", 'ReadTimeoutError: Read timeout on endpoint URL: "aws"')
    assert (placed["message"], placed["told"]) == ("placed", "unknown")
    assert counted()["Failures"] == 1


def hanging(**_: Any) -> Any:
    raise ReadTimeoutError(endpoint_url="aws")


def test_a_bug_is_counted_and_logged_and_left_to_api_gateway(
    api: Api, monkeypatch: pytest.MonkeyPatch, logged: Logged, counted: Counted
) -> None:
    monkeypatch.setattr(api.module.service.ledger, "client", None)
    with pytest.raises(AttributeError):
        api.post()
    assert counted() == {"Failures": 1}
    line = json.loads(logged()[-1])
    assert (line["level"], line["message"].split(":")[0]) == ("ERROR", "AttributeError")


def unanswered(patch: pytest.MonkeyPatch, ledger: Any, error: Exception) -> None:
    """The next record is made, and then the error raised all the same."""
    record = ledger.record

    def record_in_vain(*entries: Any) -> None:
        patch.setattr(ledger, "record", record)
        record(*entries)
        raise error

    patch.setattr(ledger, "record", record_in_vain)


# -- placing it again -------------------------------------------------------------------------------------------------


def test_a_repeated_key_is_the_same_order_told_again(api: Api, key: str) -> None:
    first = api.post(key=key)
    second = api.post(key=key)
    assert (first.content, first.headers) == (second.content, second.headers)
    told, again = api.told()
    assert told == again


def test_a_key_used_twice_at_once_is_one_order(api: Api, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = api.kept()
    ids = set()
    interleave(monkeypatch, api.module.service.ledger, lambda: ids.add(api.post(key=key).order_id))
    ids.add(api.post(key=key).order_id)
    first, second = api.told()
    assert (len(ids), api.kept(), first) == (1, kept + 1, second)


@pytest.mark.parametrize("header", ["idempotency-key", "IDEMPOTENCY-KEY"])
def test_the_keys_header_may_be_written_in_any_case(api: Api, key: str, header: str) -> None:
    assert api.post(headers=JSON | {header: key}).order_id == api.post(key=key).order_id


# fmt: off
REPEATED = [
    # since then it heard         it is        and the key's repetition tells
    ([],                          "PENDING",   ["OrderCreated"]),
    ([PaymentFail],               "FAILING",   ["OrderCreated"]),
    ([PaymentFail, StockRelease], "FAILED",    []),
    ([ShipmentOK],                "COMPLETED", []),
]
# fmt: on


@pytest.mark.parametrize(("events", "status", "tells"), REPEATED)
def test_a_repeated_key_gives_the_present_status_and_tells_only_while_the_order_is_open(
    api: Api, key: str, events: list[type[Event]], status: str, tells: list[str]
) -> None:
    first = api.post(key=key)
    api.hear(first.order_id, *events)
    api.told()
    second = api.post(key=key)
    assert (second.status, second.order_id) == (HTTPStatus.ACCEPTED, first.order_id)
    assert (second.content["status"], [event.name for event in api.told()]) == (status, tells)


@pytest.mark.parametrize(
    "other", [{"productId": "pear"}, {"quantity": 3}, {"amount": 49.91}], ids=lambda other: next(iter(other))
)
def test_a_key_for_another_body_is_a_conflict(api: Api, key: str, other: dict[str, Any]) -> None:
    first = api.post(key=key)
    api.told()
    entry = api.module.service.ledger.recall(first.order_id)
    refused = api.post(ORDER | other, key=key)
    assert refused.status == HTTPStatus.CONFLICT
    assert refused.content["problems"] == ["Idempotency-Key: already used with another body"]
    assert (api.module.service.ledger.recall(first.order_id), api.told()) == (entry, [])


def test_a_body_written_in_another_way_is_the_same_body(api: Api, key: str) -> None:
    first = api.post('{"amount": 49.90, "quantity": 2.0, "productId": "apple", "note": 1}', key=key)
    assert api.post(key=key).order_id == first.order_id


def test_accounts_do_not_share_keys(api: Api, key: str) -> None:
    ids = {api.post(key=key, caller=caller).order_id for caller in (None, "111111111111", "222222222222")}
    assert len(ids) == 3
    assert api.post(key=key, caller="111111111111").order_id in ids


@pytest.mark.parametrize("length", [1, 255])
def test_a_key_within_its_limits_is_accepted(api: Api, length: int) -> None:
    assert api.post(key="~ " * (length // 2) + "~").status == HTTPStatus.ACCEPTED


# -- refused ----------------------------------------------------------------------------------------------------------


def assert_refused(api: Api, status: HTTPStatus, problems: list[str] | str, *args: Any, **kwargs: Any) -> None:
    """One problem is compared in full, several by the names of their fields. Nothing is recorded, nothing is told."""
    kept = api.kept()
    answer = api.post(*args, **kwargs)
    assert (answer.status, answer.content["message"]) == (status, status.phrase)
    named = answer.content["problems"]
    if isinstance(problems, str):
        assert named == [problems]
    else:
        assert [problem.split(":")[0] for problem in named] == problems
    assert all(len(problem) < 200 for problem in named)
    assert (api.kept(), api.told()) == (kept, [])


def raw(**fields: str) -> str:
    """An order in JSON that json.dumps would not write."""
    written = {name: json.dumps(value) for name, value in ORDER.items()} | fields
    return "{" + ", ".join(f'"{name}": {value}' for name, value in written.items()) + "}"


@pytest.mark.parametrize("field", ORDER)
def test_a_missing_field_is_named(api: Api, field: str) -> None:
    body = {name: value for name, value in ORDER.items() if name != field}
    assert_refused(api, HTTPStatus.BAD_REQUEST, f"{field}: missing", body)


WRONG_ANYWHERE = ["null", "true", "[]", "{}", '""', "[1]", '{"a": 1}', "NaN", "Infinity", "1e400", "9" * 400]
WRONG = {
    "productId": [*WRONG_ANYWHERE, "1", '"a b"', '"a\\n"', f'"{"a" * 65}"', '"\\ud800"'],
    "quantity": [*WRONG_ANYWHERE, '"2"', "0", "-1", "1.5", "10001", "1e30"],
    "amount": [*WRONG_ANYWHERE, '"2"', "0", "-1", "0.001", "1.005", "10000000000", "1e-400"],
}


WRONG_FIELDS = [
    *itertools.product(["productId"], WRONG["productId"]),
    *itertools.product(["quantity"], WRONG["quantity"]),
    *itertools.product(["amount"], WRONG["amount"]),
]


@pytest.mark.parametrize(("field", "value"), WRONG_FIELDS)
def test_a_wrong_field_is_named(api: Api, field: str, value: str) -> None:
    assert_refused(api, HTTPStatus.BAD_REQUEST, [field], raw(**{field: value}))


def test_every_problem_is_named(api: Api) -> None:
    assert_refused(api, HTTPStatus.BAD_REQUEST, list(ORDER), {})
    assert_refused(api, HTTPStatus.BAD_REQUEST, list(ORDER), dict.fromkeys(ORDER))


@pytest.mark.parametrize("body", ["[]", "null", '"order"', "1", "true"])
def test_a_body_that_is_not_an_object_is_refused(api: Api, body: str) -> None:
    kind = type(json.loads(body)).__name__
    assert_refused(api, HTTPStatus.BAD_REQUEST, f"expected an object, got {kind}", body)


INVALID = {
    "none": None,
    "empty": "",
    "not JSON": "order",
    "cut off": json.dumps(ORDER)[:-1],
    "two": "{}{}",
    "not Unicode": '{"productId": "\ud800"}',
    "too many digits": raw(amount="9" * 5_000),
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_a_body_that_is_not_json_is_refused(api: Api, body: str | None) -> None:
    assert_refused(api, HTTPStatus.BAD_REQUEST, "body: not valid JSON", body)


@pytest.mark.parametrize("encoded", ["!", "a", "//57", "wyg="])  # the last two are not UTF-8
def test_a_body_that_is_not_base64_or_not_utf8_is_refused(api: Api, encoded: str) -> None:
    assert_refused(api, HTTPStatus.BAD_REQUEST, "body: not valid JSON", encoded, is_base64=True)


@pytest.mark.parametrize("depth", [500, 1_000, 5_000, 10_000, 30_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"], ids=["lists", "objects"])
@pytest.mark.parametrize("field", [*ORDER, "unknown"])
def test_a_deeply_nested_body_is_never_an_internal_error(api: Api, field: str, brackets: str, depth: int) -> None:
    opening = brackets[0] if brackets == "[]" else '{"":'
    depth = min(depth, 65_000 // (len(opening) + 1))
    innermost = "" if brackets == "[]" else "1"
    nested = opening * depth + innermost + brackets[1] * depth
    answer = api.post(raw(**{field: nested}))
    expected = {HTTPStatus.BAD_REQUEST}
    if field not in ORDER:
        expected.add(HTTPStatus.ACCEPTED)
    assert answer.status in expected
    if answer.status == HTTPStatus.BAD_REQUEST:
        (problem,) = answer.content["problems"]
        assert problem.split(":")[0] in {field, "body"}


def test_a_body_nested_100_000_deep_is_too_long(api: Api) -> None:
    assert_refused(api, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ["body"], "[" * 100_000)


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"Content-Type": ""}, {"Content-Type": "text/plain"}, {"Content-Type": "application/jsonp"}],
)
def test_another_content_type_is_refused(api: Api, headers: dict[str, str] | None) -> None:
    problem = "Content-Type: expected application/json"
    assert_refused(api, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, problem, headers=headers)


@pytest.mark.parametrize("is_base64", [False, True])
def test_a_body_over_64_kb_is_refused(api: Api, is_base64: bool) -> None:
    def padded(size: int) -> str:
        body = json.dumps(ORDER).ljust(size)
        return base64.b64encode(body.encode()).decode() if is_base64 else body

    assert api.post(padded(65_536), is_base64=is_base64).status == HTTPStatus.ACCEPTED
    api.told()
    too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert_refused(api, too_large, "body: over 65536 bytes", padded(65_537), is_base64=is_base64)


def test_a_body_is_measured_in_bytes(api: Api) -> None:
    body = json.dumps(ORDER | {"note": "\N{PILE OF POO}" * 20_000}, ensure_ascii=False)
    assert_refused(api, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ["body"], body)


@pytest.mark.parametrize("key", ["", "a" * 256, "schlüssel", "a\n", "\x7f", "\t", "\ud800"])
def test_a_key_beyond_its_limits_is_refused(api: Api, key: str) -> None:
    problem = "Idempotency-Key: expected 1 to 255 printable ASCII characters"
    assert_refused(api, HTTPStatus.BAD_REQUEST, problem, key=key)


def test_refusals_are_counted(api: Api, counted: Counted) -> None:
    api.post({})
    api.get("42")
    assert counted() == {"Refusals": 2}


# -- looking at an order ----------------------------------------------------------------------------------------------


def test_an_order_is_shown_as_it_stands(api: Api) -> None:
    order_id = api.post().order_id
    shown = api.get(order_id)
    assert (shown.status, shown.content) == (
        HTTPStatus.OK,
        ORDER
        | {
            "orderId": str(order_id),
            "status": "PENDING",
            "openedAt": api.told()[0].timestamp,
            "settled": {"payment": False, "stock": False},
            "cancelledAt": None,
            "reason": None,
        },
    )
    assert api.get(str(order_id).upper()).content == shown.content


def test_a_failed_order_says_why(api: Api) -> None:
    order_id = api.post().order_id
    api.hear(order_id, StockFailed)
    assert api.get(order_id).content["settled"] == {"payment": False, "stock": True}
    api.hear(order_id, PaymentFail)
    shown = api.get(order_id).content
    assert (shown["status"], shown["settled"]) == ("FAILED", {"payment": True, "stock": True})
    assert shown["reason"] == a(StockFailed).reason


def test_an_order_that_was_only_heard_of_has_no_details(api: Api) -> None:
    order_id = uuid4()
    api.hear(order_id, ShipmentOK)
    shown = api.get(order_id).content
    assert (shown["status"], [shown[name] for name in ORDER]) == ("COMPLETED", [None, None, None])


def test_an_order_that_can_not_be_read_is_to_be_asked_for_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = api.post().order_id
    monkeypatch.setattr(api.module.service.ledger.client, "get_item", hanging)
    answer = api.get(order_id)
    assert (answer.status, answer.order_id) == (HTTPStatus.SERVICE_UNAVAILABLE, order_id)
    assert answer.content["problems"] == ["orderId: can't be read now. Ask again"]


# -- cancelling an order ----------------------------------------------------------------------------------------------


def test_an_order_is_asked_back(api: Api) -> None:
    order_id = api.post().order_id
    api.told()
    answer = api.cancel(order_id)
    assert (answer.status, answer.content) == (HTTPStatus.ACCEPTED, {"orderId": str(order_id), "status": "PENDING"})
    (told,) = api.told()
    assert isinstance(told, OrderCancelled)
    assert (told.order_id, told.timestamp) == (order_id, api.get(order_id).content["cancelledAt"])
    assert told.answers


def test_a_cancellation_is_logged_with_its_order(api: Api, logged: Logged) -> None:
    order_id = api.post().order_id
    logged()
    api.cancel(order_id)
    (line,) = map(json.loads, logged())
    said = {"message": "cancelled", "orderId": str(order_id), "detailType": "OrderCancelled"}
    assert line | said | {"decided": "PENDING", "told": "OrderCancelled"} == line
    api.hear(order_id, StockFailed, PaymentFail)
    logged()
    api.cancel(order_id)
    (line,) = map(json.loads, logged())
    assert line | said | {"decided": "FAILED", "told": "nothing"} == line


def test_asking_again_tells_the_same_fact(api: Api) -> None:
    order_id = api.post().order_id
    api.told()
    assert api.cancel(order_id).content == api.cancel(order_id).content
    first, second = api.told()
    assert first == second


def test_an_order_that_failed_is_as_good_as_cancelled(api: Api) -> None:
    order_id = api.post().order_id
    api.hear(order_id, StockFailed, PaymentFail)
    api.told()
    answer = api.cancel(order_id)
    assert (answer.status, answer.content["status"]) == (HTTPStatus.ACCEPTED, "FAILED")
    assert api.told() == []
    assert api.get(order_id).content["cancelledAt"] is None


def test_an_order_that_was_shipped_can_not_be_cancelled(api: Api) -> None:
    order_id = api.post().order_id
    api.hear(order_id, ShipmentOK)
    api.told()
    answer = api.cancel(order_id)
    assert answer.status == HTTPStatus.CONFLICT
    assert answer.content["problems"] == ["orderId: the order has been shipped"]
    assert api.told() == []


def test_a_cancelled_order_is_counted_apart(api: Api, counted: Counted) -> None:
    order_id = api.post().order_id
    api.cancel(order_id)
    api.hear(order_id, ShipmentFail, reason=CANCELLED)
    api.hear(order_id, PaymentCancel, StockRelease)
    counts = counted()
    assert counts["SagasCancelled"] == 1
    assert "SagasFailed" not in counts
    assert api.get(order_id).content["reason"] == CANCELLED


@pytest.mark.parametrize("order_id", [uuid4(), "42"], ids=["a UUID", "a number"])
def test_an_order_that_nobody_knows_is_not_cancelled(api: Api, order_id: object) -> None:
    assert api.cancel(order_id).status == HTTPStatus.NOT_FOUND
    assert api.told() == []
    assert api.get(order_id).status == HTTPStatus.NOT_FOUND


def test_a_cancellation_that_was_not_told_is_told_when_asked_again(api: Api) -> None:
    order_id = api.post().order_id
    api.told()
    with refusing(api.module.service.bus._client, ATTEMPTS):
        answer = api.cancel(order_id)
    assert (answer.status, answer.order_id) == (HTTPStatus.SERVICE_UNAVAILABLE, order_id)
    assert answer.content["problems"] == ["orderId: may not be cancelled. Ask again"]
    assert api.told() == []
    api.cancel(order_id)
    (told,) = api.told()
    assert told.name == "OrderCancelled"


# -- an order that is not there ---------------------------------------------------------------------------------------

UNKNOWN = str(UUID(int=42))
NOT_FOUND = {
    "a UUID of no order": UNKNOWN,
    "a number": "42",
    "an escaped zero": "%00",
    "no Unicode": "\ud800",
    "a long text": "a" * 5_000,
    "another path": "..",
    "a UUID with a digit too many": f"{UNKNOWN}0",
}


@pytest.mark.parametrize("order_id", NOT_FOUND.values(), ids=NOT_FOUND)
def test_an_id_of_no_order_is_not_found(api: Api, order_id: str) -> None:
    answer = api.get(order_id)
    assert answer.status == HTTPStatus.NOT_FOUND


def test_what_is_not_found_is_said(api: Api) -> None:
    for order_id in (uuid4(), "42"):
        assert api.get(order_id).content == {"message": "Not Found", "problems": ["orderId: no such order"]}


def test_the_fields_of_an_order_are_those_of_its_event() -> None:
    known = {field.encode_name for field in fields(OrderCreated)}
    assert {field.encode_name for field in fields(PlaceOrder)} == set(ORDER) < known
