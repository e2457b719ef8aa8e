"""Writes to the tables of tasks, inside one transaction, on the writer's thread."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from jobs.errors import Conflict
from jobs.model.answer_size import LARGEST_INLINE_BYTES
from jobs.model.lifecycle import Change, Removed, TaskUpdate
from jobs.model.search_words import split_words
from jobs.model.task import RoundRecord, Status, Task, utf8_bytes
from jobs.store import KEYS_LAST_MS, Created, Draft, RequestKey, RoundBounds
from storage.sqlite.minute_counts import count_created, count_step
from storage.sqlite.rows import COUNTERS, HeadRow, Reader, read_head, read_task, task_of, tasks_of, with_columns
from storage.sqlite.statements import SQL
from storage.sqlite.stored_rounds import MOST_ROUNDS_AT_ONCE, bytes_added, forget_rounds, keep_newest
from storage.sqlite.transactions import Transaction

HIGHEST_ROUND = 2**53

_PENDING_WITH_KEY = with_columns("pending_with_key")
_TASK_WITH_REQUEST = with_columns("task_with_request")


def _head_in(transaction: Transaction) -> HeadRow:
    head = transaction.state.get("head")
    if head is None:
        head = transaction.state["head"] = read_head(transaction)
    return head


def write_head(transaction: Transaction) -> None:
    if "head" in transaction.state:
        transaction.execute(SQL["set_head"], asdict(transaction.state["head"]))


def _next_revision(transaction: Transaction, count: int = 1) -> int:
    """Takes the next `count` revisions; returns the first."""
    head = _head_in(transaction)
    transaction.state["head"] = replace(head, revision=head.revision + count)
    return head.revision + 1


def _count(transaction: Transaction, task: Task, sign: int) -> None:
    """Adds a task to the counts in `head`, or subtracts it."""
    head = _head_in(transaction)
    counter = COUNTERS[task.status]
    percent = task.percent * sign if task.is_pending else 0
    transaction.state["head"] = replace(
        head, pending_percents=head.pending_percents + percent, **{counter: getattr(head, counter) + sign}
    )


Creation = tuple[Sequence[Draft], RequestKey | None]


def create_all(creations: Sequence[Creation], transaction: Transaction) -> list[list[Created]]:
    """Implements TaskStore.create, for many calls at once. Consecutive plain drafts are inserted by few statements."""
    created: list[list[Created]] = []
    for is_plain, some in groupby(creations, key=_is_plain):
        if is_plain:
            created += _create_plain([drafts for drafts, _ in some], transaction)
        else:
            created += [_create_with(drafts, key, transaction) for drafts, key in some]
    return created


def _is_plain(creation: Creation) -> bool:
    """Returns whether they can be inserted together. SQLite's JSON ends a text at a zero character."""
    drafts, key = creation
    return key is None and all(draft.unique_key is None and "\0" not in draft.description for draft in drafts)


def _create_plain(calls: Sequence[Sequence[Draft]], transaction: Transaction) -> list[list[Created]]:
    drafts = [draft for call in calls for draft in call]
    created = iter([_create_one(drafts[0], transaction)] if len(drafts) == 1 else _create_many(drafts, transaction))
    return [[next(created) for _ in call] for call in calls]


def _create_many(drafts: Sequence[Draft], transaction: Transaction) -> list[Created]:
    """Inserts them by one statement for each table: each statement releases Python's lock and waits for it again."""
    if not drafts:
        return []
    first_revision = _next_revision(transaction, len(drafts))
    rows = [_row(draft) for draft in drafts]
    values = {"rows": _json([list(row.values()) for row in rows]), "revision": first_revision}
    last_id = transaction.execute(SQL["insert_tasks"], values).lastrowid
    assert last_id is not None
    first_id = last_id - len(drafts) + 1
    sought = [split_words(draft.description) for draft in drafts]
    transaction.execute(SQL["insert_all_words"], {"id": first_id, "words": _json(sought)})
    for place, draft in enumerate(drafts):
        _set_large_params(transaction, first_id + place, draft)
    times = _json([draft.created for draft in drafts])
    transaction.execute(SQL["insert_creations"], {"id": first_id, "revision": first_revision, "times": times})
    return [
        _created(draft, first_id + place, first_revision + place, transaction) for place, draft in enumerate(drafts)
    ]


def _create_with(drafts: Sequence[Draft], key: RequestKey | None, transaction: Transaction) -> list[Created]:
    known = created_with(key, transaction) if key is not None else None
    if known is not None:
        return [Created(known, is_new=False)]
    created = [_create_one(draft, transaction) for draft in drafts]
    if key is not None:
        transaction.execute(SQL["set_request_key"], {**asdict(key), "task": created[0].task.id})
    return created


def created_with(key: RequestKey, reader: Reader) -> Task | None:
    """Implements TaskStore.created_with."""
    row = reader.execute(_TASK_WITH_REQUEST, {**asdict(key), "since": key.at - KEYS_LAST_MS}).fetchone()
    if row is None:
        return None
    body_hash, task_id, *columns = row
    if body_hash != key.body_hash:
        raise Conflict(
            f"The Idempotency-Key {key.key} was already used with another body: use a new key for a new task."
        )
    if columns[0] is None:
        raise Conflict(f"The Idempotency-Key {key.key} belongs to task {task_id}, which has since been deleted.")
    return task_of(columns)


