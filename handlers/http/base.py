"""What all calls of the API share: who asks, JSON in, JSON out, an error as a problem."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial, wraps
from typing import Any, ClassVar, TypeVar, cast

from tornado.escape import parse_qs_bytes
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from accounts.accounts import Identity
from concurrency.sharing import Text
from concurrency.turns import asked_by
from handlers.http.compression import compressed, takes_gzip
from handlers.http.limits import SMALL_ANSWER_BYTES, LimitReached, Places
from handlers.http.operation import Operation
from handlers.http.problems import Refusal, json_or_invalid, problem, status_of
from handlers.http.query import Query, read_query
from handlers.services import Services
from jobs.errors import InvalidInput, ReadTooLong, TooManyAttempts
from jobs.live.views import TaskView, encode, task_view
from jobs.model.task import Task
from logs import Request, current_request

log = logging.getLogger("hourglass.http")

WORTH_COMPRESSING_BYTES = 4096
LONG_ANSWER_BYTES = 256 * 1024
RETRY_AFTER_SECONDS = 10

API = "/openattic/api"
LARGEST_BODY_BYTES = 1024 * 1024
LARGEST_SIGN_IN_BYTES = 16 * 1024
LARGEST_IGNORED_BODY_BYTES = 16 * 1024
"""Of a call that expects no body."""
LONGEST_LOGGED_PATH = 200
READS = ("GET", "HEAD")
CLIENT_HAS_GONE = 499
"""The status that is counted, as nginx counts it; nobody gets it."""
OLD_COOKIE = "sessionid"
"""The cookie's name in the version before; it counts until its session has ended."""
TOKEN_SCHEMES = ("token", "bearer")

Result = TypeVar("Result")


