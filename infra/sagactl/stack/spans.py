"""An order's story as OpenTelemetry spans, made from the journal: no function has a tracer.

A trace has a span for the order, and in it one for each event: from when its cause was told until it was told itself,
by the service that heard the one and told the other. All ids follow from the order and the events, so that an event
told twice is one span, and whoever makes the spans again makes the same.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from sagactl.design import choreography
from sagactl.stack import ids
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.journal import Told

_SCOPE = InstrumentationScope("saga-choreography")
_SPAN_ID_BYTES = 8
_TRACE_ID_BYTES = 16
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def spans(stack: Stack, order_id: str, timeline: Sequence[Told]) -> list[ReadableSpan]:
    """Returns the order's own span, and then one for each event of its timeline, by time."""
    return list(_Trace(stack, order_id, timeline).spans()) if timeline else []


class _Trace:
    def __init__(self, stack: Stack, order_id: str, timeline: Sequence[Told]) -> None:
        self._stack_name = stack.where.stack_name
        self._bus_name = stack.outputs["BusName"]
        self._order_id = order_id
        self._timeline = timeline
        self._told = {told.event_id: told for told in timeline}
        caller = _caller(timeline)
        self._trace_id = caller.trace_id if caller else _trace_id_of(order_id)
        self._caller = caller
        self._root = self._context("order")

    def spans(self) -> Iterator[ReadableSpan]:
        yield self._of_order()
        made = set()
        for told in self._timeline:
            span = self._of_event(told)
            if span.context.span_id not in made:
                made.add(span.context.span_id)
                yield span

    def _of_order(self) -> ReadableSpan:
        ends = {event.name: status for event, status in choreography.ends().items()}
        closing = next((told for told in self._timeline if told.name in ends), None)
        order_status = "PENDING"
        if closing:
            order_status = ends[closing.name]
        return ReadableSpan(
            "order",
            context=self._root,
            parent=self._caller,
            resource=self._resource(self._timeline[0].teller),
            attributes={
                "saga.order.id": self._order_id,
                "saga.order.status": order_status,
            },
            kind=SpanKind.INTERNAL,
            status=_status(closing),
            start_time=_nanoseconds(self._timeline[0].at),
            end_time=_nanoseconds(max(told.at for told in self._timeline)),
            instrumentation_scope=_SCOPE,
        )

    def _of_event(self, told: Told) -> ReadableSpan:
        cause = self._cause(told)
        name = f"send {told.name}"
        kind = SpanKind.PRODUCER
        parent = self._root
        started_at = told.at
        if cause:
            parent = self._context_of(cause)
            name = f"process {cause.name}"
            kind = SpanKind.CONSUMER
            started_at = min(cause.at, told.at)  # they are of two clocks
        return ReadableSpan(
            name,
            context=self._context_of(told),
            parent=parent,
            resource=self._resource(told.teller),
            attributes=self._attributes(told, cause),
            links=[Link(self._context_of(other)) for other in self._joined(told, cause)],
            kind=kind,
            status=_status(told),
            start_time=_nanoseconds(started_at),
            end_time=_nanoseconds(told.at),
            instrumentation_scope=_SCOPE,
        )

    def _cause(self, told: Told) -> Told | None:
        """Returns what led to it, if the journal has that. What claims to have led to itself was put by hand."""
        cause = self._told.get(told.cause_id or "")
        return None if cause is told else cause

    def _joined(self, told: Told, cause: Told | None) -> Iterator[Told]:
        """Yields what the service had to hear besides, such as PaymentOK beside StockReserved.

        Such an event led to nothing by itself, and its reaction may tell this one.
        """
        if cause is None:
            return
        answered = {other.cause_id for other in self._timeline if other.source == told.source}
        for other in self._timeline:
            if other is cause or other.event_id in answered or other.is_repeat or other.at > told.at:
                continue
            if told.name in _may_tell(told.teller, other):
                yield other

    def _attributes(self, told: Told, cause: Told | None) -> dict[str, AttributeValue]:
        """Returns those of OpenTelemetry's semantic conventions for messaging and FaaS, and the saga's own."""
        operation = "process" if cause else "send"
        attributes: dict[str, AttributeValue] = {
            "messaging.system": "aws.eventbridge",
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": self._bus_name,
            "messaging.message.id": (cause or told).event_id,
            "messaging.message.conversation_id": self._order_id,
            "saga.order.id": self._order_id,
            "saga.event.told": told.name,
            "saga.event.id": told.event_id,
        }
        if cause:
            attributes["faas.trigger"] = "pubsub"
            attributes["faas.name"] = f"{self._stack_name}-{told.teller}"
            attributes["saga.event.heard"] = cause.name
        if _has_failed(told):
            attributes["error.type"] = told.name
        return attributes

    def _resource(self, service: str) -> Resource:
        return Resource({"service.name": service, "service.namespace": self._stack_name})

    def _context_of(self, told: Told) -> SpanContext:
        """Returns the ids of the span in which it was told."""
        cause = self._cause(told)
        return self._context(cause.name, told.teller) if cause else self._context("", told.name)

    def _context(self, *names: str) -> SpanContext:
        digest = blake2b("/".join([self._order_id, *names]).encode(), digest_size=_SPAN_ID_BYTES).digest()
        return SpanContext(self._trace_id, int.from_bytes(digest), is_remote=False, trace_flags=_SAMPLED)


def _caller(timeline: Sequence[Told]) -> SpanContext | None:
    """Returns the span of whoever placed the order, if they said so as W3C Trace Context has it."""
    for told in timeline:
        match told.detail:
            case {"metadata": {"traceparent": str(text)}}:
                fields = text.split("-")
                try:
                    context = SpanContext(int(fields[1], 16), int(fields[2], 16), is_remote=True, trace_flags=_SAMPLED)
                except (IndexError, ValueError):
                    continue
                if context.is_valid:
                    return context
    return None


def _trace_id_of(order_id: str) -> int:
    """Returns the order's ID, or a hash of what an event has in its place that is none."""
    if ids.is_whole(order_id):
        return UUID(order_id).int
    return int.from_bytes(blake2b(order_id.encode(), digest_size=_TRACE_ID_BYTES).digest())


def _may_tell(service: str, told: Told) -> set[str]:
    of_service = [step for step in choreography.steps() if step.service == service]
    reactions = [step for step in of_service if step.heard and step.heard.name == told.name]
    return {event.name for event in choreography.told_by(reactions)}


def _has_failed(told: Told) -> bool:
    return choreography.kind_of(told.name) == "failure"


def _status(told: Told | None) -> Status:
    if told is None or not _has_failed(told):
        return Status(StatusCode.UNSET)
    reason = told.detail.get("reason") if isinstance(told.detail, dict) else None
    return Status(StatusCode.ERROR, str(reason or told.name))


def _nanoseconds(timestamp: str) -> int:
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000) * 1_000_000
