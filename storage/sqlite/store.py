"""Tasks in SQLite: each method of the store is one operation in the writer, or one snapshot of a reader."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import asdict, replace

from jobs.model.answer_size import LARGEST_FRAME_BYTES, MOST_ROUNDS_BYTES, Room, page_of_rounds
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import Changes, Checkpoint, Head, RoundPage, RoundsCursor, Status, StoredRound, Task
from jobs.store import (
    UNBOUNDED,
    Created,
    Draft,
    Due,
    Interruption,
    ListQuery,
    Matching,
    Minute,
    RequestKey,
    RoundBounds,
    TaskPage,
)
from storage.sqlite import cleanup, listing, renewal, writes
from storage.sqlite.database import Database
from storage.sqlite.minute_counts import read_minutes, write_minutes
from storage.sqlite.rows import (
    FIELDS,
    read_head,
    read_task,
    read_tasks,
    rounds_of,
    tasks_of,
    transition_of,
    whole,
    with_list_columns,
)
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Joint, Transaction

_TASKS_BETWEEN = with_list_columns("tasks_between", by_revision=str(FIELDS.index("revision") + 1))


MOST_INTERRUPTIONS = 100
FARTHEST_RESUMPTION = 20_000
"""In transitions after the interruption: reading so many takes 1 ms."""


class SqliteStore:
    """The SearchableStore on a Database. See jobs/store.py for what each method promises.

    Of a task's rounds the newest that `bounds` allow are retained. A client's read takes at most `read_seconds`; None
    means no limit.
    """

    def __init__(self, database: Database, bounds: RoundBounds = UNBOUNDED, read_seconds: float | None = None) -> None:
        self._database = database
        self._bounds = bounds
        self._read_seconds = read_seconds
        self._leftovers_are_found = False
        self._on_commit: Callable[[int], None] = lambda revision: None
        database.report_to(self)

    def report_to(self, on_commit: Callable[[int], None]) -> None:
        self._on_commit = on_commit

    async def create(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        return await self._database.write(Joint(writes.create_all, (drafts, key)))

    async def created_with(self, key: RequestKey) -> Task | None:
        return await self._database.read(partial(writes.created_with, key))

    async def change(self, task_id: int, *steps: TaskUpdate) -> Task | None:
        return await self._database.write(partial(writes.change, task_id, steps, self._bounds))

    async def task(self, task_id: int) -> Task:
        return await self._database.read(lambda reader: whole(reader, read_task(reader, task_id)))

    async def tasks(self, task_ids: Sequence[int]) -> list[Task]:
        return await self._database.read(lambda reader: list(read_tasks(reader, task_ids)))

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        row = await self._database.read(lambda reader: reader.execute(SQL["checkpoint"], {"id": task_id}).fetchone())
        return Checkpoint(*row) if row else None

    async def unfinished(self) -> list[int]:
        return await self._database.read(lambda reader: [row[0] for row in reader.execute(SQL["unfinished"])])

    async def rounds(
        self, task_id: int, after: int, limit: int = 1000, most_bytes: int = MOST_ROUNDS_BYTES
    ) -> RoundPage:
        return await self._database.read(partial(_rounds, task_id, after, limit, most_bytes))

    async def rounds_without_output(self, task_id: int, after: int) -> list[StoredRound]:
        values = {"id": task_id, "after": after}
        return await self._database.read(
            lambda reader: list(rounds_of(reader.execute(SQL["rounds_without_output"], values)))
        )

    async def watched_rounds(
        self, watch: RoundsCursor, up_to: int, limit: int = 1000, most_bytes: int = MOST_ROUNDS_BYTES
    ) -> RoundPage:
        values = {**asdict(watch), "up_to": up_to}
        return await self._database.read(
            lambda reader: page_of_rounds(rounds_of(reader.execute(SQL["watched_rounds"], values)), limit, most_bytes)
        )

    async def changes(self, since: int, limit: int = 1000, most_bytes: int = LARGEST_FRAME_BYTES) -> Changes | None:
        return await self._database.read(partial(_changes, since, limit, most_bytes))

    async def head(self) -> Head:
        return await self._database.read(lambda reader: read_head(reader).head())

    async def forget_changes(self, before: int, limit: int = 1000) -> int:
        return await self._database.write(partial(cleanup.forget_changes, before, limit))

    async def list_tasks(self, query: ListQuery) -> TaskPage:
        read = self._database.search if query.search else self._database.read_list
        return await read(partial(listing.list_tasks, query), self._read_seconds)

    async def matching(self, query: ListQuery, limit: int) -> Matching:
        read = self._database.search if query.search else self._database.read_list
        return await read(partial(listing.matching, query, limit), self._read_seconds)

    async def interruptions(self, task_id: int) -> list[Interruption]:
        return await self._database.read_list(partial(_interruptions, task_id), self._read_seconds)

    async def minutes(self, first: int) -> tuple[Head, list[Minute]]:
        return await self._database.read_list(
            lambda reader: (read_head(reader).head(), read_minutes(first, reader)), self._read_seconds
        )

    async def due(self, statuses: Sequence[Status], before: int, limit: int) -> Due:
        return await self._database.read_list(partial(cleanup.due, statuses, before, limit), self._read_seconds)

    async def first_due(self, statuses: Sequence[Status]) -> int | None:
        return await self._database.read_list(partial(cleanup.first_due, statuses))

    async def remove_due(self, statuses: Sequence[Status], before: int, at: int, limit: int) -> int:
        return await self._database.write(partial(cleanup.remove_due, statuses, before, at, limit))

    async def newest_change(self) -> int | None:
        return await self._database.read_list(lambda reader: reader.execute(SQL["newest_change"]).fetchone()[0])

    async def pause_left(self) -> int:
        return await self._database.read_list(cleanup.pause_left)

    async def store_pause(self, left_ms: int) -> None:
        await self._database.write(partial(cleanup.store_pause, left_ms))

    async def tidy(self, limit: int) -> int:
        if not self._leftovers_are_found:
            await cleanup.find_leftovers(self._database, self._bounds)
            self._leftovers_are_found = True
        return await self._database.write(partial(cleanup.forget_leftovers, limit))

    async def renew_words(self, limit: int) -> int:
        return await self._database.write(partial(renewal.renew_words, limit))

    async def forget_keys(self, before: int, limit: int) -> int:
        return await self._database.write(partial(cleanup.forget_keys, before, limit))

    async def forget_minutes(self, before: int) -> int:
        return await self._database.write(partial(cleanup.forget_minutes, before))

    def before_commit(self, transaction: Transaction) -> None:
        writes.write_head(transaction)
        write_minutes(transaction)

    def after_commit(self, transaction: Transaction) -> None:
        head = transaction.state.get("head")
        if head is not None:
            self._on_commit(head.revision)


# Reads: one snapshot.


def _interruptions(task_id: int, reader: sqlite3.Connection) -> list[Interruption]:
    read_task(reader, task_id)
    values = {"task": task_id, "limit": MOST_INTERRUPTIONS, "at_most": FARTHEST_RESUMPTION}
    newest_first = [Interruption(*row) for row in reader.execute(SQL["interruptions"], values)]
    return newest_first[::-1]


def _rounds(task_id: int, after: int, limit: int, most_bytes: int, reader: sqlite3.Connection) -> RoundPage:
    read_task(reader, task_id)
    rows = reader.execute(SQL["rounds"], {"id": task_id, "after": after})
    page = page_of_rounds(rounds_of(rows), limit, most_bytes)
    rows.close()
    if page.has_more:
        beyond = reader.execute(SQL["has_rounds_after"], {"id": task_id, "after": page.rounds[-1].number}).fetchone()
        page = replace(page, has_more=bool(beyond[0]))
    return page


def _changes(since: int, limit: int, most_bytes: int, reader: sqlite3.Connection) -> Changes | None:
    head = read_head(reader).head()
    if not head.oldest <= since <= head.revision:
        return None
    tasks, up_to = _tasks_between(since, min(since + limit, head.revision), most_bytes, reader)
    between = {"since": since, "up_to": up_to}
    return Changes(
        since=since,
        head=head,
        revision=up_to,
        transitions=[transition_of(row) for row in reader.execute(SQL["transitions_between"], between)],
        tasks=tasks,
        deleted=[row[0] for row in reader.execute(SQL["deletions_between"], between)],
    )


def _tasks_between(since: int, up_to: int, most_bytes: int, reader: sqlite3.Connection) -> tuple[list[Task], int]:
    """Returns the tasks whose last change is between, and the revision up to which they are complete: large tasks fill
    a frame before its revisions do. Only the last task may exceed the frame."""
    tasks, room = [], Room(most_bytes)
    rows = reader.execute(_TASKS_BETWEEN, {"since": since, "up_to": up_to})
    for task in tasks_of(rows):
        tasks.append(room.fit(task))
        if room.is_used_up:
            rows.close()
            return tasks, task.revision
    return tasks, up_to
