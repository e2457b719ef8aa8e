"""Work that is done once for all who want its outcome at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")


class Sharing:
    """Calls of the same key that come while the first one is under way get its outcome, or its exception.

    What may have changed since the first call began belongs into the key: nobody gets an outcome that is older than his
    question.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """What `work` returns, or returned for somebody else. Raises what it raises."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(_run(work))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        outcome: Outcome = await asyncio.shield(task)
        return outcome


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
