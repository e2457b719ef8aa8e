"""Work that is done once for all who want its outcome at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")

KEPT_SECONDS = 0.2
"""Those who are woken together do not ask in the same instant."""


class Sharing:
    """Calls of the same key that come while the first one is under way, or just after it, get its outcome, or its
    exception. Only the last outcome is kept, and only for a moment.

    What may have changed since the first call began belongs into the key: nobody gets an outcome that is older than his
    question.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._last: tuple[Hashable, asyncio.Task[Any]] | None = None

    async def get(self, key: Hashable, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """What `work` returns, or returned for somebody else. Raises what it raises."""
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
        asyncio.get_running_loop().call_later(KEPT_SECONDS, lambda: self._forget(last))

    def _forget(self, last: tuple[Hashable, asyncio.Task[Any]]) -> None:
        if self._last is last:
            self._last = None


async def _run(work: Callable[[], Awaitable[Outcome]]) -> Outcome:
    return await work()


class Text:
    """The JSON of an answer that many get. What is made of it for some of them (compressed, say) is made once."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._forms: dict[str, bytes] = {}

    def form(self, name: str, make: Callable[[bytes], bytes]) -> bytes:
        """The text in another form, made by the first who wants it."""
        if name not in self._forms:
            self._forms[name] = make(self.text)
        return self._forms[name]
