"""Measures the slowest creation while retention removes most of the tasks, compared with while it removes none."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.databases import Databases
from bench.service import Service, retention_settings, serving

DAYS = 30
"""Of 90 days of tasks, so that two thirds go."""
LOOK_EACH_SECONDS = 1.0
QUIET_LOOKS = 5
"""Removing is over when so many looks in a row found the same number."""

Line = tuple[str, str, str]


def measure(databases: Databases, count: int) -> Iterator[Line]:
    """Measures with `count` tasks of which none is removed, and while most are; nothing if there is no retention."""
    names = [name for name in retention_settings() if name != "retention__changes_days"]
    if not names:
        return
    directory = databases.copy(count, f"retention-{count}")
    settings: dict[str, object] = {"workers__count": 1, "test_task__round_seconds": 3600}
    with serving(directory, **settings) as service:
        before = _ended(service)
        kept, _ = _longest_post(service)
    with serving(directory, **settings, **dict.fromkeys(names, DAYS)) as service:
        removing, seconds = _longest_post(service)
        removed = before - _ended(service)
    yield f"longest POST, {count:,} tasks, ms", f"{kept * 1000:.1f}", f"{removing * 1000:.1f} (×{removing / kept:.1f})"
    yield f"removing {removed:,} of {count:,} tasks, s", "", f"{seconds:.0f}"


def _longest_post(service: Service) -> tuple[float, float]:
    """Posts until the number of ended tasks has stood still: the longest answer, and the time until it stood still."""
    began = changed = time.perf_counter()
    longest, looks, ended = 0.0, 0, _ended(service)
    while looks < QUIET_LOOKS:
        longest = max(longest, _longest_of_a_second(service))
        now = _ended(service)
        looks = looks + 1 if now == ended else 0
        if now != ended:
            ended, changed = now, time.perf_counter()
    return longest, changed - began


def _longest_of_a_second(service: Service) -> float:
    until = time.perf_counter() + LOOK_EACH_SECONDS
    longest = 0.0
    while (began := time.perf_counter()) < until:
        service.call("POST", "taskqueue/test_task", {"times": 1})
        longest = max(longest, time.perf_counter() - began)
    return longest


def _ended(service: Service) -> int:
    query = "taskqueue?status=Finished&status=Exception&status=Aborted&pageSize=1"
    count: int = service.call("GET", query)["count"]
    return count