def _create_one(draft: Draft, transaction: Transaction) -> Created:
    if draft.unique_key is not None:
        equal = next(tasks_of(transaction.execute(_PENDING_WITH_KEY, {"unique_key": draft.unique_key})), None)
        if equal is not None:
            return Created(equal, is_new=False)
    revision = _next_revision(transaction)
    row = {**_row(draft), "locks": _texts(draft.locks), "needs": _texts(draft.needs), "revision": revision}
    task_id = transaction.execute(SQL["insert_task"], row).lastrowid
    assert task_id is not None
    _set_large_params(transaction, task_id, draft)
    transaction.execute(SQL["insert_words"], {"id": task_id, "words": split_words(draft.description)})
    created = _created(draft, task_id, revision, transaction)
    _insert_transition(transaction, None, created.task)
    return created


def _created(draft: Draft, task_id: int, revision: int, transaction: Transaction) -> Created:
    """Counts the task that a draft has become."""
    task = draft.as_task(task_id, revision)
    count_created(transaction, draft.created)
    _count(transaction, task, +1)
    return Created(task, is_new=True)


def _row(draft: Draft) -> dict[str, Any]:
    """Returns the values of a new row: its parameters unless they are large, and their size last."""
    size = utf8_bytes(draft.params)
    params = draft.params if size <= LARGEST_INLINE_BYTES else ""
    return {**asdict(draft), "params": params, "params_bytes": size}


def _set_large_params(transaction: Transaction, task_id: int, draft: Draft) -> None:
    if utf8_bytes(draft.params) > LARGEST_INLINE_BYTES:
        transaction.execute(SQL["set_large_params"], {"id": task_id, "params": draft.params})


def _texts(texts: Sequence[str]) -> str | None:
    return _json(texts) if texts else None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def change(task_id: int, steps: Sequence[TaskUpdate], bounds: RoundBounds, transaction: Transaction) -> Task | None:
    """Implements TaskStore.change. Removes the oldest rounds beyond the bounds."""
    before = task = read_task(transaction, task_id)
    rounds: list[RoundRecord] = []
    added = 0
    for step in steps:
        outcome = step(task)
        if isinstance(outcome, Removed):
            remove(transaction, before, outcome.at)  # as it is counted: what the steps changed is not written
            return None
        if outcome is not None:
            rounds += outcome.rounds
            added += bytes_added(transaction, task, outcome.rounds)
            task = _apply(transaction, task, outcome)
    if task is before:
        return task
    rounds_bytes = _update(transaction, before, task, added)
    if rounds:
        keep_newest(transaction, task, rounds, rounds_bytes, bounds)
    return task


def _apply(transaction: Transaction, before: Task, change: Change) -> Task:
    """Writes everything of one change but the row itself, which is written once after the last."""
    task = replace(change.task, revision=_next_revision(transaction))
    if task.status is not before.status:
        _insert_transition(transaction, before.status, task)
        count_step(transaction, before, task)
    for done in change.rounds:
        _set_round(transaction, task, done)
    if change.checkpoint is not None:
        transaction.execute(SQL["set_checkpoint"], {"id": task.id, **asdict(change.checkpoint)})
    return task


def _update(transaction: Transaction, before: Task, task: Task, rounds_bytes_added: int) -> int | None:
    """Writes the row; returns the size of the task's rounds, None if that is not known."""
    values = asdict(task)
    if task.result is not None and (task.result_bytes or 0) > LARGEST_INLINE_BYTES:
        transaction.execute(SQL["set_large_result"], {"id": task.id, "result": task.result})
        values["result"] = None
    values["new_locks"] = None if task.locks == before.locks else _texts(task.locks)
    values |= {"expected_status": before.status, "expected_revision": before.revision}
    has_no_rounds = before.round == 0 and before.interruptions == 0
    values |= {"rounds_bytes_before": 0 if has_no_rounds else None, "rounds_bytes_added": rounds_bytes_added}
    changed = transaction.execute(SQL["update_task"], values).fetchall()
    assert len(changed) == 1, f"task {task.id} was changed by somebody else than the writer"
    if task.is_final and task.checkpoint_round:
        transaction.execute(SQL["delete_checkpoint"], {"id": task.id})
    _count(transaction, before, -1)
    _count(transaction, task, +1)
    rounds_bytes: int | None = changed[0][0]
    return rounds_bytes


def remove(transaction: Transaction, task: Task, at: int) -> None:
    """Removes a task with all that belongs to it; of very many rounds most are removed later."""
    transaction.execute(SQL["insert_deletion"], {"revision": _next_revision(transaction), "task": task.id, "at": at})
    transaction.execute(SQL["delete_words"], {"id": task.id, "words": split_words(task.description)})
    for statement in ("delete_task", "delete_large_result", "delete_checkpoint"):
        transaction.execute(SQL[statement], {"id": task.id})
    if task.params_bytes > LARGEST_INLINE_BYTES:
        transaction.execute(SQL["delete_large_params"], {"id": task.id})
    _, all_gone = forget_rounds(transaction, task.id, HIGHEST_ROUND, MOST_ROUNDS_AT_ONCE)
    if not all_gone:
        transaction.execute(SQL["set_leftover"], {"task": task.id, "up_to": HIGHEST_ROUND})
    _count(transaction, task, -1)


def _insert_transition(transaction: Transaction, before: Status | None, task: Task) -> None:
    values = {"task": task.id, "before": before, "after": task.status, "at": task.last_modified}
    transaction.execute(SQL["insert_transition"], {**values, "revision": task.revision})


def _set_round(transaction: Transaction, task: Task, done: RoundRecord) -> None:
    percent = task.percent if done.percent is None else done.percent
    values = {**asdict(done), "id": task.id, "percent": percent, "revision": task.revision}
    transaction.execute(SQL["set_round"], values)
