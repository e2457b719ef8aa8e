"""All stores for tests, each behind a door that can be shut as a full disk would."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from accounts.store import AccountStore
from jobs.errors import StorageUnavailable
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import Changes, Checkpoint, Head, RoundPage, RoundsCursor, StoredRound, Task
from jobs.store import UNBOUNDED, Created, Draft, RequestKey, RoundBounds
from storage import sqlite
from storage.memory import MemoryStore
from storage.sqlite import listing
from storage.sqlite import store as sqlite_store
from storage.sqlite.accounts import accounts_beside_server
from storage.stores import Stores


def directory_in_memory() -> TemporaryDirectory[str]:
    """Creates a directory where no commit waits for a disk, if there is such a place."""
    memory = "/dev/shm"
    return TemporaryDirectory(prefix="hourglass-", dir=memory if os.access(memory, os.W_OK) else None)


class DoorStore:
    """A TaskStore before another one. While `full` every write is refused. `reopen` is what a restart finds."""

    def __init__(self, store, close, reopen):
        self.inner = store
        self.full = False
        self.close = close
        self.reopen = reopen

    def report_to(self, on_commit: Callable[[int], None]) -> None:
        self.inner.report_to(on_commit)

    async def create(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        self._check()
        return await self.inner.create(drafts, key)

    async def created_with(self, key: RequestKey) -> Task | None:
        return await self.inner.created_with(key)

    async def change(self, task_id: int, *steps: TaskUpdate) -> Task | None:
        self._check()
        return await self.inner.change(task_id, *steps)

    async def task(self, task_id: int) -> Task:
        return await self.inner.task(task_id)

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        return await self.inner.checkpoint(task_id)

    async def tasks(self, task_ids: Sequence[int]) -> list[Task]:
        return await self.inner.tasks(task_ids)

    async def unfinished(self) -> list[int]:
        return await self.inner.unfinished()

    async def rounds(self, task_id: int, after: int, **bounds: int) -> RoundPage:
        return await self.inner.rounds(task_id, after, **bounds)

    async def rounds_without_output(self, task_id: int, after: int) -> list[StoredRound]:
        return await self.inner.rounds_without_output(task_id, after)

    async def watched_rounds(self, watch: RoundsCursor, up_to: int, **bounds: int) -> RoundPage:
        return await self.inner.watched_rounds(watch, up_to, **bounds)

    async def changes(self, since: int, **bounds: int) -> Changes | None:
        return await self.inner.changes(since, **bounds)

    async def head(self) -> Head:
        return await self.inner.head()

    async def forget_changes(self, before: int, limit: int = 1000) -> int:
        return await self.inner.forget_changes(before, limit)

    def _check(self) -> None:
        if self.full:
            raise StorageUnavailable


async def open_memory(_: Path, store: MemoryStore | None = None) -> DoorStore:
    store = store or MemoryStore()

    async def close() -> None: ...

    async def reopen() -> DoorStore:
        return await open_memory(_, store)

    return DoorStore(store, close, reopen)


@dataclass(frozen=True)
class SearchableKind:
    """A kind of store on which everything is stored, and where its code has the limits that it promises: tests lower
    them. `accounts_of_command` opens the accounts of a directory as commands do."""

    open_stores: Callable[[Path, RoundBounds], Awaitable[Stores]]
    accounts_of_command: Callable[[Path], AccountStore]
    exact_count: tuple[ModuleType, str]
    most_interruptions: tuple[ModuleType, str]

    async def open(self, directory: Path, bounds: RoundBounds = UNBOUNDED) -> DoorStore:
        stores = await self.open_stores(directory, bounds)

        async def reopen() -> DoorStore:
            await stores.close()
            return await self.open(directory, bounds)

        return DoorStore(stores.tasks, stores.close, reopen)

    @asynccontextmanager
    async def opened(self, directory: Path) -> AsyncIterator[Stores]:
        """Opens all stores for the length of a block."""
        stores = await self.open_stores(directory, UNBOUNDED)
        try:
            yield stores
        finally:
            await stores.close()


SQLITE = SearchableKind(
    sqlite.open_stores,
    accounts_beside_server,
    exact_count=(listing, "COUNT_LIMIT"),
    most_interruptions=(sqlite_store, "MOST_INTERRUPTIONS"),
)
SEARCHABLE = {"sqlite": SQLITE}
"""Every kind of store that can search, by name: a new one passes all of its tests once it is added here."""

OPENERS = {"memory": open_memory, **{name: kind.open for name, kind in SEARCHABLE.items()}}
open_sqlite = SQLITE.open
