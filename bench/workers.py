"""Measures how long a worker takes after each task to restore its state for the next one."""

from __future__ import annotations

from bench.databases import Databases
from bench.figures import Row
from bench.running import JOBS
from bench.service import serving

LOOKS = 2_000
MOST_MICROSECONDS = 50


def measure(databases: Databases) -> list[Row]:
    """Measures in a real worker, in the middle of a task: there is as much to check as after it."""
    with serving(databases.empty("workers"), **JOBS) as service:
        task = service.call("POST", "taskqueue", {"job": "looks", "params": {"times": LOOKS}})
        ended = service.call("GET", f"taskqueue/{task['id']}?wait=50")
    taken = ended["result"]
    what = f"time a worker takes to check and restore its state after each task, median of {LOOKS:,} ÷ its limit"
    limit = f"{MOST_MICROSECONDS} µs"
    return [Row("W1", what, f"{taken:.0f} µs", limit, taken / MOST_MICROSECONDS, "≤ 1.0")]
