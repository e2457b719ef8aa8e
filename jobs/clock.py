"""The time: of the wall, which may be set, and of a clock that only goes on. Whoever needs one is given it."""

from __future__ import annotations

import time

LONGEST_SLEEP_SECONDS = 60.0


def wall_clock() -> int:
    """Returns milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def steady_clock() -> int:
    """Returns milliseconds that pass evenly even if the wall clock is set: for durations within one run of the
    server."""
    return time.monotonic_ns() // 1_000_000


def seconds_until(at: int, now: int) -> float:
    """Returns how long to sleep until `at` (both in milliseconds): at most a minute, so that a clock that was set is
    noticed."""
    return min(max(0.0, (at - now) / 1000), LONGEST_SLEEP_SECONDS)
