"""Stores answers that clients do not read in unnamed files, while others need the memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 1024 * 1024 * 1024
FEWEST_FILES = 16
"""The descriptors that are held back from connections leave room for these."""
SHARE_OF_FREE_SPACE = 10
"""At most a tenth of the free space is used: the disk is there for the tasks."""


class Overflow:
    """All answers on the disk: each takes a spare descriptor. Without a directory there is no room."""

    def __init__(self, directory: Path | None = None, spare_descriptors: int = 0) -> None:
        self._directory = directory
        self._most_files = max(FEWEST_FILES, spare_descriptors)
        self.held_bytes = 0
        self.file_count = 0

    def put(self, pieces: Iterable[memoryview], size: int) -> Spooled | None:
        """Writes the pieces to a file; returns None if there is no room, or the disk refuses."""
        if self._directory is None or self.file_count >= self._most_files or self.held_bytes + size > MOST_BYTES:
            return None
        try:
            if (self.held_bytes + size) * SHARE_OF_FREE_SPACE > shutil.disk_usage(self._directory).free:
                return None
            file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115  Spooled closes it
        except OSError:
            return None
        spooled = Spooled(self, file)
        try:
            for piece in pieces:
                spooled.append(piece)
        except OSError:
            spooled.close()
            return None
        return spooled


class Spooled:
    """The rest of one answer, in a file."""

    def __init__(self, overflow: Overflow, file: BinaryIO) -> None:
        self._overflow = overflow
        self._file = file
        self._read = 0
        self._size = 0
        overflow.file_count += 1

    def append(self, data: bytes | memoryview) -> None:
        """Writes more bytes. Raises OSError."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file.fileno(), rest, self._size)
            self._size += written
            self._overflow.held_bytes += written
            rest = rest[written:]

    def take(self, most: int) -> bytes:
        """Returns the next bytes, none at the end. Raises OSError."""
        data = os.pread(self._file.fileno(), most, self._read)
        self._read += len(data)
        return data

    def close(self) -> None:
        self._file.close()
        self._overflow.held_bytes -= self._size
        self._overflow.file_count -= 1
        self._size = 0
