"""Does work once for all callers that want its outcome at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")

SHARED_SECONDS = 0.2
"""Callers that are woken together do not ask at the same instant."""


class Sharing:
    """Gives the outcome, or the exception, of a call to all calls with the same key that come while it is under way or
    just after it. Only the last outcome is retained, and only for a moment.

    Whatever may have changed since the first call began must be part of the key, so that no caller gets an outcome
    older than its question.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._last: tuple[Hashable, asyncio.Task[Any]] | None = None

    async def get(self, key: Hashable, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Returns what `work` returns, or has returned for another caller. Raises what it raises."""
        task = self._last[1] if self._last is not None and self._last[0] == key else self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(_run(work))
            task.add_done_callback(lambda done: self._done(key, done))
        outcome: Outcome = await asyncio.shield(task)
        return outcome

    def _done(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._under_way[key]
        if task.cancelled() or task.exception() is not None:
            return
        last = self._last = (key, task)
        asyncio.get_running_loop().call_later(SHARED_SECONDS, lambda: self._forget(last))

    def _forget(self, last: tuple[Hashable, asyncio.Task[Any]]) -> None:
        if self._last is last:
            self._last = None


async def _run(work: Callable[[], Awaitable[Outcome]]) -> Outcome:
    return await work()


class Text:
    """The JSON of an answer for many callers. Other forms of it, e.g. compressed, are made once for all."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._forms: dict[str, bytes] = {}

    def form(self, name: str, make: Callable[[bytes], bytes]) -> bytes:
        """Returns the text in another form, made on the first call."""
        if name not in self._forms:
            self._forms[name] = make(self.text)
        return self._forms[name]
