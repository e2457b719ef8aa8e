"""Tornado's HTTP server, with bounds on what a connection may cost: a descriptor, memory, and time.

It builds on parts of tornado that are not public; `requirements` pins its version, and the tests of the limits run
against the real server.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import re
import socket
import struct
import termios
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection, parse_int
from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
)
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError
from tornado.web import Application

from handlers.http.limits import ClientLimits
from handlers.http.memory_release import Memory
from handlers.http.overflow import Overflow, Spooled
from handlers.http.problems import Refusal, problem
from jobs.live.views import encode
from logs import Request

log = logging.getLogger("hourglass.http")

RELIEF_SECONDS = 0.1
UNREAD_SECONDS = 1.0
"""An answer that a client has begun to read is not waited for; one that takes longer than this may be."""
SPOOLED_AT_LEAST_BYTES = 256 * 1024
SPOOL_CHUNK_BYTES = 64 * 1024
ACCEPT_PAUSE_SECONDS = 0.5
DOOR_SECONDS = 0.1
"""How long a connection waits for a place while all others are busy; who comes behind it waits in the kernel."""
ACCEPT_LOG_SECONDS = 60.0

LARGEST_HEADER_BYTES = 64 * 1024
MOST_HEADER_LINES = 100
HEADER_COPIES = 2
"""What a header takes when it is understood, by its bytes: measured."""
BODY_CHUNK_BYTES = 64 * 1024
FREE_BYTES = 4 * 1024
"""What a connection may send without being counted."""
LARGEST_KEPT_OPEN_BYTES = 1024 * 1024
"""The rest of a body that is read to its end after a refusal, so that the connection can stay open."""
LARGEST_DISCARDED_BYTES = 16 * 1024 * 1024
"""The rest that is read while the connection closes: a client that still sends would lose the answer."""
ACCEPTED_AT_ONCE = 128
LONGEST_REASON_CHARACTERS = 200

END_OF_HEADER = rb"\r?\n\r?\n"


@dataclass(frozen=True)
class Times:
    """How long a client may take, in seconds: for a header, to begin the next one, for the next byte of a body, to take
    the next byte of an answer, and to end a connection that ends. `look` is how often unread answers are looked at."""

    header: float = 10
    idle: float = 300
    body: float = 30
    answer: float = 30
    look: float = 5
    linger: float = 10


class Deadlines:
    """Connections that wait for the same, longest first; who waits for too long is handed to `on_late`."""

    def __init__(self, seconds: float, on_late: Callable[[Stream], None]) -> None:
        self._seconds = seconds
        self._on_late = on_late
        self._since: OrderedDict[Stream, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, stream: Stream) -> None:
        """It waits from now on, also if it has waited before."""
        self._since[stream] = time.monotonic()
        self._since.move_to_end(stream)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def end(self, stream: Stream) -> None:
        """It waits no longer."""
        self._since.pop(stream, None)

    def longest(self) -> tuple[float, Stream] | None:
        """Who has waited longest, and since when."""
        return next(((since, stream) for stream, since in self._since.items()), None)

    def all(self) -> list[Stream]:
        return list(self._since)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        while (longest := self.longest()) is not None:
            since, stream = longest
            if now - since < self._seconds:
                self._timer = asyncio.get_running_loop().call_later(since + self._seconds - now, self._look)
                return
            self.end(stream)
            self._on_late(stream)


class Gate:
    """Lets connections in as long as there is a place, and closes those that take too long.

    A connection waits for a header, for the next byte of a body, or for its client to take the next byte of an answer;
    while a request is being answered, and as a WebSocket, it waits for nothing.
    """

    def __init__(
        self,
        limits: ClientLimits,
        times: Times = Times(),
        overflow: Overflow | None = None,
    ) -> None:
        self.limits = limits
        self.most = limits.connections
        self.open: set[Stream] = set()
        self.headers = Deadlines(times.header, self._closer("header_seconds"))
        self.idle = Deadlines(times.idle, lambda stream: stream.close())
        self.bodies = Deadlines(times.body, self._look_at_body)
        self._close_quiet_body = self._closer("body_seconds")
        self.unread = Deadlines(times.look, self._look_at_unread)
        self.lingering = Deadlines(times.linger, lambda stream: stream.close())
        self._answer_seconds = times.answer
        self.overflow = overflow or Overflow()
        self._relief: asyncio.TimerHandle | None = None
        limits.answers.on_wait = self._relieve_soon
        self.memory = Memory()

    def _relieve_soon(self) -> None:
        if self._relief is None:
            self._relief = asyncio.get_running_loop().call_later(RELIEF_SECONDS, self._relieve)

    def _relieve(self) -> None:
        """While somebody waits for its turn: the answer that its client has not read for longest goes to the disk."""
        self._relief = None
        if not self.limits.answers.waiting_count:
            return
        now = time.monotonic()
        for stream in self.unread.all():
            if now - stream.unread_since >= UNREAD_SECONDS and stream.spool():
                break
        self._relieve_soon()

    def make_place(self) -> bool:
        """Whether one more may come in. The connection that has waited longest for its header is closed for it; if
        none waits for one, that which has waited longest for the rest of a body, or for its client to read."""
        return len(self.open) < self.most or self.give_up_one()

    def give_up_one(self) -> bool:
        """Closes a connection in favour of another one; whether there was one to be closed."""
        stream = self._longest(self.headers, self.idle, self.lingering) or self._longest(self.bodies, self.unread)
        if stream is None:
            return False
        self.limits.refused.add("connections")
        stream.close()
        return True

    def close_waiting(self) -> None:
        """Closes all that have sent no whole request: the server stops."""
        for waits in (self.headers, self.idle, self.bodies, self.lingering):
            for stream in waits.all():
                stream.close()

    def leave(self, stream: Stream) -> None:
        """It is closed."""
        self.open.discard(stream)
        self.unread.end(stream)
        self.memory.work_is_done()

    def _closer(self, reason: str) -> Callable[[Stream], None]:
        def close(stream: Stream) -> None:
            self.limits.refused.add(reason)
            stream.close()

        return close

    def _look_at_body(self, stream: Stream) -> None:
        """Before it is read, a body may have to wait for us: for a password to be checked."""
        if stream.reading():
            self._close_quiet_body(stream)
        else:
            self.bodies.begin(stream)

    def _look_at_unread(self, stream: Stream) -> None:
        if stream.seconds_without_a_byte_taken() < self._answer_seconds:
            self.unread.begin(stream)
            return
        self.limits.refused.add("answer_seconds")
        stream.close()

    @staticmethod
    def _longest(*waits: Deadlines) -> Stream | None:
        found = [one for one in (some.longest() for some in waits) if one is not None]
        return min(found, key=lambda one: one[0])[1] if found else None


class Stream(IOStream):
    """A connection's bytes: those that have not left yet are counted, and so are those that wait to be understood."""

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
        """What the client is expected to do from now on; None if it has done all."""
        if self._waits_in is not None:
            self._waits_in.end(self)
        self._waits_in = deadlines
        if deadlines is not None:
            deadlines.begin(self)

    def hold_header(self, size: int) -> bool:
        """Counts a header until its request is over, that of a WebSocket until it closes: a call may wait for long.
        Returns whether there is room for it."""
        self._header_bytes = size
        return self._count_waiting()

    def await_next_header(self) -> None:
        """After an answer the client is given the time for a header from its first byte on."""
        self.hold_header(0)
        self.wait_in(self._gate.headers if self._read_buffer_size else self._gate.idle)

    def await_body(self, length: int | None) -> None:
        """Each byte gives the client the time for the next; nothing is awaited of a body that is here already."""
        is_here = length is not None and length <= self._read_buffer_size
        self.read_chunk_size = FREE_BYTES if is_here else BODY_CHUNK_BYTES
        self.wait_in(None if is_here else self._gate.bodies)

    def body_is_complete(self) -> None:
        self.read_chunk_size = FREE_BYTES
        self.wait_in(None)

    def linger(self) -> None:
        """Ends our side alone, and gives the client some time to end its own."""
        self.wait_in(self._gate.lingering)
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()

    def become_websocket(self) -> None:
        """From now on nothing has to come or go in time, and the feed counts the frames."""
        self.wait_in(None)
        self._count_unsent(0)
        self.is_websocket = True

    def seconds_without_a_byte_taken(self) -> float:
        """For how long the client has taken nothing: neither the server nor the kernel has got rid of a byte."""
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
        """What comes after an answer on the disk goes there as well."""
        if self._spooled is None or self.closed():
            return super().write(data)
        self._spooled.append(data)
        self._total_write_index += len(data)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._write_futures.append((self._total_write_index, future))
        return future

    def spool(self) -> bool:
        """Moves what has not left to the disk but for the next bytes; whether it did."""
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
        """Tornado holds a text until its last byte has left: when half of it has, only the rest is held."""
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
        """What the kernel has of us that the client's kernel has not acknowledged."""
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
        """Counts what is read and no body: half a header, the header of what is being answered, the next request."""
        before = self._waiting_bytes
        waiting = 0 if self.closed() else max(0, self._read_buffer_size + self._header_bytes - FREE_BYTES)
        self._waiting_bytes = waiting
        return waiting == before or self._gate.limits.bodies.add_unread(waiting - before)

    def _refuse_unreadable(self) -> None:
        """What is to be read does not end where it must: a header, or the line before a piece of a body."""
        if self._waits_in not in (self._gate.headers, self._gate.idle):
            self._gate.limits.refused.add("malformed")
            return
        self._gate.limits.refused.add("header_bytes")
        with suppress(OSError):
            self.socket.send(raw_problem(431, f"Address and headers are larger than {LARGEST_HEADER_BYTES} bytes."))


