"""Goal 7: a list of 50 by status over HTTP with a million tasks, compared with a thousand."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from functools import partial

from bench.databases import FEW, MANY, Databases
from bench.figures import Row, in_turn, ratio
from bench.service import API, Service, serving

FIRST = f"{API}/taskqueue?status=Finished&pageSize=50"
ENOUGH_SECONDS = 0.4


def measure(databases: Databases) -> list[Row]:
    """Lists a second over one connection; the last page is asked for by its number."""
    with ExitStack() as stack:
        few, many = (stack.enter_context(serving(databases.filled(count))) for count in (FEW, MANY))
        last = f"{FIRST}&page={_pages(many)}"
        for warm in (partial(_lists_a_second, few, FIRST), partial(_lists_a_second, many, FIRST)):
            warm()
        firsts = in_turn(partial(_lists_a_second, many, FIRST), partial(_lists_a_second, few, FIRST))
        ends = in_turn(partial(_lists_a_second, many, last), partial(_lists_a_second, many, FIRST))
    return [
        _row("7", f"list of 50 Finished, {MANY:,} tasks ÷ {FEW:,} tasks, lists per second", firsts, "≥ 0.9"),
        _row("7b", f"its last page ÷ its first, {MANY:,} tasks, lists per second", ends, "≥ 0.5"),
    ]


def _pages(service: Service) -> int:
    count: int = service.call("GET", "taskqueue?status=Finished&pageSize=1")["count"]
    return -(-count // 50)


def _lists_a_second(service: Service, url: str) -> float:
    began = time.perf_counter()
    lists = 0
    while (seconds := time.perf_counter() - began) < ENOUGH_SECONDS:
        service.raw("GET", url)
        lists += 1
    return lists / seconds


def _row(goal: str, what: str, rates: list[list[float]], wanted: str) -> Row:
    ours, others = (f"{statistics.median(side):,.1f}/s" for side in rates)
    return Row(goal, what, ours, others, ratio(*rates), wanted)
