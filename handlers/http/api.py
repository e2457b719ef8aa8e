"""The base of all calls of the API: JSON in, checked parameters, roles, and bounded waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ClassVar, TypeVar

from tornado.web import HTTPError

from accounts.model import Identity
from concurrency.turns import asked_by
from handlers.http.base import LARGEST_IGNORED_BODY_BYTES
from handlers.http.limits import LimitReached, Places
from handlers.http.operation import Operation
from handlers.http.problems import Refusal, json_or_invalid
from handlers.http.query import QueryParameter, read_query
from handlers.http.service import READS, ServiceHandler
from handlers.services import Services
from jobs.errors import InvalidInput

RETRY_AFTER_SECONDS = 10

API = "/openattic/api"
LARGEST_BODY_BYTES = 1024 * 1024
LARGEST_SIGN_IN_BYTES = 16 * 1024

Result = TypeVar("Result")


class ApiHandler(ServiceHandler):
    """A call of the API. Stores its body as it arrives, if the call expects one and there is room for it."""

    operations: ClassVar[Mapping[str, Operation]] = {}
    """What each method takes and answers; HEAD is the same as GET."""

    def __init_subclass__(cls) -> None:
        """Makes each method check the sign-in again when it begins: the body may have taken long to arrive."""
        super().__init_subclass__()
        for name in ("get", "post", "put", "delete"):
            if name in cls.__dict__:
                setattr(cls, name, _while_signed_in(cls.__dict__[name]))

    def initialize(self, services: Services) -> None:
        super().initialize(services)
        self.identity: Identity | None = None
        """The user who asks; None if the call needs no sign-in."""
        self._body = bytearray()
        self.values: dict[str, list[object]] = {}
        self._waits_as: str | None = None
        """The user who has a place among the waiting calls for this one."""

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
        """Frees the body; for calls that take long after they have read it."""
        self._body = bytearray()
        self.services.limits.bodies.leave(self)

    def give_up_body(self) -> None:
        """Refuses the request: there is no room for its body."""
        self.services.limits.refused.add("bodies")
        if not self._finished:
            sentence = "Too many request bodies are being received at the moment; try again shortly."
            self.send_problem(Refusal(503, sentence, Retry_After="1"), 503)

    async def head(self, *args: str, **kwargs: str) -> None:
        await self.get(*args, **kwargs)  # type: ignore[misc]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 405:
            reads = ["HEAD"] if "GET" in self.operations else []
            self.set_header("Allow", ", ".join([*self.operations, *reads]))
        super().write_error(status_code, **kwargs)

    def json(self) -> object:
        """Returns the body; an empty object if there is none. Raises InvalidInput."""
        return json_or_invalid(bytes(self._body)) if self._body else {}

    def body(self) -> bytes:
        return bytes(self._body)

    def value(self, name: str, default: Any = None) -> Any:
        """Returns the last value of a parameter."""
        return self.values[name][-1] if name in self.values else default

    def request_header(self, name: str, by: QueryParameter) -> object:
        """Returns a header of the request, None if it is missing. Raises InvalidInput."""
        given = self.request.headers.get(name)
        return None if given is None else self.header_value(name, given, by)

    def header_value(self, name: str, given: str, by: QueryParameter) -> Any:
        """Returns the value that a header means. Raises InvalidInput."""
        try:
            return by.read(given)
        except ValueError as error:
            raise InvalidInput(errors={name: [str(error)]}) from error

    def operation(self) -> Operation:
        """Returns what is asked for. Raises 405 for an unknown method, which needs no sign-in."""
        method = "GET" if self.request.method == "HEAD" else self.request.method
        try:
            return self.operations[method or ""]
        except KeyError:
            raise HTTPError(405) from None

    @property
    def actor(self) -> str:
        """Returns the name of the user who asks, for what is done next. Raises a Refusal (401) if the sign-in has
        ended."""
        return self.check_sign_in(self.identity).name

    def check_actor(self) -> None:
        """Raises a Refusal (401) if the sign-in has ended; for what is done some time later."""
        self.check_sign_in(self.identity)

    async def while_signed_in(self, waiting: Awaitable[Result]) -> Result:
        """Waits, but no longer than the sign-in lasts. Raises a Refusal (401) when that ends."""
        identity, loop = self.check_sign_in(self.identity), asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit:
                bound = self.services.expiry.add(identity, lambda: limit.reschedule(loop.time()))
                try:
                    return await waiting
                finally:
                    self.services.expiry.remove(bound)
        except TimeoutError:
            self.check_sign_in(identity)
            raise

    def _send_packed(self, body: bytes, status: int) -> None:
        """Sends what was read, unless the sign-in has ended meanwhile."""
        if self.identity is not None and self.request.method in READS:
            self.check_sign_in(self.identity)
        super()._send_packed(body, status)

    async def _require_sign_in(self) -> None:
        identity = self.identity = self.check_sign_in(await self.identify())
        asked_by.set(self.who())
        if self.request.method not in READS and identity.role != "admin":
            raise Refusal(403, f"{identity.name} may look but not change anything: that needs the role admin.")

    def _require_json(self, takes_form: bool) -> None:
        """Refuses other types of bodies: any page of the web can send a form with the user's cookie, but no JSON."""
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


def most_body_bytes(operation: Operation) -> int:
    """Returns how large a body may be: small if the call expects none, or comes from anybody, as a sign-in."""
    if operation.takes_form:
        return LARGEST_SIGN_IN_BYTES
    return LARGEST_IGNORED_BODY_BYTES if operation.body is None else LARGEST_BODY_BYTES
