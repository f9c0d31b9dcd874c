"""The two doors through which input comes, POST /orders and the bus, and what must be true of each that comes in."""

import base64
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, NamedTuple
from urllib.parse import quote

import boto3
from fuzz.inputs import JUNK, TEXTS, Input, inputs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.answers import exactly, hold, validator
from support.isolation import isolate

from contracts.events import EVENTS
from order.triggers import PlaceOrder
from saga.event import HOPS_MAX
from saga.serialization import Refused
from sagactl.design import choreography, samples
from sagactl.design.schemas import schema
from sagactl.local import dynamodb
from sagactl.local.functions import CONTEXT, load, tables
from sagactl.local.in_process import request

LINE_BYTES_MAX = 1024
HEARD = sorted({(step.service, step.heard.name) for step in choreography.steps() if step.heard})
SCHEMAS = {name: schema(event, exact=True) for name, event in EVENTS.items()}
ORDER = schema(PlaceOrder, exact=True)
TOLD = {name: validator(of) for name, of in SCHEMAS.items()}
BODY_BYTES_MAX = 64 * 1024
BODIES = st.one_of(
    st.text(max_size=200),
    JUNK.filter(lambda junk: not isinstance(junk, dict)).map(json.dumps),
    inputs(ORDER).map(lambda order: json.dumps(order.content)[:-1]),
    st.just('{"amount": ' + "[" * 20_000 + "]" * 20_000 + "}"),
)


class Answer(NamedTuple):
    status: int
    content: Any


class Doors:
    """The functions on DynamoDB Local, whose PutEvents are kept here; counts what comes in."""

    def __init__(self, dynamodb_url: str) -> None:
        self.accepted = self.refused = self.writes = 0
        self.told: list[str] = []
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_url
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("before-call.dynamodb", self._count_write)
        for table in tables():
            boto3.client("dynamodb").create_table(**table)
        modules = [f"{service}.app" for service in choreography.services()] + ["order.http"]
        self.handlers = {module: self._loaded(module) for module in modules}

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        for entry in Entries:
            self.told.append(entry["DetailType"])
            detail = json.loads(entry["Detail"])
            hops = detail["metadata"].get("hops", 0)
            assert hops <= HOPS_MAX + 1  # one too far is told, for its hearer to refuse
            detail["metadata"]["hops"] = min(hops, HOPS_MAX)
            TOLD[entry["DetailType"]].validate(exactly(detail))
        return {"Entries": [{"EventId": "1"} for _ in Entries]}

    def post(self, order: Input) -> None:
        body = json.dumps(order.content)
        status, answer = self._post(body)
        if len(body) > BODY_BYTES_MAX:
            assert status == 413, answer
        elif order.wrong:
            assert status == 400, answer
            assert named(answer["problems"]) == order.wrong
        else:
            assert (status, answer["status"]) == (202, "PENDING")

    def post_text(self, text: str) -> None:
        """What is no object, or no JSON at all."""
        status, answer = self._post(text)
        is_too_long = len(text.encode(errors="surrogatepass")) > BODY_BYTES_MAX
        expected = 413 if is_too_long else 400
        assert status == expected, answer
        assert status == 413 or answer["problems"] in (
            ["body: not valid JSON"],
            [f"expected an object, got {kind_of(text)}"],
        )

    def put(self, service: str, name: str, detail: Any, wrong: set[str], header: dict[str, str]) -> None:
        source = EVENTS[name].source
        envelope = {"id": "a", "detail-type": name, "source": source, "detail": detail} | header
        problems: list[str] = []
        with self._judged() as judged:
            try:
                self.handlers[f"{service}.app"](json.loads(json.dumps(envelope)), CONTEXT)
            except Refused as refused:
                problems = refused.problems
            judged["is_accepted"] = not problems
            assert named(problems) == wrong, problems

    def cancel(self, order_id: str, asked_as: str, steps: Sequence[str]) -> None:
        """Whatever an order went through, its cancellation is answered by its status, and told while it is open."""
        path = f"/orders/{asked_as}/cancel"
        with redirect_stdout(io.StringIO()):
            for step in steps:
                self._take(step, order_id, path)
            before = self._call("GET", path.removesuffix("/cancel"))
        told = Counter(self.told)
        with self._judged() as judged:
            answer = self._call("POST", path)
            judged["is_accepted"] = answer.status < 400
        asked = (Counter(self.told) - told)["OrderCancelled"]
        if before.status == 404:
            assert (answer.status, asked) == (404, 0)
        elif before.content["status"] == "COMPLETED":
            assert (answer.status, asked) == (409, 0)
        else:
            status = before.content["status"]
            assert (answer.status, answer.content) == (202, {"orderId": order_id, "status": status})
            assert asked == (status in ("PENDING", "FAILING"))
        hold("post", "/orders/{orderId}/cancel", answer.status, answer.content)

    def _take(self, step: str, order_id: str, path: str) -> None:
        if step == "cancel":
            self._call("POST", path)
        else:
            self.handlers["order.app"](samples.envelope(step) | {"detail": samples.detail(step, order_id)}, CONTEXT)

    def _call(self, method: str, path: str) -> Answer:
        answer = self.handlers["order.http"](request(method, path), CONTEXT)
        return Answer(answer["statusCode"], json.loads(answer["body"]))

    def _post(self, body: str) -> tuple[int, Any]:
        raw = base64.b64encode(body.encode(errors="surrogatepass")).decode()
        event = {"httpMethod": "POST", "path": "/orders", "resource": "/orders", "body": raw, "isBase64Encoded": True}
        request = {"headers": {"Content-Type": "application/json"}, "requestContext": {"accountId": "1"}}
        with self._judged() as judged:
            answer = self.handlers["order.http"](event | request, CONTEXT)
            judged["is_accepted"] = answer["statusCode"] < 400
        content = json.loads(answer["body"])
        hold("post", "/orders", answer["statusCode"], content)
        return answer["statusCode"], content

    @contextmanager
    def _judged(self) -> Iterator[dict[str, bool]]:
        """Nothing that is refused is written down, and no log line repeats what came in."""
        judged: dict[str, bool] = {}
        before = self.writes
        log = io.StringIO()
        with redirect_stdout(log):
            yield judged
        lines = {line: json.loads(line) for line in log.getvalue().splitlines()}
        for line, content in lines.items():
            assert len(line.encode()) <= LINE_BYTES_MAX, line
            assert is_printable(content), line
        assert any("level" in content for content in lines.values()), "nothing is logged"
        assert judged["is_accepted"] or self.writes == before, "a table changed"
        self.accepted += judged["is_accepted"]
        self.refused += not judged["is_accepted"]

    def _loaded(self, module: str) -> Any:
        loaded = load(module)
        loaded.service.bus._client = self
        return loaded.handler

    def _count_write(self, model: Any, **_: Any) -> None:
        self.writes += model.name not in ("GetItem", "Query")


