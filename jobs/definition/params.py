"""Types with bounds: put into words, checked, described as JSON Schema, read from JSON and from lines of config.ini.

One mechanism for the parameters of tasks and for all settings, so that a bound is written once and told the same way
everywhere. `Meta(extra={"words": "…"})` replaces the words of a type that a pattern would not explain to anybody; JSON
Schema has them as `x-words`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct
from msgspec import inspect as types

from jobs.errors import ConfigError, InvalidInput, Mistakes

LONGEST_SHOWN_VALUE = 60
ANY_OTHER_TYPE = "a valid"
Sized = types.StrType | types.ListType | types.VarTupleType | types.SetType | types.FrozenSetType
SWITCH_WORDS: Mapping[str, bool] = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"

REQUIRED: Final = UNSET
"""The default of a parameter that has none."""


class Parameter(Struct, frozen=True):
    """A named value with a type: of a job, of a checkpoint, of a section in config.ini."""

    name: str
    type: object
    default: object = REQUIRED

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED


class Origins(Struct, frozen=True):
    """Where each setting was written: in the file, unless the command line gave it (`workers.count`: `--set …`)."""

    file: str = "config.ini"
    command_line: Mapping[str, str] = {}

    def of(self, section: str, key: str) -> str:
        return self.command_line.get(f"{section}.{key}") or f"{self.file} [{section}] {key}"


FROM_FILE = Origins()


# Words


def expectation(type_: object) -> str:
    """What a value of this type has to be: `a whole number from 1 to 1000000`."""
    return _words(types.type_info(type_))


def _words(node: types.Type) -> str:
    match node:
        case types.Metadata(extra={"words": str(words)}):
            return words
        case types.Metadata(type=inner):
            return _words(inner)
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
            return " or ".join(_words(member) for member in members)
        case types.ListType() | types.VarTupleType() | types.SetType() | types.FrozenSetType():
            return f"a list{_length_words(node, 'item')}{_each_words('item', node.item_type)}"
        case types.DictType():
            return f"an object{_each_words('value', node.value_type)}"
        case types.AnyType():
            return "anything"
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
        return f" of {f'{low} to ' if low != high else ''}{_count(high, unit)}"
    if low is not None:
        return f" of at least {_count(low, unit)}"
    return f" of at most {_count(high, unit)}" if high is not None else ""


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _each_words(unit: str, node: types.Type) -> str:
    return "" if isinstance(node, types.AnyType) else f", each {unit} {_words(node)}"


def _one_of(values: Iterable[object]) -> str:
    return f"one of {', '.join(map(str, values))}"


def _type_name(node: types.Type) -> str:
    own_name = type(node).__name__.removesuffix("Type").lower()
    return getattr(getattr(node, "cls", None), "__name__", own_name)


# Values


def check(value: object, type_: object) -> object:
    """The value as that type, by the rules of JSON: true is no number, "5" is none, and 5.0 is no whole one.

    Raises ValueError: `expected a whole number from 1 to 1000000, got -1`. UNSET stands for a value that is missing.
    """
    return _convert(value, type_, got=value)


def check_text(text: str, type_: object) -> object:
    """The value that a line of configuration means. Raises ValueError as `check` does.

    A switch is yes or no, a list is separated by commas, all else is as in JSON, text without quotes.
    """
    match _without_metadata(types.type_info(type_)):
        case types.BoolType():
            return _convert(SWITCH_WORDS.get(text.lower(), text), type_, got=text, words="yes or no")
        case types.ListType() | types.VarTupleType():
            parts = [check_text(part, _item_type(type_)) for part in map(str.strip, text.split(",")) if part]
            return _convert(parts, type_, got=text)
        case _:
            return _convert(text, type_, got=text, strict=False)


def check_query(texts: Sequence[str], parameter: Parameter) -> object:
    """The value that a parameter has behind the question mark of an address: a list is given item by item, all else
    once, and its default if it is not there. Raises ValueError as `check` does."""
    if not texts:
        return check(parameter.default, parameter.type)
    is_list = isinstance(_without_metadata(types.type_info(parameter.type)), types.ListType | types.VarTupleType)
    if not is_list and len(texts) > 1:
        raise ValueError(f"expected once, got {len(texts)} times")
    value = list(texts) if is_list else texts[0]
    return _convert(value, parameter.type, got=value, strict=False)


def _convert(value: object, type_: object, *, got: object, words: str | None = None, strict: bool = True) -> object:
    """The words are made only where they are needed: it takes longer to find them than to convert."""
    try:
        converted: object = msgspec.convert(value, type_, strict=strict, dec_hook=None if strict else _from_text)
    except msgspec.ValidationError as error:
        words = words or expectation(type_)
        raise ValueError(f"expected {words}, got {shown(got)}{_reason(error, words)}") from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise ValueError(f"expected {words or expectation(type_)}, got {shown(got)}")
    return converted


def _from_text(type_: type, text: object) -> object:
    """What msgspec cannot make of text by itself, e.g. a Path."""
    if text == "":
        raise ValueError("it is empty")
    return type_(text)


def _reason(error: msgspec.ValidationError, words: str) -> str:
    """Which part of the value is wrong; all that msgspec says of it, where it knows the type better than we do."""
    own_words = str(error)
    if words.startswith(ANY_OTHER_TYPE):
        return f" ({own_words})"
    _, inside, path = own_words.rpartition("`$")
    return f" (wrong at {path.rstrip('`')})" if inside else ""


def _without_metadata(node: types.Type) -> types.Type:
    return _without_metadata(node.type) if isinstance(node, types.Metadata) else node


def _item_type(list_type: object) -> object:
    if get_origin(list_type) is Annotated:
        return _item_type(get_args(list_type)[0])
    return next(iter(get_args(list_type)), str)


def shown(value: object) -> str:
    """The value as JSON for a message, cut where it is long."""
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


def validate(parameters: Sequence[Parameter], given: object, owner: str) -> dict[str, object]:
    """What was given, checked, with the defaults filled in, in the order of the parameters.

    Raises InvalidInput with all mistakes at once, as far as it lists them. `owner` names whose parameters they are.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(
            errors={"params": [f"expected an object with the parameters of {owner}, got {shown(given)}"]}
        )
    mistakes = Mistakes()
    _note_unknown_names(mistakes, parameters, given, owner)
    values: dict[str, object] = {}
    for parameter in parameters:
        try:
            values[parameter.name] = check(given.get(parameter.name, parameter.default), parameter.type)
        except ValueError as error:
            mistakes.add(parameter.name, str(error))
    mistakes.raise_if_any()
    return values


