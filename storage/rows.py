"""From rows to what they mean: the reads that writes and lists share. A `Reader` is a connection, or a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import NoSuchTask
from jobs.model import Head, KeptRound, Status, Task, Transition
from storage.database import Transaction
from storage.statements import SQL

Reader = sqlite3.Connection | Transaction

FIELDS = Task.__struct_fields__
COLUMNS = ", ".join(f"tasks.{field}" for field in FIELDS)
_STATUSES = {status.value: status for status in Status}
_BOOLEANS = ("stopping", "forced", "stalled", "pinned")
COUNTERS = {status: status.lower().replace(" ", "_") for status in Status}
"""The kept count of each status in `head`."""


def with_columns(name: str, **fragments: str) -> str:
    """The statement of that name, which selects whole tasks."""
    return SQL[name].format(columns=COLUMNS, **fragments)


_TASK = with_columns("task")


class Kept(Struct, frozen=True):
    """The single row of `head`."""

    store: str
    revision: int
    oldest: int
    not_started: int
    running: int
    finished: int
    exception: int
    aborted: int
    pending_percents: int

    def head(self) -> Head:
        pending = self.not_started + self.running
        return Head(
            store=self.store,
            revision=self.revision,
            oldest=self.oldest,
            counts={status: getattr(self, field) for status, field in COUNTERS.items()},
            pending_percent=self.pending_percents // pending if pending else 0,
        )


def read_kept(reader: Reader) -> Kept:
    return Kept(*reader.execute(SQL["head"]).fetchone())


def tasks_of(rows: Iterable[Sequence[Any]]) -> list[Task]:
    return [task_of(row) for row in rows]


def task_of(row: Sequence[Any]) -> Task:
    values = dict(zip(FIELDS, row, strict=True))
    values["status"] = _STATUSES[values["status"]]
    values["locks"] = tuple(msgspec.json.decode(values["locks"])) if values["locks"] else ()
    for field in _BOOLEANS:
        values[field] = values[field] == 1
    return Task(**values)


def read_task(reader: Reader, task_id: int) -> Task:
    """Raises NoSuchTask."""
    row = reader.execute(_TASK, {"id": task_id}).fetchone()
    if row is None:
        raise NoSuchTask(task_id)
    return task_of(row)


def with_large_result(reader: Reader, task: Task) -> Task:
    """The task with its whole result, which its row does not hold where it is large."""
    if task.result_bytes is None or task.result is not None:
        return task
    row = reader.execute(SQL["large_result"], {"id": task.id}).fetchone()
    return replace(task, result=row[0])


def rounds_of(rows: Iterable[Sequence[Any]]) -> list[KeptRound]:
    return [KeptRound(**dict(zip(KeptRound.__struct_fields__, row, strict=True))) for row in rows]


def transition_of(row: Sequence[Any]) -> Transition:
    task, before, after, at, revision = row
    return Transition(task, Status(before) if before else None, Status(after), at, revision)
