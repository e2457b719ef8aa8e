"""Tasks in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from jobs.errors import NoSuchTask
from jobs.lifecycle import Change, Removed, Step
from jobs.model import (
    Changes,
    Checkpoint,
    Head,
    KeptRound,
    RoundRecord,
    Status,
    Task,
    Transition,
    Watch,
)
from storage import LARGEST_INLINE_RESULT_BYTES, Created, Draft, ListQuery, TaskPage
from storage.database import Database, Transaction
from storage.statements import SQL
from storage.words import match_expression, words

_FIELDS = Task.__struct_fields__
_COLUMNS = ", ".join(f"tasks.{field}" for field in _FIELDS)
_BOOLEANS = ("stopping", "forced", "stalled", "pinned")
COUNT_LIMIT = 10_000
LARGEST_FRAME_CHARACTERS = 2 * 1024 * 1024


def _with_columns(name: str, **fragments: str) -> str:
    return SQL[name].format(columns=_COLUMNS, **fragments)


_TASK = _with_columns("task")
_PENDING_WITH_KEY = _with_columns("pending_with_key")
_UNFINISHED = _with_columns("unfinished").replace("ORDER BY id", "ORDER BY 1")
_TASKS_BETWEEN = _with_columns("tasks_between").replace("ORDER BY revision", f"ORDER BY {len(_FIELDS)}")


class _Kept(Struct, frozen=True):
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
            counts={status: getattr(self, field) for status, field in _COUNTERS.items()},
            pending_percent=self.pending_percents // pending if pending else 0,
        )


_COUNTERS = {status: status.lower().replace(" ", "_") for status in Status}


class SqliteStore:
    """The TaskStore on a Database, with lists besides. See storage/__init__.py for what each method promises."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.on_commit: Callable[[int], None] = lambda revision: None
        database.before_commit = _write_head
        database.after_commit = self._publish

    async def create(self, drafts: Sequence[Draft]) -> list[Created]:
        return await self._database.write(partial(_create, drafts))

    async def change(self, task_id: int, *steps: Step) -> Task | None:
        return await self._database.write(partial(_change, task_id, steps))

    async def task(self, task_id: int) -> Task:
        return await self._database.read(lambda connection: _with_large_result(connection, _task(connection, task_id)))

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        row = await self._database.read(lambda reader: reader.execute(SQL["checkpoint"], {"id": task_id}).fetchone())
        return Checkpoint(*row) if row else None

    async def unfinished(self) -> list[Task]:
        return await self._database.read(lambda reader: _tasks(reader.execute(_UNFINISHED)))

    async def rounds(self, task_id: int, after: int, limit: int = 1000) -> list[KeptRound]:
        def read(connection: sqlite3.Connection) -> list[KeptRound]:
            _task(connection, task_id)
            rows = connection.execute(SQL["rounds"], {"id": task_id, "after": after, "limit": limit})
            return _rounds(rows)

        return await self._database.read(read)

    async def watched_rounds(self, watch: Watch, up_to: int, limit: int = 1000) -> list[KeptRound]:
        values = {**asdict(watch), "up_to": up_to, "limit": limit}
        return await self._database.read(lambda reader: _rounds(reader.execute(SQL["watched_rounds"], values)))

    async def changes(self, since: int, limit: int = 1000) -> Changes | None:
        return await self._database.read(partial(_changes, since, limit))

    async def head(self) -> Head:
        return await self._database.read(lambda reader: _kept(reader).head())

    async def forget_changes(self, before: int) -> int:
        return await self._database.write(partial(_forget_changes, before))

    async def list_tasks(self, query: ListQuery) -> TaskPage:
        return await self._database.read_list(partial(_list_tasks, query))

    def _publish(self, transaction: Transaction) -> None:
        kept = transaction.state.get("kept")
        if kept is not None:
            self.on_commit(kept.revision)


# Inside a write: one transaction, on the writer's thread.


def _kept_in(transaction: Transaction) -> _Kept:
    kept = transaction.state.get("kept")
    if kept is None:
        kept = transaction.state["kept"] = _kept(transaction)
    return kept


def _write_head(transaction: Transaction) -> None:
    if "kept" in transaction.state:
        transaction.execute(SQL["set_head"], asdict(transaction.state["kept"]))


def _next_revision(transaction: Transaction) -> int:
    kept = _kept_in(transaction)
    transaction.state["kept"] = replace(kept, revision=kept.revision + 1)
    return kept.revision + 1


def _count(transaction: Transaction, task: Task, sign: int) -> None:
    """Adds a task to the kept counts, or takes it out of them."""
    kept = _kept_in(transaction)
    counter = _COUNTERS[task.status]
    percent = task.percent * sign if task.is_pending else 0
    transaction.state["kept"] = replace(
        kept, pending_percents=kept.pending_percents + percent, **{counter: getattr(kept, counter) + sign}
    )