def _note_unknown_names(
    mistakes: Mistakes, parameters: Sequence[Parameter], given: Mapping[str, object], owner: str
) -> None:
    possible = [parameter.name for parameter in parameters]
    expected = f"expected: {', '.join(possible)}" if possible else "which has none"
    mistakes.add_all([name for name in given if name not in possible], f"is not a parameter of {owner}, {expected}")


def json_schema(parameters: Sequence[Parameter]) -> dict[str, object]:
    """JSON Schema 2020-12 of an object with these parameters. Raises TypeError for a type that JSON cannot hold."""
    schemas, definitions = msgspec.json.schema_components([_with_words(parameter.type) for parameter in parameters])
    schema: dict[str, object] = {
        "$schema": JSON_SCHEMA,
        "type": "object",
        "properties": {p.name: _with_default(p, schema) for p, schema in zip(parameters, schemas, strict=True)},
        "required": [parameter.name for parameter in parameters if parameter.is_required],
        "additionalProperties": False,
    }
    return schema | {"$defs": definitions} if definitions else schema


def _with_words(type_: Any) -> Any:
    """The same type, whose own words are in its JSON Schema: msgspec leaves out what it does not know."""
    origin, inside = get_origin(type_), get_args(type_)
    if origin is Annotated:
        inner, *metadata = inside
        extras = [meta.extra or {} for meta in metadata if isinstance(meta, Meta)]
        words = [Meta(extra_json_schema={"x-words": extra["words"]}) for extra in extras if "words" in extra]
        return Annotated[(_with_words(inner), *metadata, *words)]
    if origin in (None, Literal):
        return type_
    inner_types = tuple(map(_with_words, inside))
    return Union[inner_types] if origin in (Union, UnionType) else origin[inner_types]  # noqa: UP007


def _with_default(parameter: Parameter, schema: dict[str, object]) -> dict[str, object]:
    return schema if parameter.is_required else schema | {"default": msgspec.to_builtins(parameter.default)}


# Settings


def parameters_of(settings_type: type) -> tuple[Parameter, ...]:
    """The fields of a dataclass. Raises NameError where an annotation cannot be resolved."""
    hints = get_type_hints(settings_type, include_extras=True)
    return tuple(
        Parameter(field.name, hints[field.name], _default(field)) for field in dataclasses.fields(settings_type)
    )


def _default(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return REQUIRED if field.default is dataclasses.MISSING else field.default


def read_section(
    parameters: Sequence[Parameter], section: str, texts: Mapping[str, str], origins: Origins = FROM_FILE
) -> dict[str, object]:
    """The values of one section of config.ini, of those keys that are there.

    Raises ConfigError: `config.ini [workers] count: expected a whole number from 1 to 256, got "two"`.
    """
    known = {parameter.name: parameter.type for parameter in parameters}
    values: dict[str, object] = {}
    for key, text in texts.items():
        where = origins.of(section, key)
        if key not in known:
            raise ConfigError(f"{where}: {unknown('key', key, known)}")
        try:
            values[key] = check_text(text, known[key])
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
    return values


def unknown(kind: str, name: str, possible: Iterable[str]) -> str:
    """`there is no such key, expected one of count, port; did you mean count?`"""
    names = list(possible)
    return f"there is no such {kind}, expected one of {', '.join(names)}{_did_you_mean(name, names)}"


def _did_you_mean(name: str, possible: Sequence[str]) -> str:
    import difflib  # only a mistake needs it, and every worker would wait for it

    close = difflib.get_close_matches(name, possible, n=1)
    return f"; did you mean {close[0]}?" if close else ""