@stream_request_body
class IdentifiedHandler(RequestHandler):
    """What every answer has in common: its id, also in all that is logged meanwhile, and errors as problems.

    A body is thrown away as it comes, unless an heir of this class has a use for it.
    """

    most_body_bytes = LARGEST_IGNORED_BODY_BYTES

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        # Tornado runs everything of a request in copies of the context in which its handler is made.
        self._logged_as = Request(request.headers.get("X-Request-Id"))
        self.request_id = str(self._logged_as.id)
        self.began = time.monotonic()
        self._received_bytes = 0
        current_request.set(self._logged_as)
        super().__init__(application, request, **kwargs)

    def set_default_headers(self) -> None:
        self.set_header("X-Request-Id", self.request_id)
        self.clear_header("Server")

    async def prepare(self) -> None:
        self.refuse_large_body()

    def _origin_matches_host(self, origin: str) -> bool:
        """Tornado takes every Origin for an address that can be read."""
        try:
            return super()._origin_matches_host(origin)
        except ValueError:
            return False

    def refuse_large_body(self) -> None:
        """Raises Refusal for one that says that it is too large; one that does not say so is refused as it comes."""
        length = self.request.headers.get("Content-Length", "0")
        if int(length) > self.most_body_bytes:
            raise _too_large(self.most_body_bytes)

    def data_received(self, chunk: bytes) -> None:
        self._received_bytes += len(chunk)
        if self._received_bytes > self.most_body_bytes and not self._finished:
            self.send_problem(_too_large(self.most_body_bytes), 413)

    def on_finish(self) -> None:
        self._logged_as.over()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.send_problem(error, status_of(error) if error is not None else status_code)

    def send_problem(self, error: BaseException | None, status: int, **members: Any) -> None:
        if isinstance(error, TooManyAttempts):
            self.set_header("Retry-After", str(max(1, round(error.retry_after_seconds))))
        for name, value in (error.headers if isinstance(error, Refusal) else {}).items():
            self.set_header(name, value)
        self.set_status(status)
        self.set_header("Content-Type", "application/problem+json")
        self.finish(encode(problem(error, status, **members)))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Only what nobody expected is worth a traceback."""
        if status_of(value) >= 500 and not isinstance(value, HTTPError) and status_of(value) != 503:
            path = self.request.path[:LONGEST_LOGGED_PATH]
            log.error("%s %s", self.request.method, path, exc_info=(typ, value, tb))


class ServiceHandler(IdentifiedHandler):
    """A handler with the services, and with what every answer bears."""

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
        """Behind a proxy that changes the host, config.ini names what people see in their address bar."""
        return origin in self.services.config.server.trusted_origins

    def session_identities(self) -> list[Identity]:
        """Who is signed in by a cookie. A browser may send several of one name, and one of the version before."""
        by_session = self.services.accounts.by_session
        found = (by_session(value) for name in self.cookie_names() for value in self._cookies(name))
        return [identity for identity in found if identity is not None]

    def session_identity(self) -> Identity | None:
        """Who is signed in by the first cookie that counts."""
        return next(iter(self.session_identities()), None)

    def cookie_names(self) -> tuple[str, str]:
        """What the session's cookie is called, and what it was called in the version before."""
        return self.services.accounts.cookie_name, OLD_COOKIE

    async def identify(self) -> Identity | None:
        """Who asks. A token of ours counts first, then a session, and HTTP Basic only without both: what a proxy in
        front writes into the Authorization header for itself signs nobody out and is no guess."""
        given = [one.strip().partition(" ") for one in self.request.headers.get_list("Authorization")]
        tokens = [credentials.strip() for scheme, _, credentials in given if scheme.lower() in TOKEN_SCHEMES]
        identity = next(filter(None, map(self.services.accounts.by_token, tokens)), None) or self.session_identity()
        basic = [credentials for scheme, _, credentials in given if scheme.lower() == "basic"]
        return await self._identify_basic(basic[0]) if identity is None and basic else identity

    def check_sign_in(self, identity: Identity | None) -> Identity:
        """Who asks, as far as that holds at this moment. Raises a Refusal (401) otherwise."""
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
        """Whether the client has closed its connection; the request's body may still be on its way."""
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
        """Answers with JSON that is small, or whose size the request has bounded; see `answer` for all other."""
        self._send_packed(self._packed(encode(value)), status)

    async def answer(self, read: Callable[[], Awaitable[object]], status: int = 200) -> None:
        """Answers with the JSON of what `read` reads; if that is large, it waits for its turn.

        `read` is called again when the turn has come, since nothing stays in memory while it waits. It holds up other
        answers of this kind, so it waits for nothing but the database.
        """

        async def make() -> bytes:
            return await self._packed_apart(encode(await read()))

        await self.answer_in_turn(make, status, self._turn_in_time)

    @asynccontextmanager
    async def _turn_in_time(self) -> AsyncIterator[None]:
        """A turn to read and make an answer. Raises ReadTooLong if that takes too long, the wait included; what a call
        has done is told however long that takes."""
        seconds = self.services.config.limits.read_seconds
        has_only_read = self.request.method in READS
        try:
            async with asyncio.timeout(seconds if has_only_read else None):
                async with self.services.limits.building[self.kind()].turn():
                    yield
        except TimeoutError:
            raise ReadTooLong(seconds) from None

    async def answer_shared(self, read: Callable[[], Awaitable[Text]]) -> None:
        """As `answer`, for a text that many get at the same time: it is also compressed once for all of them."""

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
        """Answers with the bytes that `make` makes, a few at a time of those that `building` bounds."""
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
        """Which answers are made a few at a time together with this one."""
        return type(self)

    def who(self) -> str:
        """For whom this is done: a user at an address, or all strangers there."""
        identity: Identity | None = getattr(self, "identity", None)
        return f"{identity.name if identity else ''} {self.request.remote_ip}"

    @contextmanager
    def ending_with_client(self) -> Iterator[None]:
        """In this block the call is cancelled when its client goes, as one that only reads is everywhere. Not for
        writes: what a write has to do after its commit must not be left out."""
        self._ends_with_client = asyncio.current_task()
        yield
        self._ends_with_client = None

    def on_connection_close(self) -> None:
        """Nothing more is read, and nobody waits for a turn, for a client that has gone."""
        super().on_connection_close()
        self.client_has_gone = True
        if self._ends_with_client is not None:
            self._ends_with_client.cancel()

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """A call that was cancelled since its client has gone is no error of the server."""
        if self._ends_with_client is not None and self._ends_with_client.cancelling():
            self.set_status(CLIENT_HAS_GONE, "The client has gone")
            self.finish()
            return
        super().send_error(status_code, **kwargs)

    async def _packed_apart(self, body: bytes) -> bytes:
        """As `_packed`; what is long is compressed off the loop."""
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
        """Long answers, as lists are, go compressed where the client takes that: a page of tasks is a tenth then."""
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
        """The task as the contract shows it."""
        return task_view(task, self.services.tasks.queue.derived(task))


