"""SQLite's write-ahead log and its index (`-wal` and `-shm`): where they are, and the header of the index."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

LOG_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
INDEX_VERSION = 3_007_000
"""Of SQLite's `-shm` file as it is read here: https://www.sqlite.org/walformat.html#the_wal_index_file_format"""


def log_path(path: Path) -> Path:
    """Returns where SQLite has the write-ahead log: beside the file itself, even if `path` is a link to it."""
    real = path.resolve()
    return real.with_name(f"{real.name}-wal")


def index_path(path: Path) -> Path:
    """Returns where SQLite has the index of the log."""
    real = path.resolve()
    return real.with_name(f"{real.name}-shm")


class LogIndex(NamedTuple):
    """The header of SQLite's `-shm` file, which describes the log."""

    page_bytes: int
    frames: int
    checkpointed_frames: int
    attempted_frames: int
    salts: bytes

    @classmethod
    def read(cls, descriptor: int) -> LogIndex | None:
        """Returns None if it has another format than is known here."""
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
        """Returns the minimum size of the log, as long as it has frames."""
        return LOG_HEADER_BYTES + self.frames * (FRAME_HEADER_BYTES + self.page_bytes)

    @property
    def is_checkpointed(self) -> bool:
        """Returns whether all of the log is in the main file: the next commit may restart the log."""
        return self.checkpointed_frames >= self.frames

    @classmethod
    def read_salts(cls, descriptor: int) -> bytes:
        """Returns what distinguishes the log from those before it, b"" if the index is unreadable."""
        index = cls.read(descriptor)
        return index.salts if index else b""

    @classmethod
    def is_checkpointed_in(cls, descriptor: int) -> bool:
        """Returns the same of an index that may be unreadable."""
        index = cls.read(descriptor)
        return index is not None and index.is_checkpointed
