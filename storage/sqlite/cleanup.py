"""Removes what is old, a little at a time: each call is one short transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from heapq import merge

from jobs.model.task import Status
from jobs.store import Due, DueTask, RoundBounds
from storage.sqlite.database import Database
from storage.sqlite.rows import Reader, read_task
from storage.sqlite.statements import SQL
from storage.sqlite.stored_rounds import MOST_BYTES_AT_ONCE, MOST_ROUNDS_AT_ONCE, forget_rounds
from storage.sqlite.transactions import Transaction
from storage.sqlite.writes import HIGHEST_ROUND, remove

COUNT_LIMIT = 10_000
TASKS_A_LOOK = 10_000
REST_SETTING = "rest_left_ms"
ROUNDS_SETTING = "rounds_per_task"
ROUNDS_BYTES_SETTING = "rounds_bytes_per_task"
LARGEST_ROUND_BYTES = 1024 * 1024 + 8192
"""A round has an output of at most 1 MiB, and a message of at most 1,000 characters."""


def due(statuses: Sequence[Status], before: int, limit: int, reader: sqlite3.Connection) -> Due:
    """Implements SearchableStore.due."""
    tasks = [task for task, _ in zip(_due_tasks(statuses, before, limit, reader), range(limit), strict=False)]
    counts = [
        reader.execute(SQL["count_due"], {"status": status, "before": before, "limit": COUNT_LIMIT + 1}).fetchone()[0]
        for status in statuses
    ]
    return Due(count=min(sum(counts), COUNT_LIMIT), count_exact=sum(counts) <= COUNT_LIMIT, tasks=tasks)


def first_due(statuses: Sequence[Status], reader: sqlite3.Connection) -> int | None:
    """Implements SearchableStore.first_due."""
    first = [reader.execute(SQL["first_due"], {"status": status}).fetchone() for status in statuses]
    return min((row[0] for row in first if row), default=None)


def remove_due(statuses: Sequence[Status], before: int, at: int, limit: int, transaction: Transaction) -> int:
    """Implements SearchableStore.remove_due."""
    tasks = [task for task, _ in zip(_due_tasks(statuses, before, limit, transaction), range(limit), strict=False)]
    for task in tasks:
        remove(transaction, read_task(transaction, task.id), at)
    return len(tasks)


def _due_tasks(statuses: Sequence[Status], before: int, limit: int, reader: Reader) -> Iterator[DueTask]:
    """Reads those of each status by its index; yields the oldest of all first."""
    found = [
        [
            DueTask(task_id, description, status, last_modified)
            for task_id, description, last_modified in reader.execute(
                SQL["due"], {"status": status, "before": before, "limit": limit}
            )
        ]
        for status in statuses
    ]
    return merge(*found, key=lambda task: task.last_modified)


def forget_changes(before: int, limit: int, transaction: Transaction) -> int:
    """Implements TaskStore.forget_changes."""
    up_to = transaction.execute(SQL["last_forgettable"], {"before": before, "limit": limit}).fetchone()[0]
    if up_to is None:
        return 0
    forgotten = sum(
        transaction.execute(SQL[statement], {"up_to": up_to}).rowcount
        for statement in ("forget_transitions", "forget_deletions")
    )
    transaction.execute(SQL["set_oldest"], {"oldest": up_to})
    return forgotten


async def find_leftovers(database: Database, bounds: RoundBounds) -> None:
    """Notes the rounds of tasks that have more than the bounds allow, if those have changed since they were last noted.
    Reads some tasks at a time, so that nobody waits for long."""
    if await database.read_list(partial(_applied, ROUNDS_SETTING)) != bounds.most:
        if bounds.most:
            async for span in _spans(database):
                too_many = partial(_with_too_many_rounds, {**span, "most": bounds.most})
                await database.write(partial(_leave_over, await database.read_list(too_many)))
        await database.write(partial(_set_applied, ROUNDS_SETTING, bounds.most))
    if await database.read_list(partial(_applied, ROUNDS_BYTES_SETTING)) != bounds.most_bytes:
        if bounds.most_bytes:
            async for span in _spans(database):
                few = {**span, "few": bounds.most_bytes // LARGEST_ROUND_BYTES}
                for task_id in await database.read_list(partial(_with_rounds, few)):
                    await _find_too_large(database, task_id, bounds.most_bytes)
        await database.write(partial(_set_applied, ROUNDS_BYTES_SETTING, bounds.most_bytes))


async def _spans(database: Database) -> AsyncIterator[dict[str, int]]:
    """Yields the ids of all tasks, some at a time."""
    last: int = await database.read_list(lambda reader: reader.execute(SQL["last_task"]).fetchone()[0] or 0)
    for first in range(0, last, TASKS_A_LOOK):
        yield {"first": first, "last": first + TASKS_A_LOOK}


async def _find_too_large(database: Database, task_id: int, most_bytes: int) -> None:
    """Adds up the rounds of a task from the newest on, some at a time, and notes those beyond the bound."""
    before, total = HIGHEST_ROUND + 1, 0
    while True:
        began = time.perf_counter()
        rounds = await database.read_list(partial(_some_newest_rounds, task_id, before))
        for number, size in rounds:
            if total and total + size > most_bytes:
                await database.write(partial(_leave_over, [(task_id, number)]))
                return
            before, total = number, total + size
        if not rounds:
            return
        await asyncio.sleep(time.perf_counter() - began)


def _some_newest_rounds(task_id: int, before: int, reader: sqlite3.Connection) -> list[tuple[int, int]]:
    rounds, bytes_read = [], 0
    for number, size in reader.execute(SQL["newest_rounds"], {"id": task_id, "before": before}):
        rounds.append((number, size))
        bytes_read += size
        if len(rounds) == MOST_ROUNDS_AT_ONCE or bytes_read > MOST_BYTES_AT_ONCE:
            break
    return rounds


def pause_left(reader: sqlite3.Connection) -> int:
    """Implements SearchableStore.pause_left."""
    return _applied(REST_SETTING, reader)


def store_pause(left_ms: int, transaction: Transaction) -> None:
    """Implements SearchableStore.store_pause."""
    _set_applied(REST_SETTING, left_ms, transaction)


def _applied(setting: str, reader: sqlite3.Connection) -> int:
    """Returns the bound that held when all tasks were last checked; 0 if there was none."""
    row = reader.execute(SQL["applied"], {"setting": setting}).fetchone()
    return row[0] if row else 0


def _set_applied(setting: str, value: int, transaction: Transaction) -> None:
    transaction.execute(SQL["set_applied"], {"setting": setting, "value": value})


def _with_too_many_rounds(values: dict[str, int], reader: sqlite3.Connection) -> list[tuple[int, int]]:
    return reader.execute(SQL["tasks_with_too_many_rounds"], values).fetchall()


def _with_rounds(values: dict[str, int], reader: sqlite3.Connection) -> list[int]:
    return [row[0] for row in reader.execute(SQL["tasks_with_rounds"], values)]


def _leave_over(tasks: Sequence[tuple[int, int]], transaction: Transaction) -> None:
    """Notes rounds that no longer count; the others of the task are counted with its next round."""
    for task_id, up_to in tasks:
        transaction.execute(SQL["set_leftover"], {"task": task_id, "up_to": up_to})
        transaction.execute(SQL["set_rounds_bytes"], {"id": task_id, "bytes": None})


def forget_leftovers(limit: int, transaction: Transaction) -> int:
    """Removes at most `limit` of the rounds that were noted; returns how many."""
    forgotten = 0
    while forgotten < limit:
        row = transaction.execute(SQL["leftover"]).fetchone()
        if row is None:
            break
        task_id, up_to = row
        count, all_gone = forget_rounds(transaction, task_id, up_to, limit - forgotten)
        forgotten += count
        if not all_gone:
            break
        transaction.execute(SQL["delete_leftover"], {"task": task_id})
    return forgotten


def forget_keys(before: int, limit: int, transaction: Transaction) -> int:
    """Implements SearchableStore.forget_keys."""
    return transaction.execute(SQL["forget_request_keys"], {"before": before, "limit": limit}).rowcount


def forget_minutes(before: int, transaction: Transaction) -> int:
    """Implements SearchableStore.forget_minutes."""
    return transaction.execute(SQL["forget_minutes"], {"before": before}).rowcount
