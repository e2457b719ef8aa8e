"""Decides which connections may stay open: places, deadlines, and who is closed first if others need the room."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from handlers.http.limits import ClientLimits
from handlers.http.memory_release import Memory
from handlers.http.overflow import Overflow

RELIEF_SECONDS = 0.1
UNREAD_SECONDS = 1.0
"""An answer that a client has begun to read is not waited for; one that takes longer than this may be."""


@dataclass(frozen=True)
class Times:
    """How long a client may take, in seconds: to send a header, to begin the next one, to send the next byte of a body,
    to read the next byte of an answer, and to end a closing connection. `look` is how often unread answers are
    checked."""

    header: float = 10
    idle: float = 300
    body: float = 30
    answer: float = 30
    look: float = 5
    linger: float = 10


class OpenConnection(Protocol):
    """A connection as the gate sees it."""

    unread_since: float
    """Since when an answer has been waiting for the client to read it, by the monotonic clock."""

    def close(self) -> None:
        """Closes the connection."""

    def reading(self) -> bool:
        """Returns whether somebody is waiting for bytes of the client."""

    def spool(self) -> bool:
        """Moves the unread answer to the disk; returns whether there was one, and room for it."""

    def seconds_without_a_byte_taken(self) -> float:
        """Returns for how long the client has read nothing."""


class Deadlines:
    """Connections that wait for the same event, longest first; those that wait too long are handed to `on_late`."""

    def __init__(self, seconds: float, on_late: Callable[[OpenConnection], None]) -> None:
        self._seconds = seconds
        self._on_late = on_late
        self._since: OrderedDict[OpenConnection, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connection: OpenConnection) -> None:
        """Starts the deadline of a connection, or starts it again."""
        self._since[connection] = time.monotonic()
        self._since.move_to_end(connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def end(self, connection: OpenConnection) -> None:
        """Ends the deadline of a connection."""
        self._since.pop(connection, None)

    def longest(self) -> tuple[float, OpenConnection] | None:
        """Returns the connection that has waited longest, and since when."""
        return next(((since, connection) for connection, since in self._since.items()), None)

    def all(self) -> list[OpenConnection]:
        return list(self._since)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        while (longest := self.longest()) is not None:
            since, connection = longest
            if now - since < self._seconds:
                self._timer = asyncio.get_running_loop().call_later(since + self._seconds - now, self._look)
                return
            self.end(connection)
            self._on_late(connection)


class Gate:
    """Lets connections in as long as there is a place, and closes those that take too long.

    A connection has a deadline while a header, the next byte of a body, or its client's reading of an answer is due. It
    has none while a request is being answered, and as a WebSocket.
    """

    def __init__(
        self,
        limits: ClientLimits,
        times: Times = Times(),
        overflow: Overflow | None = None,
    ) -> None:
        self.limits = limits
        self.most = limits.connections
        self.open: set[OpenConnection] = set()
        self.headers = Deadlines(times.header, self._closer("header_seconds"))
        self.idle = Deadlines(times.idle, lambda connection: connection.close())
        self.bodies = Deadlines(times.body, self._look_at_body)
        self._close_quiet_body = self._closer("body_seconds")
        self.unread = Deadlines(times.look, self._look_at_unread)
        self.lingering = Deadlines(times.linger, lambda connection: connection.close())
        self._answer_seconds = times.answer
        self.overflow = overflow or Overflow()
        self._relief: asyncio.TimerHandle | None = None
        limits.answers.when_waiting(self._relieve_soon)
        self.memory = Memory()

    def _relieve_soon(self) -> None:
        if self._relief is None:
            self._relief = asyncio.get_running_loop().call_later(RELIEF_SECONDS, self._relieve)

    def _relieve(self) -> None:
        """Moves the longest unread answer to the disk, as long as others wait for memory."""
        self._relief = None
        if not self.limits.answers.waiting_count:
            return
        now = time.monotonic()
        for connection in self.unread.all():
            if now - connection.unread_since >= UNREAD_SECONDS and connection.spool():
                break
        self._relieve_soon()

    def make_place(self) -> bool:
        """Returns whether one more may come in. Makes room by closing the connection that has waited longest for its
        header; if there is none, the one that has waited longest for a body or for its client to read."""
        return len(self.open) < self.most or self.give_up_one()

    def give_up_one(self) -> bool:
        """Closes a connection in favour of another one; returns whether there was one to close."""
        connection = self._longest(self.headers, self.idle, self.lingering) or self._longest(self.bodies, self.unread)
        if connection is None:
            return False
        self.limits.refused.add("connections")
        connection.close()
        return True

    def close_waiting(self) -> None:
        """Closes all connections without a complete request: the server stops."""
        for waits in (self.headers, self.idle, self.bodies, self.lingering):
            for connection in waits.all():
                connection.close()

    def leave(self, connection: OpenConnection) -> None:
        """Removes a closed connection."""
        self.open.discard(connection)
        self.unread.end(connection)
        self.memory.work_is_done()

    def _closer(self, reason: str) -> Callable[[OpenConnection], None]:
        def close(connection: OpenConnection) -> None:
            self.limits.refused.add(reason)
            connection.close()

        return close

    def _look_at_body(self, connection: OpenConnection) -> None:
        """Closes the connection, unless the server is what it waits for, for example to check a password."""
        if connection.reading():
            self._close_quiet_body(connection)
        else:
            self.bodies.begin(connection)

    def _look_at_unread(self, connection: OpenConnection) -> None:
        if connection.seconds_without_a_byte_taken() < self._answer_seconds:
            self.unread.begin(connection)
            return
        self.limits.refused.add("answer_seconds")
        connection.close()

    @staticmethod
    def _longest(*waits: Deadlines) -> OpenConnection | None:
        found = [one for one in (some.longest() for some in waits) if one is not None]
        return min(found, key=lambda one: one[0])[1] if found else None
