"""What is read of a cluster when somebody asks, and kept for others: one read for all who ask at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

from ceph.errors import ClusterError
from jobs.clock import wall_clock

# So long a failure stands for all who ask: a silent cluster must not be asked by each of a hundred browsers.
FAILURE_LASTS_SECONDS = 2.0
# So long somebody who would take what was last read waits for something newer.
MOMENT_SECONDS = 1.0

Value = TypeVar("Value")


class Reading(Struct, Generic[Value], frozen=True):
    """What was read, and when: milliseconds since 1970."""

    value: Value
    as_of: int


class CachedReading(Generic[Value]):
    """One thing that is read when somebody asks: what was last read, who waits for it, how it last failed."""

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
        """What was read just now, or is read now. Raises ClusterError.

        `fresh` takes nothing that was read before, nor an earlier failure: at most it joins a read under way.
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
        """What is read after this call: a read that is under way may have passed what has just changed. Its failure is
        as good as another one. Raises ClusterError."""
        if self._reading is not None and not self._reading.done():
            await asyncio.shield(self._reading)
        return await self.get(fresh=True)

    async def get_or_last(self) -> Reading[Value]:
        """As `get`, or what was last read, whatever its age, where there is nothing newer within a moment.

        Raises ClusterError where nothing was ever read.
        """
        if self.last is None:
            return await self.get()
        try:
            async with asyncio.timeout(MOMENT_SECONDS):
                return await self.get()
        except (TimeoutError, ClusterError):
            return self.last

    def know(self, value: Value) -> Reading[Value]:
        """Takes what somebody has read anyway."""
        self.last = Reading(value, wall_clock())
        self.error = None
        self._known += 1
        self._fresh_until = time.monotonic() + self._lasts_seconds
        return self.last

    def cancel(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _read_once(self) -> Reading[Value]:
        """What became known while this was read is newer, and stays."""
        known = self._known
        try:
            value = await self._read()
            return self.know(value) if known == self._known or self.last is None else self.last
        except ClusterError as error:
            self.error = error
            self._failed_until = time.monotonic() + FAILURE_LASTS_SECONDS
            raise


def _noted(reading: asyncio.Task[Reading[Value]]) -> None:
    """Everybody who waited for it may have gone; `error` keeps how it failed."""
    if not reading.cancelled():
        reading.exception()