def named(problems: list[str]) -> set[str]:
    """The fields that the problems are about; each begins with its own."""
    return {problem.partition(":")[0] for problem in problems}


def kind_of(text: str) -> str:
    try:
        return type(json.loads(text)).__name__
    except (ValueError, RecursionError):
        return "nothing"


def is_printable(logged: Any) -> bool:
    if isinstance(logged, dict):
        return all(map(is_printable, logged.values()))
    if isinstance(logged, list):
        return all(map(is_printable, logged))
    return not isinstance(logged, str) or not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in logged)


@contextmanager
def doors() -> Iterator[Doors]:
    isolate()
    with dynamodb.running() as url:
        try:
            yield Doors(url)
        finally:
            del os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
            boto3.setup_default_session()


NOT_OBJECTS = JUNK.filter(lambda junk: not isinstance(junk, dict))
SOURCES = st.sampled_from(["elsewhere", "", "saga.order\n"])


def many(examples: int) -> settings:
    """So many inputs, other ones each time; a failing one is made as small as it can be."""
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[check for check in HealthCheck if isinstance(check, HealthCheck)],
    )


def fuzz_posts(doors: Doors, examples: int) -> None:
    @many(examples)
    @given(st.one_of(inputs(ORDER), inputs(ORDER), BODIES))
    def post(body: Input | str) -> None:
        if isinstance(body, Input):
            doors.post(body)
        else:
            doors.post_text(body)

    post()


HAPPENED = ["OrderCreated", "ShipmentOK", "ShipmentFail", "PaymentFail", "StockFailed", "cancel"]
SPELLINGS: list[Callable[[str], str]] = [str, str.upper, lambda order_id: order_id.replace("-", "")]
STRANGERS = st.one_of(st.uuids().map(str), st.text(min_size=1, max_size=50), st.sampled_from(TEXTS[1:])).map(
    lambda text: quote(text, safe="", errors="surrogatepass")
)


def fuzz_cancellations(doors: Doors, examples: int) -> None:
    @many(examples)
    @given(st.uuids().map(str), st.lists(st.sampled_from(HAPPENED)), st.sampled_from(SPELLINGS), st.none() | STRANGERS)
    def cancel(order_id: str, steps: list[str], spelling: Callable[[str], str], stranger: str | None) -> None:
        asked_as = spelling(order_id) if stranger is None else stranger
        doors.cancel(order_id, asked_as, steps)

    cancel()


def _puts(service: str, name: str) -> st.SearchStrategy[Any]:
    """An event as it is, or with something wrong around its fields."""
    events = inputs(SCHEMAS[name])
    others = st.text(max_size=99).filter(lambda text: (service, text) not in HEARD)
    return st.one_of(
        events.map(lambda event: (event.content, set(event.wrong), {})),
        events.map(lambda event: (event.content, set(event.wrong), {})),
        NOT_OBJECTS.map(lambda junk: (junk, {f"expected an object, got {type(junk).__name__}"}, {})),
        st.tuples(events, SOURCES).map(lambda drawn: (drawn[0].content, {"source"}, {"source": drawn[1]})),
        st.tuples(events, others).map(lambda drawn: (drawn[0].content, {"detail-type"}, {"detail-type": drawn[1]})),
    ).map(lambda put: (service, name, *put))


def fuzz_events(doors: Doors, examples: int) -> None:
    @many(examples)
    @given(st.one_of(*(_puts(service, name) for service, name in HEARD)))
    def put(drawn: tuple[str, str, Any, set[str], dict[str, str]]) -> None:
        doors.put(*drawn)

    put()
