"""The key in the data directory from which tokens are computed: they are never stored."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from pathlib import Path

from accounts.model import KEY_NAME
from jobs.errors import StartError

KEY_BYTES = 32


def read_or_make_key(data_dir: Path) -> bytes:
    """Returns the key, which is made on first use. Raises StartError if it cannot be made or read, is not a key, or
    others may read it."""
    path = data_dir / KEY_NAME
    try:
        if not path.exists():
            make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise StartError(f"[storage] data_dir: expected to read or create {path} ({error.strerror})") from error
    if len(key) != KEY_BYTES:
        raise StartError(f"{path}: expected a key of {KEY_BYTES} bytes, got {len(key)}; remove it to renew all tokens")
    check_key_is_private(data_dir)
    return key


def check_key_is_private(data_dir: Path) -> None:
    """Raises StartError if the key exists and others may read or write it: whoever has it can make every token."""
    path = data_dir / KEY_NAME
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(f"[storage] data_dir: expected a directory to write to, got {data_dir} ({error})") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(
            f"{path}: expected a file that only its owner can read, got mode {mode:04o}; "
            f"run: chmod 600 {shlex.quote(str(path))}"
        )


def make_key(path: Path) -> None:
    """Writes a new key, whole or not at all. If another process is first, its key stays."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(descriptor)
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
