"""The mark in a database, by which it can be distinguished from its copies.

Each start begins a new run, each commit takes a step, and the mark in the write-ahead log says at which step the log
begins. The main file has the step of its last checkpoint, which is that one.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from msgspec.structs import replace

from storage.sqlite.beside import Beside, boot_id, read_beside, write_beside
from storage.sqlite.statements import SQL

log = logging.getLogger("hourglass.storage")

SHORT_BUSY_TIMEOUT_MS = 50


class Mark(NamedTuple):
    """Which run of a server wrote to the database, how many commits it made, and with which one the log began."""

    run: str
    step: int
    base: int


def read_file(path: Path) -> tuple[Mark | None, int]:
    """Returns the mark in the main file alone, and the number of its schema, which each VACUUM changes. Reads through
    SQLite, so that this process keeps its locks on the file. Raises DatabaseError."""
    with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?immutable=1", uri=True)) as connection:
        return mark_of(connection), schema_of(connection)


def schema_of(connection: sqlite3.Connection) -> int:
    """Returns the number of the schema that a connection sees."""
    number: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return number


def mark_of(connection: sqlite3.Connection) -> Mark | None:
    """Returns the mark that a connection sees; None if no server has opened the database since marks were
    introduced."""
    try:
        row = connection.execute(SQL["mark"]).fetchone()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):  # a table or a column
            return None
        raise
    return None if row is None or row[0] is None else Mark(*row)


# When it is open


def take_over(connection: sqlite3.Connection, path: Path, is_copy: bool) -> bool:
    """Gives the database, to which nobody else writes, the mark of a new run. A copy also gets a new name.

    Whenever this is interrupted, the next start finds what this one found, or that it was done. Returns whether the
    main file has the new mark: a reader may delay that until a later `confirm`.
    """
    seen = mark_of(connection)
    run = secrets.token_hex(8)
    beside = Beside(
        run=seen.run if seen else None,
        step=seen.step if seen else None,
        base=seen.base if seen else None,
        next_run=run,
        was_copy=is_copy,
        inode=path.stat().st_ino,
        boot=boot_id(),
    )
    write_beside(path.parent, beside)
    checkpoint(connection)
    connection.execute("BEGIN IMMEDIATE")
    if is_copy:
        _rename(connection)
    connection.execute(SQL["begin_run"], {"run": run})
    connection.execute("COMMIT")
    return confirm(connection, path)


def _rename(connection: sqlite3.Connection) -> None:
    """Renames the store, so that clients that knew the original load again, and skips ids that the original may have
    used."""
    for statement in ("rename_store", "begin_ids", "skip_ids"):
        connection.execute(SQL[statement])
    (store,) = connection.execute(SQL["store_name"]).fetchone()
    log.warning(
        "The database is a copy or a restored backup: it is now named %s, so that clients reload, and the ids of "
        "its next tasks are higher by a million.",
        store,
    )


def confirm(connection: sqlite3.Connection, path: Path) -> bool:
    """Writes the mark to the main file, restarts the log with the next one, and notes that beside it; returns whether
    that was possible."""
    if not checkpoint(connection):
        return False
    connection.execute("BEGIN IMMEDIATE")
    take_step(connection, is_checkpointed=True)
    connection.execute("COMMIT")
    beside = read_beside(path.parent)
    mark = mark_of(connection)
    if mark is not None and beside is not None and beside.next_run == mark.run:
        write_beside(path.parent, replace(beside, run=mark.run, step=None, base=None, next_run=None, was_copy=False))
    return True


def take_step(connection: sqlite3.Connection, is_checkpointed: bool) -> None:
    """Call in each transaction that writes. `is_checkpointed`: whether everything before is in the main file."""
    connection.execute(SQL["next_step"], {"is_checkpointed": is_checkpointed})


def settle(connection: sqlite3.Connection, path: Path) -> None:
    """Call before the last connection closes, which merges everything into the main file: notes its progress beside it.
    If a reader delays the checkpoint, the log stays, and the next start goes by that."""
    beside, mark = read_beside(path.parent), mark_of(connection)
    if beside is None or mark is None or mark.run not in (beside.run, beside.next_run) or not checkpoint(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        take_step(connection, is_checkpointed=True)
        settled = replace(beside, run=mark.run, step=mark.step + 1, base=mark.step, next_run=None, was_copy=False)
        write_beside(path.parent, settled)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Merges the log into the main file and empties it. Returns False if a reader prevented part of that."""
    (usual_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {SHORT_BUSY_TIMEOUT_MS}")
    try:
        (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual_ms}")
    return not is_busy
