"""Tornado's HTTP server with a bound on open connections: it accepts as long as the gate has a place.

Builds on parts of Tornado that are not public: `requirements` pins its version, and the tests of the limits run against
the real server.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.web import Application

from handlers.http.gate import Gate
from handlers.http.http1 import ServerConnection
from handlers.http.stream import LARGEST_HEADER_BYTES, Stream, raw_problem

log = logging.getLogger("hourglass.http")

ACCEPT_PAUSE_SECONDS = 0.5
DOOR_SECONDS = 0.1
"""How long a connection waits for a place while all others are busy; those behind it wait in the kernel."""
ACCEPT_LOG_SECONDS = 60.0
ACCEPTED_AT_ONCE = 128


class Server(HTTPServer):
    """Accepts connections as long as the gate has a place for them."""

    gate: Gate
    _logged_at: float

    @classmethod
    def with_limits(cls, application: Application, gate: Gate) -> Server:
        """Returns the server for an application, not listening yet."""
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
        """Accepts connections until the returned function is called."""
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
        """Serves a connection; returns whether there was a place for it."""
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
        """Logs the error, at most once a minute."""
        if time.monotonic() - self._logged_at >= ACCEPT_LOG_SECONDS:
            self._logged_at = time.monotonic()
            log.error("connections cannot be accepted at the moment, trying again: %s", error.strerror)
