"""The base of every answer: a request id, also in the log, and errors as problems."""

from __future__ import annotations

import logging
import time
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from handlers.http.problems import Refusal, problem, status_of
from jobs.errors import TooManyAttempts
from jobs.live.views import encode
from logs import Request, current_request

log = logging.getLogger("hourglass.http")

LARGEST_IGNORED_BODY_BYTES = 16 * 1024
"""The limit for a body that no call expects."""
LONGEST_LOGGED_PATH = 200


@stream_request_body
class IdentifiedHandler(RequestHandler):
    """Gives every answer an id, which all log lines of the request have too, and sends errors as problems.

    A body is thrown away as it arrives, unless a subclass uses it.
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
        """Returns False for an Origin that cannot be parsed; Tornado would raise."""
        try:
            return super()._origin_matches_host(origin)
        except ValueError:
            return False

    def refuse_large_body(self) -> None:
        """Raises Refusal if the declared length is too large. A body without one is refused as it arrives."""
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
        """Logs a traceback only for unexpected errors."""
        if status_of(value) >= 500 and not isinstance(value, HTTPError) and status_of(value) != 503:
            path = self.request.path[:LONGEST_LOGGED_PATH]
            log.error("%s %s", self.request.method, path, exc_info=(typ, value, tb))


def _too_large(most_bytes: int) -> Refusal:
    size = f"{most_bytes // 1024**2} MiB" if most_bytes >= 1024**2 else f"{most_bytes // 1024} KiB"
    return Refusal(413, f"The body is larger than {most_bytes} bytes ({size}); send less at a time.")
