"""The open SQLite file: written in groups by one connection, read by others.

Group commit: while a transaction is being committed, the next writes gather; then they go in one transaction
together, and each caller is answered after its own commit. There is no timer: an idle system commits at once.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any, Protocol, TypeVar

import aiosqlite

from concurrency.turns import Turns
from jobs.errors import ReadTooLong, ServiceStopping, StorageUnavailable
from jobs.store import CommitTally
from storage.sqlite.errors import reason_of, sentence_of
from storage.sqlite.files import FilesLost, OpenFiles
from storage.sqlite.transactions import Operation, Transaction, commit

log = logging.getLogger("hourglass.storage")

Result = TypeVar("Result")

LARGEST_BATCH = 500
STEPS_BETWEEN_CHECKS = 1_000
"""Of SQLite's virtual machine, between two checks whether anybody still waits for a read: some dozen rows."""
LOOK_AFTER_FILES_SECONDS = 5.0

Waiting = tuple[Operation[Any], "asyncio.Future[Any]"]


class _Read:
    """A read. The loop sets `abandoned` if nobody waits for it any more; the thread checks that while it reads."""

    abandoned = False


class CommitListener(Protocol):
    """Takes part in every transaction of the writer."""

    def before_commit(self, transaction: Transaction) -> None:
        """Writes, in the writer's thread, what is written once for all operations of a transaction."""

    def after_commit(self, transaction: Transaction) -> None:
        """Reports, in the event loop, what is on disk now."""


class Database:
    """One SQLite file with one writer and three readers: for short reads, for lists, and for searches. Must be created
    in the event loop."""

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
        """Returns why nothing can be written, in a few words: the files are not those that were opened, or the last
        commit failed. None if all is well."""
        return self._files.problem or self._write_problem

    @property
    def problems(self) -> list[str]:
        """Returns the present problems, each in a sentence."""
        found = []
        if self._files.problem:
            found.append(f"Nothing can be stored: {self._files.problem}.")
        elif self._write_problem:
            found.append(f"The last attempt to store something failed: {self._write_problem}.")
        found += [f"{problem}." for problem in (self._files.log_problem, self._files.key_problem) if problem]
        return found

    async def write(self, operation: Operation[Result]) -> Result:
        """Runs `operation` in the writer's next transaction and returns after the commit. It may be run again, on the
        same state, if another operation of its transaction was refused.

        Raises StorageUnavailable if nothing can be written, and whatever the operation raises; in both cases nothing
        has changed.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((operation, future))
        if self._committing is None:
            # In a context of its own: it writes for many, and must not log in the name of one request.
            self._committing = asyncio.create_task(self._commit_waiting(), context=Context())
        try:
            return await future
        finally:
            # An exception would form a reference cycle with this frame, and keep the task that it mentions in memory.
            del future

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs a short read in one snapshot. Cancelled, it is interrupted, as is `read_list`."""
        return await self._read(self._reader, function)

    async def read_list(self, function: Callable[[sqlite3.Connection], Result], seconds: float | None = None) -> Result:
        """Runs a read that may take longer, on a connection where it delays only others of its kind.

        `seconds` limits a read for a client, including the wait for its turn; clients take turns by whom they are
        `asked_by`. Raises ReadTooLong when the time is over, ServiceStopping if `end_reads` has cut it short.
        """
        return await self._read_in_turn(self._lists, function, seconds)

    async def search(self, function: Callable[[sqlite3.Connection], Result], seconds: float | None = None) -> Result:
        """Reads as `read_list` does, for what may take longest: it delays only other searches."""
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
        """Runs a read in its turn. If nobody waits for it any more, it does not begin, or is interrupted."""
        self._refuse_mixed()
        read = _Read()
        try:
            return await run_in_thread(connection, partial(_snapshot, read, function))
        except StorageUnavailable:
            await self.check()  # the error may be the content of another file
            self._refuse_mixed()
            raise
        finally:
            read.abandoned = True

    def _refuse_mixed(self) -> None:
        if self._files.is_mixed:
            raise StorageUnavailable(f"The database cannot be read: {self._files.problem}.")

    def end_reads(self, seconds: float) -> None:
        """Gives all reads for clients no more than so many seconds from now on, since the server stops."""
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
        """Commits what waits, then closes. Does nothing if called again."""
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
                log.critical("a defect in the check of the files", exc_info=True)

    async def _commit_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            await self._commit_group(group)
        self._committing = None

    async def _commit_group(self, group: list[Waiting]) -> None:
        """Answers every caller, whatever happens: a forgotten one would block all that follow."""
        operations = [operation for operation, _ in group]
        began = time.perf_counter()
        try:
            transaction, outcomes = await run_in_thread(
                self._writer, partial(commit, operations, self._listener.before_commit, self._files)
            )
        except Exception as error:  # noqa: BLE001  a group that is lost fails all its callers
            outcomes = [error] * len(group)
            self.commits.failed += 1
            if not isinstance(error.__cause__, FilesLost):
                self._write_problem = reason_of(error)
        else:
            self.commits.seconds.add(time.perf_counter() - began)
            self.commits.operations.add(len(group))
            if transaction.has_written:
                self._write_problem = None
            self._publish(transaction)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _answer(future, outcome)

    def _publish(self, transaction: Transaction) -> None:
        """Reports a commit. A listener that fails must not fail the callers: what is committed stays committed."""
        try:
            self._listener.after_commit(transaction)
        except Exception:
            log.critical("a defect in the listener for commits", exc_info=True)


class _Nobody:
    def before_commit(self, transaction: Transaction) -> None: ...
    def after_commit(self, transaction: Transaction) -> None: ...


def _touch(transaction: Transaction) -> None:
    """Writes the version that is stored already: SQLite writes its page to disk, but would skip a row that stays
    equal."""
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
    """Runs a function in the connection's own thread, in one hop. The public API of aiosqlite offers only single
    statements, at an eighth of the speed; its version is pinned, and only this function knows its internals."""
    result: Result = await connection._execute(function, connection._conn)  # type: ignore[no-untyped-call]
    return result


def _snapshot(read: _Read, function: Callable[[sqlite3.Connection], Result], connection: sqlite3.Connection) -> Result:
    if read.abandoned:
        raise StorageUnavailable  # nobody waits for it
    connection.set_progress_handler(lambda: read.abandoned, STEPS_BETWEEN_CHECKS)
    try:
        connection.execute("BEGIN")
        try:
            return function(connection)
        finally:
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StorageUnavailable(sentence_of(error)) from error
    finally:
        connection.set_progress_handler(None, STEPS_BETWEEN_CHECKS)
