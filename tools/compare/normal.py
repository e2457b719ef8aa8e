"""Replaces what differs between two walks of one version, and nothing else, by a word for its kind.

A value is replaced by the name of its field, and only if it is what it should be: a time that is written in another way
stays as it is, and is seen as a difference.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HEX = re.compile(r"[0-9a-f]{8,}(-[0-9a-f]+)*")
GIVEN = frozenset({"params", "parameters", "metadata", "errors", "schema"})
"""Fields whose content the walk has given, or that describe values instead of having them: nothing is replaced."""


def _time(value: object) -> object:
    return "<time>" if isinstance(value, str) and TIME.fullmatch(value) else value


def _number(value: object) -> object:
    """Keeps whether it is a whole number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return "<whole number>" if isinstance(value, int) else "<number>"


def _id(value: object) -> object:
    return "<id>" if isinstance(value, str) and HEX.fullmatch(value) else value


def _traceback(value: object) -> object:
    """Frames of the version under test are its own affair; those of what an author of a job wrote are not."""
    if not isinstance(value, str):
        return value
    # One that is too long is cut to a length, with the paths in it.
    value = re.sub(r"(.)\1{99,}", r"\1…", value)
    kept = re.sub(r'(  File "(?![^"]*recorded_jobs\.py)[^"]*".*\n(    .*\n)*)+', "  <frames>\n", value)
    return re.sub(r'File "[^"]*/recorded_jobs\.py"', 'File "recorded_jobs.py"', kept)


def _cursor(value: object) -> object:
    """Replaces the time after which the next page begins, if its address has one."""
    return re.sub(r"(?<=after=)[\w-]+", _cursor_without_time, value) if isinstance(value, str) else value


def _cursor_without_time(match: re.Match[str]) -> str:
    try:
        told = json.loads(base64.urlsafe_b64decode(match[0] + "=="))
    except ValueError:
        return match[0]
    return json.dumps(["<time>" if isinstance(one, int) and one > LONG_AGO_MS else one for one in told])


LONG_AGO_MS = 10**12
TIMES = (
    "created",
    "started",
    "last_modified",
    "ended",
    "estimated",
    "at",
    "now",
    "until",
    "resumed",
    "removed",
    "minute",
)
TIMES_OF_CLUSTERS = ("as_of", "used_as_of", "performance_as_of", "since", "begun")
MEASURED = (
    "pace_seconds",
    "seconds",
    "cpu_percent",
    "memory_bytes",
    "uptime_seconds",
    "waiting_seconds",
    "running_seconds",
)

FIELDS: Mapping[str, Callable[[object], object]] = {
    **dict.fromkeys((*TIMES, *TIMES_OF_CLUSTERS), _time),  # a walk takes place at its own time
    **dict.fromkeys(MEASURED, _number),  # durations and sizes are measured
    "pid": _number,  # the kernel chooses it
    "store": _id,  # each database gets a random name
    "token": _id,  # and each data directory a key of its own
    "traceback": _traceback,
    "next": _cursor,
    "previous": _cursor,
}


def normal(value: Any, field: str = "") -> Any:
    """Returns a value of JSON with all that must differ replaced; `field` is the name under which it stands."""
    if field in GIVEN:
        return value
    if isinstance(value, dict):
        return {key: normal(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [normal(one, field) for one in value]
    return FIELDS[field](value) if field in FIELDS else value


# Headers.

VOLATILE_HEADERS = {
    "date": "the time",
    "content-length": "numbers that are replaced in the body have lengths of their own",
    "etag": "is made of the body",
    "retry-after": "how much is left of a lock-out depends on how fast the walk is",
    "last-modified": "is the time at which a checkout was written",
    "sec-websocket-accept": "answers a random key",
}


def normal_headers(headers: list[tuple[str, str]], request_id: str | None) -> dict[str, str]:
    """Returns headers by name; `request_id` is what the request brought along, any other is the server's own."""
    found: dict[str, str] = {}
    for name, value in sorted(headers):
        shown = _header(name.lower(), value, request_id)
        found[name] = f"{found[name]}\n{shown}" if name in found else shown
    return found


def _header(name: str, value: str, request_id: str | None) -> str:
    if name in VOLATILE_HEADERS or (name == "x-request-id" and value != request_id):
        return "<volatile>"
    if name == "set-cookie":
        return re.sub(r'sessionid_\w+=("[^"]*"|[^;]*)', _cookie, re.sub(r"expires=[^;]*", "expires=<time>", value))
    return value


def _cookie(match: re.Match[str]) -> str:
    """Replaces the random value of a cookie, and the part of its name that follows from the data directory's key."""
    return "sessionid_<id>=" + ("<empty>" if match[1] in ("", '""') else "<random>")


# Texts.


def normal_text(text: str, *places: tuple[str, str]) -> str:
    """Returns what is logged or printed without times, durations, ports, process ids and the given places."""
    for place, word in sorted(places, key=lambda one: -len(one[0])):
        text = text.replace(place, word)
    for pattern, word in TEXTS:
        text = re.sub(pattern, word, text)
    return text


TEXTS = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d{3})?Z?", "<time>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"(?i)\b(worker|process|pid) \d+", r"\1 <pid>"),
    (r"\d+(\.\d+)? ms\b", "<number> ms"),
    (r"\b[0-9a-f]{8}-[0-9a-f]+\b", "<request>"),
    (r"the password \S+", "the password <random>"),
    (r"\b[0-9a-f]{32,}\b", "<id>"),
)


def normal_page(html: str) -> str:
    """Returns a page without the styles and modules that it loads: they are the version's own affair."""
    html = re.sub(r'<link rel="(?:modulepreload|stylesheet)"[^>]*>\s*', "", html)
    return re.sub(r'"/openattic/(?:static|vendor)/[^"]*"', '"<file>"', html)


def normal_metrics(text: str) -> list[str]:
    """Returns names, helps, types and labels, sorted; values are measured, counts follow from what other calls show."""
    lines = [line if line.startswith("#") else re.sub(r" \S+$", " <number>", line) for line in text.splitlines()]
    return sorted(lines)


def normal_minutes(statistics: Any) -> Any:
    """Returns statistics with its minutes summed up: when a minute ends is chance."""
    minutes = statistics.pop("minutes")
    sums = {key: sum(one[key] for one in minutes) for key in ("created", "started", "finished", "failed")}
    fields = {key: sorted({type(one[key]).__name__ for one in minutes}) for key in minutes[0]}
    return {"minutes": len(minutes), "sums": sums, "fields": fields, **normal(statistics)}


def normal_description(document: Any) -> Any:
    """Returns openapi.json without the name of the cookie, which is made of the key of the data directory."""
    return json.loads(re.sub(r"sessionid_[0-9a-f]+", "sessionid_<id>", json.dumps(document)))