def _create(drafts: Sequence[Draft], transaction: Transaction) -> list[Created]:
    return [_create_one(draft, transaction) for draft in drafts]


def _create_one(draft: Draft, transaction: Transaction) -> Created:
    values = asdict(draft)
    if draft.unique_key is not None:
        equal = _tasks(transaction.execute(_PENDING_WITH_KEY, values))
        if equal:
            return Created(equal[0], is_new=False)
    revision = _next_revision(transaction)
    row = {**values, "locks": _locks_text(draft.locks), "revision": revision}
    task_id = transaction.execute(SQL["insert_task"], row).lastrowid
    assert task_id is not None
    transaction.execute(SQL["insert_words"], {"id": task_id, "words": " ".join(words(draft.description))})
    task = Task(id=task_id, last_modified=draft.created, revision=revision, **values)
    _insert_transition(transaction, None, task)
    _count(transaction, task, +1)
    return Created(task, is_new=True)


def _locks_text(locks: Sequence[str]) -> str | None:
    return msgspec.json.encode(locks).decode() if locks else None


def _change(task_id: int, steps: Sequence[Step], transaction: Transaction) -> Task | None:
    before = task = _task(transaction, task_id)
    for step in steps:
        outcome = step(task)
        if isinstance(outcome, Removed):
            _remove(transaction, task, outcome.at)
            return None
        if outcome is not None:
            task = _apply(transaction, task, outcome)
    if task is before:
        return _with_large_result(transaction, task)
    _update(transaction, before, task)
    return task


def _apply(transaction: Transaction, before: Task, change: Change) -> Task:
    """Everything of one change but the row itself, which is written once after the last."""
    task = replace(change.task, revision=_next_revision(transaction))
    if task.status is not before.status:
        _insert_transition(transaction, before.status, task)
    for done in change.rounds:
        _set_round(transaction, task, done)
    if change.checkpoint is not None:
        _set_checkpoint(transaction, task.id, change.checkpoint)
    return task


def _update(transaction: Transaction, before: Task, task: Task) -> None:
    values = asdict(task)
    if task.result is not None and (task.result_bytes or 0) > LARGEST_INLINE_RESULT_BYTES:
        transaction.execute(SQL["set_large_result"], {"id": task.id, "result": task.result})
        values["result"] = None
    values |= {"expected_status": before.status, "expected_revision": before.revision}
    changed = transaction.execute(SQL["update_task"], values).rowcount
    assert changed == 1, f"task {task.id} was changed by somebody else than the writer"
    if task.is_final:
        transaction.execute(SQL["delete_checkpoint"], {"id": task.id})
    _count(transaction, before, -1)
    _count(transaction, task, +1)


def _remove(transaction: Transaction, task: Task, at: int) -> None:
    transaction.execute(SQL["insert_deletion"], {"revision": _next_revision(transaction), "task": task.id, "at": at})
    transaction.execute(SQL["delete_words"], {"id": task.id, "words": " ".join(words(task.description))})
    for statement in ("delete_task", "delete_rounds", "delete_large_result", "delete_checkpoint"):
        transaction.execute(SQL[statement], {"id": task.id})
    _count(transaction, task, -1)


def _insert_transition(transaction: Transaction, before: Status | None, task: Task) -> None:
    values = {"task": task.id, "before": before, "after": task.status, "at": task.last_modified}
    transaction.execute(SQL["insert_transition"], {**values, "revision": task.revision})


def _set_round(transaction: Transaction, task: Task, done: RoundRecord) -> None:
    percent = task.percent if done.percent is None else done.percent
    values = {**asdict(done), "id": task.id, "percent": percent, "revision": task.revision}
    transaction.execute(SQL["set_round"], values)


def _set_checkpoint(transaction: Transaction, task_id: int, checkpoint: Checkpoint) -> None:
    transaction.execute(SQL["set_checkpoint"], {"id": task_id, **asdict(checkpoint)})


def _forget_changes(before: int, transaction: Transaction) -> int:
    up_to = transaction.execute(SQL["last_forgettable"], {"before": before}).fetchone()[0]
    if up_to is None:
        return 0
    forgotten = sum(
        transaction.execute(SQL[statement], {"up_to": up_to}).rowcount
        for statement in ("forget_transitions", "forget_deletions")
    )
    transaction.execute(SQL["set_oldest"], {"oldest": up_to})
    return forgotten


# Reads: one snapshot. `Reader` is a connection, or the transaction of a write.

Reader = sqlite3.Connection | Transaction


def _kept(reader: Reader) -> _Kept:
    return _Kept(*reader.execute(SQL["head"]).fetchone())


