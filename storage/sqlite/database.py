"""The SQLite file: opened, migrated, written in groups by one connection, read by others.

Group commit: while a transaction is being committed, the next writes gather; then they go in one transaction
together, and each caller is answered after its own commit. There is no timer: an idle system commits at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import aiosqlite

from concurrency.turns import Turns
from jobs.errors import ReadTooLong, ServiceStopping, StartError, StorageUnavailable
from jobs.model.search_words import has_words, split_words
from jobs.store import CommitTally
from storage.locks import command_lock
from storage.sqlite.files import FilesLost, OpenFiles
from storage.sqlite.mark import LogIndex, index_path, is_damaged, look, settle, take_over, take_step

log = logging.getLogger("hourglass.storage")

Result = TypeVar("Result")

BUSY_TIMEOUT_MS = 2000
COMMAND_BUSY_TIMEOUT_MS = 10_000
LARGEST_BATCH = 500
STEPS_BETWEEN_LOOKS = 1_000
"""Of SQLite's virtual machine, between two looks at whether anybody still waits for a read: some dozen rows."""
LOOK_AFTER_FILES_SECONDS = 5.0
DATABASE_NAME = "hourglass.db"
MIGRATIONS = Path(__file__).with_name("migrations")


class Transaction:
    """One transaction of the writer.

    `state` is what its operations share in Python, as unchangeable values: it goes back with a refused operation.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.state: dict[str, Any] = {}
        self.has_written = False


Operation = Callable[[Transaction], Result]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Joint(Generic[Item, Result]):
    """An operation that is done together with all others of its transaction that have the same `perform`: that gets
    the items of all, in their order, and gives a result for each."""

    perform: Callable[[Sequence[Item], Transaction], Sequence[Result]]
    item: Item

    def __call__(self, transaction: Transaction) -> Result:
        return self.perform([self.item], transaction)[0]


Waiting = tuple[Operation[Any], "asyncio.Future[Any]"]


class _Read:
    """A read that somebody waits for, or has given up: `abandoned` is set by the loop and looked at in the thread."""

    abandoned = False


class CommitListener(Protocol):
    """Takes part in every transaction of the writer."""

    def before_commit(self, transaction: Transaction) -> None:
        """Writes, in the writer's thread, what is written once for all operations of a transaction."""

    def after_commit(self, transaction: Transaction) -> None:
        """Reports, in the event loop, what is on disk now."""


