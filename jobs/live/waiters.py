"""Calls that wait: for the next commit, or for a task to be settled."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WOKEN_AT_ONCE = 10
"""How many calls continue before anything else gets its turn in between."""


class Waiters:
    """The calls that wait. Each has a future that is done when it may continue, or when its time is up."""

    def __init__(self) -> None:
        self._for_commit: set[asyncio.Future[None]] = set()
        self._for_task: defaultdict[int, set[asyncio.Future[None]]] = defaultdict(set)

    @property
    def count(self) -> int:
        """Returns how many calls wait."""
        return len(self._for_commit) + sum(map(len, self._for_task.values()))

    @contextmanager
    def for_commit(self, seconds: float) -> Iterator[asyncio.Future[None]]:
        """Returns a future that is done at the next commit, or after so many seconds."""
        future = _future(seconds)
        self._for_commit.add(future)
        try:
            yield future
        finally:
            future.cancel()
            self._for_commit.discard(future)

    @contextmanager
    def for_task(self, task_id: int, seconds: float) -> Iterator[asyncio.Future[None]]:
        """Returns a future that is done when the task is settled, or after so many seconds."""
        group, future = self._for_task[task_id], _future(seconds)
        group.add(future)
        try:
            yield future
        finally:
            future.cancel()
            group.discard(future)
            if not group:
                self._for_task.pop(task_id, None)

    def committed(self) -> None:
        """Wakes the calls that wait for a commit."""
        if self._for_commit:
            _wake_all(list(self._for_commit))

    def task_settled(self, task_id: int) -> None:
        """Wakes the calls that wait for this task."""
        _wake_all(list(self._for_task.get(task_id, ())))

    def wake_all(self) -> None:
        """Wakes every call: the server stops."""
        _wake_all([*self._for_commit, *(one for group in self._for_task.values() for one in group)])


def _future(seconds: float) -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(seconds, _wake, future)
    future.add_done_callback(lambda _: timer.cancel())
    return future


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _wake_all(futures: Sequence[asyncio.Future[None]]) -> None:
    """Wakes a few at a time: each makes an answer, and nobody else would be served until the last one is made."""
    for future in futures[:WOKEN_AT_ONCE]:
        _wake(future)
    if len(futures) > WOKEN_AT_ONCE:
        asyncio.get_running_loop().call_soon(_wake_all, futures[WOKEN_AT_ONCE:])
