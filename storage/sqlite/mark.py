"""Tells the database of a directory from a copy of it, before anything of the two is mixed.

A mark stands in the database and beside it, in `database.json`. Each start begins a new run, each commit takes a step,
and the mark in the write-ahead log says at which step the log begins. The main file bears the step of its last
checkpoint, which is that one. A backup bears another one, whenever and however it was made: SQLite would put the log
over it without asking. None of this reads more than a page of the database, and the log once.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import struct
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import StartError
from storage.sqlite.statements import SQL

log = logging.getLogger("hourglass.storage")

BESIDE_NAME = "database.json"
LOG_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
WAL_MODE = 2
"""Bytes 18 and 19 of a database whose changes go to a log first: https://www.sqlite.org/fileformat2.html#the_database_header"""
INDEX_VERSION = 3_007_000
"""Of SQLite's `-shm` file as it is read here: https://www.sqlite.org/walformat.html#the_wal_index_file_format"""
SHORT_BUSY_TIMEOUT_MS = 50

Found = Literal["new", "own", "copy"]
"""What lies in a directory: no database yet, that of the last server, or a whole copy of one."""


class Mark(NamedTuple):
    """Which run of a server wrote to the database, with how many commits, and with which one the log began."""

    run: str
    step: int
    base: int


class Beside(Struct, frozen=True, kw_only=True):
    """What stands beside the database. `step` and `base` are None while a server runs, which goes on with them.

    `next_run` is set while a start is under way: its run takes the place of `run` then. `inode` is the number of the
    database's file, `boot` names the time since the machine was started.
    """

    run: str | None
    step: int | None
    base: int | None
    next_run: str | None = None
    was_copy: bool = False
    inode: int
    boot: str


def log_path(path: Path) -> Path:
    """Where SQLite has the write-ahead log: beside the file itself, even if `path` is a link to it."""
    real = path.resolve()
    return real.with_name(f"{real.name}-wal")


def index_path(path: Path) -> Path:
    """Where SQLite has the index of the log."""
    real = path.resolve()
    return real.with_name(f"{real.name}-shm")


# Before a database is opened


def look(path: Path) -> Found:
    """What lies in the directory. Changes nothing. Raises StartError if its files do not belong together."""
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
            f"or remove {path.name}-wal and {path.name}-shm to go on without it"
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
    """Whether the log was written over this very file."""
    if in_log is None or not _is_in_wal_mode(path):
        return in_log is None and in_file is None and beside.run is None
    if in_file is None or in_file.run != in_log.run:  # the start of the run in the log did not get any further
        return in_log.run == beside.next_run and _is_before(in_file, beside)
    if in_log.base < in_file.step <= in_log.step:  # a checkpoint was under way, or this is a copy
        is_same_file = path.stat().st_ino == beside.inode
        return is_same_file and not _was_never_checkpointed(path, beside)
    return in_file.step == in_log.base


def _is_before(in_file: Mark | None, beside: Beside) -> bool:
    """Whether this is the mark that a start found, or one before it if a reader held its checkpoint up."""
    if in_file is None:
        return beside.run is None
    if in_file.run != beside.run or beside.step is None or beside.base is None:
        return False
    return beside.base <= in_file.step <= beside.step


def _is_own(path: Path, beside: Beside, in_file: Mark | None, in_log: Mark | None) -> bool:
    """Whether that is what the last server has left, and not a copy of it at another place or of another time."""
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
    """The mark in the main file alone. One that was torn by a power cut in the middle of a checkpoint counts as what
    the log says: it is written anew from there."""
    try:
        return read_file(path)[0]
    except sqlite3.DatabaseError as error:
        if _code(error) == sqlite3.SQLITE_NOTADB:
            return None
        return in_log


