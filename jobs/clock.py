"""Times: the two clocks, and how a time is written. All times are whole milliseconds.

The wall clock may be set back or forward at any time; the steady one passes evenly, but means nothing outside of this
run of the process. Code that a test must be able to move through time takes them as arguments.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from time import monotonic_ns, time_ns  # by name: a job that replaces them in its module does not change them here
from typing import overload

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_SLEEP_SECONDS = 60.0


def wall_clock() -> int:
    """Returns milliseconds since 1970."""
    return time_ns() // 1_000_000


def steady_clock() -> int:
    """Returns milliseconds since some moment before the start of this process, whatever the wall clock is set to."""
    return monotonic_ns() // 1_000_000


def seconds_until(at: int, now: int) -> float:
    """Returns how long to sleep until `at`: at most a minute, so that a clock that was set is noticed."""
    return min(max(0.0, (at - now) / 1000), LONGEST_SLEEP_SECONDS)


@overload
def iso_time(milliseconds: int) -> str: ...
@overload
def iso_time(milliseconds: int | None) -> str | None: ...
def iso_time(milliseconds: int | None) -> str | None:
    """Returns UTC as ISO 8601 with milliseconds and Z, e.g. 2026-01-31T12:00:00.250Z; None for None."""
    if milliseconds is None:
        return None
    return f"{_second_text(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    """Returns all but the milliseconds: most times of a frame or a list lie in few seconds."""
    return (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(timespec="seconds")


def parse_time(text: str) -> int:
    """Returns milliseconds since 1970 of an ISO 8601 time; microseconds are cut off.

    Raises ValueError if it is no time or has no time zone, OverflowError if it is, in UTC, beyond the years 1 to 9999,
    which `iso_time` could not write.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs a time zone, e.g. 2026-01-31T12:00:00Z")
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)