def _tasks(rows: sqlite3.Cursor) -> list[Task]:
    return [_task_of(row) for row in rows]


def _task_of(row: Sequence[Any]) -> Task:
    values = dict(zip(_FIELDS, row, strict=True))
    values["status"] = Status(values["status"])
    values["locks"] = tuple(msgspec.json.decode(values["locks"])) if values["locks"] else ()
    for field in _BOOLEANS:
        values[field] = values[field] == 1
    return Task(**values)


def _task(reader: Reader, task_id: int) -> Task:
    row = reader.execute(_TASK, {"id": task_id}).fetchone()
    if row is None:
        raise NoSuchTask(task_id)
    return _task_of(row)


def _with_large_result(reader: Reader, task: Task) -> Task:
    if task.result_bytes is None or task.result is not None:
        return task
    row = reader.execute(SQL["large_result"], {"id": task.id}).fetchone()
    return replace(task, result=row[0])


def _rounds(rows: sqlite3.Cursor) -> list[KeptRound]:
    return [KeptRound(**dict(zip(KeptRound.__struct_fields__, row, strict=True))) for row in rows]


def _changes(since: int, limit: int, reader: sqlite3.Connection) -> Changes | None:
    head = _kept(reader).head()
    if not head.oldest <= since <= head.revision:
        return None
    up_to = min(since + limit, head.revision)
    tasks, up_to = _tasks_between(since, up_to, reader)
    between = {"since": since, "up_to": up_to}
    return Changes(
        since=since,
        head=head,
        revision=up_to,
        transitions=[_transition_of(row) for row in reader.execute(SQL["transitions_between"], between)],
        tasks=tasks,
        deleted=[row[0] for row in reader.execute(SQL["deletions_between"], between)],
    )


def _tasks_between(since: int, up_to: int, reader: sqlite3.Connection) -> tuple[list[Task], int]:
    """Tasks whose last change lies between, and how far they go: large ones fill a frame before its revisions do."""
    tasks, characters = [], 0
    rows = reader.execute(_TASKS_BETWEEN, {"since": since, "up_to": up_to})
    for row in rows:
        task = _task_of(row)
        tasks.append(task)
        characters += len(task.params) + len(task.metadata) + len(task.error or "") + len(task.result or "")
        if characters > LARGEST_FRAME_CHARACTERS:
            rows.close()
            return tasks, task.revision
    return tasks, up_to


def _transition_of(row: Sequence[Any]) -> Transition:
    task, before, after, at, revision = row
    return Transition(task, Status(before) if before else None, Status(after), at, revision)


def _list_tasks(query: ListQuery, reader: sqlite3.Connection) -> TaskPage:
    head = _kept(reader).head()
    match = match_expression(query.search) if query.search else None
    if query.search and match is None:
        return TaskPage(head=head, tasks=[], count=0, count_exact=True)
    fragments = {"source": SQL["source_search" if match else "source_all"], "conditions": _conditions(query, match)}
    values = {
        "statuses": msgspec.json.encode(query.statuses).decode(),
        "job": query.job,
        "search": match,
        "created_by": query.created_by,
        "limit": query.page_size,
        "offset": (query.page - 1) * query.page_size,
    }
    select = _with_columns("list_tasks", order=_order(query.ordering), **fragments)
    tasks = _tasks(reader.execute(select, values))
    count, exact = _count_of(query, head, fragments, values, reader)
    return TaskPage(head=head, tasks=tasks, count=count, count_exact=exact)


def _conditions(query: ListQuery, match: str | None) -> str:
    statuses = set(query.statuses)
    names = [
        ("condition_search", match is not None),
        ("condition_pending", bool(statuses) and all(not status.is_final for status in statuses)),
        ("condition_final", bool(statuses) and all(status.is_final for status in statuses)),
        ("condition_statuses", bool(statuses)),
        ("condition_job", query.job is not None),
        ("condition_created_by", query.created_by is not None),
    ]
    return " AND ".join(SQL[name] for name, applies in names if applies) or "TRUE"


def _order(ordering: str) -> str:
    direction = "DESC" if ordering.startswith("-") else "ASC"
    return SQL[f"order_{ordering.removeprefix('-')}"].format(direction=direction)


def _count_of(
    query: ListQuery, head: Head, fragments: dict[str, str], values: dict[str, Any], reader: sqlite3.Connection
) -> tuple[int, bool]:
    """By status alone from the kept counts; with more, counted up to a limit."""
    if query.search is None and query.job is None and query.created_by is None:
        return sum(head.counts[status] for status in set(query.statuses) or Status), True
    counted = SQL["count_tasks"].format(**fragments)
    count: int = reader.execute(counted, {**values, "limit": COUNT_LIMIT + 1}).fetchone()[0]
    return min(count, COUNT_LIMIT), count <= COUNT_LIMIT
