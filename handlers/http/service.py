"""The base of the handlers that use the services: identifies the user, and sends answers when it is their turn."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from typing import Any, cast

from tornado.escape import parse_qs_bytes
from tornado.http1connection import HTTP1Connection
from tornado.web import HTTPError

from accounts.model import Identity
from concurrency.sharing import Text
from handlers.http.base import IdentifiedHandler
from handlers.http.compression import compressed, takes_gzip
from handlers.http.limits import SMALL_ANSWER_BYTES
from handlers.http.problems import Refusal
from handlers.services import Services
from jobs.errors import ReadTooLong
from jobs.live.views import TaskView, encode, task_view
from jobs.model.task import Task

WORTH_COMPRESSING_BYTES = 4096
LONG_ANSWER_BYTES = 256 * 1024
READS = ("GET", "HEAD")
CLIENT_HAS_GONE = 499
"""The status that is counted, as in nginx; no client receives it."""
OLD_COOKIE = "sessionid"
"""The cookie's name in the version before; it counts until its session has ended."""
TOKEN_SCHEMES = ("token", "bearer")


class ServiceHandler(IdentifiedHandler):
    """A handler with the services and the headers of every answer."""

    content_type = "application/json"

    def initialize(self, services: Services) -> None:
        self.services = services
        self._ends_with_client: asyncio.Task[Any] | None = None
        self.client_has_gone = False

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    def check_trusted_origin(self, origin: str) -> bool:
        """Returns whether config.ini trusts an origin: a proxy may change the host that people see."""
        return origin in self.services.config.server.trusted_origins

    def session_identities(self) -> list[Identity]:
        """Returns the users signed in by cookies. A browser may send several of one name, and an old one."""
        by_session = self.services.accounts.by_session
        found = (by_session(value) for name in self.cookie_names() for value in self._cookies(name))
        return [identity for identity in found if identity is not None]

    def session_identity(self) -> Identity | None:
        """Returns the user signed in by the first valid cookie."""
        return next(iter(self.session_identities()), None)

    def cookie_names(self) -> tuple[str, str]:
        """Returns the name of the session's cookie, and its name in the version before."""
        return self.services.accounts.cookie_name, OLD_COOKIE

    async def identify(self) -> Identity | None:
        """Returns the user who asks. A token of ours counts first, then a session, and HTTP Basic only without both:
        what a proxy writes into the Authorization header for itself signs nobody out and is no failed attempt."""
        given = [one.strip().partition(" ") for one in self.request.headers.get_list("Authorization")]
        tokens = [credentials.strip() for scheme, _, credentials in given if scheme.lower() in TOKEN_SCHEMES]
        identity = next(filter(None, map(self.services.accounts.by_token, tokens)), None) or self.session_identity()
        basic = [credentials for scheme, _, credentials in given if scheme.lower() == "basic"]
        return await self._identify_basic(basic[0]) if identity is None and basic else identity

    def check_sign_in(self, identity: Identity | None) -> Identity:
        """Returns the identity if it is valid at this moment. Raises a Refusal (401) otherwise."""
        if identity is None:
            raise Refusal(
                401,
                "Sign in first: with a session, a token, or HTTP Basic.",
                WWW_Authenticate='Token realm="Hourglass"',
            )
        if not self.services.accounts.is_valid(identity):
            raise Refusal(401, "The sign-in has ended; sign in again.", WWW_Authenticate='Token realm="Hourglass"')
        return identity

    def has_gone(self) -> bool:
        """Returns whether the client has closed its connection; the body may still be arriving."""
        stream = cast(HTTP1Connection, self.request.connection).stream
        return stream is None or stream.closed() or _is_at_end(stream.socket)

    def _cookies(self, name: str) -> Iterator[str]:
        for header in self.request.headers.get_list("Cookie"):
            for cookie in header.split(";"):
                found, _, value = cookie.strip().partition("=")
                if found == name:
                    yield value.strip('"')

    def query_texts(self) -> dict[str, list[str]]:
        try:
            return {
                name: [value.decode() for value in values]
                for name, values in parse_qs_bytes(self.request.query, keep_blank_values=True).items()
            }
        except UnicodeDecodeError:
            raise Refusal(400, "The address is not in UTF-8.") from None

    async def _identify_basic(self, credentials: str) -> Identity | None:
        try:
            name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return None
        if not colon:
            return None
        return await self.services.sign_in.check_basic(name, password, self.request.remote_ip or "", self.has_gone)

    def send(self, value: object, status: int = 200) -> None:
        """Sends JSON that is small, or whose size the request has bounded; `answer` is for everything else."""
        self._send_packed(self._packed(encode(value)), status)

    async def answer(self, read: Callable[[], Awaitable[object]], status: int = 200) -> None:
        """Sends the JSON of what `read` returns; if that is large, it waits for its turn.

        `read` is called again when the turn has come, since nothing stays in memory while it waits. It holds up other
        answers of this kind, so it waits for nothing but the database.
        """

        async def make() -> bytes:
            return await self._packed_apart(encode(await read()))

        await self.answer_in_turn(make, status, self._turn_in_time)

    @asynccontextmanager
    async def _turn_in_time(self) -> AsyncIterator[None]:
        """Holds a turn to read and make an answer. Raises ReadTooLong if a read takes too long, the wait included; the
        answer to a write may take any time."""
        seconds = self.services.config.limits.read_seconds
        has_only_read = self.request.method in READS
        try:
            async with asyncio.timeout(seconds if has_only_read else None):
                async with self.services.limits.building[self.kind()].turn():
                    yield
        except TimeoutError:
            raise ReadTooLong(seconds) from None

    async def answer_shared(self, read: Callable[[], Awaitable[Text]]) -> None:
        """Sends a text that many clients get at the same time: it is compressed once for all of them."""

        async def make() -> bytes:
            text = await read()
            is_long = len(text.text) >= WORTH_COMPRESSING_BYTES
            self.clear_header("Content-Encoding")
            if is_long:
                self.set_header("Vary", "Accept-Encoding")
            if not is_long or not takes_gzip(self.request):
                return text.text
            self.set_header("Content-Encoding", "gzip")
            return text.form("gzip", partial(compressed, quickly=True))

        await self.answer_in_turn(make, 200, nullcontext)

    async def answer_in_turn(
        self,
        make: Callable[[], Awaitable[bytes]],
        status: int,
        building: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """Sends the bytes that `make` makes, a few at a time of those that `building` bounds."""
        answers = self.services.limits.answers
        user, size = self.who(), 0
        with self.ending_with_client():
            while True:
                async with answers.turn(size, user), building():
                    body = await make()
                    if len(body) <= size or answers.has_room(len(body) - size):
                        self._send_packed(body, status)
                        return
                size = len(body)
                del body

    def kind(self) -> object:
        """Returns which answers share the bound on those made at a time."""
        return type(self)

    def who(self) -> str:
        """Returns for whom this is done: a user at an address, or all strangers there."""
        identity: Identity | None = getattr(self, "identity", None)
        return f"{identity.name if identity else ''} {self.request.remote_ip}"

    @contextmanager
    def ending_with_client(self) -> Iterator[None]:
        """Cancels the call in this block if the client goes; reads are cancelled everywhere. Not for writes: what
        follows their commit must not be left out."""
        self._ends_with_client = asyncio.current_task()
        yield
        self._ends_with_client = None

    def on_connection_close(self) -> None:
        """Stops reading, and waiting for a turn, for a client that has gone."""
        super().on_connection_close()
        self.client_has_gone = True
        if self._ends_with_client is not None:
            self._ends_with_client.cancel()

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Counts a call that was cancelled because its client has gone; that is no error of the server."""
        if self._ends_with_client is not None and self._ends_with_client.cancelling():
            self.set_status(CLIENT_HAS_GONE, "The client has gone")
            self.finish()
            return
        super().send_error(status_code, **kwargs)

    async def _packed_apart(self, body: bytes) -> bytes:
        """Compresses like `_packed`, but long answers in a thread."""
        self.clear_header("Content-Encoding")
        if len(body) < LONG_ANSWER_BYTES or not takes_gzip(self.request):
            return self._packed(body)
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("Content-Encoding", "gzip")
        return await asyncio.to_thread(compressed, body, quickly=True)

    def _send_packed(self, body: bytes, status: int) -> None:
        self.set_status(status)
        self.set_header("Content-Type", self.content_type)
        if len(body) > SMALL_ANSWER_BYTES:
            # With its headers it would be copied into one text; by itself the same bytes go to all who get them.
            self.set_header("Content-Length", str(len(body)))
            self.flush()
        self.finish(body)

    def _packed(self, body: bytes) -> bytes:
        """Compresses long answers, such as lists, if the client accepts that: a page of tasks shrinks to a tenth."""
        if len(body) < WORTH_COMPRESSING_BYTES:
            return body
        self.set_header("Vary", "Accept-Encoding")
        if not takes_gzip(self.request):
            return body
        self.set_header("Content-Encoding", "gzip")
        return compressed(body, quickly=True)

    def send_problem(self, error: BaseException | None, status: int, **members: Any) -> None:
        if isinstance(error, ReadTooLong):
            self.services.refused.add("read_seconds")
        super().send_problem(error, status, **members)

    def view(self, task: Task) -> TaskView:
        """Returns the task as the contract shows it."""
        return task_view(task, self.services.queue.derived(task))


def _is_at_end(connection: socket.socket) -> bool:
    """Returns whether the other side has closed the connection, and everything that it sent before has been read."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


class NotFoundHandler(ServiceHandler):
    """Any unknown address."""

    async def prepare(self) -> None:
        raise HTTPError(404)
