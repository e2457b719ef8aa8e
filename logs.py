"""Log lines, as text or as JSON: what happened, to which task, in which request."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from typing import Literal

Style = Literal["text", "json"]

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_START = os.urandom(4).hex()
_numbers = count(1)


class Request:
    """A request that is being answered. What it has begun and goes on after it no longer logs in its name."""

    __slots__ = ("id",)

    def __init__(self, given_id: str | None) -> None:
        """`given_id` is what the client calls it; it gets a name of ours where that is not fit for a log."""
        fits = given_id is not None and _GIVEN_ID.fullmatch(given_id)
        self.id: str | None = given_id if fits else f"{_START}-{next(_numbers):x}"

    def over(self) -> None:
        self.id = None


current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)
current_task: ContextVar[int | None] = ContextVar("current_task", default=None)


def set_up(level: str, style: Style) -> None:
    """Everything that is logged goes to standard error, from `level` (as in config.ini) on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[style]())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # At debug it tells each call of the database with its values.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)


class TextFormatter(logging.Formatter):
    """`TIME LEVEL LOGGER: MESSAGE task=17 request=ab12`; only a traceback takes further lines."""

    def format(self, record: logging.LogRecord) -> str:
        places = "".join(f" {name}={_on_one_line(str(value))}" for name, value in _places(record).items())
        message = _on_one_line(_message(record))
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {message}{places}"
        return "\n".join(filter(None, (line, _exception(self, record))))


class JsonFormatter(logging.Formatter):
    """One object a line, in ASCII: whatever a message holds, a line stays one line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        members = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **_places(record),
        }
        exception = _exception(self, record)
        return json.dumps(members | ({"exception": exception} if exception else {}))


_FORMATTERS: Mapping[Style, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  a line that cannot be made as meant must not be lost
        return f"{_shown(record.msg)} (its arguments do not fit: {type(error).__name__})"


def _places(record: logging.LogRecord) -> dict[str, int | str]:
    """The task and the request that a line is about, where they are known: by `extra`, else by the context."""
    request = current_request.get()
    found = {"task": current_task.get(), "request": request.id if request else None}
    known = {name: _given(record, name, otherwise) for name, otherwise in found.items()}
    return {
        name: value if isinstance(value, int) else _shown(value) for name, value in known.items() if value is not None
    }


def _given(record: logging.LogRecord, name: str, otherwise: object) -> object:
    value = getattr(record, name, None)
    return otherwise if value is None else value


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    has_one = isinstance(record.exc_info, tuple) and record.exc_info[0] is not None
    texts = [formatter.formatException(record.exc_info)] if has_one and record.exc_info else []
    return "\n".join([*texts, *([record.stack_info] if record.stack_info else [])])


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  as in _message
        return f"(a {type(value).__name__} that cannot be shown)"


def _on_one_line(text: str) -> str:
    """Nobody can forge a line of the log by what he sends."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
