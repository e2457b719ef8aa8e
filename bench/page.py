"""Measures the page in Chromium: bytes fetched, load time, and how it copes with a hundred changes a second."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from bench.chromium import Held, Tab, browser, tab
from bench.databases import FEW, MANY, Databases
from bench.figures import Row
from bench.live import Changes, watched
from bench.service import Service, serving
from bench.tales import COMMON_WORD, RARE_WORD

LOADS = 7
MOST_BYTES = 300_000
MOST_MILLISECONDS = 1000
RUNNING = 2
WAITING = 6
ENDED = 20
"""Home shows eight pending tasks and, of those that have ended, its charts: with none it would not load their code."""
BATCH = 100

ROWS = 100
SPARE = 10
"""So many more than are shown, so that there is a full page at any time."""
WORKERS = 4
ROUNDS = 50
ROUND_SECONDS = 0.03
SETTLE_SECONDS = 30
SECONDS = 60
LEAST_CHANGES = 100
MOST_HEAP = 1.1
MOST_NODES = 1.01

KEY_MILLISECONDS = 50
"""Between two keys, as somebody types who types fast."""

JOBS = {"jobs__modules": "bench.jobs"}
WATCHING = Path(__file__).with_name("watching.js").read_text()


def measure(databases: Databases) -> list[Row]:
    """Measures P1 to P4."""
    return asyncio.run(_measure(databases))


async def _measure(databases: Databases) -> list[Row]:
    async with browser() as chromium:
        return [*await _first_view(chromium, databases), *await _changing(chromium, databases)]


# The first view.


@dataclass
class Load:
    """One load of Home by a browser that has nothing of it yet. Times are milliseconds since the navigation began."""

    bytes: float = 0
    requests: int = 0
    elsewhere: set[str] = field(default_factory=set)
    contentful: float = 0
    first_task: float = 0


async def _first_view(chromium: Browser, databases: Databases) -> list[Row]:
    with serving(databases.copy(FEW, "page"), **JOBS, workers__count=RUNNING) as service:
        await _make_work(service)
        loads = [await _load(chromium, service) for _ in range(LOADS)]
    elsewhere = set().union(*(load.elsewhere for load in loads))
    if elsewhere:
        raise RuntimeError(f"expected requests to our server alone, got some to {', '.join(sorted(elsewhere))}")
    size = statistics.median(load.bytes for load in loads)
    requests = statistics.median(load.requests for load in loads)
    what = f"bytes transferred for the first view, nothing cached, {requests:.0f} requests, all to our server"
    return [
        Row("P1", what, f"{size / 1000:,.0f} kB", f"{MOST_BYTES / 1000:,.0f} kB", size / MOST_BYTES, "≤ 1.00"),
        _time_row("P2", "the first tasks of Home are on the screen", [load.first_task for load in loads]),
        _time_row("P2b", "the first content is on the screen", [load.contentful for load in loads]),
    ]


def _time_row(goal: str, what: str, times: list[float]) -> Row:
    middle = statistics.median(times)
    whole = f"navigation → {what}, nothing cached, {FEW:,} ended tasks"
    return Row(goal, whole, f"{middle:,.0f} ms", f"{MOST_MILLISECONDS:,} ms", middle / MOST_MILLISECONDS, "≤ 1.00")


async def _make_work(service: Service) -> None:
    """Creates some that have just ended, two that run and some that wait, all as long as we measure."""
    async with _watched(service) as changes:
        service.call("POST", "taskqueue", [{"job": "noop", "params": {}}] * ENDED)
        await changes.until(lambda: changes.pending == 0)
        slow = {"job": "ticks", "params": {"rounds": 10_000, "round_seconds": 0.5}}
        service.call("POST", "taskqueue", [slow] * (RUNNING + WAITING))
        await changes.until(lambda: changes.counts.get("Running") == RUNNING)


@asynccontextmanager
async def _watched(service: Service) -> AsyncIterator[Changes]:
    with closing(await watched(service)) as changes:
        yield changes


async def _load(chromium: Browser, service: Service) -> Load:
    load = Load()

    def sent(event: dict[str, Any]) -> None:
        url = event["request"]["url"]
        load.requests += not url.startswith("data:")
        if not url.startswith((f"http://{service.program.place}/", "data:")):
            load.elsewhere.add(url)

    def received(event: dict[str, Any]) -> None:
        load.bytes += event["encodedDataLength"]

    async with tab(chromium, service, WATCHING) as opened:
        opened.devtools.on("Network.requestWillBeSent", sent)
        opened.devtools.on("Network.loadingFinished", received)
        await opened.page.goto(service.program.address)
        load.first_task = await opened.answer("bench.firstTask")
        await opened.page.locator(".home canvas").first.wait_for()
        await opened.page.wait_for_load_state("networkidle")
        load.contentful = await opened.page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
    return load


# A hundred changes a second.


@dataclass(frozen=True)
class Strain:
    """What came of a minute. Times are milliseconds."""

    changes: int
    frames: int
    longest_pause: float
    long_tasks: list[float]
    before: Held
    after: Held


async def _changing(chromium: Browser, databases: Databases) -> list[Row]:
    with serving(databases.empty("page-changing"), **JOBS, workers__count=WORKERS) as service:
        async with _watched(service) as changes, tab(chromium, service, WATCHING) as opened:
            _create(service, ROWS + SPARE)
            keeping = asyncio.create_task(_keep_full(service, changes))
            try:
                strain = await _strain(service, opened, changes)
            finally:
                keeping.cancel()
    return _strain_rows(strain)


async def _strain(service: Service, opened: Tab, changes: Changes) -> Strain:
    await opened.page.goto(f"{service.program.address}?tab=pending&size={ROWS}")
    rows = opened.page.locator("table.tasks tbody tr")
    await rows.nth(ROWS - 1).wait_for()
    await asyncio.sleep(SETTLE_SECONDS)
    held = await opened.held()
    await opened.page.evaluate("bench.countAnew()")
    first = changes.revision
    await asyncio.sleep(SECONDS)
    last = changes.revision
    figures = await opened.page.evaluate("bench.figures")
    shown = await rows.count()
    if shown != ROWS:
        raise RuntimeError(f"expected {ROWS} rows to be shown all the time, got {shown}")
    return Strain(
        last - first, figures["frames"], figures["longestPause"], figures["longTasks"], held, await opened.held()
    )


async def _keep_full(service: Service, changes: Changes) -> None:
    """Creates as many new tasks as have ended."""
    while True:
        await changes.next()
        if changes.pending < ROWS + SPARE // 2:
            _create(service, ROWS + SPARE - changes.pending)
            await changes.until(lambda: changes.pending >= ROWS + SPARE // 2)


def _create(service: Service, count: int) -> None:
    one = {"job": "ticks", "params": {"rounds": ROUNDS, "round_seconds": ROUND_SECONDS}}
    service.call("POST", "taskqueue", [one] * count)


def _strain_rows(strain: Strain) -> list[Row]:
    rate = strain.changes / SECONDS
    if rate < LEAST_CHANGES:
        raise RuntimeError(f"expected at least {LEAST_CHANGES} changes a second, got {rate:.0f}")
    load = f"{SECONDS} s of {rate:.0f} changes per second, {ROWS} rows shown"
    took = f"{len(strain.long_tasks)}, {sum(strain.long_tasks):.0f} ms in total"
    longest = f"the longest {max(strain.long_tasks, default=0):.0f} ms"
    drawn = f"{strain.frames / SECONDS:.1f}/s, longest pause {strain.longest_pause:.0f} ms"
    before, after = strain.before, strain.after
    heaps = [f"{one.script_bytes / 1e6:.2f} MB" for one in (after, before)]
    heap = after.script_bytes / before.script_bytes
    return [
        Row("P3", f"{load}: tasks of the main thread over 50 ms, {longest}", took, "–", None, "none"),
        Row("P3b", f"{load}: frames drawn", drawn, "60/s", strain.frames / SECONDS / 60, "–"),
        Row("P4", f"{load}: memory of its JavaScript after ÷ before", heaps[0], heaps[1], heap, f"≤ {MOST_HEAP:.2f}"),
        Row(
            "P4b",
            f"{load}: DOM nodes after ÷ before",
            f"{after.nodes:,.0f}",
            f"{before.nodes:,.0f}",
            after.nodes / before.nodes,
            f"≤ {MOST_NODES:.2f}",
        ),
    ]


# Searching.


def measure_search(databases: Databases) -> list[Row]:
    """Measures P5: from the last keystroke of a word until its rows are on the screen."""
    return asyncio.run(_measure_search(databases))


async def _measure_search(databases: Databases) -> list[Row]:
    words = {"P5": RARE_WORD, "P5b": COMMON_WORD}
    found: dict[tuple[str, int], float] = {}
    async with browser() as chromium:
        for count in (MANY, FEW):
            with serving(databases.filled(count)) as service:
                for word in words.values():
                    times = [await _search(chromium, service, word) for _ in range(LOADS)]
                    found[word, count] = statistics.median(times)
    return [_search_row(goal, word, found[word, MANY], found[word, FEW]) for goal, word in words.items()]


async def _search(chromium: Browser, service: Service, word: str) -> float:
    async with tab(chromium, service, WATCHING) as opened:
        await opened.page.goto(f"{service.program.address}?tab=finished")
        await opened.page.locator("table.tasks tbody tr").first.wait_for()
        await opened.page.evaluate("(word) => { bench.search(word); }", word)
        await opened.page.locator("#search").press_sequentially(word, delay=KEY_MILLISECONDS)
        return await opened.answer("bench.found")


def _search_row(goal: str, word: str, many: float, few: float) -> Row:
    kind = "rare" if word == RARE_WORD else "common"
    what = f"last keystroke of a {kind} word → its rows on the screen, {MANY:,} tasks ÷ {FEW:,} tasks"
    return Row(goal, what, f"{many:,.0f} ms", f"{few:,.0f} ms", many / few, "≤ 1.50")
