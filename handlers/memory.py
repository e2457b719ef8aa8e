"""Gives memory back to the operating system when a burst of clients is over."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os

LOOK_AFTER_SECONDS = 5.0
LONGEST_SECONDS = 20.0
WORTH_TIDYING_BYTES = 8 * 1024 * 1024

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Memory:
    """Looks some seconds after something has gone whether the process is larger than it was, and tidies up then; less
    often as long as that is of no use.

    Without it, what thousands of clients have left stays: handlers of WebSockets refer to each other, Python looks for
    such rings rarely (server.py), and the C library keeps what is freed in between what is not.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._delay_seconds = LOOK_AFTER_SECONDS
        self._least_bytes = resident_bytes()

    def has_gone(self) -> None:
        """Something was closed or answered. Nothing is looked at in an idle process."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        before = resident_bytes()
        if before > self._least_bytes + WORTH_TIDYING_BYTES:
            gc.collect()
            _trim()
        now = resident_bytes()
        self._least_bytes = min(self._least_bytes, now)
        was_useful = before - now > WORTH_TIDYING_BYTES // 8
        self._delay_seconds = LOOK_AFTER_SECONDS if was_useful else min(2 * self._delay_seconds, LONGEST_SECONDS)


def resident_bytes() -> int:
    """The memory that this process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES


def _trim() -> None:
    """Only glibc can; others give back by themselves what they can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
