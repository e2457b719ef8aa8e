"""Renews the search words of tasks that an earlier version split differently: each call is one short transaction.

Tasks up to `renewal.up_to` are found by their former words, in a table of their own, all others by the words of this
version. When all are renewed, the table of former words is emptied and dropped.
"""

from __future__ import annotations

import json

from jobs.model.search_words import split_words
from storage.sqlite.rows import Reader
from storage.sqlite.statements import SQL
from storage.sqlite.transactions import Transaction


def former_words_up_to(reader: Reader) -> int:
    """Returns the last task that is found by its former words, 0 if there is none."""
    row = reader.execute(SQL["renewal"]).fetchone()
    return row[0] if row else 0


def renew_words(limit: int, transaction: Transaction) -> int:
    """Implements SearchableStore.renew_words."""
    row = transaction.execute(SQL["renewal"]).fetchone()
    if row is None:
        return 0
    return _renew(row[0], limit, transaction) if row[0] else _forget_former_words(limit, transaction)


def _renew(up_to: int, limit: int, transaction: Transaction) -> int:
    tasks = transaction.execute(SQL["descriptions_down_from"], {"up_to": up_to, "limit": limit}).fetchall()
    rows = [[task_id, split_words(description)] for task_id, description in reversed(tasks)]
    transaction.execute(SQL["insert_renewed_words"], {"rows": json.dumps(rows, ensure_ascii=False)})
    rest = tasks[-1][0] - 1 if len(tasks) == limit else 0
    transaction.execute(SQL["set_renewal"], {"up_to": rest})
    return max(1, len(tasks))


def _forget_former_words(limit: int, transaction: Transaction) -> int:
    """Empties the table before it is dropped: dropping it full would delay every other write for seconds."""
    removed = transaction.execute(SQL["forget_former_words"], {"limit": limit}).rowcount
    if not removed:
        transaction.execute(SQL["drop_former_words"])
        transaction.execute(SQL["delete_renewal"])
    return max(1, removed)