class ApiHandler(ServiceHandler):
    """A call of the API. Its body is kept as it comes, as far as the call expects one and there is room for it."""

    operations: ClassVar[Mapping[str, Operation]] = {}
    """By method, what it takes and answers; HEAD is as GET."""

    def __init_subclass__(cls) -> None:
        """Each method looks at the sign-in again when it begins: the body may have taken its time."""
        super().__init_subclass__()
        for name in ("get", "post", "put", "delete"):
            if name in cls.__dict__:
                setattr(cls, name, _while_signed_in(cls.__dict__[name]))

    def initialize(self, services: Services) -> None:
        super().initialize(services)
        self.identity: Identity | None = None
        """Who has asked; None where nobody needs to be signed in."""
        self._body = bytearray()
        self.values: dict[str, list[object]] = {}
        self._waits_as: str | None = None
        """Who has a place among the calls that wait for this one."""

    async def prepare(self) -> None:
        self.services.connections.request_began(self)
        operation = self.operation()
        self.most_body_bytes = most_body_bytes(operation)
        self.refuse_large_body()
        if operation.needs_sign_in:
            await self._require_sign_in()
        self._require_json(operation.takes_form)
        self.values = self._read_query(operation)
        if self.request.method in READS:
            self._ends_with_client = asyncio.current_task()

    def _read_query(self, operation: Operation) -> dict[str, list[object]]:
        given = self.query_texts()
        if operation.other_query:
            given = {name: texts for name, texts in given.items() if name in operation.query}
        return read_query(given, operation.query)

    def on_finish(self) -> None:
        super().on_finish()
        self._leave_waiting_place()
        self.forget_body()
        self.services.connections.request_ended(self)

    def on_connection_close(self) -> None:
        self.forget_body()
        self.services.connections.request_ended(self)
        super().on_connection_close()
        self._leave_waiting_place()

    def take_waiting_place(self) -> None:
        """Takes a place among the calls that wait, until the request ends. Raises a Refusal if too many wait."""
        user = self.actor
        take_place(self.services.limits.waiting_calls, user)
        self._waits_as = user

    def _leave_waiting_place(self) -> None:
        user, self._waits_as = self._waits_as, None
        if user is not None:
            self.services.limits.waiting_calls.leave(user)

    def data_received(self, chunk: bytes) -> None:
        super().data_received(chunk)
        if self._finished:
            return
        if not self.services.limits.bodies.take(self, self._received_bytes):
            self.give_up_body()
            return
        self._body += chunk

    def forget_body(self) -> None:
        """For calls that go on for long after they have read it."""
        self._body = bytearray()
        self.services.limits.bodies.leave(self)

    def give_up_body(self) -> None:
        """There is no room for it."""
        self.services.limits.refused.add("bodies")
        if not self._finished:
            sentence = "Too many request bodies are on their way at the moment; try again shortly."
            self.send_problem(Refusal(503, sentence, Retry_After="1"), 503)

    async def head(self, *args: str, **kwargs: str) -> None:
        await self.get(*args, **kwargs)  # type: ignore[misc]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 405:
            reads = ["HEAD"] if "GET" in self.operations else []
            self.set_header("Allow", ", ".join([*self.operations, *reads]))
        super().write_error(status_code, **kwargs)

    def json(self) -> object:
        """The body; an empty object where there is none. Raises InvalidInput."""
        return json_or_invalid(bytes(self._body)) if self._body else {}

    def body(self) -> bytes:
        return bytes(self._body)

    def value(self, name: str, default: Any = None) -> Any:
        """The last value of a parameter."""
        return self.values[name][-1] if name in self.values else default

    def request_header(self, name: str, by: Query) -> object:
        """A header of the request, None where it is not there. Raises InvalidInput."""
        given = self.request.headers.get(name)
        return None if given is None else self.header_value(name, given, by)

    def header_value(self, name: str, given: str, by: Query) -> Any:
        """What a header says. Raises InvalidInput."""
        try:
            return by.read(given)
        except ValueError as error:
            raise InvalidInput(errors={name: [str(error)]}) from error

    def operation(self) -> Operation:
        """What is asked for; a method that nothing is known of needs no sign-in to be refused."""
        method = "GET" if self.request.method == "HEAD" else self.request.method
        try:
            return self.operations[method or ""]
        except KeyError:
            raise HTTPError(405) from None

    @property
    def actor(self) -> str:
        """The name of who asks, for what is done next in that name. Raises a Refusal (401) if the sign-in has ended."""
        return self.check_sign_in(self.identity).name

    def check_actor(self) -> None:
        """The same, for what is done some time later."""
        self.check_sign_in(self.identity)

    async def while_signed_in(self, waiting: Awaitable[Result]) -> Result:
        """Waits, but not longer than the sign-in lasts. Raises a Refusal (401) when that ends."""
        identity, loop = self.check_sign_in(self.identity), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit:
                lasting = self.services.sign_ins.add(identity, lambda: limit.reschedule(loop.time()))
                try:
                    return await waiting
                finally:
                    self.services.sign_ins.remove(lasting)
        except TimeoutError:
            self.check_sign_in(identity)
            raise

    def _send_packed(self, body: bytes, status: int) -> None:
        """What was read is told to nobody whose sign-in has ended meanwhile."""
        if self.identity is not None and self.request.method in READS:
            self.check_sign_in(self.identity)
        super()._send_packed(body, status)

    async def _require_sign_in(self) -> None:
        identity = self.identity = self.check_sign_in(await self.identify())
        asked_by.set(self.who())
        if self.request.method not in READS and identity.role != "admin":
            raise Refusal(403, f"{identity.name} may look but not change anything: that needs the role admin.")

    def _require_json(self, takes_form: bool) -> None:
        """A form could come from any page of the web with the user's cookie; JSON cannot."""
        headers = self.request.headers
        has_body = headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        allowed = ["application/json"]
        if takes_form:
            allowed += ["application/x-www-form-urlencoded"]
        if has_body and kind not in allowed:
            raise Refusal(415, f"Send the body as {' or '.join(allowed)}, not as {kind or 'something unnamed'}.")


