"""Turns errors into application/problem+json (RFC 9457), by one table."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from tornado.web import HTTPError

from ceph.errors import ClusterError, ClusterUnavailable
from handlers.views import ProblemView
from jobs.errors import (
    ChoicesUnavailable,
    Conflict,
    CountChanged,
    HourglassError,
    InvalidInput,
    Mistakes,
    NotFound,
    RevisionUnknown,
    ServiceStopping,
    StatusChanged,
    StorageUnavailable,
    TooManyAttempts,
)
from jobs.live.views import encode

STATUS_OF: dict[type[HourglassError], int] = {
    InvalidInput: 400,
    NotFound: 404,
    Conflict: 409,
    StatusChanged: 412,
    CountChanged: 412,
    RevisionUnknown: 412,
    ClusterUnavailable: 503,
    ClusterError: 409,
    TooManyAttempts: 429,
    ChoicesUnavailable: 503,
    ServiceStopping: 503,
    StorageUnavailable: 503,
}

UNEXPECTED = "Something went wrong in the server; its log says more. The request was not carried out, or only partly."
DETAILS = {
    403: "The request comes from another site, which is not allowed.",
    404: "There is nothing at this address; see the documentation of the REST API.",
    405: "This address does not support this method.",
}


LONGEST_DETAIL_CHARACTERS = 1000
LARGEST_ERRORS_BYTES = 48 * 1024
"""A problem takes at most 64 KiB in all."""
MORE = "…"
"""In place of a field: how many further mistakes there are."""
MOST_LEVELS = 200
TOO_DEEP = f"The body is not acceptable JSON: it is nested too deeply, expected at most {MOST_LEVELS} levels."


class Refusal(HTTPError):
    """A refused request, with a sentence of its own."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(status, detail.replace("%", "%%"))
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def status_of(error: BaseException | None) -> int:
    """Returns the status for an error; 500 for an unexpected one."""
    if isinstance(error, HTTPError):
        return error.status_code
    return next((status for kind, status in STATUS_OF.items() if isinstance(error, kind)), 500)


def problem(error: BaseException | None, status: int, **members: Any) -> ProblemView:
    """Returns the problem as it is sent, with the members that only some have."""
    errors = _errors(error.mistakes) if isinstance(error, InvalidInput) else {}
    detail = _detail(error, status)
    if len(detail) > LONGEST_DETAIL_CHARACTERS:
        detail = f"{detail[: LONGEST_DETAIL_CHARACTERS - 1]}…"
    return ProblemView(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors, **members)


def _errors(mistakes: Mistakes) -> dict[str, list[str]]:
    """Returns the mistakes by field, and how many are left out: those beyond the first 100, or too long in sum."""
    errors, listed, size = {}, 0, 0
    for field, texts in mistakes.listed.items():
        size += len(encode([field, texts]))
        if size > LARGEST_ERRORS_BYTES:
            break
        errors[field] = texts
        listed += len(texts)
    if mistakes.count > listed:
        errors[MORE] = [f"and {mistakes.count - listed:,} more"]
    return errors


def _detail(error: BaseException | None, status: int) -> str:
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, HourglassError):
        return str(error)
    return DETAILS.get(status, UNEXPECTED if status >= 500 else "The request cannot be understood.")


def json_or_invalid(body: bytes) -> object:
    """Returns the JSON value of a body. Raises InvalidInput in words.

    A value nested more deeply than Python's own functions can bear is refused here.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The body is not JSON in UTF-8: {error}.") from error
    except RecursionError as error:
        raise InvalidInput(TOO_DEEP) from error
    if body.count(b"[") + body.count(b"{") > MOST_LEVELS and _is_deeper_than(MOST_LEVELS, value):
        raise InvalidInput(TOO_DEEP)
    return value


def _is_deeper_than(levels: int, value: object) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not layer:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
