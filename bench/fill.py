"""Fills a data directory with ended tasks, as the service would have left them: `python -m bench.fill DIRECTORY COUNT`.

The real life cycle produces the rows from generated tasks. Only the way they are written into the file is shorter;
`tests/conformance/test_fill.py` compares the result with that of the service.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from bench.tales import Tale, tales
from jobs.clock import DAY_MS, wall_clock
from jobs.model.lifecycle import Change
from jobs.model.search_words import split_words
from jobs.model.task import RoundRecord, Status, Task
from storage.sqlite.opening import connect, prepare_database
from storage.sqlite.statements import SQL
from storage.sqlite.stored_rounds import stored_bytes

BATCH = 10_000
CHANGES_DAYS = 30
"""Transitions that are older have been forgotten, as `[retention] changes_days` says by default."""
QUIET_MS = 3 * 3_600_000
"""Nothing happened in the last hours, of which the service keeps what happened in each minute."""

_COLUMNS = (*Task.__struct_fields__, "rounds_bytes")
_INSERT_TASK = f"INSERT INTO tasks ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fill", description="Fills a database with ended tasks.")
    parser.add_argument("directory", type=Path, help="the data directory; its database must hold no tasks")
    parser.add_argument("count", type=_whole, help="how many tasks")
    parser.add_argument("--seed", type=int, default=1, help="another number makes other tasks (default: 1)")
    given = parser.parse_args(argv)
    began = time.perf_counter()
    try:
        fill(given.directory, given.count, given.seed)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{given.count:,} tasks in {time.perf_counter() - began:.0f} s")
    return 0


def _whole(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def fill(directory: Path, count: int, seed: int = 1, now: int | None = None) -> None:
    """Fills the database in `directory` with `count` ended tasks of the last 90 days before `now` (milliseconds).

    Raises ValueError where it holds tasks already.
    """
    now = wall_clock() if now is None else now
    path = directory / "hourglass.db"
    prepare_database(path)
    with closing(connect(path)) as connection:
        _expect_no_tasks(connection, directory)
        with _in_haste(connection):
            _Filler(connection, forgotten_before=now - CHANGES_DAYS * DAY_MS).fill(tales(count, seed, now - QUIET_MS))


def _expect_no_tasks(connection: sqlite3.Connection, directory: Path) -> None:
    revision = connection.execute("SELECT revision FROM head").fetchone()[0]
    if revision:
        raise ValueError(f"expected a directory without tasks, got {directory}, where {revision:,} changes were made")


@contextmanager
def _in_haste(connection: sqlite3.Connection) -> Iterator[None]:
    """Writes without a journal and without waiting for the disk, and builds each index once over all rows; restores all
    that afterwards."""
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = OFF")
    indexes = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL").fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("PRAGMA journal_mode = WAL")


class _Filler:
    """Writes tales in large transactions."""

    def __init__(self, connection: sqlite3.Connection, forgotten_before: int) -> None:
        self._connection = connection
        self._forgotten_before = forgotten_before
        self._last_id = 0
        self._revision = 0
        self._oldest = 0
        self._counts: Counter[Status] = Counter()
        self._clear()

    def fill(self, told: Iterator[Tale]) -> None:
        while batch := list(islice(told, BATCH)):
            for tale in batch:
                self._play(tale)
            self._write()

    def _clear(self) -> None:
        self._tasks: list[dict[str, Any]] = []
        self._words: list[dict[str, Any]] = []
        self._rounds: list[dict[str, Any]] = []
        self._transitions: list[dict[str, Any]] = []

    def _play(self, tale: Tale) -> None:
        """Returns what the store makes of a draft and the updates after it."""
        self._last_id += 1
        draft = tale.draft
        task = draft.as_task(self._last_id, self._next_revision())
        self._note_transition(None, task)
        rounds_bytes = 0
        for step in tale.steps:
            change = step(task)
            assert isinstance(change, Change)
            rounds_bytes += stored_bytes(change.rounds)
            task = self._apply(task, change)
        self._tasks.append({**_row(task), "rounds_bytes": rounds_bytes})
        self._words.append({"id": task.id, "words": split_words(task.description)})
        self._counts[task.status] += 1

    def _apply(self, before: Task, change: Change) -> Task:
        task = replace(change.task, revision=self._next_revision())
        if task.status is not before.status:
            self._note_transition(before.status, task)
        self._rounds += [_round_row(task, done) for done in change.rounds]
        return task

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _note_transition(self, before: Status | None, task: Task) -> None:
        if task.last_modified < self._forgotten_before:
            self._oldest = task.revision
            return
        row = {"revision": task.revision, "task": task.id, "before": before, "after": task.status}
        self._transitions.append({**row, "at": task.last_modified})

    def _write(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for statement, rows in (
            (_INSERT_TASK, self._tasks),
            (SQL["insert_words"], self._words),
            (SQL["set_round"], self._rounds),
            (SQL["insert_transition"], self._transitions),
        ):
            self._connection.executemany(statement, rows)
        self._write_head()
        self._connection.execute("COMMIT")
        self._clear()

    def _write_head(self) -> None:
        cursor = self._connection.execute("SELECT * FROM head")
        kept = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
        kept |= {status.lower().replace(" ", "_"): count for status, count in self._counts.items()}
        self._connection.execute(SQL["set_head"], {**kept, "revision": self._revision})
        self._connection.execute(SQL["set_oldest"], {"oldest": self._oldest})


def _row(task: Task) -> dict[str, Any]:
    """Returns the row of a task. Made-up tasks hold no locks, which the table stores as NULL."""
    return {field: None if value == () else value for field, value in asdict(task).items()}


def _round_row(task: Task, done: RoundRecord) -> dict[str, Any]:
    return {**asdict(done), "id": task.id, "revision": task.revision}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
