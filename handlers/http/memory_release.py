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
    """Looks some seconds after work is done whether the process is larger than it was, and tidies up then.

    Without it, what thousands of clients have left stays: handlers of WebSockets refer to each other, Python looks for
    such rings rarely (server.py), and the C library keeps what is freed in between what is not.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._pause_seconds = LOOK_SECONDS
        self._least_bytes = resident_bytes()

    def work_is_done(self) -> None:
        """Something was answered or closed. Nothing is looked at in an idle process."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause_seconds, self._look)

    def _look(self) -> None:
        """Gives back what can be. If that is of no use, or takes long since much is kept for good reason, it is tried
        again less soon."""
        self._timer = None
        before, began = resident_bytes(), time.monotonic()
        if before - self._least_bytes > WORTH_TIDYING_BYTES:
            _give_back()
            is_of_use = before - resident_bytes() > WORTH_TIDYING_BYTES // 4
            pause = LOOK_SECONDS if is_of_use else min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
            self._pause_seconds = max(pause, (time.monotonic() - began) / MOST_TIME_SHARE)
        self._least_bytes = min(self._least_bytes, resident_bytes())


def resident_bytes() -> int:
    """How much memory the process takes; 0 if that cannot be told."""
    with suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
    return 0


def _give_back() -> None:
    """Frees what only refers to itself, and returns free memory: of C libraries, only glibc has to be asked to."""
    gc.collect()
    if _malloc_trim is not None:
        _malloc_trim(0)
