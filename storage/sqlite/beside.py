"""Reads and writes `database.json` beside the database: the mark that the last server left in it."""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

log = logging.getLogger("hourglass.storage")

BESIDE_NAME = "database.json"


class Beside(Struct, frozen=True, kw_only=True):
    """The mark of the database, in `database.json`. `step` and `base` are None while a server runs and advances them.

    `next_run` is set during a start: it becomes `run` when that is done. `inode` is the number of the database's file;
    `boot` identifies the boot of the machine.
    """

    run: str | None
    step: int | None
    base: int | None
    next_run: str | None = None
    was_copy: bool = False
    inode: int
    boot: str


def read_beside(data_dir: Path) -> Beside | None:
    """Returns None if there is none; one that cannot be parsed counts as none."""
    try:
        return msgspec.json.decode((data_dir / BESIDE_NAME).read_bytes(), type=Beside)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.warning("%s cannot be understood, and counts as missing: %s", data_dir / BESIDE_NAME, error)
        return None


def write_beside(data_dir: Path, beside: Beside) -> None:
    """Writes it, whole or not at all, and to the disk."""
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
    """Returns a text that differs after each boot of the machine; empty if that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
