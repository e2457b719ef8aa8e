"""Measures in Chromium how soon the first rows of Pools and Images of a large cluster are on the screen."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping
from pathlib import Path

from playwright.async_api import Browser

from bench.chromium import browser, tab
from bench.figures import RUNS, Row
from bench.page import MOST_MILLISECONDS, WATCHING
from bench.service import Service, serving
from tests.support.cluster import Cluster

SIZE = 100
"""The most rows that a page has."""


def measure(cluster: Cluster, directory: Path, counts: Mapping[str, str]) -> list[Row]:
    """Returns a row for each view. `counts` says of how many rows in all, by the view."""
    return asyncio.run(_measure(cluster, directory, counts))


async def _measure(cluster: Cluster, directory: Path, counts: Mapping[str, str]) -> list[Row]:
    settings: Mapping[str, object] = {'ceph "large"__conf': cluster.conf}
    async with browser() as chromium:
        with serving(directory, **settings) as service:
            times = {view: [await _first_row(chromium, service, view) for _ in range(RUNS)] for view in counts}
    return [_row(view, counts[view], times[view]) for view in counts]


async def _first_row(chromium: Browser, service: Service, view: str) -> float:
    """Milliseconds since the navigation began, by a browser that has nothing of the page yet."""
    async with tab(chromium, service, WATCHING) as opened:
        await opened.page.goto(f"{service.program.address}?view={view}&view.size={SIZE}")
        return await opened.answer("bench.firstRow")


def _row(view: str, count: str, times: list[float]) -> Row:
    middle = statistics.median(times)
    what = f"navigation → the first rows of *{view.capitalize()}* are on the screen, {count}, nothing cached"
    limit = f"{MOST_MILLISECONDS:,} ms"
    return Row(f"page {view}", what, f"{middle:,.0f} ms", limit, middle / MOST_MILLISECONDS, "≤ 1.00")
