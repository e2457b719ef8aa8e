"""The key in the data directory from which tokens are computed: they are never stored."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from accounts.model import KEY_NAME
from jobs.errors import StartError
from private_files import check_is_private, write_private

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
    try:
        check_is_private(data_dir / KEY_NAME)
    except OSError as error:
        raise StartError(f"[storage] data_dir: expected a directory to write to, got {data_dir} ({error})") from error


def make_key(path: Path) -> None:
    """Writes a new key, whole or not at all. If another process is first, its key stays."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        write_private(unfinished, secrets.token_bytes(KEY_BYTES))
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink(missing_ok=True)