class Database:
    """One SQLite file with one writer and three readers: for short reads, for lists, and for searches. Made in the
    event loop."""

    def __init__(
        self,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        lists: aiosqlite.Connection,
        searches: aiosqlite.Connection,
        files: OpenFiles,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._lists = lists
        self._searches = searches
        self._turns = {lists: Turns(), searches: Turns()}
        self._files = files
        self._care = asyncio.create_task(self._look_after_files(), context=Context())
        self._limits: set[asyncio.Timeout] = set()
        self._reads_end_at: float | None = None
        self._waiting: list[Waiting] = []
        self._committing: asyncio.Task[None] | None = None
        self._listener: CommitListener = _Nobody()
        self.commits = CommitTally()
        self._write_problem: str | None = None

    def report_to(self, listener: CommitListener) -> None:
        """Lets a store take part in every transaction from now on; it calls this once, before anything is written."""
        self._listener = listener

    @property
    def write_problem(self) -> str | None:
        """Why nothing can be written, in a few words: the files are not those that were opened, or the last commit
        failed. None when all is well."""
        return self._files.problem or self._write_problem

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences."""
        found = []
        if self._files.problem:
            found.append(f"Nothing can be stored: {self._files.problem}.")
        elif self._write_problem:
            found.append(f"Nothing could be stored when it was last tried: {self._write_problem}.")
        found += [f"{problem}." for problem in (self._files.log_problem, self._files.key_problem) if problem]
        return found

    async def write(self, operation: Operation[Result]) -> Result:
        """Runs `operation` in the writer's next transaction and returns after the commit. It may be run again, on the
        same state, where another one of its transaction was refused.

        Raises StorageUnavailable where nothing can be written, and whatever the operation raises; in both cases
        it has left nothing behind.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((operation, future))
        if self._committing is None:
            # In a context of its own: it writes for many, and must not log in the name of one request.
            self._committing = asyncio.create_task(self._commit_waiting(), context=Context())
        try:
            return await future
        finally:
            # An exception would go round in a ring with this frame, and with it the task that it tells of.
            del future

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs a short read in one snapshot. Cancelled, it is interrupted, as is `read_list`."""
        return await self._read(self._reader, function)

    async def read_list(self, function: Callable[[sqlite3.Connection], Result], seconds: float | None = None) -> Result:
        """Runs a read that may take longer, on a connection where it holds up only its like.

        For a client it takes at most so many seconds, those included in which it waits for its turn; clients take turns
        by whom they are `asked_by`. Raises ReadTooLong when the time is over, ServiceStopping if `end_reads` has cut it
        short.
        """
        return await self._read_in_turn(self._lists, function, seconds)

    async def search(self, function: Callable[[sqlite3.Connection], Result], seconds: float | None = None) -> Result:
        """As `read_list`, for what may take longest: it holds up only other searches."""
        return await self._read_in_turn(self._searches, function, seconds)

    async def _read_in_turn(
        self,
        connection: aiosqlite.Connection,
        function: Callable[[sqlite3.Connection], Result],
        seconds: float | None,
    ) -> Result:
        if seconds is None:
            return await self._read(connection, function)
        limit = asyncio.timeout(seconds)
        self._limits.add(limit)
        try:
            async with limit:
                self._cut_short(limit)
                async with self._turns[connection].turn():
                    return await self._read(connection, function)
        except TimeoutError:
            raise (ReadTooLong(seconds) if self._reads_end_at is None else ServiceStopping()) from None
        finally:
            self._limits.discard(limit)

    async def _read(self, connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs a read in its turn. One that nobody waits for any more is not begun, and is interrupted if it runs."""
        if self._files.is_mixed:
            raise StorageUnavailable(f"The database cannot be read: {self._files.problem}.")
        read = _Read()
        try:
            return await run_in_thread(connection, partial(_snapshot, read, function))
        finally:
            read.abandoned = True

    def end_reads(self, seconds: float) -> None:
        """The server stops: from now on, reads for clients have no more than so many seconds together."""
        self._reads_end_at = asyncio.get_running_loop().time() + seconds
        for limit in self._limits:
            self._cut_short(limit)

    def _cut_short(self, limit: asyncio.Timeout) -> None:
        when = limit.when()
        if self._reads_end_at is not None and when is not None and self._reads_end_at < when:
            limit.reschedule(self._reads_end_at)

    async def check(self) -> None:
        """Brings `write_problem` up to date as far as that can be done without a write."""
        await run_in_thread(self._writer, self._files.look)

    async def try_to_write(self) -> None:
        """Brings `write_problem` up to date by a write to the disk that changes nothing."""
        with suppress(StorageUnavailable):
            await self.write(_touch)

    def size_bytes(self) -> int:
        """Returns how much space the database takes, including what has not been merged into its main file yet."""
        return self._files.size_bytes()

    async def close(self) -> None:
        """Commits what waits, then closes. A second time it does nothing."""
        while self._committing is not None:
            await self._committing
        if not self._care.cancel():
            return
        await asyncio.wait([self._care])
        may_merge_log = await run_in_thread(self._writer, self._files.settle)
        for connection in (self._searches, self._lists, self._reader):
            await connection.close()
        if may_merge_log:
            self._files.release_log()
        await self._writer.close()
        self._files.close()

    async def _look_after_files(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AFTER_FILES_SECONDS)
            try:
                await run_in_thread(self._writer, self._files.look_after)
            except Exception:
                log.critical("a defect in what looks after the files", exc_info=True)

    async def _commit_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            await self._commit_group(group)
        self._committing = None

    async def _commit_group(self, group: list[Waiting]) -> None:
        """Answers every caller, whatever happens: one that is forgotten would hold up all who come after it."""
        operations = [operation for operation, _ in group]
        began = time.perf_counter()
        try:
            transaction, outcomes = await run_in_thread(
                self._writer, partial(_commit, operations, self._listener.before_commit, self._files)
            )
        except Exception as error:  # noqa: BLE001  a group that is lost fails all its callers
            outcomes = [error] * len(group)
            self.commits.failed += 1
            if not isinstance(error.__cause__, FilesLost):
                self._write_problem = _reason(error)
        else:
            self.commits.seconds.add(time.perf_counter() - began)
            self.commits.operations.add(len(group))
            if transaction.has_written:
                self._write_problem = None
            self._publish(transaction)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _answer(future, outcome)

    def _publish(self, transaction: Transaction) -> None:
        """What is committed is committed: a listener that fails takes no caller along."""
        try:
            self._listener.after_commit(transaction)
        except Exception:
            log.critical("a defect in what listens to commits", exc_info=True)


class _Nobody:
    def before_commit(self, transaction: Transaction) -> None: ...
    def after_commit(self, transaction: Transaction) -> None: ...


def _touch(transaction: Transaction) -> None:
    """Writes the version that is there: SQLite puts its page to disk, where a row that stays equal is left out."""
    version: int = transaction.execute("PRAGMA user_version").fetchone()[0]
    transaction.execute(f"PRAGMA user_version = {version}")
    transaction.has_written = True


def _answer(future: asyncio.Future[Any], outcome: object) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


async def run_in_thread(connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], Result]) -> Result:
    """One hop to the connection's own thread. aiosqlite offers only single statements in public, which is an
    eighth of the speed; its version is pinned, and this is the only place that knows its inside."""
    result: Result = await connection._execute(function, connection._conn)  # type: ignore[no-untyped-call]
    return result


