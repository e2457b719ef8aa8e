"""Checks values by their types and bounds: JSON of a request, lines of config.ini, parameters in an address.

One mechanism for parameters of tasks, for bodies and for settings, so that a bound is written once and every mistake is
reported in the same words (expected.py).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, Struct
from msgspec import inspect as types

from jobs.definition.expected import ANY_OTHER_TYPE, LONGEST_SHOWN_VALUE, expectation, shown
from jobs.errors import ConfigError, InvalidInput, Mistakes

_INTEGER = re.compile(r"-?[0-9]{1,16}")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
"""As JSON has it; `float` takes much else, 1_0 and the digits of other scripts."""
SWITCH_WORDS: Mapping[str, bool] = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}

REQUIRED: Final = UNSET
"""The default of a parameter that has none."""


AnyStruct = TypeVar("AnyStruct", bound=Struct)


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


# Values


def check(value: object, type_: object) -> object:
    """Returns the value as that type, by the rules of JSON: true is no number, "5" is none, and 5.0 is no whole one.

    Raises ValueError: `expected a whole number from 1 to 1000000, got -1`. UNSET stands for a value that is missing.
    """
    return _convert(value, type_, got=value)


def check_text(text: str, type_: object) -> object:
    """Returns the value that a line of configuration means. Raises ValueError as `check` does.

    A switch is yes or no, a list is separated by commas, all else is as in JSON, text without quotes.
    """
    match without_metadata(types.type_info(type_)):
        case types.BoolType():
            return _convert(SWITCH_WORDS.get(text.lower(), text), type_, got=text, words="yes or no")
        case types.ListType() | types.VarTupleType():
            parts = [check_text(part, _item_type(type_)) for part in map(str.strip, text.split(",")) if part]
            return _convert(parts, type_, got=text)
        case _:
            return _convert(text, type_, got=text, strict=False)


def check_query_text(text: str, type_: object) -> object:
    """Returns the value of one parameter in an address: numbers, true and false as in JSON, all else as it is.

    Raises ValueError as `check` does.
    """
    value: object = text
    match without_metadata(types.type_info(type_)):
        case types.IntType() if _INTEGER.fullmatch(text):
            value = int(text)
        case types.FloatType() if _NUMBER.fullmatch(text):
            value = float(text)
        case types.BoolType():
            value = {"true": True, "false": False}.get(text, text)
    return _convert(value, type_, got=text, show=lambda text: f'"{text[:LONGEST_SHOWN_VALUE]}"')


def check_query(texts: Sequence[str], parameter: Parameter) -> object:
    """Returns the value that a parameter has behind the question mark of an address: a list is given item by item, all
    else once, and its default if it is not there. Raises ValueError as `check` does."""
    if not texts:
        return check(parameter.default, parameter.type)
    is_list = isinstance(without_metadata(types.type_info(parameter.type)), types.ListType | types.VarTupleType)
    if not is_list and len(texts) > 1:
        raise ValueError(f"expected once, got {len(texts)} times")
    value = list(texts) if is_list else texts[0]
    return _convert(value, parameter.type, got=value, strict=False)


def _convert(
    value: object,
    type_: object,
    *,
    got: Any,
    show: Callable[[Any], str] = shown,
    words: str | None = None,
    strict: bool = True,
) -> object:
    """Words are made only for mistakes: it takes longer to find them than to convert."""
    try:
        converted: object = msgspec.convert(value, type_, strict=strict, dec_hook=None if strict else _from_text)
    except msgspec.ValidationError as error:
        words = words or expectation(type_)
        raise ValueError(f"expected {words}, got {show(got)}{_reason(error, words)}") from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise ValueError(f"expected {words or expectation(type_)}, got {show(got)}")
    read = _reader(type_)
    return converted if read is None else read(converted)


def _reader(type_: object) -> Callable[[Any], object] | None:
    """Returns the function that `Meta(extra={"read": …})` names: what else a value has to be, or becomes.

    It raises ValueError in words of its own, with the value that was given.
    """
    if get_origin(type_) is not Annotated:
        return None
    extras = [meta.extra or {} for meta in get_args(type_)[1:] if isinstance(meta, Meta)]
    return next((extra["read"] for extra in extras if "read" in extra), None)


def _from_text(type_: type, text: object) -> object:
    """Converts text to what msgspec cannot make of it by itself, e.g. a Path."""
    if text == "":
        raise ValueError("it is empty")
    return type_(text)


def _reason(error: msgspec.ValidationError, words: str) -> str:
    """Returns which part of the value is wrong, or all that msgspec says, if it knows the type better than we do."""
    own_words = str(error)
    if words.startswith(ANY_OTHER_TYPE):
        return f" ({own_words})"
    _, inside, path = own_words.rpartition("`$")
    return f" (wrong at {path.rstrip('`')})" if inside else ""


def without_metadata(node: types.Type) -> types.Type:
    """Returns the type itself, without its bounds and words."""
    return without_metadata(node.type) if isinstance(node, types.Metadata) else node


def _item_type(list_type: object) -> object:
    if get_origin(list_type) is Annotated:
        return _item_type(get_args(list_type)[0])
    return next(iter(get_args(list_type)), str)


def validate(parameters: Sequence[Parameter], given: object, owner: str) -> dict[str, object]:
    """Returns what was given, checked, with the defaults filled in, in the order of the parameters.

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


def validated(struct: type[AnyStruct], given: object, owner: str) -> AnyStruct:
    """Returns what was given as a Struct. Raises InvalidInput with all mistakes at once; msgspec stops at the first."""
    values: dict[str, Any] = validate(fields_of(struct), given, owner)
    return struct(**values)


@cache
def fields_of(struct: type[Struct]) -> tuple[Parameter, ...]:
    """Returns the fields of a Struct."""
    return tuple(
        Parameter(field.name, field.type, _default_in_struct(field)) for field in msgspec.structs.fields(struct)
    )


def _default_in_struct(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return REQUIRED if field.default is NODEFAULT else field.default


# Settings


def parameters_of(settings_type: type) -> tuple[Parameter, ...]:
    """Returns the fields of a dataclass. Raises NameError if an annotation cannot be resolved."""
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
    """Returns the values of one section of config.ini, of those keys that are there.

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
    """Returns `there is no such key, expected one of count, port; did you mean count?`"""
    names = list(possible)
    return f"there is no such {kind}, expected one of {', '.join(names)}{_did_you_mean(name, names)}"


def _did_you_mean(name: str, possible: Sequence[str]) -> str:
    import difflib  # only a mistake needs it, and every worker would wait for it

    close = difflib.get_close_matches(name, possible, n=1)
    return f"; did you mean {close[0]}?" if close else ""
