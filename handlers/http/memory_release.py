"""Gives memory back to the operating system when a burst of clients is over."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import resource
import time
from contextlib import suppress

LOOK_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 30.0
MOST_TIME_SHARE = 0.01
WORTH_TIDYING_BYTES = 8 * 1024 * 1024

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


class Memory:
    """Checks some seconds after work is done whether the process has grown, and then frees what it can.

    Otherwise the memory of thousands of past clients stays: handlers of WebSockets form cycles, which Python collects
    rarely (service.py), and the C library retains free memory between what is in use.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._pause_seconds = LOOK_SECONDS
        self._least_bytes = resident_bytes()

    def work_is_done(self) -> None:
        """Schedules a check after something was answered or closed; an idle process checks nothing."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause_seconds, self._look)

    def _look(self) -> None:
        """Frees what can be freed. If that frees little, or is slow because much is in use, the next check is later."""
        self._timer = None
        before, began = resident_bytes(), time.monotonic()
        if before - self._least_bytes > WORTH_TIDYING_BYTES:
            _give_back()
            is_of_use = before - resident_bytes() > WORTH_TIDYING_BYTES // 4
            pause = LOOK_SECONDS if is_of_use else min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
            self._pause_seconds = max(pause, (time.monotonic() - began) / MOST_TIME_SHARE)
        self._least_bytes = min(self._least_bytes, resident_bytes())


def resident_bytes() -> int:
    """Returns how much memory the process takes; 0 if that is unknown."""
    with suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
    return 0


def _give_back() -> None:
    """Collects cycles and returns free memory to the system; of C libraries, only glibc has to be asked."""
    gc.collect()
    if _malloc_trim is not None:
        _malloc_trim(0)
