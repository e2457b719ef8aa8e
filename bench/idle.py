"""Goal 10: the CPU time of all processes while the service is idle and one browser is connected."""

from __future__ import annotations

import asyncio
from pathlib import Path

import uvloop

from bench.databases import Databases
from bench.figures import Row
from bench.live import connected
from bench.service import Service, serving

SETTLE_SECONDS = 2
SECONDS = 30


def measure(databases: Databases) -> list[Row]:
    """Measures the percent of a core over 30 seconds."""
    with serving(databases.empty("idle")) as service:
        percent = uvloop.run(_percent_of_a_core(service))
    what = f"CPU of all processes over {SECONDS} s with one WebSocket open, percent of a core"
    return [Row("10", what, f"{percent:.3f} %", "–", None, "< 0.3 %")]


async def _percent_of_a_core(service: Service) -> float:
    live = await connected(service)
    await asyncio.sleep(SETTLE_SECONDS)
    before = _cpu_seconds(service)
    await asyncio.sleep(SECONDS)
    used = _cpu_seconds(service) - before
    live.close()
    return used / SECONDS * 100


def _cpu_seconds(service: Service) -> float:
    """Returns CPU seconds from schedstat, which has nanoseconds: utime and stime count whole clock ticks, 0.03 % of a
    core each in this time."""
    threads = (thread for pid in service.processes() for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
