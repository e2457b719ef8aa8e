"""Log lines, as text or as JSON: what happened, to which task, in which request.

Lines of our own loggers are written whatever a job's code does to Python's logging: they take no part in its
configuration. What jobs log goes through the root logger as usual, and `LoggingState` puts that back.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal, cast

Level = Literal["debug", "info", "warning", "error"]
Style = Literal["text", "json"]


@dataclass(frozen=True)
class LogSettings:
    """The settings of log lines: section [log] of config.ini."""

    level: Level = "info"
    format: Style = "text"


MOST_MESSAGE_CHARACTERS = 8_000
MOST_EXCEPTION_CHARACTERS = 32_000
MOST_PLACE_CHARACTERS = 200
# What follows the first line of a record begins so, which no first line does.
CONTINUATION = "    "
# Ends a record of a child, which may have several lines; no record has such a character in it.
RECORD_END = b"\0"

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_START = os.urandom(4).hex()
_numbers = count(1)


class Request:
    """A request that is being answered. Work that it began and that continues after it no longer logs in its name."""

    __slots__ = ("id",)

    def __init__(self, given_id: str | None) -> None:
        """Takes the id that the client sent; if that is not fit for a log, a new one is made."""
        fits = given_id is not None and _GIVEN_ID.fullmatch(given_id)
        self.id: str | None = given_id if fits else f"{_START}-{next(_numbers):x}"

    def over(self) -> None:
        self.id = None


current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)


class CurrentTask:
    """The task that this process runs, for the lines of all its threads: a worker runs one at a time."""

    def __init__(self) -> None:
        self.id: int | None = None

    @contextmanager
    def __call__(self, task_id: int) -> Iterator[None]:
        """Adds this task to all lines for the length of a block."""
        self.id = task_id
        try:
            yield
        finally:
            self.id = None


current_task = CurrentTask()


# Where lines go


class LineHandler(logging.Handler):
    """Hands each record to `write`, formatted, without a line end. It never raises into the code that logs."""

    def __init__(self, formatter: logging.Formatter, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._ours = formatter
        self._write = write

    def handle(self, record: logging.LogRecord) -> bool:
        """Writes the record; a filter or a level that somebody sets on this handler changes nothing."""
        self.acquire()
        try:
            self.emit(record)
        finally:
            self.release()
        return True

    def setLevel(self, level: int | str) -> None:  # noqa: N802  logging's name
        """Does nothing; `handle` does it all."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # Not self.format: somebody may have set another formatter.
            self._write(self._ours.format(record).encode(errors="backslashreplace"))
        except Exception:  # noqa: BLE001  a line that cannot be written must not fail what it reports
            return

    def close(self) -> None:
        """Does nothing: logging.config closes every handler there is, and this one is still needed."""