def raw_problem(status: int, detail: str) -> bytes:
    """A whole answer for a request that reaches no handler; the connection closes after it."""
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


def body_length(headers: HTTPHeaders) -> int | None:
    """How long the body is; None if only its end will tell. Raises HTTPInputError for what RFC 9112 does not allow."""
    if "Transfer-Encoding" in headers:
        if "Content-Length" in headers:
            raise HTTPInputError("Content-Length and Transfer-Encoding together are not allowed.")
        if headers["Transfer-Encoding"].lower() != "chunked":
            raise HTTPInputError("The only Transfer-Encoding that is understood is chunked.")
        return None
    if "Content-Length" not in headers:
        return 0
    length = headers["Content-Length"]
    if "," in length:
        lengths = set(re.split(r",[ \t]*", length))
        if len(lengths) != 1:
            raise HTTPInputError("There are several unequal values of Content-Length.")
        headers["Content-Length"] = length = lengths.pop()
    if len(length) > 18:
        raise HTTPInputError("Content-Length is too large.")
    try:
        return parse_int(length)
    except ValueError:
        raise HTTPInputError("Content-Length is not a whole number.") from None


class HeaderRefused(HTTPInputError):
    """A header that is not even taken apart: each line takes far more memory than its bytes, as does each copy."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Connection(HTTP1Connection):
    """One request and its answer. What is left of a body that nobody wants is read and thrown away, within bounds."""

    stream: Stream

    def __init__(self, stream: Stream, server: ServerConnection, gate: Gate) -> None:
        super().__init__(stream, False, server.params, server.context)
        self._gate = gate
        self._length: int | None = 0
        self._closes = False
        self._waits_to_continue = False
        self._headers_sent = False
        self._is_lingering = False
        self._delivered_bytes = 0
        self._discarded_bytes = 0

    async def _read_message_inner(self, delegate: HTTPMessageDelegate, num_1xx: int = 0) -> bool:
        is_delegate_told = True
        try:
            start_line, headers = self._understand(
                # Held by no name: this function goes on for as long as the request does.
                await self.stream.read_until_regex(END_OF_HEADER, max_bytes=self.params.max_header_size)
            )
            self.stream.await_body(self._length)
            is_delegate_told = False
            await _logging(delegate.headers_received, start_line, headers)
            if self.stream is None:
                is_delegate_told = True
                return False
            await self._read_rest(delegate)
            self._read_finished = True
            if not self._write_finished:
                await _logging(delegate.finish)
            is_delegate_told = True
            if self.stream is not None and not self._finish_future.done() and not self.stream.closed():
                self.stream.set_close_callback(self._on_connection_close)
                await self._finish_future
            if self._closes and self.stream is not None:
                self.close()
            return self.stream is not None and not self.stream.closed()
        except HTTPInputError as error:
            await self._refuse(error)
            return False
        finally:
            if not is_delegate_told:
                await _logging(delegate.on_connection_close)
            self._clear_callbacks()

    def _understand(self, header: bytes) -> tuple[RequestStartLine, HTTPHeaders]:
        if header.count(b"\n") > MOST_HEADER_LINES + 2:
            raise HeaderRefused(431, f"At most {MOST_HEADER_LINES} headers are taken.")
        if not self.stream.hold_header(HEADER_COPIES * len(header)):
            raise HeaderRefused(503, "Too many long headers are held at the moment; try again shortly.")
        line, headers = self._parse_headers(header)
        start_line = parse_request_start_line(line)
        self._request_start_line, self._request_headers = start_line, headers
        self._length = body_length(headers)
        self._disconnect_on_finish = not self._can_keep_alive(start_line, headers)
        self._waits_to_continue = headers.get("Expect", "").lower() == "100-continue" and self._length != 0
        return start_line, headers

    async def _read_rest(self, delegate: HTTPMessageDelegate) -> None:
        """Reads the body. It may be answered already, or be answered while it comes."""
        if self._length == 0:
            return
        if self._waits_to_continue and not self._headers_sent:
            self._waits_to_continue = False
            await self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._length is None:
            await self._read_chunked_body(delegate)
        else:
            await self._read_fixed_body(self._length, delegate)
        if not self._is_lingering:
            self.stream.body_is_complete()

    async def _deliver_body(self, delegate: HTTPMessageDelegate, data: bytes) -> None:
        if self._length is not None:
            self._length -= len(data)
        if not self._write_finished:
            # Handlers refuse much earlier. This is for one that forgets to.
            self._delivered_bytes += len(data)
            if self._delivered_bytes > LARGEST_DISCARDED_BYTES:
                raise HTTPInputError("The body is too large.")
            await _logging(delegate.data_received, data)
            return
        self._discarded_bytes += len(data)
        if self._discarded_bytes > LARGEST_DISCARDED_BYTES:
            self.stream.close()

    def write_headers(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> asyncio.Future[None]:
        """Says whether the connection closes afterwards: only if the rest of the body is too long to be thrown away, if
        nobody knows how long it is, or if the client waits to be told to send it."""
        self._headers_sent = True
        asked = headers.get("Connection", "").lower() == "close"
        self._closes = self._disconnect_on_finish or asked or not (self._read_finished or self._can_stay_open())
        self._disconnect_on_finish = self._closes
        if self._closes and not headers.get("Connection"):
            headers["Connection"] = "close"  # Tornado leaves it out for HTTP/1.0
        return super().write_headers(start_line, headers, chunk)

    def _can_stay_open(self) -> bool:
        return not self._waits_to_continue and self._length is not None and self._length <= LARGEST_KEPT_OPEN_BYTES

    def _finish_request(self, future: asyncio.Future[None] | None) -> None:
        self._disconnect_on_finish = self._closes
        if self._closes and not self._read_finished and not self.stream.closed():
            self._linger()
            return
        super()._finish_request(future)

    def _linger(self) -> None:
        """Closed at once, with a body still coming, the kernel would take the answer back."""
        self._is_lingering = True
        self.stream.linger()
        if not self._finish_future.done():
            self._finish_future.set_result(None)

    async def _refuse(self, error: HTTPInputError) -> None:
        """Answers what is no HTTP, if nothing has been answered yet."""
        status, reason, sentence = 400, "malformed", _sentence(error)
        if isinstance(error, HeaderRefused):
            status, reason, sentence = error.status, "header_bytes", str(error)
        self._gate.limits.refused.add(reason)
        log.debug("Malformed HTTP message from %s: %s", self.context, error)
        if self._headers_sent or self.stream.closed():
            self.close()
            return
        self._headers_sent = self._write_finished = True
        try:
            self.stream.wait_in(self._gate.lingering)
            await self.stream.write(raw_problem(status, sentence))
            self._linger()
            while not self.stream.closed() and self._discarded_bytes <= LARGEST_DISCARDED_BYTES:
                self._discarded_bytes += len(await self.stream.read_bytes(65536, partial=True))
        except StreamClosedError:
            pass
        self.close()

    def detach(self) -> IOStream:
        self.stream.become_websocket()
        return super().detach()


def _sentence(error: HTTPInputError) -> str:
    """What is wrong, in tornado's words."""
    return f"The request cannot be understood: {str(error)[:LONGEST_REASON_CHARACTERS]}"


