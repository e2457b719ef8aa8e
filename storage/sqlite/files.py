"""Watches the files of an open database: whether they are still those in the directory, and whether the log stays
small.

All of it runs on the writer's thread. Nothing here may open and close one of these files by itself: that would release
the locks that SQLite holds on it for this process.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from accounts.model import KEY_NAME
from storage.locks import lock_holders
from storage.sqlite import mark
from storage.sqlite.errors import code_of
from storage.sqlite.log_index import LOG_HEADER_BYTES, LogIndex, index_path, log_path
from storage.sqlite.mark import Mark

MIB = 1024 * 1024
SMALL_LOG_BYTES = MIB
LARGE_LOG_BYTES = 4 * MIB
"""SQLite lets about this much accumulate between two checkpoints: if there is more, something delays them."""
CHECKS_UNTIL_REPORTED = 2


class FilesLost(Exception):
    """Raised if the next start would not find what is committed now; the message says why, and what to do."""


class OpenFiles:
    """The files of a database that has just been opened.

    `problem` is what was found last, None while all is well. `is_mixed` is set for good if the content of the database
    was overwritten: then reads are meaningless as well. `log_problem` says which process prevents the log from
    shrinking, `key_problem` that the key of the tokens is missing.
    """

    def __init__(self, path: Path) -> None:
        self.problem: str | None = None
        self.log_problem: str | None = None
        self.key_problem: str | None = None
        self.is_mixed = False
        self._path = path
        self._log = log_path(path)
        self._index = index_path(path)
        self._identities = {file: _identity(file) for file in (path, self._log, self._index)}
        self._index_descriptor = os.open(self._index, os.O_RDONLY | os.O_CLOEXEC)
        self._log_descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        self._written = _written(path)
        self._salts = LogIndex.read_salts(self._index_descriptor)
        self._in_file: Mark | None = None
        self._schema_in_file: int | None = None
        """None until the file could be read."""
        index = LogIndex.read(self._index_descriptor)
        try:
            self._in_file, self._schema_in_file = mark.read_file(path)
        except sqlite3.DatabaseError as error:
            if not self._is_in_parts(error, index):
                raise
        self._run: str | None = None
        self._key_was_there = False
        self._looks_held_up = 0
        # The last connection that closes merges the log into the file and removes it, unless it is one that only reads.
        self._last = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        self._last.execute("SELECT count(*) FROM sqlite_schema").fetchall()

    @property
    def is_lost(self) -> bool:
        """Returns whether the database itself was replaced or removed."""
        return self.is_mixed or _identity(self._path) != self._identities[self._path]

    def size_bytes(self) -> int:
        """Returns the size of all files together. Raises OSError."""
        return sum(file.stat().st_size for file in (self._path, self._log, self._index) if file.exists())

    # With each commit

    def check(self, connection: sqlite3.Connection) -> None:
        """Raises FilesLost if the files are not those that were opened."""
        if not self.is_mixed:
            self.problem = self._missing() or self._log_overwritten() or self._overwritten(connection)
        if self.problem is not None:
            raise FilesLost(self.problem)

    def take_step(self, connection: sqlite3.Connection) -> None:
        """Takes the step of a transaction that has written something."""
        mark.take_step(connection, LogIndex.is_checkpointed_in(self._index_descriptor))

    def _missing(self) -> str | None:
        lost = [file for file, identity in self._identities.items() if _identity(file) != identity]
        if not lost:
            return None
        if self._path in lost:
            return (
                f"{self._path.name} was removed or replaced while the server was running: "
                f"put it back, or stop the server, restore a backup and start it again"
            )
        names = " and ".join(file.name for file in lost)
        return f"{names} was removed or replaced while the server was running: restart the server, nothing is lost"

    def _log_overwritten(self) -> str | None:
        """Returns what is wrong if the log lacks frames that its index has, or has others: SQLite would append to
        them."""
        index = LogIndex.read(self._index_descriptor)
        if index is None or not index.frames:
            return None
        is_whole = os.fstat(self._log_descriptor).st_size >= index.log_bytes
        if is_whole and os.pread(self._log_descriptor, LOG_HEADER_BYTES, 0)[16:24] == index.salts:
            return None
        if index != LogIndex.read(self._index_descriptor):
            return None  # the log has been restarted in between
        return self._mixed(self._log)

    def _overwritten(self, connection: sqlite3.Connection) -> str | None:
        """Returns what is wrong if something was copied over the content of the file, to which only checkpoints
        write."""
        salts, self._salts = self._salts, LogIndex.read_salts(self._index_descriptor)
        written = _written(self._path)
        if written == self._written:
            return None
        if self._is_ours(connection, is_new_log=salts != self._salts):
            self._written = written
            return None
        return self._mixed(self._path)

    def _mixed(self, file: Path) -> str:
        self.is_mixed = True
        return (
            f"{file.name} was overwritten while the server was running: stop the server, "
            f"remove {self._log.name} and {self._index.name}, restore a backup and start it again"
        )

    def _is_ours(self, connection: sqlite3.Connection, is_new_log: bool) -> bool:
        """Returns whether the file has a mark that a checkpoint may have written since it was last read, or whether
        that cannot be said now: as long as only a part of the log is in the file, its pages do not fit together."""
        index = LogIndex.read(self._index_descriptor)
        try:
            in_file, schema = mark.read_file(self._path)
        except sqlite3.DatabaseError as error:
            return self._is_in_parts(error, index)
        try:
            in_log, our_schema = mark.mark_of(connection), mark.schema_of(connection)
        except sqlite3.DatabaseError:
            return False
        last = self._in_file
        if self._schema_in_file is None and not self._is_whole(index):
            last = in_file  # the first that could be read: what was there before is unknown
        if in_log is None or schema not in (our_schema, self._schema_in_file):
            return False
        if in_file != last and (in_file is None or not self._may_be_there(in_file, in_log, is_new_log)):
            return False
        self._in_file, self._schema_in_file = in_file, schema
        return True

    def _is_in_parts(self, error: sqlite3.Error, index: LogIndex | None) -> bool:
        """Returns whether the file may be unreadable only because a part of the log is missing in it."""
        return code_of(error) == sqlite3.SQLITE_CORRUPT and not self._is_whole(index)

    def _is_whole(self, before: LogIndex | None) -> bool:
        """Returns whether no checkpoint has left a part of the log, or was under way since `before` was read."""
        after = LogIndex.read(self._index_descriptor)
        return before is not None and before == after and (before.is_checkpointed or before.attempted_frames == 0)

    def _may_be_there(self, in_file: Mark, in_log: Mark, is_new_log: bool) -> bool:
        """Returns whether a checkpoint can have written that mark: the one before the log began, or one of the log. A
        log that another process began anew follows a checkpoint, too."""
        index = LogIndex.read(self._index_descriptor)
        was_checkpointed = is_new_log or index is None or index.frames == 0 or index.attempted_frames > 0
        last_step = in_log.step if was_checkpointed else in_log.base
        return in_file.run == in_log.run and in_log.base <= in_file.step <= last_step

    # From time to time

    def look(self, connection: sqlite3.Connection) -> None:
        """Brings `problem` up to date."""
        with suppress(FilesLost):
            self.check(connection)

    def look_after(self, connection: sqlite3.Connection) -> None:
        """Checks the files, and shrinks the log if possible."""
        self._look_at_key()
        self.look(connection)
        if self.problem is not None:
            return
        with suppress(OSError, sqlite3.Error):  # if nothing can be written, the next write says so
            if not self._is_taken_over(connection):
                self._shrink_log(connection)

    def _look_at_key(self) -> None:
        is_there = (self._path.parent / KEY_NAME).exists()
        self._key_was_there = self._key_was_there or is_there
        self.key_problem = None
        if self._key_was_there and not is_there:
            self.key_problem = (
                f"{KEY_NAME} was removed while the server was running: put it back, "
                f"or the next start ends all sessions and changes every token"
            )

    def _is_taken_over(self, connection: sqlite3.Connection) -> bool:
        """Returns whether another server has begun a run: then somebody has removed the locks from the directory."""
        seen = mark.mark_of(connection)
        self._run = self._run or (seen.run if seen else None)
        if seen is None or seen.run == self._run:
            return False
        self.is_mixed = True
        self.problem = "another server has taken over the database, since server.lock was removed: stop one of them"
        return True

    def _shrink_log(self, connection: sqlite3.Connection) -> None:
        if self._log.stat().st_size <= SMALL_LOG_BYTES or mark.confirm(connection, self._path):
            self._looks_held_up = 0
            self.log_problem = None
            return
        self._looks_held_up += 1
        size_bytes = self._log.stat().st_size
        if self._looks_held_up >= CHECKS_UNTIL_REPORTED and size_bytes > LARGE_LOG_BYTES:
            self.log_problem = (
                f"{self._log.name} has grown to {size_bytes / MIB:.0f} MiB, because {self._readers()} for a long time; "
                f"it shrinks by itself once that has ended"
            )

    def _readers(self) -> str:
        others = [pid for pid in lock_holders(self._index) if pid != os.getpid()]
        if not others:
            return "something has been reading the database"
        numbers = " and ".join(map(str, others))
        who = f"process {numbers} has" if len(others) == 1 else f"processes {numbers} have"
        return f"{who} been reading the database"

    # In the end

    def settle(self, connection: sqlite3.Connection) -> bool:
        """Returns, before the connections are closed, whether the writer may merge the log into the file.

        It may not if the file is another one now; nor if its progress cannot be written beside it, since then the next
        start needs the log for that.
        """
        if self.is_lost:
            return False
        try:
            mark.settle(connection, self._path)
        except (OSError, sqlite3.Error):
            return False
        return True

    def release_log(self) -> None:
        """Lets the next connection that closes be the last."""
        self._last.close()

    def close(self) -> None:
        """Ends the watching, after the connections are closed."""
        self._last.close()
        os.close(self._index_descriptor)
        os.close(self._log_descriptor)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _written(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
