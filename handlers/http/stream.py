"""The bytes of one connection: counted while they wait to be understood, and until the client has read them.

Builds on parts of Tornado that are not public: `requirements` pins its version, and the tests of the limits run against
the real server.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
import time
from contextlib import suppress
from typing import Any

from tornado.iostream import IOStream, UnsatisfiableReadError

from handlers.http.gate import Deadlines, Gate
from handlers.http.overflow import Spooled
from handlers.http.problems import Refusal, problem
from jobs.live.views import encode
from logs import Request

SPOOLED_AT_LEAST_BYTES = 256 * 1024
SPOOL_CHUNK_BYTES = 64 * 1024
LARGEST_HEADER_BYTES = 64 * 1024
BODY_CHUNK_BYTES = 64 * 1024
FREE_BYTES = 4 * 1024
"""What a connection may send without being counted."""


class Stream(IOStream):
    """A connection's bytes: counted until they have left, or are understood."""

    def __init__(self, connection: socket.socket, gate: Gate) -> None:
        self._gate = gate
        self._unsent = 0
        self._sent = 0
        self._queued = 0
        self._taken_at = 0.0
        self.unread_since = 0.0
        self._spooled: Spooled | None = None
        self._header_bytes = 0
        self._waiting_bytes = 0
        self.is_websocket = False
        # While a request is being answered, what follows it is read as far as this, to see whether the client is there.
        super().__init__(connection, read_chunk_size=FREE_BYTES)
        gate.open.add(self)
        self._waits_in: Deadlines | None = None
        self.wait_in(gate.headers)

    def wait_in(self, deadlines: Deadlines | None) -> None:
        """Sets what the client has to do next, with its deadline; None if it has done everything."""
        if self._waits_in is not None:
            self._waits_in.end(self)
        self._waits_in = deadlines
        if deadlines is not None:
            deadlines.begin(self)

    def hold_header(self, size: int) -> bool:
        """Counts a header until its request is over, that of a WebSocket until it closes: a call may take long. Returns
        whether there is room for it."""
        self._header_bytes = size
        return self._count_waiting()

    def await_next_header(self) -> None:
        """Waits for the next request; its header has a deadline from its first byte on."""
        self.hold_header(0)
        self.wait_in(self._gate.headers if self._read_buffer_size else self._gate.idle)

    def await_body(self, length: int | None) -> None:
        """Waits for a body, with a deadline for each byte; a body that is here already has none."""
        is_here = length is not None and length <= self._read_buffer_size
        self.read_chunk_size = FREE_BYTES if is_here else BODY_CHUNK_BYTES
        self.wait_in(None if is_here else self._gate.bodies)

    def body_is_complete(self) -> None:
        self.read_chunk_size = FREE_BYTES
        self.wait_in(None)

    def linger(self) -> None:
        """Closes our side alone, and gives the client some time to close its own."""
        self.wait_in(self._gate.lingering)
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()

    def become_websocket(self) -> None:
        """Ends all deadlines and counting: the feed counts frames."""
        self.wait_in(None)
        self._count_unsent(0)
        self.is_websocket = True

    def seconds_without_a_byte_taken(self) -> float:
        """Returns for how long the client has read nothing: neither the server nor the kernel has got rid of a byte."""
        now, queued = time.monotonic(), self._bytes_in_kernel()
        if self._total_write_done_index != self._sent or queued < self._queued:
            self._taken_at = now
        self._sent, self._queued = self._total_write_done_index, queued
        return now - self._taken_at

    def close(self, exc_info: Any = False) -> None:
        if not self.closed() and isinstance(exc_info, UnsatisfiableReadError):
            self._refuse_unreadable()
        super().close(exc_info)
        self._end_spool()
        self.wait_in(None)
        self._gate.leave(self)
        self._count_unsent(0)
        self._count_waiting()

    def write(self, data: bytes | memoryview) -> asyncio.Future[None]:
        """Writes, also to the disk if the rest of the answer is there."""
        if self._spooled is None or self.closed():
            return super().write(data)
        self._spooled.append(data)
        self._total_write_index += len(data)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._write_futures.append((self._total_write_index, future))
        return future

    def spool(self) -> bool:
        """Moves all but the next bytes to the disk; returns whether it did."""
        if self._spooled is not None or self._unsent < SPOOLED_AT_LEAST_BYTES or self.is_websocket:
            return False
        pieces = [memoryview(piece) for _, piece in self._write_buffer._buffers]
        pieces[0] = pieces[0][self._write_buffer._first_pos :]
        first = bytes(pieces[0][:SPOOL_CHUNK_BYTES])
        pieces[0] = pieces[0][len(first) :]
        self._spooled = self._gate.overflow.put(pieces, self._unsent)
        for piece in pieces:
            piece.release()
        if self._spooled is None:
            return False
        self._write_buffer.clear()
        self._write_buffer.append(first)
        self._count_unsent(len(first))
        return True

    def _handle_write(self) -> None:
        super()._handle_write()
        try:
            while self._spooled is not None and self._write_buffer is not None and not self._write_buffer:
                self._write_buffer.append(self._spooled.take(SPOOL_CHUNK_BYTES))
                if not self._write_buffer:
                    self._end_spool()
                super()._handle_write()
        except OSError as error:
            self.close(exc_info=error)
        unsent = len(self._write_buffer) if self._write_buffer else 0
        if unsent != self._unsent and not self.is_websocket:
            self._let_go()
            self._count_unsent(unsent)

    def _let_go(self) -> None:
        """Frees what has left: Tornado holds a text until its last byte has left, this only until half of it has."""
        buffer = self._write_buffer
        if not buffer or buffer._first_pos < SPOOL_CHUNK_BYTES:
            return
        is_text, text = buffer._buffers[0]
        if is_text and buffer._first_pos > len(text) // 2:
            buffer._buffers[0] = (True, memoryview(bytes(text[buffer._first_pos :])))
            buffer._first_pos = 0

    def _end_spool(self) -> None:
        if self._spooled is not None:
            self._spooled.close()
            self._spooled = None

    def _count_unsent(self, unsent: int) -> None:
        before, self._unsent = self._unsent, unsent
        if unsent and not before:
            self._sent, self._queued = self._total_write_done_index, self._bytes_in_kernel()
            self._taken_at = self.unread_since = time.monotonic()
            self._gate.unread.begin(self)
        elif not unsent:
            self._gate.unread.end(self)
        if unsent > before:
            self._gate.limits.answers.add(unsent - before)
        elif unsent < before:
            self._gate.limits.answers.release(before - unsent)

    def _bytes_in_kernel(self) -> int:
        """Returns how many bytes the client's kernel has not acknowledged."""
        return int(struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0])

    def _read_to_buffer(self) -> int | None:
        read = super()._read_to_buffer()
        if read and self._waits_in is self._gate.idle:
            self.wait_in(self._gate.headers)
        elif read and self._waits_in is self._gate.bodies:
            self._gate.bodies.begin(self)
        self._close_without_room()
        return read

    def _consume(self, loc: int) -> bytes:
        data = super()._consume(loc)
        self._close_without_room()
        return data

    def _close_without_room(self) -> None:
        if not self._count_waiting():
            self._gate.limits.refused.add("header_bytes")
            self.io_loop.add_callback(self.close)

    def _count_waiting(self) -> bool:
        """Counts what was read and is no body: half a header, the header of the present request, the next request."""
        before = self._waiting_bytes
        waiting = 0 if self.closed() else max(0, self._read_buffer_size + self._header_bytes - FREE_BYTES)
        self._waiting_bytes = waiting
        return waiting == before or self._gate.limits.bodies.add_unread(waiting - before)

    def _refuse_unreadable(self) -> None:
        """Refuses a header, or the line before a piece of a body, that does not end where it must."""
        if self._waits_in not in (self._gate.headers, self._gate.idle):
            self._gate.limits.refused.add("malformed")
            return
        self._gate.limits.refused.add("header_bytes")
        with suppress(OSError):
            self.socket.send(raw_problem(431, f"Address and headers are larger than {LARGEST_HEADER_BYTES} bytes."))


def raw_problem(status: int, detail: str) -> bytes:
    """Returns a complete answer to a request that reaches no handler; the connection closes after it."""
    body = encode(problem(Refusal(status, detail), status))
    reason = problem(Refusal(status, detail), status).title
    lines = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-Id: {Request(None).id}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
