"""Tasks in SQLite: each method of the store is one operation in the writer, or one snapshot of a reader."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import asdict

from jobs.lifecycle import Step
from jobs.model import Changes, Checkpoint, Head, KeptRound, Status, Task, Watch
from storage import (
    Created,
    Draft,
    Due,
    Interruption,
    ListQuery,
    Matching,
    Minute,
    RequestKey,
    TaskPage,
    listing,
    upkeep,
    writes,
)
from storage.database import Database, Joint, Transaction
from storage.minutes import read_minutes, write_minutes
from storage.rows import (
    FIELDS,
    read_kept,
    read_task,
    rounds_of,
    task_of,
    tasks_of,
    transition_of,
    with_columns,
    with_large_result,
)
from storage.statements import SQL

LARGEST_FRAME_CHARACTERS = 2 * 1024 * 1024

_TASKS = with_columns("tasks")
_TASKS_BETWEEN = with_columns("tasks_between", by_revision=str(FIELDS.index("revision") + 1))


MOST_INTERRUPTIONS = 100
FARTHEST_RESUMPTION = 20_000
"""In transitions after the interruption: to look through so many takes 1 ms."""


class SqliteStore:
    """The KeepingStore on a Database. See storage/__init__.py for what each method promises.

    Of a task's rounds the newest `most_rounds` are kept, 0 keeps them all. What only clients read takes at most
    `read_seconds`, None is as long as it likes.
    """

    def __init__(self, database: Database, most_rounds: int = 0, read_seconds: float | None = None) -> None:
        self._database = database
        self._most_rounds = most_rounds
        self._read_seconds = read_seconds
        self.on_commit: Callable[[int], None] = lambda revision: None
        database.before_commit = _finish
        database.after_commit = self._publish

    async def create(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        return await self._database.write(Joint(writes.create_all, (drafts, key)))

    async def created_with(self, key: RequestKey) -> Task | None:
        return await self._database.read(partial(writes.created_with, key))

    async def change(self, task_id: int, *steps: Step) -> Task | None:
        return await self._database.write(partial(writes.change, task_id, steps, self._most_rounds))

    async def task(self, task_id: int) -> Task:
        return await self._database.read(
            lambda connection: with_large_result(connection, read_task(connection, task_id))
        )

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        row = await self._database.read(lambda reader: reader.execute(SQL["checkpoint"], {"id": task_id}).fetchone())
        return Checkpoint(*row) if row else None

    async def unfinished(self) -> list[int]:
        return await self._database.read(lambda reader: [row[0] for row in reader.execute(SQL["unfinished"])])

    async def tasks(self, ids: Sequence[int]) -> list[Task]:
        values = {"ids": json.dumps(list(ids))}
        return await self._database.read(lambda reader: tasks_of(reader.execute(_TASKS, values)))

    async def rounds(self, task_id: int, after: int, limit: int = 1000) -> list[KeptRound]:
        def read(connection: sqlite3.Connection) -> list[KeptRound]:
            read_task(connection, task_id)
            rows = connection.execute(SQL["rounds"], {"id": task_id, "after": after, "limit": limit})
            return rounds_of(rows)

        return await self._database.read(read)

    async def watched_rounds(self, watch: Watch, up_to: int, limit: int = 1000) -> list[KeptRound]:
        values = {**asdict(watch), "up_to": up_to, "limit": limit}
        return await self._database.read(lambda reader: rounds_of(reader.execute(SQL["watched_rounds"], values)))

    async def changes(self, since: int, limit: int = 1000) -> Changes | None:
        return await self._database.read(partial(_changes, since, limit))

    async def head(self) -> Head:
        return await self._database.read(lambda reader: read_kept(reader).head())

    async def forget_changes(self, before: int, limit: int = 1000) -> int:
        return await self._database.write(partial(upkeep.forget_changes, before, limit))

    async def list_tasks(self, query: ListQuery) -> TaskPage:
        return await self._database.read_list(partial(listing.list_tasks, query), self._read_seconds)

    async def matching(self, query: ListQuery, limit: int) -> Matching:
        return await self._database.read_list(partial(listing.matching, query, limit), self._read_seconds)

    async def interruptions(self, task_id: int) -> list[Interruption]:
        return await self._database.read_list(partial(_interruptions, task_id), self._read_seconds)

    async def minutes(self, first: int) -> tuple[Head, list[Minute]]:
        return await self._database.read_list(
            lambda reader: (read_kept(reader).head(), read_minutes(first, reader)), self._read_seconds
        )

    async def due(self, statuses: Sequence[Status], before: int, limit: int) -> Due:
        return await self._database.read_list(partial(upkeep.due, statuses, before, limit), self._read_seconds)

    async def first_due(self, statuses: Sequence[Status]) -> int | None:
        return await self._database.read_list(partial(upkeep.first_due, statuses))

    async def remove_due(self, statuses: Sequence[Status], before: int, at: int, limit: int) -> int:
        return await self._database.write(partial(upkeep.remove_due, statuses, before, at, limit))

    async def find_leftovers(self) -> None:
        await upkeep.find_leftovers(self._database, self._most_rounds)

    async def forget_leftovers(self, limit: int) -> int:
        return await self._database.write(partial(upkeep.forget_leftovers, limit))

    async def forget_keys(self, before: int, limit: int) -> int:
        return await self._database.write(partial(upkeep.forget_keys, before, limit))

    async def forget_minutes(self, before: int) -> int:
        return await self._database.write(partial(upkeep.forget_minutes, before))

    def _publish(self, transaction: Transaction) -> None:
        kept = transaction.state.get("kept")
        if kept is not None:
            self.on_commit(kept.revision)


def _finish(transaction: Transaction) -> None:
    """What is written once for all operations of a transaction."""
    writes.write_head(transaction)
    write_minutes(transaction)


# Reads: one snapshot.


def _interruptions(task_id: int, reader: sqlite3.Connection) -> list[Interruption]:
    read_task(reader, task_id)
    values = {"task": task_id, "limit": MOST_INTERRUPTIONS, "at_most": FARTHEST_RESUMPTION}
    newest_first = [Interruption(*row) for row in reader.execute(SQL["interruptions"], values)]
    return newest_first[::-1]


def _changes(since: int, limit: int, reader: sqlite3.Connection) -> Changes | None:
    head = read_kept(reader).head()
    if not head.oldest <= since <= head.revision:
        return None
    up_to = min(since + limit, head.revision)
    tasks, up_to = _tasks_between(since, up_to, reader)
    between = {"since": since, "up_to": up_to}
    return Changes(
        since=since,
        head=head,
        revision=up_to,
        transitions=[transition_of(row) for row in reader.execute(SQL["transitions_between"], between)],
        tasks=tasks,
        deleted=[row[0] for row in reader.execute(SQL["deletions_between"], between)],
    )


def _tasks_between(since: int, up_to: int, reader: sqlite3.Connection) -> tuple[list[Task], int]:
    """Tasks whose last change lies between, and how far they go: large ones fill a frame before its revisions do."""
    tasks, characters = [], 0
    rows = reader.execute(_TASKS_BETWEEN, {"since": since, "up_to": up_to})
    for row in rows:
        task = task_of(row)
        tasks.append(task)
        characters += len(task.params) + len(task.metadata) + len(task.error or "") + len(task.result or "")
        if characters > LARGEST_FRAME_CHARACTERS:
            rows.close()
            return tasks, task.revision
    return tasks, up_to
