"""Opens the SQLite file, for the server and for commands: creates it, migrates it, and connects to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite

from jobs.errors import StartError
from jobs.model.search_words import has_words, split_words
from storage.locks import command_lock
from storage.sqlite.database import Database, run_in_thread
from storage.sqlite.errors import is_damaged
from storage.sqlite.files import OpenFiles
from storage.sqlite.log_index import LogIndex, index_path
from storage.sqlite.mark import settle, take_over, take_step
from storage.sqlite.recognition import recognise

Result = TypeVar("Result")

BUSY_TIMEOUT_MS = 2000
COMMAND_BUSY_TIMEOUT_MS = 10_000
DATABASE_NAME = "hourglass.db"
MIGRATIONS = Path(__file__).with_name("migrations")


async def open_database(data_dir: Path) -> Database:
    """Opens `hourglass.db` in the directory; creates and migrates it if needed.

    Raises StartError if the directory or the file cannot be used, or the file is of a newer version.
    """
    path = data_dir / DATABASE_NAME
    try:
        return await _open_all(path)
    except (OSError, sqlite3.Error) as error:
        raise start_error(path, error) from error


def start_error(path: Path, error: OSError | sqlite3.Error) -> StartError:
    """Returns why a database cannot be opened, and what to do."""
    if is_damaged(error):
        return StartError(f"[storage] data_dir: {path} is damaged, or not a database: restore a backup ({error})")
    return StartError(f"[storage] data_dir: expected a directory to write to, got {path.parent} ({error})")


async def _open_all(path: Path) -> Database:
    """Opens the writer first, since it closes last: the last connection merges the log and removes it."""
    async with AsyncExitStack() as stack:
        found = recognise(path)
        _make_file(path)
        writer = await _open(path, False, stack)
        await run_in_thread(writer, _migrate)
        await run_in_thread(writer, partial(take_over, path=path, is_copy=found == "copy"))
        reader, lists, searches = [await _open(path, True, stack) for _ in range(3)]
        files = OpenFiles(path)
        stack.pop_all()
    return Database(writer, reader, lists, searches, files)


async def _open(path: Path, query_only: bool, stack: AsyncExitStack) -> aiosqlite.Connection:
    connection = await stack.enter_async_context(aiosqlite.connect(path, isolation_level=None, cached_statements=256))
    await run_in_thread(connection, partial(_set_pragmas, query_only=query_only))
    return connection


def _set_pragmas(connection: sqlite3.Connection, query_only: bool = False) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA query_only = {int(query_only)}")
    connection.create_function("has_words", 2, has_words, deterministic=True)
    connection.create_function("split_words", 1, split_words, deterministic=True)


def connect(path: Path) -> sqlite3.Connection:
    """Returns a plain connection with our settings, for what runs beside the server (`server.py user …`)."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _set_pragmas(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def write_beside_server(path: Path, operation: Callable[[sqlite3.Connection], Result]) -> Result:
    """Runs `operation` in a transaction of its own, for commands. If no server is running, none starts meanwhile, and
    the next one recognises the database as its own. Raises StartError, sqlite3.Error, OSError, and what the operation
    raises."""
    with command_lock(path.parent) as is_alone:
        found = recognise(path) if is_alone else None
        prepare_database(path)
        connection, index = connect(path), -1
        try:
            index = os.open(index_path(path), os.O_RDONLY | os.O_CLOEXEC)
            # A busy server leaves only short gaps between its transactions; a command can wait for one.
            connection.execute(f"PRAGMA busy_timeout = {COMMAND_BUSY_TIMEOUT_MS}")
            connection.execute("BEGIN IMMEDIATE")
            result = operation(connection)
            if connection.total_changes:
                take_step(connection, LogIndex.is_checkpointed_in(index))
            connection.execute("COMMIT")
            if found == "own":
                settle(connection, path)
        finally:
            connection.close()
            if index >= 0:
                os.close(index)  # after it: this releases the locks of SQLite on the file
    return result


def prepare_database(path: Path) -> None:
    """Creates the file, readable only by its owner, and migrates it to the present version."""
    _make_file(path)
    connection = connect(path)
    try:
        _migrate(connection)
    finally:
        connection.close()


def _make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


def _migrate(connection: sqlite3.Connection) -> None:
    steps = sorted(MIGRATIONS.glob("*.sql"))
    connection.execute("BEGIN IMMEDIATE")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        connection.execute("ROLLBACK")
        raise StartError(
            f"[storage] data_dir: expected a database of version {len(steps)} or older, "
            f"got one of version {version}: it was made by a newer Hourglass"
        )
    for step in steps[version:]:
        for statement in split_statements(step.read_text(encoding="utf-8")):
            connection.execute(statement)
    if steps[version:]:
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    connection.execute("COMMIT")


def split_statements(script: str) -> list[str]:
    """Returns the single statements of a script: `executescript` would commit before it begins."""
    found, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
