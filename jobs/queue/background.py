"""The queue's work that no caller waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

log = logging.getLogger("hourglass.queue")

LOOK_AGAIN_SECONDS = 5.0


class Background:
    """Runs work beside everything else, and logs a defect in it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts work in a context of its own: it outlives the request that it began in, whose name must not appear in
        its log lines."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def finish(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Waits until all work is done, but gives up when `unless` holds."""
        while self._tasks and not unless():
            await asyncio.wait(set(self._tasks), timeout=LOOK_AGAIN_SECONDS)

    def cancel(self) -> None:
        """Cancels all work."""
        for task in self._tasks:
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("a defect in the queue", exc_info=task.exception())
