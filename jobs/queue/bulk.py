"""Deletes many tasks, each by itself: some are deleted even if others have changed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from jobs.errors import NoSuchTask, StatusChanged
from jobs.model.lifecycle import Expected
from jobs.model.task import Status
from jobs.queue.task_queue import Check, TaskQueue, always

AT_ONCE = 100
"""How many go into one transaction, or a few: other writes in between do not wait for all."""


class Deletion(Struct, frozen=True):
    """What became of a task that was to be deleted, and its status then; None if it is gone."""

    id: Annotated[int, Meta(ge=1)]
    outcome: Literal["aborted", "deleted", "changed", "missing"]
    status: Status | None


async def delete_all(
    queue: TaskQueue, wanted: Sequence[tuple[int, Expected | None]], by: str, force: bool, check: Check = always
) -> list[Deletion]:
    """Deletes each task that is still in the expected state, in order. Raises StorageUnavailable, and what `check`
    raises; tasks deleted before that stay deleted."""
    done: list[Deletion] = []
    for first in range(0, len(wanted), AT_ONCE):
        some = wanted[first : first + AT_ONCE]
        results = await asyncio.gather(
            *(_delete(queue, task_id, expected, by, force, check) for task_id, expected in some), return_exceptions=True
        )
        done += map(_or_raise, results)
    return done


async def _delete(
    queue: TaskQueue, task_id: int, expected: Expected | None, by: str, force: bool, check: Check
) -> Deletion:
    try:
        task = await queue.delete(task_id, by, expected, force, check)
    except NoSuchTask:
        return Deletion(task_id, "missing", None)
    except StatusChanged as changed:
        return Deletion(task_id, "changed", changed.task.status if changed.task else None)
    return Deletion(task_id, "deleted", None) if task is None else Deletion(task_id, "aborted", task.status)


def _or_raise(result: Deletion | BaseException) -> Deletion:
    if isinstance(result, BaseException):
        raise result
    return result
