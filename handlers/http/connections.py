"""Tracks open WebSockets and requests, so that a stop can wait for the answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Connections:
    """The open WebSockets, and the requests that are being answered."""

    def __init__(self) -> None:
        self._open: set[object] = set()
        self._requests: set[object] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def request_began(self, request: object) -> None:
        self._requests.add(request)
        self._quiet.clear()

    def request_ended(self, request: object) -> None:
        self._requests.discard(request)
        if not self._requests:
            self._quiet.set()

    async def all_answered(self, seconds: float) -> None:
        """Waits until all present requests are answered, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), seconds)

    def add(self, socket: object) -> None:
        self._open.add(socket)

    def remove(self, socket: object) -> None:
        self._open.discard(socket)

    @property
    def socket_count(self) -> int:
        """Returns the number of open WebSockets."""
        return len(self._open)
