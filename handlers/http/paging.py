"""Pages of lists that are in memory: searched, sorted, cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from handlers.http.api import ApiHandler
from handlers.http.query import QueryParameter, few_words, integer, one_of
from jobs.model.search_words import fold

LARGEST_PAGE = 500
DEFAULT_PAGE = 50

Row = TypeVar("Row")
Key = Callable[[Row], Any]


class PageRequest(Struct, frozen=True, kw_only=True):
    """Selects rows by words in their names, their order, and the page, from 1."""

    search: str = ""
    ordering: str = ""
    page: int = 1
    page_size: int = DEFAULT_PAGE


class PagingHandler(ApiHandler):
    """A call whose answer is a page of such a list; its parameters are those of `page_query`."""

    def page_request(self, ordering: str = "") -> PageRequest:
        """Returns what the query asks for; `ordering` is the default."""
        return PageRequest(
            search=self.value("search", ""),
            ordering=self.value("ordering", ordering),
            page=self.value("page", 1),
            page_size=self.value("pageSize", DEFAULT_PAGE),
        )

    def page_frame(self, request: PageRequest, count: int) -> dict[str, Any]:
        """Returns what stands around the rows of a page: how many there are in all, and the pages beside it."""
        after, before = page_links(self.request.path.rstrip("/"), self.query_texts(), request, count)
        return {"count": count, "next": after, "previous": before}


def page_query(orderings: Sequence[str], default: str, rows: str) -> dict[str, QueryParameter]:
    """Returns the parameters of a list; `rows` names what is listed."""
    return {
        "search": QueryParameter(
            few_words(_sought), "words that must all occur somewhere in the name; at most 20 different ones"
        ),
        "ordering": QueryParameter(
            one_of(*orderings, *(f"-{name}" for name in orderings)),
            f"what the list is sorted by; a leading - reverses it; the default is {default}",
        ),
        "page": QueryParameter(integer(1, 1_000_000_000), "the number of the page, from 1"),
        "pageSize": QueryParameter(
            integer(1, LARGEST_PAGE), f"how many {rows} a page has; the default is {DEFAULT_PAGE}"
        ),
    }


def _sought(search: str) -> list[str]:
    return list(dict.fromkeys(fold(search).split()))


def matching(rows: Sequence[Row], search: str, name_of: Callable[[Row], str]) -> list[Row]:
    """Returns the rows whose name contains each of the words, whatever their case."""
    words = _sought(search)
    names = (fold(name_of(row)) for row in rows)
    return [row for row, name in zip(rows, names, strict=True) if all(word in name for word in words)]


def sorted_rows(rows: Sequence[Row], ordering: str, keys: Mapping[str, Key[Row]], tie: Key[Row]) -> list[Row]:
    """Sorts by one of the keys; ties by `tie` in the same direction, unknown values last in both."""
    key, backwards = keys[ordering.removeprefix("-")], ordering.startswith("-")
    known = [row for row in rows if key(row) is not None]
    known.sort(key=lambda row: (key(row), tie(row)), reverse=backwards)
    unknown = sorted((row for row in rows if key(row) is None), key=tie, reverse=backwards)
    return known + unknown


def page_of(rows: Sequence[Row], request: PageRequest) -> Sequence[Row]:
    """Returns the rows of the page."""
    first = (request.page - 1) * request.page_size
    return rows[first : first + request.page_size]


def page_links(
    path: str, given: Mapping[str, Sequence[str]], request: PageRequest, count: int
) -> tuple[str | None, str | None]:
    """Returns the addresses of the next page and of the one before, None if there is none."""
    other = [(name, value) for name, texts in given.items() for value in texts if name != "page"]

    def address(page: int) -> str:
        return f"{path}?{urlencode([*other, ('page', str(page))])}"

    has_next = request.page * request.page_size < count
    return address(request.page + 1) if has_next else None, address(request.page - 1) if request.page > 1 else None
