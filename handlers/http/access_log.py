"""Logs and counts every answer, by method, route and status."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, cast

from tornado.web import RequestHandler

from histogram import REQUEST_SECONDS, Histogram

log = logging.getLogger("hourglass.http")

NO_ROUTE = "none"


class HttpTally:
    """Counts answers since the start. Routes are templates and methods are known ones, which bounds their number."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.seconds: defaultdict[tuple[str, str], Histogram] = defaultdict(lambda: Histogram(REQUEST_SECONDS))

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        self.answers[method, route, status] += 1
        self.seconds[method, route].add(seconds)


class AccessLog:
    """Logs and counts an answer; Tornado calls it with the handler. `routes` has the templates of their addresses."""

    def __init__(self, tally: HttpTally, routes: Mapping[type, str]) -> None:
        self._tally = tally
        self._routes = routes

    def __call__(self, handler: RequestHandler) -> None:
        request = handler.request
        method = request.method if request.method in handler.SUPPORTED_METHODS else "other"
        # Tornado's own request_time goes by a clock that can be set.
        seconds = time.monotonic() - cast(Any, handler).began
        self._tally.add(method or "other", self._routes.get(type(handler), NO_ROUTE), handler.get_status(), seconds)
        if log.isEnabledFor(logging.DEBUG):
            _log(handler, seconds)


def _log(handler: RequestHandler, seconds: float) -> None:
    """Logs an answer without its query, in which people put secrets."""
    identity = getattr(handler, "identity", None)
    log.debug(
        "%s %s %d in %.1f ms by %s",
        handler.request.method,
        handler.request.path,
        handler.get_status(),
        seconds * 1000,
        identity.name if identity else "nobody",
        extra={"request": getattr(handler, "request_id", None)},
    )
