"""Turns rows into what they mean: the reads that writes and lists share. A `Reader` is a connection or a
transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import NoSuchTask
from jobs.model.answer_size import LARGEST_INLINE_BYTES, NO_METADATA
from jobs.model.task import Head, Status, StoredRound, Task, Transition
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Transaction

Reader = sqlite3.Connection | Transaction

FIELDS = Task.__struct_fields__
_PARAMS_BYTES = "coalesce(tasks.params_bytes, length(CAST(tasks.params AS BLOB)))"
_WHOLE = {"params_bytes": _PARAMS_BYTES}
_INLINE = {
    **_WHOLE,
    "params": f"CASE WHEN {_PARAMS_BYTES} <= {LARGEST_INLINE_BYTES} THEN tasks.params ELSE '' END",
    "metadata": f"CASE WHEN length(tasks.metadata) <= {LARGEST_INLINE_BYTES} THEN tasks.metadata "
    f"ELSE '{NO_METADATA}' END",
}


def _columns(special: dict[str, str]) -> str:
    return ", ".join(special.get(field, f"tasks.{field}") for field in FIELDS)


COLUMNS: Final = _columns(_WHOLE)
"""Of one task; large fields may be in tables of their own, see `whole`."""
LIST_COLUMNS: Final = _columns(_INLINE)
"""Of tasks in lists and frames: large fields are not read."""
_STATUSES = {status.value: status for status in Status}
_BOOLEANS = ("stopping", "forced", "stalled", "pinned")
COUNTERS = {status: status.lower().replace(" ", "_") for status in Status}
"""The column of each status in `head`, which counts its tasks."""


def with_columns(name: str, **fragments: str) -> str:
    """Returns the statement of that name, which selects whole tasks."""
    return SQL[name].format(columns=COLUMNS, **fragments)


def with_list_columns(name: str, **fragments: str) -> str:
    """Returns the statement of that name, which selects tasks for a list or a frame."""
    return SQL[name].format(columns=LIST_COLUMNS, **fragments)


_TASK = with_columns("task")
_TASKS_BY_ID = with_list_columns("tasks_by_id")


class HeadRow(Struct, frozen=True):
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


def read_head(reader: Reader) -> HeadRow:
    return HeadRow(*reader.execute(SQL["head"]).fetchone())


def tasks_of(rows: Iterable[Sequence[Any]]) -> Iterator[Task]:
    """Yields one after another, as the rows are read."""
    return map(task_of, rows)


def task_of(row: Sequence[Any]) -> Task:
    values = dict(zip(FIELDS, row, strict=True))
    values["status"] = _STATUSES[values["status"]]
    values["locks"] = tuple(msgspec.json.decode(values["locks"])) if values["locks"] else ()
    values["needs"] = tuple(msgspec.json.decode(values["needs"])) if values["needs"] else ()
    for field in _BOOLEANS:
        values[field] = values[field] == 1
    return Task(**values)


def read_task(reader: Reader, task_id: int) -> Task:
    """Raises NoSuchTask."""
    row = reader.execute(_TASK, {"id": task_id}).fetchone()
    if row is None:
        raise NoSuchTask(task_id)
    return task_of(row)


def whole(reader: Reader, task: Task) -> Task:
    """Returns the task with the parameters and the result that its row does not hold because they are large."""
    if not task.params:
        task = replace(task, params=reader.execute(SQL["large_params"], {"id": task.id}).fetchone()[0])
    if task.result_bytes is not None and task.result is None:
        task = replace(task, result=reader.execute(SQL["large_result"], {"id": task.id}).fetchone()[0])
    return task


def read_tasks(reader: Reader, task_ids: Sequence[int]) -> Iterator[Task]:
    """Yields those of these tasks that exist, in this order, without large fields."""
    return tasks_of(reader.execute(_TASKS_BY_ID, {"ids": msgspec.json.encode(task_ids).decode()}))


def rounds_of(rows: Iterable[Sequence[Any]]) -> Iterator[StoredRound]:
    """Yields one after another, as the rows are read."""
    return (StoredRound(**dict(zip(StoredRound.__struct_fields__, row, strict=True))) for row in rows)


def transition_of(row: Sequence[Any]) -> Transition:
    task, before, after, at, revision = row
    return Transition(task, Status(before) if before else None, Status(after), at, revision)
