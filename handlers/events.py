"""Live changes over a WebSocket: contract, section 5. The feed decides what is sent; this translates."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from handlers.base import ServiceHandler
from handlers.operations import Operation
from handlers.problems import Refusal
from handlers.query import read_query, whole
from handlers.services import Services
from handlers.sign_ins import Lasting
from jobs.errors import HourglassError
from jobs.feed import Subscriber
from jobs.views import ChangesFrame, HelloFrame, ResyncFrame, StoppingFrame
from storage.accounts import Identity

UNSUPPORTED, POLICY = 1003, 1008
LARGEST_ORDER_BYTES = 4096
KEEPALIVE_IDLE_SECONDS = 60


class WatchOrder(Struct, tag_field="type", tag="watch", forbid_unknown_fields=True):
    """The frames shall bear the rounds of a task, those after a number."""

    task: Annotated[int, Meta(ge=1, le=2**53)]
    after: Annotated[int, Meta(ge=0, le=2**53)] = 0


class UnwatchOrder(Struct, tag_field="type", tag="unwatch", forbid_unknown_fields=True):
    """No longer."""

    task: Annotated[int, Meta(ge=1, le=2**53)]


_decode = msgspec.json.Decoder(WatchOrder | UnwatchOrder).decode


class EventsHandler(ServiceHandler, WebSocketHandler):
    """Live changes."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={101: None},
            query={"since": whole(0).about("the last revision that the client has; without it, from now on")},
            problems=(403,),
            sends=HelloFrame | ChangesFrame | ResyncFrame | StoppingFrame,
            receives=WatchOrder | UnwatchOrder,
        ),
    }
    identity: Identity

    def initialize(self, services: Services) -> None:
        super().initialize(services)
        self.subscriber: Subscriber | None = None
        self.lasting: Lasting | None = None

    async def prepare(self) -> None:
        self.refuse_large_body()
        self.identity = self.check_sign_in(await self.identify())
        since = read_query(self.query_texts(), self.operations["GET"].query).get("since")
        self.since = since[-1] if since else None
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refusal(400, "This address speaks WebSocket: connect to it with a client that does.")

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Tells each committed change as it happens."""
        await super().get(*args, **kwargs)

    def check_origin(self, origin: str) -> bool:
        """Raises HTTPError: where it is only false, Tornado's own refusal is no problem document."""
        if not self.check_trusted_origin(origin):
            raise HTTPError(403)
        return True

    def get_compression_options(self) -> None:
        """Off: 159 KiB a connection against 14, and 1.7 times the CPU (measured)."""

    async def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self._keep_alive()
        self.services.connections.add(self)
        self.lasting = self.services.sign_ins.add(self.identity, lambda: self.close(POLICY, "the sign-in has ended"))
        feed = self.services.tasks.feed
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
        if self.lasting is not None:
            self.services.sign_ins.remove(self.lasting)
        if self.subscriber is not None:
            self.services.tasks.feed.unsubscribe(self.subscriber)

    def send(self, frame: bytes) -> asyncio.Future[None]:  # type: ignore[override]
        """For the feed: a text frame. The future is done when it has left, so that the next may follow."""
        try:
            return asyncio.ensure_future(self.write_message(frame))
        except WebSocketClosedError as error:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _obey(self, order: WatchOrder | UnwatchOrder) -> None:
        if self.subscriber is None:
            return
        if isinstance(order, WatchOrder):
            self.services.tasks.feed.watch(self.subscriber, order.task, order.after)
        else:
            self.subscriber.unwatch(order.task)

    def _keep_alive(self) -> None:
        """The kernel finds out about peers that are gone. Pings would close a client that is only slow to read."""
        assert self.ws_connection is not None
        assert self.ws_connection.stream is not None
        stream_socket = self.ws_connection.stream.socket
        stream_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        stream_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
