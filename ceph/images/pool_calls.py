"""Calls to the OSDs of one pool that never block: an answer may come at any time, or never."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from errno import EIO, ETIMEDOUT
from queue import SimpleQueue
from typing import Any, NamedTuple

from ceph.connection.cluster import Connection
from ceph.images.rbd_layout import SMALL_BYTES, Garbled
from ceph.state import Trouble


class Call(NamedTuple):
    """A call: of a method of the OSD class `rbd`, or a read of the object's data if `method` is None."""

    namespace: str
    object: str
    method: str | None
    given: bytes
    most_bytes: int
    take: Callable[[bytes], None]
    refused: Callable[[Trouble], None]


class Reply(NamedTuple):
    """The outcome of a call: `code` is a negative errno, or how many bytes of `data` are the answer."""

    calls: PoolCalls
    call: Call
    code: int
    data: bytes | None

    def take(self) -> None:
        self.calls.take(self)


class PoolCalls:
    """Calls objects of a pool, at most `window` at a time. The connection holds a reference to it until `close`.

    Threads of librados put answers into `replies`; whoever takes them from there calls `Reply.take`.
    """

    def __init__(self, connection: Connection, pool_id: int, replies: SimpleQueue[Reply], window: int) -> None:
        """Raises ClusterError."""
        self._connection = connection
        self._context = connection.open_pool(pool_id)
        self._replies = replies
        self._window = window
        self._waiting: deque[Call] = deque()
        self._under_way = 0
        self.answered_at = time.monotonic()
        self.has_answered = False
        self.is_closed = False
        self._on_answer: Callable[[], None] = self.send
        connection.held.add(self)

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._under_way

    def report_to(self, on_answer: Callable[[], None]) -> None:
        """Calls `on_answer` after each answer has been taken, instead of `send`."""
        self._on_answer = on_answer

    def ask(
        self,
        namespace: str,
        name: str,
        method: str | None,
        take: Callable[[bytes], None],
        refused: Callable[[Trouble], None],
        given: bytes = b"",
        most_bytes: int = SMALL_BYTES,
    ) -> None:
        """Calls as soon as there is room, then passes the outcome to `take` (which may raise Garbled) or `refused`."""
        self._waiting.append(Call(namespace, name, method, given, most_bytes, take, refused))

    def send(self) -> None:
        """Sends as many calls as there is room for."""
        while self._waiting and self._under_way < self._window:
            self._send(self._waiting.popleft())

    def stop(self) -> None:
        """Sends nothing more; answers to calls under way still come."""
        self._waiting.clear()

    def close(self) -> None:
        """Closes the pool; only when it is idle."""
        self.is_closed = True
        self._context.close()
        self._connection.held.discard(self)

    def take(self, reply: Reply) -> None:
        self._under_way -= 1
        self._hand_over(reply.call, reply.code, reply.data)
        self._on_answer()

    def _hand_over(self, call: Call, code: int, data: bytes | None) -> None:
        if code != -ETIMEDOUT:
            self.answered_at = time.monotonic()
            self.has_answered = True
        if code < 0:
            call.refused(Trouble(-code, f"{call.object[:200]}: {os.strerror(-code)}"))
            return
        try:
            call.take((data or b"")[:code])  # an empty answer leaves the buffer as it was
        except Garbled as error:
            call.refused(Trouble(EIO, f"{call.object[:200]}: {error}"))

    def _send(self, call: Call) -> None:
        import rados

        def answered(completion: Any, data: bytes | None) -> None:
            self._replies.put(Reply(self, call, completion.get_return_value(), data))

        self._under_way += 1
        try:
            self._context.set_namespace(call.namespace)
            if call.method is None:
                self._context.aio_read(call.object, call.most_bytes, 0, answered)
            else:
                self._context.aio_execute(call.object, "rbd", call.method, call.given, call.most_bytes, answered)
        except rados.Error as error:
            self._replies.put(Reply(self, call, -abs(getattr(error, "errno", None) or EIO), None))
