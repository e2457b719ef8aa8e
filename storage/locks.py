"""Locks: one server per data directory, and no worker beside the successor of its server."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from jobs.errors import StartError

LOOK_AGAIN_SECONDS = 0.05
REPORT_AFTER_SECONDS = 1.0
COMMAND_PATIENCE_SECONDS = 15.0


@contextmanager
def server_lock(data_dir: Path) -> Iterator[None]:
    """Locks the directory for this server; waits for commands. Raises StartError if another server has it."""
    with _open(data_dir / "server.lock") as descriptor:
        deadline = time.monotonic() + COMMAND_PATIENCE_SECONDS
        while not _try(descriptor, fcntl.LOCK_EX):
            only_commands_have_it = _try(descriptor, fcntl.LOCK_SH)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            if not only_commands_have_it or time.monotonic() > deadline:
                holders = _names(descriptor, " and ")
                raise StartError(
                    f"[storage] data_dir: expected a directory of this server alone, got {data_dir}, "
                    f"which another server (process {holders}) is using"
                )
            time.sleep(LOOK_AGAIN_SECONDS)
        yield


@contextmanager
def command_lock(data_dir: Path) -> Iterator[bool]:
    """Locks the directory for a command; yields whether no server has it. Then none can get it meanwhile."""
    with _open(data_dir / "server.lock") as descriptor:
        yield _try(descriptor, fcntl.LOCK_SH)


def wait_for_old_workers(data_dir: Path, report: Callable[[str], None]) -> None:
    """Waits until no worker of an earlier server holds the shared lock; reports for whom if that takes a while."""
    with _open(workers_lock_path(data_dir)) as descriptor:
        report_at = time.monotonic() + REPORT_AFTER_SECONDS
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > report_at:
                report(f"Waiting for workers of an earlier server to end: process {_names(descriptor, ', ')}")
                report_at = float("inf")
            time.sleep(LOOK_AGAIN_SECONDS)


def workers_lock_path(data_dir: Path) -> Path:
    """Returns the file on which every worker holds a shared lock while it runs."""
    return data_dir / "workers.lock"


@contextmanager
def _open(path: Path) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"[storage] data_dir: expected a directory to write to, got {path.parent} ({error.strerror})"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_holders(path: Path) -> list[int]:
    """Returns the processes that hold a lock of SQLite's kind on the file."""
    return _holders(os.stat(path), "POSIX")


def _names(descriptor: int, separator: str = ", ") -> str:
    return separator.join(map(str, _holders(os.fstat(descriptor), "FLOCK"))) or "unknown"


def _holders(status: os.stat_result, kind: Literal["FLOCK", "POSIX"]) -> list[int]:
    """Returns the processes that hold a lock of this kind on the file, by /proc/locks: proc(5)."""
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    lines = Path("/proc/locks").read_text().splitlines()
    return sorted({int(words[4]) for words in map(str.split, lines) if words[5:6] == [place] and words[1] == kind})