async def _logging(call: Callable[..., Awaitable[None] | None], *args: Any) -> None:
    """Calls the delegate; what goes wrong there is a defect of ours, of which the log tells, and closes."""
    try:
        result = call(*args)
        if result is not None:
            await result
    except (HTTPInputError, StreamClosedError):
        raise
    except Exception as error:
        log.exception("a defect in a handler")
        raise StreamClosedError(error) from error


class ServerConnection(HTTP1ServerConnection):
    """A connection: one request after the other."""

    stream: Stream

    def __init__(self, stream: Stream, params: Any, context: object, gate: Gate) -> None:
        super().__init__(stream, params, context)
        self._gate = gate

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            while await self._serve_one(delegate):
                self.stream.await_next_header()
                await asyncio.sleep(0)
        finally:
            if not self.stream.is_websocket:
                self.stream.close()
            delegate.on_close(self)

    async def _serve_one(self, delegate: HTTPServerConnectionDelegate) -> bool:
        self._gate.memory.work_is_done()
        connection = Connection(self.stream, self, self._gate)
        try:
            return await connection.read_response(delegate.start_request(self, connection))
        except (StreamClosedError, UnsatisfiableReadError, asyncio.CancelledError):
            return False


class Server(HTTPServer):
    """Accepts connections as long as the gate has a place for them."""

    gate: Gate
    _logged_at: float

    @classmethod
    def with_limits(cls, application: Application, gate: Gate) -> Server:
        """The server for an application, not listening yet."""
        server = cls(application, max_header_size=LARGEST_HEADER_BYTES, max_body_size=2**62)
        server.gate = gate
        server.conn_params.header_timeout = None
        server._logged_at = -ACCEPT_LOG_SECONDS
        return server

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        for one in sockets:
            self._sockets[one.fileno()] = one
            self._handlers[one.fileno()] = self._accept_from(one)

    def _accept_from(self, listening: socket.socket) -> Callable[[], None]:
        """Accepts until the function that is returned is called."""
        loop = asyncio.get_running_loop()
        pause: list[asyncio.TimerHandle] = []

        def accept() -> None:
            for _ in range(ACCEPTED_AT_ONCE):
                try:
                    connection, address = listening.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    return
                except OSError as error:
                    self._cannot_accept(error)
                    if not self.gate.give_up_one():
                        go_on_after(ACCEPT_PAUSE_SECONDS, loop.add_reader, listening, accept)
                        return
                    continue
                if not self._let_in(connection, address):
                    go_on_after(DOOR_SECONDS, try_again, connection, address)
                    return

        def try_again(connection: socket.socket, address: Any) -> None:
            if not self._let_in(connection, address):
                self._refuse(connection)
            loop.add_reader(listening, accept)

        def go_on_after(seconds: float, call: Callable[..., object], *args: Any) -> None:
            loop.remove_reader(listening)
            pause[:] = [loop.call_later(seconds, call, *args)]

        def stop() -> None:
            for timer in pause:
                timer.cancel()
            loop.remove_reader(listening)

        loop.add_reader(listening, accept)
        return stop

    def _let_in(self, connection: socket.socket, address: Any) -> bool:
        """Whether there was a place for it."""
        if not self.gate.make_place():
            return False
        stream = Stream(connection, self.gate)
        context = _HTTPRequestContext(stream, address, self.protocol, self.trusted_downstream)
        served = ServerConnection(stream, self.conn_params, context, self.gate)
        self._connections.add(served)
        served.start_serving(self)
        return True

    def _refuse(self, connection: socket.socket) -> None:
        self.gate.limits.refused.add("connections")
        with connection:
            connection.setblocking(False)
            with suppress(OSError):
                connection.send(raw_problem(503, "There are too many connections; try again shortly."))

    def _cannot_accept(self, error: OSError) -> None:
        """Says so, once a minute at most."""
        if time.monotonic() - self._logged_at >= ACCEPT_LOG_SECONDS:
            self._logged_at = time.monotonic()
            log.error("no connection can be accepted at the moment, it is tried again: %s", error.strerror)
