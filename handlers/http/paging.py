"""Pages of lists that are held in memory: searched, put in order, cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from handlers.http.query import Query, few_words, one_of, whole
from jobs.model.search_words import fold

LARGEST_PAGE = 500
DEFAULT_PAGE = 50

Row = TypeVar("Row")
Key = Callable[[Row], Any]


class Wanted(Struct, frozen=True, kw_only=True):
    """Which rows, in which order, and which page of them (from 1)."""

    search: str = ""
    ordering: str = ""
    page: int = 1
    page_size: int = DEFAULT_PAGE


def page_query(orderings: Sequence[str], default: str, rows: str) -> dict[str, Query]:
    """The parameters of a list. `rows` says what it is of."""
    return {
        "search": few_words(_sought).about(
            "words that must all occur in the name, wherever; at most 20 different ones"
        ),
        "ordering": one_of(*orderings, *(f"-{name}" for name in orderings)).about(
            f"what the list is sorted by, turned round by a leading -; the default is {default}"
        ),
        "page": whole(1, 1_000_000_000).about("which page, from 1"),
        "pageSize": whole(1, LARGEST_PAGE).about(f"how many {rows} a page has; the default is {DEFAULT_PAGE}"),
    }


def _sought(search: str) -> list[str]:
    return list(dict.fromkeys(fold(search).split()))


def found(rows: Sequence[Row], search: str, name_of: Callable[[Row], str]) -> list[Row]:
    """Those whose name has each of the words; case does not matter."""
    words = _sought(search)
    names = (fold(name_of(row)) for row in rows)
    return [row for row, name in zip(rows, names, strict=True) if all(word in name for word in words)]


def ordered(rows: Sequence[Row], ordering: str, keys: Mapping[str, Key[Row]], tie: Key[Row]) -> list[Row]:
    """Sorted by one of the keys; ties by `tie` in the same direction, and what is not known is last in any case."""
    key, backwards = keys[ordering.removeprefix("-")], ordering.startswith("-")
    known = [row for row in rows if key(row) is not None]
    known.sort(key=lambda row: (key(row), tie(row)), reverse=backwards)
    unknown = sorted((row for row in rows if key(row) is None), key=tie, reverse=backwards)
    return known + unknown


def cut(rows: Sequence[Row], wanted: Wanted) -> Sequence[Row]:
    first = (wanted.page - 1) * wanted.page_size
    return rows[first : first + wanted.page_size]


def neighbours(
    path: str, given: Mapping[str, Sequence[str]], wanted: Wanted, count: int
) -> tuple[str | None, str | None]:
    """The addresses of the next page and of the one before."""
    kept = [(name, value) for name, texts in given.items() for value in texts if name != "page"]

    def address(page: int) -> str:
        return f"{path}?{urlencode([*kept, ('page', str(page))])}"

    has_next = wanted.page * wanted.page_size < count
    return address(wanted.page + 1) if has_next else None, address(wanted.page - 1) if wanted.page > 1 else None
