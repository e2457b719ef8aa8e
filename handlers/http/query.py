"""The parameters behind the question mark: named, typed, described, and refused in words."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from jobs.errors import Mistakes
from jobs.model.search_words import MOST_WORDS, sought_words
from jobs.store import Place

LONGEST_WAIT_SECONDS = 60
LONGEST_HELD_SECONDS = 55
"""Who asks for more is answered after this: proxies commonly give up on an answer after 60 s of silence."""


@dataclass(frozen=True)
class Query:
    """A parameter: how its text is read (ValueError where it cannot be), and its JSON Schema."""

    read: Callable[[str], object]
    schema: Mapping[str, Any]
    description: str = ""
    repeatable: bool = False
    required: bool = False

    def about(self, description: str, *, repeatable: bool = False, required: bool = False) -> Query:
        """The same, with what it is for."""
        return replace(self, description=description, repeatable=repeatable, required=required)


def read_query(given: Mapping[str, Sequence[str]], known: Mapping[str, Query]) -> dict[str, list[object]]:
    """All values of each parameter. Raises InvalidInput with all mistakes at once; an unknown one names the others."""
    mistakes = Mistakes()
    possible = ", ".join(sorted(known)) or "none"
    mistakes.add_all([name for name in given if name not in known], f"is not a parameter here, expected: {possible}")
    values: dict[str, list[object]] = {}
    for name, texts in given.items():
        if name not in known:
            continue
        if len(texts) > 1 and not known[name].repeatable:
            mistakes.add(name, f"expected once, got {len(texts)} times")
            continue
        for text in texts:
            try:
                values.setdefault(name, []).append(known[name].read(text))
            except ValueError as error:
                mistakes.add(name, str(error))
    for name, query in known.items():
        if query.required and name not in given:
            mistakes.add(name, f"expected {query.description}, got nothing")
    mistakes.raise_if_any()
    return values


def whole(least: int, most: int = 2**53) -> Query:
    """A whole number within bounds."""
    bounds = f"of at least {least}" if most == 2**53 else f"from {least} to {most}"

    def read(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 16 and least <= int(text) <= most):
            raise ValueError(f'expected a whole number {bounds}, got "{text[:60]}"')
        return int(text)

    return Query(read, {"type": "integer", "minimum": least, "maximum": most})


_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
"""As JSON has it; `float` takes much else, 1_0 and the digits of other scripts."""


def number(least: float, most: float, unit: str) -> Query:
    """A number within bounds; `unit` says of what: `a number of seconds`."""

    def read(text: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not least <= value <= most:
            raise ValueError(f'expected {unit} from {least:g} to {most:g}, got "{text[:60]}"')
        return value

    return Query(read, {"type": "number", "minimum": least, "maximum": most})


def seconds(most: float) -> Query:
    """A number of seconds from 0."""
    return number(0, most, "a number of seconds")


def held_seconds(what_for: str) -> Query:
    """How long a call may wait."""
    given = seconds(LONGEST_WAIT_SECONDS).about(f"{what_for}; at most {LONGEST_HELD_SECONDS}, which more counts as")
    return replace(given, read=lambda text: min(cast(float, given.read(text)), LONGEST_HELD_SECONDS))


def one_of(*possible: str) -> Query:
    """One of some words."""

    def read(text: str) -> str:
        if text not in possible:
            raise ValueError(f'expected one of {", ".join(possible)}, got "{text[:60]}"')
        return text

    return Query(read, {"type": "string", "enum": list(possible)})


text = Query(str, {"type": "string"})
"""Any text."""


def few_words(words_of: Callable[[str], Sequence[str]]) -> Query:
    """Text of not too many different words, as `words_of` splits it."""

    def read(text: str) -> str:
        count = len(words_of(text))
        if count > MOST_WORDS:
            raise ValueError(f"expected at most {MOST_WORDS} different words, got {count}: search for fewer")
        return text

    return Query(read, {"type": "string"})


words = few_words(sought_words)
"""Words of a description."""

truth = Query(lambda value: one_of("true", "false").read(value) == "true", {"type": "boolean"})
"""true or false."""


Kept = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A number as the store may hold it."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a list has ended, and in which ordering: what `next` hands on."""

    ordering: str
    key: Kept | str | None
    id: Kept

    @property
    def place(self) -> Place:
        return Place(self.key, self.id)

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def _read_cursor(given: str) -> Cursor:
    try:
        padded = given + "=" * (-len(given) % 4)
        return msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=Cursor)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ValueError(f'expected what "next" of a page has, got "{given[:60]}"') from error


cursor = Query(_read_cursor, {"type": "string"})
"""A Cursor as `next` writes it."""
