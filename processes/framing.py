"""Whole messages over a stream of bytes: four bytes with the length of a message, then the message.

The server must never wait for the second half of a message: its sender may have been killed, while a process
that it forked holds the pipe open. So the bytes are collected here, in whatever pieces they arrive.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024

_LENGTH = struct.Struct(">I")

encode = msgspec.msgpack.Encoder().encode


class FrameTooLong(ValueError):
    """The sender announced a message that is longer than any may be."""


def framed(message: bytes) -> bytes:
    """Returns the message as it is sent: its length, then itself."""
    return _LENGTH.pack(len(message)) + message


class Frames:
    """Cuts received bytes into messages of at most `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._gathered = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yields the messages that `data` completes. Raises FrameTooLong."""
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
            raise FrameTooLong(f"a message of {size:,} bytes was announced, at most {self._most_bytes:,} are accepted")
        return int(size)