_OF_ONE_OPERATION = (sqlite3.IntegrityError, sqlite3.DataError)
"""What SQLite says of one operation's values. Any other of its errors is of the database, and of all operations."""


class _Refused(Exception):
    """An operation of a group raised: the group has to go again, each of its operations in a savepoint."""


def _commit(
    operations: list[Operation[Any]],
    finish: Callable[[Transaction], None],
    files: OpenFiles,
    connection: sqlite3.Connection,
) -> tuple[Transaction, list[Any]]:
    """Runs all operations in one transaction: the result of each, or the exception that it raised.

    Nearly always none raises. So it goes without savepoints first: each would be two more statements, and each
    statement gives Python's lock away and has to wait for it again.
    """
    try:
        return _run(operations, finish, files, connection, _perform_all)
    except _Refused:
        return _run(operations, finish, files, connection, _attempt_all)


def _run(
    operations: list[Operation[Any]],
    finish: Callable[[Transaction], None],
    files: OpenFiles,
    connection: sqlite3.Connection,
    perform: Callable[[list[Operation[Any]], Transaction], list[Any]],
) -> tuple[Transaction, list[Any]]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection)
        changes_before = connection.total_changes
        outcomes = perform(operations, transaction)
        finish(transaction)
        transaction.has_written |= connection.total_changes > changes_before
        if transaction.has_written:
            files.take_step(connection)
        files.check(connection)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StorageUnavailable(_words(error)) from error
    except FilesLost as error:
        raise StorageUnavailable(f"Nothing can be stored: {error}.") from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return transaction, outcomes


def _perform_all(operations: list[Operation[Any]], transaction: Transaction) -> list[Any]:
    """What all operations return. Raises _Refused where one raises."""
    try:
        joint = [place for place, operation in enumerate(operations) if isinstance(operation, Joint)]
        outcomes = _perform_joint([operations[place] for place in joint], transaction) if len(joint) > 1 else []
        found = dict(zip(joint, outcomes, strict=False))
        return [found[place] if place in found else one(transaction) for place, one in enumerate(operations)]
    except _OF_ONE_OPERATION as error:
        raise _Refused from error
    except sqlite3.Error:
        raise
    except Exception as error:
        raise _Refused from error


def _perform_joint(operations: Sequence[Any], transaction: Transaction) -> list[Any]:
    """Those with the same `perform` go together, in their order."""
    outcomes: list[Any] = [None] * len(operations)
    for perform in dict.fromkeys(operation.perform for operation in operations):
        places = [place for place, operation in enumerate(operations) if operation.perform is perform]
        results = perform([operations[place].item for place in places], transaction)
        for place, result in zip(places, results, strict=True):
            outcomes[place] = result
    return outcomes