def take_place(places: Places, user: str) -> None:
    """Takes a place. Raises a Refusal if there is none."""
    try:
        places.take(user)
    except LimitReached as error:
        raise Refusal(error.status, str(error), Retry_After=str(RETRY_AFTER_SECONDS)) from error


def _while_signed_in(method: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @wraps(method)
    async def act(self: ApiHandler, *args: str, **kwargs: str) -> None:
        if self.identity is not None:
            self.check_sign_in(self.identity)
        await method(self, *args, **kwargs)

    return act


def _is_at_end(connection: socket.socket) -> bool:
    """Whether the other side has closed it, and all that it sent before has been read."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def most_body_bytes(operation: Operation) -> int:
    """Little, unless the call expects a body; a sign-in comes from anybody, and is short."""
    if operation.takes_form:
        return LARGEST_SIGN_IN_BYTES
    return LARGEST_IGNORED_BODY_BYTES if operation.body is None else LARGEST_BODY_BYTES


def _too_large(most_bytes: int) -> Refusal:
    size = "1 MiB" if most_bytes == LARGEST_BODY_BYTES else f"{most_bytes // 1024} KiB"
    return Refusal(413, f"The body is larger than {most_bytes} bytes ({size}); send less at a time.")


class NotFoundHandler(ServiceHandler):
    """Whatever has no address."""

    async def prepare(self) -> None:
        raise HTTPError(404)
