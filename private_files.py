"""Files that only their owner may read: keys."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from jobs.errors import StartError


def write_private(path: Path, data: bytes) -> None:
    """Writes a new file to disk, for its owner alone. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def check_is_private(path: Path) -> None:
    """Raises StartError if the file exists and others may read or write it, OSError if that cannot be found out."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(
            f"{path}: expected a file that only its owner can read, got mode {mode:04o}; "
            f"run: chmod 600 {shlex.quote(str(path))}"
        )