def _attempt_all(operations: list[Operation[Any]], transaction: Transaction) -> list[Any]:
    return [_attempt(operation, transaction) for operation in operations]


def _attempt(operation: Operation[Result], transaction: Transaction) -> Result | Exception:
    """Runs one operation inside a savepoint, so that one that is refused does not take its neighbours along."""
    transaction.execute("SAVEPOINT attempt")
    state = transaction.state.copy()
    try:
        result = operation(transaction)
    except sqlite3.Error as error:
        if not isinstance(error, _OF_ONE_OPERATION):
            raise
        outcome: Result | Exception = error
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs to this caller alone
        outcome = error
    else:
        transaction.execute("RELEASE attempt")
        return result
    transaction.execute("ROLLBACK TO attempt")
    transaction.execute("RELEASE attempt")
    transaction.state = state
    try:
        return outcome
    finally:
        del outcome  # as in Database.write


def _snapshot(read: _Read, function: Callable[[sqlite3.Connection], Result], connection: sqlite3.Connection) -> Result:
    if read.abandoned:
        raise StorageUnavailable  # nobody hears it
    connection.set_progress_handler(lambda: read.abandoned, STEPS_BETWEEN_LOOKS)
    try:
        connection.execute("BEGIN")
        try:
            return function(connection)
        finally:
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StorageUnavailable(_words(error)) from error
    finally:
        connection.set_progress_handler(None, STEPS_BETWEEN_LOOKS)


_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another program holds the database locked",
    sqlite3.SQLITE_LOCKED: "another program holds the database locked",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_IOERR: "the disk refuses to be written or read",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
}


def _words(error: sqlite3.Error) -> str:
    return f"Nothing can be stored at the moment: {_reason(error)}. Nothing was changed; try again when that is over."


def _reason(error: BaseException) -> str:
    """What stands in the way, in a few words: of SQLite's error, or of ours that was raised from it."""
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        return _reason(error.__cause__)
    return _REASONS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error))


async def open_database(data_dir: Path) -> Database:
    """Opens `hourglass.db` in the directory, making and migrating it where needed.

    Raises StartError where the directory or the file cannot be used, or the file is of a newer version.
    """
    path = data_dir / DATABASE_NAME
    try:
        return await _open_all(path)
    except (OSError, sqlite3.Error) as error:
        raise start_error(path, error) from error


def start_error(path: Path, error: OSError | sqlite3.Error) -> StartError:
    """Why a database cannot be opened, and what to do."""
    if is_damaged(error):
        return StartError(f"[storage] data_dir: {path} is damaged, or not a database: restore a backup ({error})")
    return StartError(f"[storage] data_dir: expected a directory to write to, got {path.parent} ({error})")


async def _open_all(path: Path) -> Database:
    """The writer first, and to stay: the last connection that closes merges the log, and takes it away."""
    async with AsyncExitStack() as stack:
        found = look(path)
        _make_file(path)
        writer = await _open(path, False, stack)
        await run_in_thread(writer, _migrate)
        await run_in_thread(writer, partial(take_over, path=path, found=found))
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
    """A plain connection with our settings, for what runs beside the server (`server.py user …`)."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        _set_pragmas(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def write_beside_server(path: Path, operation: Callable[[sqlite3.Connection], Result]) -> Result:
    """Runs `operation` in a transaction of its own, for commands. If no server runs, none starts meanwhile, and what it
    finds is the database that was there. Raises StartError, sqlite3.Error, OSError, and what the operation raises."""
    with command_lock(path.parent) as is_alone:
        found = look(path) if is_alone else None
        prepare_database(path)
        connection, index = connect(path), -1
        try:
            index = os.open(index_path(path), os.O_RDONLY | os.O_CLOEXEC)
            # A busy server leaves only short gaps between its transactions; a person can wait for one.
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
                os.close(index)  # after it: this takes the locks of SQLite on the file away
    return result


def prepare_database(path: Path) -> None:
    """Makes the file, readable by its owner alone, and brings it to the present version."""
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
        for statement in _statements(step.read_text(encoding="utf-8")):
            connection.execute(statement)
    if steps[version:]:
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    """The single statements of a script: `executescript` would commit before it begins."""
    found, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found
