"""Compares a million tasks with a thousand, alternately: lists, searches, start and memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from bench import retention
from bench.databases import FEW, MANY, Databases
from bench.figures import RUNS, in_turn
from bench.memory import pss_bytes
from bench.report import Table
from bench.service import API, Refused, Service, serving
from bench.starting import ready_seconds
from bench.tales import ABSENT_WORD, COMMON_WORD, RARE_WORD
from jobs.store import ORDERINGS

PAGE = 50
FINAL = ("Finished", "Exception", "Aborted")
STATUSES: dict[str, tuple[str, ...]] = {"Finished": ("Finished",), "all final": FINAL, "any status": ()}
SEARCHES = {
    "a common word": COMMON_WORD,
    "a rare word": RARE_WORD,
    "a word that occurs nowhere": ABSENT_WORD,
    "two words": f"{COMMON_WORD} performance",
    "two words, one rare": f"{COMMON_WORD} {RARE_WORD}",
    "the beginning of a word": COMMON_WORD[:2],
}

Pair = tuple[Service, Service]


@dataclass(frozen=True)
class Compared:
    """Medians in milliseconds (or MiB) with a thousand and with a million."""

    few: float
    many: float

    def __str__(self) -> str:
        return f"{self.few:.1f} → {self.many:.1f} (×{self.many / self.few:.1f})"


def measure(databases: Databases) -> Iterator[Table]:
    """One table of the comparison after the other; all take some minutes."""
    directories = [databases.filled(count) for count in (FEW, MANY)]
    starts = _starts(directories)
    with ExitStack() as stack:
        few, many = (stack.enter_context(serving(directory)) for directory in directories)
        pair = (few, many)
        yield _searches(pair)
        yield _filters(pair)
        yield _lists(pair)
        yield _others(pair, starts)
    yield _retention(databases)


def _lists(pair: Pair) -> Table:
    table = Table("million-lists", ["ordering", "status", "first page", "page in the middle", "its next", "last page"])
    for ordering in _orderings():
        for words, statuses in STATUSES.items():
            pages = _pages(pair, ordering, statuses)
            table.add(f"`{ordering}`", words, *(str(_compare(pair, urls)) for urls in pages))
    return table


def _orderings() -> Iterator[str]:
    for ordering in ORDERINGS:
        yield ordering
        yield f"-{ordering}"


Urls = tuple[str, str]


def _pages(pair: Pair, ordering: str, statuses: Sequence[str]) -> Iterator[Urls]:
    """The addresses of four pages, for each of both."""
    filters = [("status", status) for status in statuses]

    def both(page_of: Callable[[int], int]) -> Urls:
        urls = [_url([*filters, ("ordering", ordering), ("page", page_of(_count(one, filters)))]) for one in pair]
        return urls[0], urls[1]

    yield both(lambda count: 1)
    middle = both(lambda count: max(1, count // PAGE // 2))
    yield middle
    few, many = (one.call("GET", url.removeprefix(f"{API}/"))["next"] for one, url in zip(pair, middle, strict=True))
    yield few, many
    yield both(lambda count: -(-count // PAGE))


def _count(service: Service, filters: list[tuple[str, str]]) -> int:
    count: int = service.call("GET", f"taskqueue?{urlencode([*filters, ('pageSize', 1)])}")["count"]
    return count


def _url(parameters: Sequence[tuple[str, object]]) -> str:
    return f"{API}/taskqueue?{urlencode(parameters)}"


def _searches(pair: Pair) -> Table:
    table = Table("million-searches", ["search", "newest first", "by `description`", "Finished, newest first"])
    for words, text in SEARCHES.items():
        columns: list[list[tuple[str, object]]] = [[], [("ordering", "description")], [("status", "Finished")]]
        table.add(words, *(str(_compare_one(pair, [("search", text), *further])) for further in columns))
    return table


def _filters(pair: Pair) -> Table:
    table = Table("million-filters", ["filter", "newest first", "by `description`", "Finished, newest first"])
    for name, value in (("job", "report"), ("job", "none_such"), ("created_by", "ann"), ("created_by", "nobody")):
        columns: list[list[tuple[str, object]]] = [[], [("ordering", "description")], [("status", "Finished")]]
        cells = (str(_compare_one(pair, [(name, value), *further])) for further in columns)
        table.add(f"`{name}={value}`", *cells)
    return table


def _others(pair: Pair, starts: Compared) -> Table:
    table = Table("million-others", ["what", "with a thousand → with a million"])
    table.add("counts by status, ms (a list of one)", str(_compare_one(pair, [("pageSize", 1)])))
    if _knows_statistics(pair[0]):
        table.add("`GET statistics`, ms", str(_compare(pair, (f"{API}/statistics",) * 2)))
    table.add("start to ready, ms", str(starts))
    memory = [sum(pss_bytes(pid) for pid in one.processes()) / 2**20 for one in pair]
    table.add("memory of all processes (PSS) after these lists, MiB", str(Compared(*memory)))
    return table


def _retention(databases: Databases) -> Table:
    table = Table("million-retention", ["what", "while nothing is removed", "while two thirds are removed"])
    for count in (FEW, MANY):
        for line in retention.measure(databases, count):
            table.add(*line)
    return table


def _knows_statistics(service: Service) -> bool:
    try:
        service.call("GET", "statistics")
    except Refused:
        return False
    return True


def _compare_one(pair: Pair, parameters: Sequence[tuple[str, object]]) -> Compared:
    return _compare(pair, (_url(parameters),) * 2)


def _compare(pair: Pair, urls: Urls) -> Compared:
    """Compares them; the first call of each only warms up."""
    few, many = in_turn(*(partial(one.seconds, url) for one, url in zip(pair, urls, strict=True)), runs=RUNS + 1)
    return Compared(statistics.median(few[1:]) * 1000, statistics.median(many[1:]) * 1000)


def _starts(directories: Sequence[Path]) -> Compared:
    few, many = in_turn(*(partial(ready_seconds, directory) for directory in directories))
    return Compared(statistics.median(few) * 1000, statistics.median(many) * 1000)
