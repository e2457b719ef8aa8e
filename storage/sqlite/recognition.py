"""Recognises, before a database is opened, whether it is that of the last server or a copy.

A backup has another mark than the database, whenever and however it was made: SQLite would apply the log to it without
a question. None of this reads more than a page of the database, and the log once.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from jobs.errors import StartError
from storage.sqlite.beside import BESIDE_NAME, Beside, boot_id, read_beside
from storage.sqlite.errors import code_of, is_damaged
from storage.sqlite.log_index import LOG_HEADER_BYTES, LogIndex, index_path, log_path
from storage.sqlite.mark import Mark, mark_of, read_file

log = logging.getLogger("hourglass.storage")

WAL_MODE = 2
"""Bytes 18 and 19 of a database whose changes go to a log first: https://www.sqlite.org/fileformat2.html#the_database_header"""

Found = Literal["new", "own", "copy"]
"""What is in a directory: no database yet, that of the last server, or a whole copy of one."""


def recognise(path: Path) -> Found:
    """Returns what is in the directory. Changes nothing. Raises StartError if its files do not belong together."""
    beside = read_beside(path.parent)
    has_log = _size(log_path(path)) > LOG_HEADER_BYTES
    if not _size(path):
        _refuse_lost(path, beside, has_log)
        return "new"
    try:
        in_log = _mark_through_log(path) if has_log else None
    except sqlite3.DatabaseError as error:
        if not is_damaged(error):
            raise
        raise StartError(_mixed(path)) from error  # the pages of two databases
    in_file = _mark_in_file(path, in_log)
    if beside is None:
        return "own" if in_file is None else "copy"
    if has_log and not _belong_together(path, beside, in_file, in_log):
        raise StartError(_mixed(path))
    return "own" if _is_own(path, beside, in_file, in_log) else "copy"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _refuse_lost(path: Path, beside: Beside | None, has_log: bool) -> None:
    what = "is empty" if path.exists() else "is missing"
    if has_log:
        raise StartError(
            f"[storage] data_dir: {path} {what}, but its {path.name}-wal is there: put the database back, "
            f"or remove {path.name}-wal and {path.name}-shm to continue without it"
        )
    if beside is not None and path.exists():
        raise StartError(
            f"[storage] data_dir: {path} {what}, and it was not: put a backup in its place, "
            f"or remove it to begin with an empty database"
        )
    if beside is not None:
        log.warning("%s %s: a new database is made.", path, what)


def _mixed(path: Path) -> str:
    return (
        f"[storage] data_dir: {path} and the {path.name}-wal beside it do not belong together: "
        f"if {path.name} is a backup that was copied there, remove {path.name}-wal and {path.name}-shm; "
        f"if the two were copied at the same moment, remove {BESIDE_NAME} instead"
    )


def _belong_together(path: Path, beside: Beside, in_file: Mark | None, in_log: Mark | None) -> bool:
    """Returns whether the log belongs to this very file."""
    if in_log is None or not _is_in_wal_mode(path):
        return in_log is None and in_file is None and beside.run is None
    if in_file is None or in_file.run != in_log.run:  # the start of the run in the log did not get any further
        return in_log.run == beside.next_run and _is_before(in_file, beside)
    if in_log.base < in_file.step <= in_log.step:  # a checkpoint was under way, or this is a copy
        is_same_file = path.stat().st_ino == beside.inode
        return is_same_file and not _was_never_checkpointed(path, beside)
    return in_file.step == in_log.base


def _is_before(in_file: Mark | None, beside: Beside) -> bool:
    """Returns whether this is the mark that a start found, or an earlier one if a reader delayed its checkpoint."""
    if in_file is None:
        return beside.run is None
    if in_file.run != beside.run or beside.step is None or beside.base is None:
        return False
    return beside.base <= in_file.step <= beside.step


def _is_own(path: Path, beside: Beside, in_file: Mark | None, in_log: Mark | None) -> bool:
    """Returns whether that is what the last server left, and not a copy of it from another place or time."""
    if path.stat().st_ino != beside.inode:
        return False
    seen = in_log or in_file
    if seen is not None and seen.run == beside.next_run:
        return True
    if beside.was_copy or (seen.run if seen else None) != beside.run:
        return False
    # A log that is there but empty was merged by a checkpoint just before the server was killed.
    has_log = in_log is not None or (beside.step is None and log_path(path).exists())
    return has_log or (seen.step if seen else None) == beside.step


def _mark_in_file(path: Path, in_log: Mark | None) -> Mark | None:
    """Returns the mark in the main file alone. If a power cut during a checkpoint has damaged it, that of the log
    counts: SQLite restores it from there."""
    try:
        return read_file(path)[0]
    except sqlite3.DatabaseError as error:
        if code_of(error) == sqlite3.SQLITE_NOTADB:
            return None
        return in_log


def _mark_through_log(path: Path) -> Mark | None:
    """Returns the mark as SQLite sees it through the log. Reads under another name, so that the index of the log is not
    changed, since it says more; on a file system without hard links that is not possible."""
    real = path.resolve()
    try:
        with tempfile.TemporaryDirectory(dir=real.parent, prefix="look-") as name:
            os.link(real, Path(name, real.name))
            os.link(log_path(path), Path(name, f"{real.name}-wal"))
            return _read_mark(f"file:{quote(str(Path(name, real.name)))}?mode=ro")
    except OSError:
        return _read_mark(f"file:{quote(str(real))}?mode=ro")


def _read_mark(uri: str) -> Mark | None:
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return mark_of(connection)


def _is_in_wal_mode(path: Path) -> bool:
    """Returns whether it is: `VACUUM INTO` makes files that are not."""
    with open(path, "rb") as file:
        return file.read(20)[18:] == bytes((WAL_MODE, WAL_MODE))


def _was_never_checkpointed(path: Path, beside: Beside) -> bool:
    """Returns whether it is known that no part of the log was written to the main file, so that a file with the log's
    mark is a copy. A power cut may leave an index that is older than the log."""
    if not beside.boot or beside.boot != boot_id():
        return False
    try:
        descriptor = os.open(index_path(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        index = LogIndex.read(descriptor)
    finally:
        os.close(descriptor)
    with open(log_path(path), "rb") as file:
        salts = file.read(LOG_HEADER_BYTES)[16:24]
    return index is not None and index.salts == salts and index.frames > 0 and index.attempted_frames == 0
