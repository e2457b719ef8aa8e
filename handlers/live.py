"""Live changes over a WebSocket: contract, section 5. The feed decides what is sent; this translates."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from accounts.expiry import BoundToSignIn
from accounts.model import Identity
from handlers.http.api import ApiHandler, take_place
from handlers.http.operation import Operation
from handlers.http.problems import Refusal
from handlers.http.query import QueryParameter, held_seconds, integer, read_query
from handlers.http.service import ServiceHandler
from handlers.services import Services
from jobs.errors import HourglassError
from jobs.live.feed import TRY_AGAIN_LATER
from jobs.live.subscriber import Subscriber
from jobs.live.views import AliveFrame, ChangesFrame, HelloFrame, ResyncFrame, StoppingFrame

UNSUPPORTED, POLICY, TOO_BIG = 1003, 1008, 1009
VERSION = "13"
LARGEST_ORDER_BYTES = 4096
LARGEST_MESSAGE_BYTES = 2 * LARGEST_ORDER_BYTES
"""Messages beyond this size are not even received."""
ORDERS_AT_ONCE = 200
ORDERS_A_SECOND = 50
CLOSED_SECONDS = 6.0
"""How long a close may take; Tornado itself waits less long for the other side."""
KEEPALIVE_IDLE_SECONDS = 60


class WatchOrder(Struct, tag_field="type", tag="watch", forbid_unknown_fields=True):
    """Adds the rounds of a task after a number to the frames."""

    task: Annotated[int, Meta(ge=1, le=2**53)]
    after: Annotated[int, Meta(ge=0, le=2**53)] = 0


class UnwatchOrder(Struct, tag_field="type", tag="unwatch", forbid_unknown_fields=True):
    """Leaves the rounds of a task out of the frames again."""

    task: Annotated[int, Meta(ge=1, le=2**53)]


_decode = msgspec.json.Decoder(WatchOrder | UnwatchOrder).decode


def text_frame(text: bytes) -> bytes:
    """Returns a text as a single unmasked frame (RFC 6455, section 5.2), the same for all clients."""
    size = len(text)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + text
    if size < 2**16:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text


class Orders:
    """How many frames a client may send: bursts, then so many a second. Pure: the time is an argument, in seconds."""

    def __init__(self, now: float) -> None:
        self._left = float(ORDERS_AT_ONCE)
        self._at = now

    def may_come(self, now: float) -> bool:
        """Counts a frame; returns whether it is within the limit."""
        self._left = min(ORDERS_AT_ONCE, self._left + (now - self._at) * ORDERS_A_SECOND) - 1
        self._at = now
        return self._left >= 0


class EventsProtocol(WebSocketProtocol13):
    """Tornado's protocol with two things that it has no setting for: it counts frames of all kinds, also pings and
    empty fragments, which would cost time without end; and it writes large frames without copying them for each client.
    The only place here that knows Tornado's internals; its version is pinned."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._orders = Orders(time.monotonic())
        self._is_open = self._is_refusing = self._has_refused = False

    async def _receive_frame(self) -> None:
        self._is_open = True
        await super()._receive_frame()
        if not self._orders.may_come(time.monotonic()):
            self.close(POLICY, f"expected at most {ORDERS_A_SECOND} messages a second")
            self._has_refused = True
        if self._has_refused:
            await asyncio.sleep(CLOSED_SECONDS)  # it may send on: nothing of that is read any more

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        if code == TOO_BIG:
            self._is_refusing = True
            code, reason = UNSUPPORTED, "expected a short text message"
        super().close(code, reason)

    def _abort(self) -> None:
        """Closes with a reason if the client sends something that is no frame, and leaves it the time to read that:
        closed at once, the kernel might discard the answer."""
        if self._is_open and not self.is_closing():
            self.close(TOO_BIG)
        if self._is_refusing:
            self._is_refusing, self._has_refused = False, True
            return
        super()._abort()

    def write_packed(self, frame: bytes) -> asyncio.Future[None]:
        """Writes a frame that `text_frame` has made. Raises StreamClosedError."""
        return self.stream.write(frame)


