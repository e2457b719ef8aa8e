"""What a value has to be, in words, and what was given instead: written here once, for every message and every schema.

`Meta(extra={"words": "…"})` replaces the words of a type that a pattern would not explain to anybody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
from msgspec import UNSET
from msgspec import inspect as types

from jobs.text import counted

LONGEST_SHOWN_VALUE = 60
ANY_OTHER_TYPE = "a valid"
ANYTHING = "anything"
Sized = types.StrType | types.ListType | types.VarTupleType | types.SetType | types.FrozenSetType


def expectation(type_: object) -> str:
    """Returns what a value of this type has to be: `a whole number from 1 to 1000000`."""
    return expectation_of(types.type_info(type_))


def expectation_of(node: types.Type) -> str:
    """Returns the same for a type that msgspec has inspected."""
    match node:
        case types.Metadata(extra={"words": str(words)}):
            return words
        case types.Metadata(type=inner):
            return expectation_of(inner)
        case types.IntType():
            return f"a whole number{_range_words(node)}"
        case types.FloatType():
            return f"a number{_range_words(node)}"
        case types.StrType():
            return f"text{_length_words(node, 'character')}" + (f" that matches {node.pattern}" if node.pattern else "")
        case types.BoolType():
            return "true or false"
        case types.NoneType():
            return "null"
        case types.LiteralType(values=values):
            return _one_of(values)
        case types.EnumType(cls=members):
            return _one_of(member.value for member in members)
        case types.UnionType(types=members):
            return " or ".join(map(expectation_of, members))
        case types.ListType() | types.VarTupleType() | types.SetType() | types.FrozenSetType():
            return f"a list{_length_words(node, 'item')}{_each_words('item', node.item_type)}"
        case types.DictType():
            return f"an object{_each_words('value', node.value_type)}"
        case types.AnyType() | types.RawType():
            return ANYTHING
        case _:
            return f"{ANY_OTHER_TYPE} {_type_name(node)}"


def _range_words(node: types.IntType | types.FloatType) -> str:
    step = f" divisible by {_number(node.multiple_of)}" if node.multiple_of is not None else ""
    if node.ge is not None and node.le is not None:
        return f" from {_number(node.ge)} to {_number(node.le)}{step}"
    bounds = {"at least": node.ge, "more than": node.gt, "at most": node.le, "less than": node.lt}
    words = [f"of {side} {_number(bound)}" for side, bound in bounds.items() if bound is not None]
    return (f" {' and '.join(words)}" if words else "") + step


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _length_words(node: Sized, unit: str) -> str:
    low, high = node.min_length, node.max_length
    if low is not None and high is not None:
        return f" of {f'{low} to ' if low != high else ''}{counted(high, unit)}"
    if low is not None:
        return f" of at least {counted(low, unit)}"
    return f" of at most {counted(high, unit)}" if high is not None else ""


def _each_words(unit: str, node: types.Type) -> str:
    return "" if isinstance(node, types.AnyType) else f", each {unit} {expectation_of(node)}"


def _one_of(values: Iterable[object]) -> str:
    return f"one of {', '.join(map(str, values))}"


def _type_name(node: types.Type) -> str:
    own_name = type(node).__name__.removesuffix("Type").lower()
    return getattr(getattr(node, "cls", None), "__name__", own_name)


def shown(value: object) -> str:
    """Returns the value as JSON for a message, shortened if it is long."""
    if value is UNSET:
        return "nothing"
    text = _json(value)
    return text if len(text) <= LONGEST_SHOWN_VALUE else f"{text[: LONGEST_SHOWN_VALUE - 1]}…"


def _json(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        return _repr(value)


def _repr(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # a whole number of more digits than Python makes text of, perhaps inside of something
        return f"something of type {type(value).__name__} that is too large to be shown"
