"""Retains the newest rounds of a task, as many and as large as `[retention]` allows, at least one.

`tasks.rounds_bytes` is the size of the retained rounds, so that a new one need not read the others. Older rounds beyond
the bounds, and those of deleted tasks, are leftovers: they no longer count, and are removed a few at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from jobs.model.task import RoundRecord, Task, utf8_bytes
from jobs.store import RoundBounds
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Transaction

MOST_ROUNDS_AT_ONCE = 1000
MOST_BYTES_AT_ONCE = 16 * 1024 * 1024
"""Of rounds that are removed in one transaction: other writes wait for it."""
OVERHEAD_BYTES = 100
"""Of a round besides its texts; queries.sql has the same."""


def stored_bytes(rounds: Iterable[RoundRecord]) -> int:
    """Returns the size of rounds, with their messages and outputs."""
    return sum(OVERHEAD_BYTES + utf8_bytes(done.message) + utf8_bytes(done.output or "") for done in rounds)


def bytes_added(transaction: Transaction, task: Task, rounds: Sequence[RoundRecord]) -> int:
    """Returns by how much these rounds enlarge the task. Only after an interruption they may replace others."""
    if not rounds:
        return 0
    replaced = 0
    if task.interruptions:
        values = {"id": task.id, "numbers": json.dumps([done.number for done in rounds])}
        replaced = transaction.execute(SQL["bytes_of_rounds"], values).fetchone()[0]
    return stored_bytes(rounds) - replaced


def keep_newest(
    transaction: Transaction, task: Task, added: Sequence[RoundRecord], stored: int | None, bounds: RoundBounds
) -> None:
    """Removes the oldest rounds beyond the bounds, when some were `added`. If there are very many, some stay until
    later.

    `stored` is `rounds_bytes` of the task.
    """
    if bounds.most_bytes and stored is None:
        stored = _count(transaction, task.id, bounds.most_bytes)
    too_old = task.round - bounds.most if bounds.most else 0
    too_large = (stored or 0) - bounds.most_bytes if bounds.most_bytes else 0
    if too_old <= 0 and too_large <= 0:
        return
    most = len(added) + MOST_ROUNDS_AT_ONCE
    most_bytes = stored_bytes(added) + MOST_BYTES_AT_ONCE
    last, freed = 0, 0
    for number, size in transaction.execute(SQL["oldest_rounds"], {"id": task.id, "before": task.round}):
        if (number > too_old and freed >= too_large) or most == 0 or freed >= most_bytes:
            break
        last, freed, most = number, freed + size, most - 1
    if last:
        transaction.execute(SQL["delete_rounds"], {"id": task.id, "up_to": last})
        transaction.execute(SQL["subtract_rounds_bytes"], {"id": task.id, "bytes": freed})


def _count(transaction: Transaction, task_id: int, most_bytes: int) -> int:
    """Counts the newest rounds up to the bound; those before them become leftovers."""
    total = 0
    for number, size in transaction.execute(SQL["newest_rounds"], {"id": task_id, "before": 2**53 + 1}):
        if total and total + size > most_bytes:
            transaction.execute(SQL["set_leftover"], {"task": task_id, "up_to": number})
            break
        total += size
    transaction.execute(SQL["set_rounds_bytes"], {"id": task_id, "bytes": total})
    return total


def forget_rounds(transaction: Transaction, task_id: int, up_to: int, limit: int) -> tuple[int, bool]:
    """Removes at most `limit` leftover rounds, from the oldest up to number `up_to`, and not too many bytes; returns
    how many, and whether none is left."""
    count, size, last = 0, 0, 0
    rows = transaction.execute(SQL["rounds_left_over"], {"id": task_id, "up_to": up_to, "limit": limit + 1})
    for number, bytes_of_round in rows:
        if count == limit or size >= MOST_BYTES_AT_ONCE:
            break
        count, size, last = count + 1, size + bytes_of_round, number
    else:
        transaction.execute(SQL["delete_rounds_left_over"], {"id": task_id, "up_to": up_to})
        return count, True
    transaction.execute(SQL["delete_rounds_left_over"], {"id": task_id, "up_to": last})
    return count, False