class OwnLogger(logging.Logger):
    """A logger whose lines reach the log whatever others do to it or to logging as a whole."""

    handler: LineHandler
    threshold: int

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  logging's name
        return level >= OwnLogger.threshold and level >= LEAST_LEVELS.get(self.name, logging.NOTSET)

    def handle(self, record: logging.LogRecord) -> None:
        OwnLogger.handler.handle(record)

    def makeRecord(  # noqa: N802  logging's name and arguments
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        """Makes the record without the factory that others may have set."""
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        record.__dict__.update(extra or {})
        return record


# In each of our processes; and those of libraries that report the server's own faults.
OUR_LOGGERS = ("hourglass", "jobs")
SERVER_LOGGERS = (*OUR_LOGGERS, "tornado", "asyncio", "aiosqlite")
# At debug one logs each call of the database with its values; the other, below warnings, what clients send that is no
# HTTP, which is counted instead.
LEAST_LEVELS = {"aiosqlite": logging.INFO, "tornado.general": logging.WARNING}


def formatter(style: Style) -> logging.Formatter:
    """Returns what makes lines of this style."""
    return _FORMATTERS[style]()


def set_up(level: str, handler: LineHandler, own: tuple[str, ...] = OUR_LOGGERS) -> None:
    """Sends everything that is logged to `handler`, from `level` (as in config.ini) on.

    Present and future loggers below the names in `own` become OwnLoggers.
    """
    OwnLogger.handler = handler
    OwnLogger.threshold = logging.getLevelNamesMapping()[level.upper()]
    manager = logging.Logger.manager
    for logger in list(manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and _is_own(logger.name, own):
            logger.__class__ = OwnLogger

    def made(name: str) -> logging.Logger:
        return (OwnLogger if _is_own(name, own) else logging.getLoggerClass())(name)

    manager.loggerClass = cast("type[logging.Logger]", made)  # it is only called
    logging.root.handlers = [handler]
    logging.root.setLevel(level.upper())


def _is_own(name: str, own: tuple[str, ...]) -> bool:
    return name.partition(".")[0] in own


_of_server: int | None = None


def send_to_server(descriptor: int) -> None:
    """Lets `set_up_child` log to a pipe that the server reads, instead of standard error."""
    global _of_server  # noqa: PLW0603  logging is global, too
    _of_server = descriptor


def set_up_child(level: str, style: Style) -> None:
    """Sends everything that is logged to the server, which always reads it, or else to standard error."""
    descriptor, end = (2, b"\n") if _of_server is None else (_of_server, RECORD_END)

    def write(record: bytes) -> None:
        rest = record + end
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    set_up(level, LineHandler(formatter(style), write))


# What others do to logging


class LoggingState:
    """How Python's logging is set up at a moment, without our own loggers, which nobody changes."""

    def __init__(self) -> None:
        self._factory = logging.getLogRecordFactory()
        self._class = logging.getLoggerClass()
        self._raises = logging.raiseExceptions
        self._disabled = logging.root.manager.disable
        self._levels = logging.getLevelNamesMapping()
        # In a line; a level may have further names.
        self._level_names = [(level, logging.getLevelName(level)) for level in {*self._levels.values()}]
        self._loggers = {logger: _state_of(logger) for logger in _others()}

    def restore(self, *, with_new: bool = True) -> None:
        """Restores everything. A logger that was added since is reset, or else only enabled again."""
        logging.setLogRecordFactory(self._factory)
        logging.setLoggerClass(self._class)
        logging.raiseExceptions = self._raises
        if not self._has_its_levels():
            for level, name in (*((level, name) for name, level in self._levels.items()), *self._level_names):
                logging.addLevelName(level, name)
        if logging.root.manager.disable != self._disabled:
            logging.disable(self._disabled)
        for logger in _others():
            wanted = self._loggers.get(logger, _NEW if with_new else None)
            if wanted is None:
                logger.disabled = False  # by dictConfig, as a rule
            elif _state_of(logger) != wanted:
                _put_back(logger, *wanted)

    def _has_its_levels(self) -> bool:
        """Returns whether the levels have their names and numbers; levels that were added do not matter."""
        is_kept = self._levels.items() <= logging.getLevelNamesMapping().items()
        return is_kept and all(logging.getLevelName(level) == name for level, name in self._level_names)


_State = tuple[int, bool, bool, list[logging.Handler], list[Any]]
_NEW: _State = (logging.NOTSET, False, True, [], [])


def _others() -> list[logging.Logger]:
    known = [one for one in list(logging.root.manager.loggerDict.values()) if type(one) is not logging.PlaceHolder]
    return [logging.root, *(one for one in known if isinstance(one, logging.Logger) and type(one) is not OwnLogger)]


def _state_of(logger: logging.Logger) -> _State:
    return logger.level, logger.disabled, logger.propagate, [*logger.handlers], [*logger.filters]


def _put_back(
    logger: logging.Logger, level: int, disabled: bool, propagate: bool, handlers: list[Any], filters: list[Any]
) -> None:
    logger.setLevel(level)
    logger.disabled = disabled
    logger.propagate = propagate
    logger.handlers = [*handlers]
    logger.filters = [*filters]


@contextmanager
def undisturbed_logging() -> Iterator[None]:
    """Undoes what code that is imported in this block does to logging; loggers of its own are its own."""
    state = LoggingState()
    try:
        yield
    finally:
        state.restore(with_new=False)


# Formats


class TextFormatter(logging.Formatter):
    """`TIME LEVEL LOGGER: MESSAGE task=17 request=ab12`; only a traceback takes further lines, which are indented."""

    def format(self, record: logging.LogRecord) -> str:
        places = "".join(f" {name}={on_one_line(str(value))}" for name, value in _places(record).items())
        level, logger, message = map(on_one_line, (str(record.levelname), record.name, _message(record)))
        line = f"{self.formatTime(record)} {level} {logger}: {message}{places}"
        further = _exception(self, record).split("\n")
        return "\n".join([line, *(f"{CONTINUATION}{on_one_line(one)}" for one in further if one)])


class JsonFormatter(logging.Formatter):
    """One object a line, in ASCII: whatever a message holds, a line stays one line."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        members = {
            "time": moment.replace("+00:00", "Z"),
            "level": str(record.levelname).lower(),
            "logger": record.name,
            "message": _message(record),
            **_places(record),
        }
        exception = _exception(self, record)
        members |= {"exception": exception} if exception else {}
        known = {name: _without_surrogates(value) for name, value in members.items()}
        return json.dumps(known).replace("\x7f", "\\u007f")


_FORMATTERS: Mapping[Style, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def _without_surrogates(value: object) -> object:
    """Replaces halves of surrogate pairs, which are no Unicode text: many readers of JSON refuse them."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception as error:  # noqa: BLE001  a line that cannot be made as meant must not be lost
        text = f"{_shown(record.msg)} (its arguments do not fit: {type(error).__name__})"
    return _cut(text, MOST_MESSAGE_CHARACTERS)


def _places(record: logging.LogRecord) -> dict[str, int | str]:
    """Returns the task and the request that a line is about, if known: from `extra`, or from the context."""
    request = current_request.get()
    found = {"task": current_task.id, "request": request.id if request else None}
    known = {name: _given(record, name, otherwise) for name, otherwise in found.items()}
    return {
        name: value if isinstance(value, int) else _cut(_shown(value), MOST_PLACE_CHARACTERS)
        for name, value in known.items()
        if value is not None
    }


def _given(record: logging.LogRecord, name: str, otherwise: object) -> object:
    value = getattr(record, name, None)
    return otherwise if value is None else value


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    has_one = isinstance(record.exc_info, tuple) and record.exc_info[0] is not None
    texts = [formatter.formatException(record.exc_info)] if has_one and record.exc_info else []
    return _cut("\n".join([*texts, *([record.stack_info] if record.stack_info else [])]), MOST_EXCEPTION_CHARACTERS)


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  as in _message
        return f"(a {type(value).__name__} that cannot be shown)"


def _cut(text: str, most: int) -> str:
    """Returns the ends of a text that is too long."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} … {len(text) - most // 2 * 2:,} characters left out … {text[-(most // 2) :]}"


def on_one_line(text: str) -> str:
    """Escapes line ends and everything else that controls a terminal, so that no client can forge a line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
