"""Goals 2 and 3: how long a task that does nothing takes, end to end and by step, compared with Huey on Redis."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from bench.databases import Databases
from bench.figures import Row, in_turn, ratio
from bench.live import connected
from bench.peer import Huey, huey
from bench.service import Service, serving

TASKS = 3000
ARRAY = 100
SAMPLES = 31
IDLE_SECONDS = 0.3
"""The contract sends 20 frames a second, in bursts of 5: after this long the next ones leave at once again."""
JOBS = {"jobs__modules": "bench.jobs"}


def measure_end_to_end(databases: Databases) -> list[Row]:
    """Measures goal 2: created over HTTP in arrays, Finished seen on a WebSocket, tasks a second."""
    rows = []
    with serving(databases.empty("end-to-end"), **JOBS) as service:
        uvloop.run(_end_to_end(service))
        for goal, notify, words, wanted in (("2", False, "as shipped", "≥ 2.0"), ("2b", True, "notify_result", "–")):
            with _peer(notify) as peer:
                ours, theirs = in_turn(lambda: uvloop.run(_end_to_end(service)), lambda: TASKS / peer.end_to_end(TASKS))
            what = f"{TASKS:,} tasks that do nothing, created in arrays of {ARRAY} ÷ Huey on Redis, {words}"
            values = f"{statistics.median(ours):,.0f}/s", f"{statistics.median(theirs):,.0f}/s"
            rows.append(Row(goal, what, *values, ratio(ours, theirs), wanted))
    return rows


async def _end_to_end(service: Service) -> float:
    live = await connected(service)
    began = time.perf_counter()
    tasks = [task for _ in range(TASKS // ARRAY) for task in await live.create(ARRAY)]
    await live.until("Finished", tasks)
    seconds = time.perf_counter() - began
    live.close()
    return TASKS / seconds


@contextmanager
def _peer(notify: bool) -> Iterator[Huey]:
    """Starts Huey and warms it up."""
    with huey(notify) as peer:
        peer.end_to_end(ARRAY)
        yield peer


Latency = tuple[float, float]


def measure_latency(databases: Databases) -> list[Row]:
    """Measures goal 3: from creating a task to Running and to Finished seen on a WebSocket, while nothing else goes
    on."""
    with serving(databases.empty("latency"), **JOBS) as service:
        found = [_latencies(service, notify) for notify in (False, True)]
    (ours, shipped), (ours_again, notified) = found
    return [
        _latency_row("3", "Running seen ÷ Huey's start", ours, shipped, 0, "≤ 1.5"),
        _latency_row("3b", "Finished seen ÷ Huey's result, as shipped", ours, shipped, 1, "≤ 1.0"),
        _latency_row("3c", "Finished seen ÷ Huey's result, notify_result", ours_again, notified, 1, "–"),
    ]


def _latencies(service: Service, notify: bool) -> tuple[list[Latency], list[Latency]]:
    with _peer(notify) as peer:
        ours, theirs = in_turn(lambda: uvloop.run(_latency(service)), peer.latency, runs=SAMPLES)
    return ours, theirs


async def _latency(service: Service) -> Latency:
    live = await connected(service)
    time.sleep(IDLE_SECONDS)  # noqa: ASYNC251  nothing else goes on in this loop, and nothing shall
    began = time.perf_counter()
    task = await live.create_one()
    await live.until("Finished", [task])
    seen = live.seen
    live.close()
    return seen["Running"][task] - began, seen["Finished"][task] - began


def _latency_row(goal: str, what: str, ours: list[Latency], theirs: list[Latency], which: int, wanted: str) -> Row:
    """Medians over all samples: single ones of so short a time are not pairs."""
    our_median, their_median = (statistics.median(one[which] for one in side) for side in (ours, theirs))
    values = f"{our_median * 1000:.2f} ms", f"{their_median * 1000:.2f} ms"
    return Row(goal, f"created → {what}", *values, our_median / their_median, wanted)
