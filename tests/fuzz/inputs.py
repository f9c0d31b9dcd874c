"""Inputs made from JSON Schemas: valid ones, and ones with fields that deliberately violate them."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st
from support.answers import exactly, validator

type Strategy = st.SearchStrategy[Any]

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=OFFSETS)  # noqa: DTZ001  # they get an offset
NUMBERS = [0, -1, 1, 0.001, 0.01, 1.5, 10_000, 10_001, 10_000_000_000, 1e400, -1e400, float("nan"), 10**40, 1e-320]
TEXTS = [
    "",
    " ",
    "2",
    "49.9",
    "true",
    "mine",
    "a\n",
    "a\x00",
    "\x1b[31m",
    "\x85",
    "a" * 65,
    "é",
    "\ud800",
]
TEXTS += ["2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "00000000-0000-4000-8000-00000000000", "' OR 1=1 --", "${a}"]
JUNK: Strategy = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.integers(),
    st.floats(),
    st.sampled_from(TEXTS),
    st.text(max_size=200),
    st.just("a").map(lambda letter: letter * 60_000),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none(), max_size=3),
    st.sampled_from([{"hops": 17}, {"hops": -1}, {"hops": "1"}, {"causationId": "a\n"}, {"causationId": "a" * 129}]),
)


class Input(NamedTuple):
    """An object, and the names of the fields in it that are wrong."""

    content: dict[str, Any]
    wrong: frozenset[str]


def inputs(schema: dict[str, Any]) -> Strategy:
    """As many valid as invalid ones; unknown fields pass."""
    return st.one_of(_objects(schema).map(lambda content: Input(content, frozenset())), invalid(schema))


def invalid(schema: dict[str, Any]) -> Strategy:
    fields = schema["properties"]
    violations = {name: _violations(of, schema, required=name in schema["required"]) for name, of in fields.items()}

    def violate(names: set[str]) -> Strategy:
        wrong = st.fixed_dictionaries({name: violations[name] for name in names})
        return st.builds(_with, _objects(schema), wrong)

    return st.sets(st.sampled_from(sorted(fields)), min_size=1).flatmap(violate)


_MISSING = object()


def _with(content: dict[str, Any], wrong: dict[str, Any]) -> Input:
    kept = {name: value for name, value in (content | wrong).items() if value is not _MISSING}
    return Input(kept, frozenset(wrong))


def _violations(of: dict[str, Any], root: dict[str, Any], *, required: bool) -> Strategy:
    check = validator(of, root)

    def is_wrong(value: Any) -> bool:
        try:
            return not check.is_valid(exactly(value))
        except ArithmeticError:  # NaN compares with nothing, Infinity divides by nothing
            return True

    near = _near_misses(of)

    def near_or_not(is_near: bool) -> Strategy:
        return near if is_near else JUNK

    drawn = JUNK if near.is_empty else st.booleans().flatmap(near_or_not)
    wrong = drawn.filter(is_wrong)
    return wrong | st.just(_MISSING) if required else wrong


def _near_misses(of: dict[str, Any]) -> Strategy:
    """Just past a limit, where a check that is not quite right lets things through."""
    match of:
        case {"type": "number", "multipleOf": 0.01, "maximum": maximum}:
            thousandths = st.integers(1, 10_000_000).map(lambda number: number / 1000)
            return thousandths | st.sampled_from([-0.01, 0, maximum + 0.01])
        case {"type": "integer", "minimum": minimum, "maximum": maximum}:
            return st.sampled_from([minimum - 1, maximum + 1, minimum + 0.5])
        case {"type": "string", "maxLength": length}:
            return st.just("a" * (length + 1))
    return st.nothing()


def _objects(of: dict[str, Any], root: dict[str, Any] | None = None) -> Strategy:
    fields = {name: _valid(field, root or of) for name, field in of["properties"].items()}
    required = {name: field for name, field in fields.items() if name in of["required"]}
    optional = {name: field for name, field in fields.items() if name not in required}
    known = st.fixed_dictionaries(required, optional=optional)
    unknown = st.dictionaries(st.text(max_size=9).filter(lambda name: name not in fields), JUNK, max_size=2)
    return st.builds(lambda some, others: others | some, known, unknown)


def _valid(of: dict[str, Any], root: dict[str, Any]) -> Strategy:  # noqa: PLR0911  # one for each kind of schema
    match of:
        case {"$ref": reference}:
            return _objects(root["$defs"][reference.rpartition("/")[2]], root)
        case {"anyOf": branches}:
            return st.one_of(*(_valid(branch, root) for branch in branches))
        case {"enum": values}:
            return st.sampled_from(values)
        case {"type": "null"}:
            return st.none()
        case {"type": "integer"}:
            whole = st.integers(of["minimum"], of["maximum"])
            return whole | whole.map(float)
        case {"type": "number", "multipleOf": 0.01}:
            cents = (round(Decimal(str(of[bound])) * 100) for bound in ("minimum", "maximum"))
            return st.integers(*cents).map(lambda number: number / 100)
        case {"type": "string", "format": "uuid"}:
            return st.uuids().flatmap(lambda order_id: st.sampled_from([str(order_id), str(order_id).upper()]))
        case {"type": "string", "format": "date-time"}:
            return TIMES.map(lambda time: time.isoformat(timespec="milliseconds"))
        case {"type": "string", "pattern": pattern}:
            return st.from_regex(pattern, fullmatch=True).map(lambda text: text[: of.get("maxLength")])
    raise NotImplementedError(of)
