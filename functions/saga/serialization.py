"""Events and states to and from JSON and DynamoDB's values; what is malformed is refused with every problem named.

Values that JSON has no type for are subclasses of Decimal or str, each with a class method `parse` that raises
ValueError: Timestamp is one of them.
"""

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct, inspect


class Refused(ValueError):
    """Input that no retry can fix; `problems` names everything that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse[T: Struct](raw: object, into: type[T]) -> T:
    """Reads parsed JSON; unknown fields pass. Raises Refused."""
    if not isinstance(raw, dict):
        raise Refused([f"expected an object, got {type(raw).__name__}"])
    tag = into.__struct_config__.tag
    if tag is not None and raw.get("eventType") != tag:
        return _by_field(raw, into, [f"eventType: expected {tag!r}"])
    try:
        return from_builtins(raw, into)
    except (ValueError, RecursionError):
        return _by_field(raw, into, [])


def _by_field[T: Struct](raw: dict[str, Any], into: type[T], problems: list[str]) -> T:
    """Reads each field by itself, because msgspec stops at the first problem."""
    values = {}
    for field in msgspec.structs.fields(into):
        try:
            if field.encode_name in raw:
                values[field.name] = from_builtins(_whole(raw[field.encode_name]), field.type)
            elif field.required:
                problems.append(f"{field.encode_name}: missing")
        except (ValueError, RecursionError) as error:
            problems.append(f"{field.encode_name}: {_in_words(error, field.type)}")
    if problems:
        raise Refused(problems) from None
    return into(**values)


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 2.0 is the whole number 2."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _in_words(error: Exception, kind: Any) -> str:
    """The problem, with a pattern's description in place of its regular expression."""
    text = str(error)
    for pattern, description in _patterns(inspect.type_info(kind)):
        text = text.replace(f"matching regex {pattern!r}", description)
    return text


def _patterns(info: inspect.Type) -> list[tuple[str, str]]:
    """The patterns that a type has anywhere in it, each with its description."""
    match info:
        case msgspec.inspect.Metadata(
            type=msgspec.inspect.StrType(pattern=str(pattern)), extra_json_schema=dict(extra)
        ):
            return [(pattern, extra["description"])]
        case msgspec.inspect.UnionType(types=types):
            return _patterns_of(types)
        case inspect.StructType(fields=fields):
            return _patterns_of(field.type for field in fields)
        case _:
            return []


def _patterns_of(types: Iterable[inspect.Type]) -> list[tuple[str, str]]:
    return list(chain.from_iterable(map(_patterns, types)))


def from_builtins[T](value: Any, into: type[T]) -> T:
    """Raises msgspec's ValidationError, a ValueError."""
    return msgspec.convert(value, into, dec_hook=lambda kind, raw: kind.parse(raw))


def to_builtins(struct: Struct) -> Any:
    """The struct as DynamoDB takes it: numbers with decimals are Decimal."""
    return msgspec.to_builtins(struct, enc_hook=_plain, builtin_types=(Decimal,))


def _plain(value: object) -> object:
    return Decimal(value) if isinstance(value, Decimal) else str(value)


to_json = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
"""A struct, or what holds structs, as it goes on the wire: a Decimal is a number."""
