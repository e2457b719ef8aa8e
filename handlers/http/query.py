"""Parameters of a query: their types, how they are read, and how mistakes are reported."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from jobs.definition.expected import LONGEST_SHOWN_VALUE
from jobs.definition.params import check_query_text
from jobs.definition.schemas import schema_of_type
from jobs.errors import Mistakes
from jobs.model.search_words import MOST_WORDS, sought_words
from jobs.store import Place

LONGEST_WAIT_SECONDS = 60
LONGEST_HELD_SECONDS = 55
"""A call that asks for more is answered after this: proxies commonly give up after 60 s of silence."""


@dataclass(frozen=True)
class QueryParameter:
    """A parameter of a query, or a header: its type, and what it is for."""

    type: Any
    description: str = ""
    repeatable: bool = False
    required: bool = False

    def read(self, text: str) -> Any:
        """Returns the value. Raises ValueError in words for the client."""
        return check_query_text(text, self.type)

    @property
    def schema(self) -> Mapping[str, Any]:
        """Returns the JSON Schema of one value."""
        return schema_of_type(self.type)


def read_query(given: Mapping[str, Sequence[str]], known: Mapping[str, QueryParameter]) -> dict[str, list[object]]:
    """Returns all values of each parameter.

    Raises InvalidInput with all mistakes at once; an unknown parameter is answered with the names of the known ones.
    """
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
    for name, parameter in known.items():
        if parameter.required and name not in given:
            mistakes.add(name, f"expected {parameter.description}, got nothing")
    mistakes.raise_if_any()
    return values


# Types


def integer(least: int, most: int = 2**53) -> Any:
    """Returns a type of whole numbers; without `most`, all that JSON can hold."""
    words = {} if most < 2**53 else {"words": f"a whole number of at least {least}"}
    return Annotated[int, Meta(ge=least, le=most, extra=words)]


def number(least: float, most: float, unit: str) -> Any:
    """Returns a type of numbers; `unit` says of what: `a number of seconds`."""
    return Annotated[float, Meta(ge=least, le=most, extra={"words": f"{unit} from {least:g} to {most:g}"})]


def held_seconds(what_for: str) -> QueryParameter:
    """Returns the parameter that says how long a call may wait, in seconds."""
    wait: Any = number(0, LONGEST_WAIT_SECONDS, "a number of seconds")
    held = Annotated[wait, Meta(extra={"read": lambda seconds: min(seconds, LONGEST_HELD_SECONDS)})]
    return QueryParameter(held, f"{what_for}; at most {LONGEST_HELD_SECONDS}, more counts as that")


def one_of(*possible: str) -> Any:
    """Returns a type of some words. It is no Literal: JSON Schema shows the words in this order."""
    words = f"one of {', '.join(possible)}"

    def read(text: str) -> str:
        if text not in possible:
            raise ValueError(f'expected {words}, got "{text[:LONGEST_SHOWN_VALUE]}"')
        return text

    schema = {"type": "string", "enum": list(possible)}
    return Annotated[str, Meta(extra={"words": words, "read": read}, extra_json_schema=schema)]


BOOLEAN = Annotated[bool, Meta(extra={"words": "one of true, false"})]


def few_words(words_of: Callable[[str], Sequence[str]]) -> Any:
    """Returns a type of texts with a bounded number of different words, as `words_of` splits them."""

    def read(text: str) -> str:
        count = len(words_of(text))
        if count > MOST_WORDS:
            raise ValueError(f"expected at most {MOST_WORDS} different words, got {count}: search for fewer")
        return text

    return Annotated[str, Meta(extra={"read": read})]


WORDS = few_words(sought_words)
"""Words of a description."""


StoredNumber = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A number as the store may hold it."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last place on a page of a list, and the ordering: what `next` refers to."""

    ordering: str
    key: StoredNumber | str | None
    id: StoredNumber

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
        raise ValueError(f'expected the value in "next" of a page, got "{given[:60]}"') from error


CURSOR = Annotated[str, Meta(extra={"read": _read_cursor})]
"""A Cursor as `next` writes it."""