class ChangesHandler(ApiHandler):
    """What has changed since a revision."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: ChangesFrame | ResyncFrame},
            query={
                "since": QueryParameter(integer(0), "a revision, a whole number of at least 0", required=True),
                "wait": held_seconds("answer as soon as something changes, or after this many seconds"),
            },
        ),
    }

    async def get(self) -> None:
        """Returns what changed since a revision; can wait until something does."""
        since = self.value("since")
        feed = self.services.feed
        if self.value("wait"):
            self.take_waiting_place()
            await self.while_signed_in(feed.wait_beyond(since, self.value("wait")))
        await self.answer_shared(lambda: feed.changes(since))


class EventsHandler(ServiceHandler, WebSocketHandler):
    """Live changes."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={101: None},
            query={
                "since": QueryParameter(integer(0), "the last revision that the client has; without it, from now on")
            },
            problems=(403, 426),
            sends=HelloFrame | ChangesFrame | ResyncFrame | AliveFrame | StoppingFrame,
            receives=WatchOrder | UnwatchOrder,
        ),
    }
    identity: Identity

    def initialize(self, services: Services) -> None:
        super().initialize(services)
        self.subscriber: Subscriber | None = None
        self.bound: BoundToSignIn | None = None

    async def prepare(self) -> None:
        self.refuse_large_body()
        self.identity = self.check_sign_in(await self.identify())
        since = read_query(self.query_texts(), self.operations["GET"].query).get("since")
        self.since = since[-1] if since else None
        self._check_handshake()

    def _check_handshake(self) -> None:
        """Raises HTTPError for what Tornado would refuse without a problem."""
        headers = self.request.headers
        asked = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
        is_upgrade = headers.get("Upgrade", "").lower() == "websocket" and "upgrade" in asked
        if not is_upgrade or self.request.version == "HTTP/1.0":
            raise Refusal(400, "This address is a WebSocket: connect to it with a WebSocket client.")
        if self._check_cross_origin(self.check_trusted_origin) is not None:
            raise HTTPError(403)
        if headers.get("Sec-WebSocket-Version") != VERSION:
            sentence = f"Expected version {VERSION} of the WebSocket protocol in the header Sec-WebSocket-Version."
            raise Refusal(426, sentence, Upgrade="websocket", Sec_WebSocket_Version=VERSION)
        if not headers.get("Sec-WebSocket-Key"):
            raise Refusal(400, "Expected a valid header Sec-WebSocket-Key.")

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Sends each committed change as it happens."""
        places, user = self.services.limits.websockets, self.identity.name
        take_place(places, user)
        try:
            await super().get(*args, **kwargs)
        finally:
            places.leave(user)

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Returns our own protocol in place of Tornado's."""
        made = super().get_websocket_protocol()
        return EventsProtocol(self, made.mask_outgoing, made.params) if isinstance(made, WebSocketProtocol13) else made

    @property
    def max_message_size(self) -> int:
        return LARGEST_MESSAGE_BYTES

    def check_origin(self, origin: str) -> bool:
        return self.check_trusted_origin(origin)

    def get_compression_options(self) -> None:
        """Compresses nothing: 159 KiB a connection against 14, and 1.7 times the CPU (measured)."""

    async def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        if not self._keep_alive():
            return
        self.services.connections.add(self)
        self.bound = self.services.expiry.add(self.identity, lambda: self.close(POLICY, "the sign-in has ended"))
        feed = self.services.feed
        try:
            self.subscriber = await feed.subscribe(self, self.since)  # type: ignore[arg-type]
        except HourglassError:
            self.close(1011, "changes cannot be read at the moment")
            return
        if self.close_code is not None or self.ws_connection is None:
            feed.unsubscribe(self.subscriber)

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes) or len(message) > LARGEST_ORDER_BYTES:
            self.close(UNSUPPORTED, "expected a short text message")
            return
        try:
            order = _decode(message)
            self._obey(order)
        except (msgspec.ValidationError, ValueError) as error:
            self.close(POLICY, f"expected watch or unwatch: {error}"[:100])
        except msgspec.DecodeError:
            self.close(UNSUPPORTED, "expected JSON")

    def on_close(self) -> None:
        self.services.connections.remove(self)
        if self.bound is not None:
            self.services.expiry.remove(self.bound)
        if self.subscriber is not None:
            self.services.feed.unsubscribe(self.subscriber)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        if code == TRY_AGAIN_LATER:
            self.services.refused.add("unread_frames")
        super().close(code, reason)

    def send(self, frame: bytes) -> asyncio.Future[None]:  # type: ignore[override]
        """Sends a frame that `text_frame` has packed. The future is done when it has left, so that the next may
        follow."""
        connection = self.ws_connection
        try:
            if not isinstance(connection, EventsProtocol) or connection.is_closing():
                raise StreamClosedError
            return connection.write_packed(frame)
        except StreamClosedError as error:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _obey(self, order: WatchOrder | UnwatchOrder) -> None:
        if self.subscriber is None:
            return
        if isinstance(order, WatchOrder):
            self.services.feed.watch(self.subscriber, order.task, order.after)
        else:
            self.subscriber.unwatch(order.task)

    def _keep_alive(self) -> bool:
        """Makes the kernel detect peers that are gone; pings would close a client that only reads slowly.

        Returns whether the client is still there.
        """
        stream = self.ws_connection.stream if self.ws_connection is not None else None
        if stream is None or stream.closed():
            return False
        stream_socket = stream.socket
        stream_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        stream_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
        return True
