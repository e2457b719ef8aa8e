"""Requests and answers over one connection, one after the other, with bounds on headers and unwanted bodies.

Builds on parts of Tornado that are not public: `requirements` pins its version, and the tests of the limits run against
the real server.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection, parse_int
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

from handlers.http.gate import Gate
from handlers.http.stream import Stream, raw_problem

log = logging.getLogger("hourglass.http")

MOST_HEADER_LINES = 100
HEADER_COPIES = 2
"""What a header takes when it is understood, by its bytes: measured."""
LARGEST_KEPT_OPEN_BYTES = 1024 * 1024
"""The rest of a body that is read to its end after a refusal, so that the connection can stay open."""
LARGEST_DISCARDED_BYTES = 16 * 1024 * 1024
"""The rest that is read while the connection closes: a client that still sends would lose the answer."""
LONGEST_REASON_CHARACTERS = 200

END_OF_HEADER = rb"\r?\n\r?\n"


def body_length(headers: HTTPHeaders) -> int | None:
    """Returns the length of the body, None if its end is not known. Raises HTTPInputError if RFC 9112 forbids it."""
    if "Transfer-Encoding" in headers:
        if "Content-Length" in headers:
            raise HTTPInputError("Content-Length and Transfer-Encoding together are not allowed.")
        if headers["Transfer-Encoding"].lower() != "chunked":
            raise HTTPInputError("The only supported Transfer-Encoding is chunked.")
        return None
    if "Content-Length" not in headers:
        return 0
    length = headers["Content-Length"]
    if "," in length:
        lengths = set(re.split(r",[ \t]*", length))
        if len(lengths) != 1:
            raise HTTPInputError("Content-Length has several different values.")
        headers["Content-Length"] = length = lengths.pop()
    if len(length) > 18:
        raise HTTPInputError("Content-Length is too large.")
    try:
        return parse_int(length)
    except ValueError:
        raise HTTPInputError("Content-Length is not a whole number.") from None


class HeaderRefused(HTTPInputError):
    """A header that is not even parsed: each line, and each copy, takes far more memory than its bytes."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Connection(HTTP1Connection):
    """One request and its answer. The rest of an unwanted body is read and thrown away, within bounds."""

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
                # Not held by a name: this function runs as long as the request does.
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
            raise HeaderRefused(431, f"At most {MOST_HEADER_LINES} headers are accepted.")
        if not self.stream.hold_header(HEADER_COPIES * len(header)):
            raise HeaderRefused(503, "Too many long headers are in memory at the moment; try again shortly.")
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
        """Announces whether the connection closes after the answer: only if the rest of the body is too long to be
        thrown away, its length is unknown, or the client waits for permission to send it."""
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
        """Delays the close: closed at once, with a body still arriving, the kernel would discard the answer."""
        self._is_lingering = True
        self.stream.linger()
        if not self._finish_future.done():
            self._finish_future.set_result(None)

    async def _refuse(self, error: HTTPInputError) -> None:
        """Answers a malformed request, if nothing has been answered yet."""
        sentence = f"The request cannot be understood: {str(error)[:LONGEST_REASON_CHARACTERS]}"
        status, reason = 400, "malformed"
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


async def _logging(call: Callable[..., Awaitable[None] | None], *args: Any) -> None:
    """Calls the delegate. An unexpected exception is a defect of ours: logs it and closes the connection."""
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
    """A connection, which answers one request after the other."""

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
