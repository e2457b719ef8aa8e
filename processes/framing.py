"""Whole messages over a stream of bytes: four bytes say how long a message is, then it follows.

The server must never wait for the second half of a message: its sender may have been killed, while a process
that it forked keeps the pipe open. So the bytes are gathered here, however they come.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_LENGTH = struct.Struct(">I")


class FrameTooLong(ValueError):
    """The sender announced a message that is longer than any can be."""


def framed(message: bytes) -> bytes:
    """The message as it goes over the stream."""
    return _LENGTH.pack(len(message)) + message


class Frames:
    """Cuts what comes in into messages of at most `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._gathered = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """The messages that `data` completes. Raises FrameTooLong."""
        self._gathered += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> bytes | None:
        if len(self._gathered) < _LENGTH.size:
            return None
        end = _LENGTH.size + self._announced_bytes()
        if len(self._gathered) < end:
            return None
        message = bytes(memoryview(self._gathered)[_LENGTH.size : end])
        del self._gathered[:end]
        return message

    def _announced_bytes(self) -> int:
        (size,) = _LENGTH.unpack_from(self._gathered)
        if size > self._most_bytes:
            raise FrameTooLong(f"a message of {size:,} bytes was announced, at most {self._most_bytes:,} are taken")
        return int(size)
