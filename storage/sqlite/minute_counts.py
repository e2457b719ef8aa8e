"""Counts what happens in each minute, in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import asdict, replace

from jobs.clock import MINUTE_MS
from jobs.model.task import Status, Task
from jobs.store import Minute
from storage.sqlite.rows import Reader
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Transaction


def count_created(transaction: Transaction, at: int) -> None:
    """Counts a task that was created at this time."""
    _add(transaction, at, created=1)


def count_step(transaction: Transaction, before: Task, task: Task) -> None:
    """Counts the start or the end of a task."""
    if before.started is None and task.started is not None:
        waited = max(0, task.started - task.could_start)
        _add(transaction, task.started, started=1, waiting_ms=waited)
    if task.ended is not None and before.ended is None:
        _count_end(transaction, task, task.ended)


def _count_end(transaction: Transaction, task: Task, ended: int) -> None:
    finished = task.status is Status.FINISHED
    ran, running_ms = (0, 0) if task.started is None else (1, max(0, ended - task.started))
    _add(transaction, ended, finished=int(finished), failed=int(not finished), ran=ran, running_ms=running_ms)


def _add(transaction: Transaction, at: int, **numbers: int) -> None:
    minutes: Mapping[int, Minute] = transaction.state.get("minutes", {})
    number = at // MINUTE_MS
    minute = minutes.get(number) or Minute(minute=number)
    sums = {name: getattr(minute, name) + value for name, value in numbers.items()}
    transaction.state["minutes"] = {**minutes, number: replace(minute, **sums)}


def write_minutes(transaction: Transaction) -> None:
    """Adds what the operations of this transaction have counted to the stored counts."""
    for minute in transaction.state.get("minutes", {}).values():
        transaction.execute(SQL["add_to_minute"], asdict(minute))


def read_minutes(first: int, reader: Reader) -> list[Minute]:
    """Returns the counts from minute `first` on."""
    rows = reader.execute(SQL["minutes"], {"first": first})
    return [Minute(**dict(zip(Minute.__struct_fields__, row, strict=True))) for row in rows]
