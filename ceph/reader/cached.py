"""Caches what is read of a cluster: one read serves all who ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

from ceph.errors import ClusterError
from jobs.clock import wall_clock

FAILURE_LASTS_SECONDS = 2.0
"""How long a failure is cached: a silent cluster must not be asked by each of a hundred browsers."""
MOMENT_SECONDS = 1.0
"""How long a caller that accepts an old reading waits for a newer one."""

Value = TypeVar("Value")


class Reading(Struct, Generic[Value], frozen=True):
    """What was read, and when: milliseconds since 1970."""

    value: Value
    as_of: int


class CachedReading(Generic[Value]):
    """Reads a value when somebody asks, and caches it: the last reading, the read under way, the last error."""

    def __init__(self, read: Callable[[], Awaitable[Value]], lasts_seconds: float) -> None:
        self._read = read
        self._lasts_seconds = lasts_seconds
        self._reading: asyncio.Task[Reading[Value]] | None = None
        self._fresh_until = 0.0
        self._failed_until = 0.0
        self._known = 0
        self.last: Reading[Value] | None = None
        self.error: ClusterError | None = None

    async def get(self, *, fresh: bool = False) -> Reading[Value]:
        """Returns a reading that is still fresh, or reads now. Raises ClusterError.

        `fresh` accepts neither a cached reading nor a cached failure; at most it joins a read that is under way.
        """
        now = time.monotonic()
        if not fresh and self.last is not None and self.error is None and now < self._fresh_until:
            return self.last
        if not fresh and self.error is not None and now < self._failed_until:
            raise self.error
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_once())
            self._reading.add_done_callback(_noted)
        return await asyncio.shield(self._reading)

    async def get_from_now(self) -> Reading[Value]:
        """Returns a reading that starts after this call, since one under way may miss what has just changed. If that
        one fails, its error is raised. Raises ClusterError."""
        if self._reading is not None and not self._reading.done():
            await asyncio.shield(self._reading)
        return await self.get(fresh=True)

    async def get_or_last(self) -> Reading[Value]:
        """Returns what `get` does, or the last reading, whatever its age, if there is nothing newer within a moment.

        Raises ClusterError if nothing was ever read.
        """
        if self.last is None:
            return await self.get()
        try:
            async with asyncio.timeout(MOMENT_SECONDS):
                return await self.get()
        except (TimeoutError, ClusterError):
            return self.last

    def know(self, value: Value) -> Reading[Value]:
        """Caches a value that was read elsewhere."""
        self.last = Reading(value, wall_clock())
        self.error = None
        self._known += 1
        self._fresh_until = time.monotonic() + self._lasts_seconds
        return self.last

    def cancel(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _read_once(self) -> Reading[Value]:
        """Reads, unless something became known meanwhile: that is newer, and stays."""
        known = self._known
        try:
            value = await self._read()
            return self.know(value) if known == self._known or self.last is None else self.last
        except ClusterError as error:
            self.error = error
            self._failed_until = time.monotonic() + FAILURE_LASTS_SECONDS
            raise


def _noted(reading: asyncio.Task[Reading[Value]]) -> None:
    """Retrieves the exception: all who waited may have gone, and `error` has it."""
    if not reading.cancelled():
        reading.exception()
