"""Forgets what is old, a little at a time: each call is one short transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from heapq import merge

from jobs.model import Status
from storage import Due, DueTask
from storage.database import Database, Transaction
from storage.rows import Reader, read_task
from storage.statements import SQL
from storage.writes import forget_rounds, remove

COUNT_LIMIT = 10_000
TASKS_A_LOOK = 10_000
ROUNDS_SETTING = "rounds_per_task"


def due(statuses: Sequence[Status], before: int, limit: int, reader: sqlite3.Connection) -> Due:
    """See KeepingStore.due."""
    tasks = [task for task, _ in zip(_due_tasks(statuses, before, limit, reader), range(limit), strict=False)]
    counts = [
        reader.execute(SQL["count_due"], {"status": status, "before": before, "limit": COUNT_LIMIT + 1}).fetchone()[0]
        for status in statuses
    ]
    return Due(count=min(sum(counts), COUNT_LIMIT), count_exact=sum(counts) <= COUNT_LIMIT, tasks=tasks)


def first_due(statuses: Sequence[Status], reader: sqlite3.Connection) -> int | None:
    """See KeepingStore.first_due."""
    first = [reader.execute(SQL["first_due"], {"status": status}).fetchone() for status in statuses]
    return min((row[0] for row in first if row), default=None)


def remove_due(statuses: Sequence[Status], before: int, at: int, limit: int, transaction: Transaction) -> int:
    """See KeepingStore.remove_due."""
    tasks = [task for task, _ in zip(_due_tasks(statuses, before, limit, transaction), range(limit), strict=False)]
    for task in tasks:
        remove(transaction, read_task(transaction, task.id), at)
    return len(tasks)


def _due_tasks(statuses: Sequence[Status], before: int, limit: int, reader: Reader) -> Iterator[DueTask]:
    """Those of each status come by its index; the oldest of all come first."""
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
    """See TaskStore.forget_changes."""
    up_to = transaction.execute(SQL["last_forgettable"], {"before": before, "limit": limit}).fetchone()[0]
    if up_to is None:
        return 0
    forgotten = sum(
        transaction.execute(SQL[statement], {"up_to": up_to}).rowcount
        for statement in ("forget_transitions", "forget_deletions")
    )
    transaction.execute(SQL["set_oldest"], {"oldest": up_to})
    return forgotten


async def find_leftovers(database: Database, most_rounds: int) -> None:
    """See KeepingStore.find_leftovers. Looks at some tasks at a time: nobody waits for long."""
    if await database.read_list(_applied_rounds) != most_rounds:
        last: int = await database.read_list(lambda reader: reader.execute(SQL["last_task"]).fetchone()[0] or 0)
        for first in range(0, last if most_rounds else 0, TASKS_A_LOOK):
            values = {"first": first, "last": first + TASKS_A_LOOK, "most": most_rounds}
            await database.write(partial(_leave_over, await database.read_list(partial(_with_too_many_rounds, values))))
        await database.write(partial(_set_applied_rounds, most_rounds))


def _applied_rounds(reader: sqlite3.Connection) -> int:
    """What held when all tasks were looked through; without a limit nothing was too much."""
    row = reader.execute(SQL["applied"], {"setting": ROUNDS_SETTING}).fetchone()
    return row[0] if row else 0


def _set_applied_rounds(most_rounds: int, transaction: Transaction) -> None:
    transaction.execute(SQL["set_applied"], {"setting": ROUNDS_SETTING, "value": most_rounds})


def _with_too_many_rounds(values: dict[str, int], reader: sqlite3.Connection) -> list[tuple[int, int]]:
    return reader.execute(SQL["tasks_with_too_many_rounds"], values).fetchall()


def _leave_over(tasks: Sequence[tuple[int, int]], transaction: Transaction) -> None:
    for task_id, up_to in tasks:
        transaction.execute(SQL["set_leftover"], {"task": task_id, "up_to": up_to})


def forget_leftovers(limit: int, transaction: Transaction) -> int:
    """See KeepingStore.forget_leftovers."""
    forgotten = 0
    while forgotten < limit:
        row = transaction.execute(SQL["leftover"]).fetchone()
        if row is None:
            break
        task_id, up_to = row
        forgotten += forget_rounds(transaction, task_id, up_to, limit - forgotten)
        if forgotten < limit:
            transaction.execute(SQL["delete_leftover"], {"task": task_id})
    return forgotten


def forget_keys(before: int, limit: int, transaction: Transaction) -> int:
    """See KeepingStore.forget_keys."""
    return transaction.execute(SQL["forget_request_keys"], {"before": before, "limit": limit}).rowcount


def forget_minutes(before: int, transaction: Transaction) -> int:
    """See KeepingStore.forget_minutes."""
    return transaction.execute(SQL["forget_minutes"], {"before": before}).rowcount