def is_damaged(error: Exception) -> bool:
    """Whether SQLite could not make sense of what it read."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def read_file(path: Path) -> tuple[Mark | None, int]:
    """The mark in the main file alone, and the number of its schema, which each VACUUM changes. Through SQLite, so that
    the locks of this process on the file stay. Raises DatabaseError."""
    with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?immutable=1", uri=True)) as connection:
        return mark_of(connection), schema_of(connection)


def schema_of(connection: sqlite3.Connection) -> int:
    """The number of the schema that a connection sees."""
    number: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return number


def _mark_through_log(path: Path) -> Mark | None:
    """The mark as SQLite sees it through the log. Read under another name, so that the index of the log stays as it
    is, which tells more; on a file system without hard links it has to go."""
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


def mark_of(connection: sqlite3.Connection) -> Mark | None:
    """The mark that a connection sees; None in a database that no server has opened since marks were introduced."""
    try:
        row = connection.execute(SQL["mark"]).fetchone()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):  # a table or a column
            return None
        raise
    return None if row is None or row[0] is None else Mark(*row)


def _is_in_wal_mode(path: Path) -> bool:
    """`VACUUM INTO` makes files that are not."""
    with open(path, "rb") as file:
        return file.read(20)[18:] == bytes((WAL_MODE, WAL_MODE))


class LogIndex(NamedTuple):
    """What SQLite's `-shm` file says of the log."""

    page_bytes: int
    frames: int
    checkpointed_frames: int
    attempted_frames: int
    salts: bytes

    @classmethod
    def read(cls, descriptor: int) -> LogIndex | None:
        """None if it is of another kind than is known here."""
        data = os.pread(descriptor, 136, 0)
        if len(data) < 136:
            return None
        version, is_initialised, page_bytes, frames = struct.unpack_from("=I8xBxHI", data)
        if version != INDEX_VERSION or not is_initialised:
            return None
        (checkpointed,) = struct.unpack_from("=I", data, 96)
        (attempted,) = struct.unpack_from("=I", data, 128)
        return cls(65_536 if page_bytes == 1 else page_bytes, frames, checkpointed, attempted, data[32:40])

    @property
    def log_bytes(self) -> int:
        """How large the log is at least, as long as it has frames."""
        return LOG_HEADER_BYTES + self.frames * (FRAME_HEADER_BYTES + self.page_bytes)

    @classmethod
    def is_checkpointed_in(cls, descriptor: int) -> bool:
        """Whether all of the log is in the main file: the next commit may begin the log anew."""
        index = cls.read(descriptor)
        return index is not None and index.checkpointed_frames >= index.frames


def _was_never_checkpointed(path: Path, beside: Beside) -> bool:
    """Whether it is known that nothing of the log has got into the main file, so that one with the log's mark is a
    copy. A power cut may leave an index that is older than the log."""
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


# When it is open


def take_over(connection: sqlite3.Connection, path: Path, found: Found) -> bool:
    """Gives the database, which nobody else writes to, the mark of a new run. A copy also gets a new name.

    Whenever this is interrupted, the next start sees what it saw, or that it was done. Returns whether the main file
    bears the new mark: a reader may hold that up. `confirm` says so when it does.
    """
    seen = mark_of(connection)
    run = secrets.token_hex(8)
    beside = Beside(
        run=seen.run if seen else None,
        step=seen.step if seen else None,
        base=seen.base if seen else None,
        next_run=run,
        was_copy=found == "copy",
        inode=path.stat().st_ino,
        boot=boot_id(),
    )
    write_beside(path.parent, beside)
    checkpoint(connection)
    connection.execute("BEGIN IMMEDIATE")
    if found == "copy":
        _rename(connection)
    connection.execute(SQL["begin_run"], {"run": run})
    connection.execute("COMMIT")
    return confirm(connection, path)


def _rename(connection: sqlite3.Connection) -> None:
    """Clients that knew the original load again, and meet no number of it a second time."""
    for statement in ("rename_store", "begin_ids", "skip_ids"):
        connection.execute(SQL[statement])
    (store,) = connection.execute(SQL["store_name"]).fetchone()
    log.warning(
        "The database is a copy or a restored backup: it is named %s now, so that clients load again, and its next "
        "tasks have ids that are higher by a million.",
        store,
    )


def confirm(connection: sqlite3.Connection, path: Path) -> bool:
    """Brings the mark into the main file, begins the log with the next one, and says so beside it, if that can be."""
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
    """To be done in each transaction that writes. `is_checkpointed`: whether all before it is in the main file."""
    connection.execute(SQL["next_step"], {"is_checkpointed": is_checkpointed})


def settle(connection: sqlite3.Connection, path: Path) -> None:
    """To be called before the last connection closes, which merges all into the main file: says beside it how far it
    has come. If a reader holds the checkpoint up, the log stays, and the next start sees by that."""
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
    """Merges the log into the main file and empties it. False if somebody reads: then as far as that goes."""
    (usual_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {SHORT_BUSY_TIMEOUT_MS}")
    try:
        (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual_ms}")
    return not is_busy


# Beside it


def read_beside(data_dir: Path) -> Beside | None:
    """None if there is none; one that cannot be understood counts as none."""
    try:
        return msgspec.json.decode((data_dir / BESIDE_NAME).read_bytes(), type=Beside)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.warning("%s is not what it should be, and counts as missing: %s", data_dir / BESIDE_NAME, error)
        return None


def write_beside(data_dir: Path, beside: Beside) -> None:
    """Whole or not at all, and on disk."""
    unfinished = data_dir / f"{BESIDE_NAME}.{secrets.token_hex(4)}"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(beside) + b"\n")
            file.flush()
            os.fsync(descriptor)
        os.replace(unfinished, data_dir / BESIDE_NAME)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    directory = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def boot_id() -> str:
    """Another one each time the machine is started; empty if that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
