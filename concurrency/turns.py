"""Fair turns for callers that wait for the same thing: one that asks for much waits behind those that ask little."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

asked_by: ContextVar[str] = ContextVar("asked_by", default="")
"""For whom something is read: a user at an address. The empty text stands for all other callers together."""


class Turns:
    """Allows `at_once` callers at a time. Waiting ones get turns in rotation by whom they are `asked_by`."""

    def __init__(self, at_once: int = 1) -> None:
        self._free = at_once
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn, which ends with the block. A caller that is cancelled leaves the line."""
        if self._free:
            self._free -= 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._hand_on()

    async def _wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(asked_by.get(), deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        while self._lines:
            who = next(iter(self._lines))
            line = self._lines.pop(who)
            future = line.popleft()
            if line:
                self._lines[who] = line  # behind all others
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
