"""Standard output and standard error of the server, behind bounded queues, so that a slow reader delays nobody."""

from __future__ import annotations

import io
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING

import logs
from processes.relay import FLUSH_SECONDS, Lines, Relay

if TYPE_CHECKING:
    from typing_extensions import Buffer

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
MOST_WAITING_BYTES = 1024 * 1024
MOST_WAITING_LINES = 10_000
# What children print and log leaves room for the server's own lines.
SHARE_OF_CHILDREN = 0.5
MOST_PRINTED_BYTES = 8_000
MOST_LOGGED_BYTES = 512 * 1024
# A write of so much to a pipe is never mixed with that of another process: pipe(7).
WHOLE_WRITE_BYTES = select.PIPE_BUF
LAST_LINES_SECONDS = 3.0
NO_PROGRESS_SECONDS = 0.5
# So long what a child prints in a flood waits for the writer, which is slower; a slow reader holds it up no longer.
PATIENCE_SECONDS = 0.05
SENTENCE_SECONDS = 2.0
# Clients can cause as many lines of these as they like. By name and level, so many at once and so many a second pass.
LIMITED_LOGGERS = ("tornado", "asyncio", "hourglass.http", "hourglass.signin")
BURST_LINES = 100
LINES_A_SECOND = 10.0


class LineWriter:
    """Writes lines to a descriptor in a thread of its own. One that finds no room in the queue is dropped."""

    def __init__(self, descriptor: int, notice: Callable[[int], bytes]) -> None:
        """Takes `notice`, which makes the line that says how many were dropped, written when lines flow again."""
        self.dropped = 0
        self._descriptor = descriptor
        self._notice = notice
        self._changed = threading.Condition()
        # Each with the number of dropped lines that it reports.
        self._lines: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._untold = 0
        self._is_writing = False
        self._flows = True
        threading.Thread(target=self._run, name="log writer", daemon=True).start()

    def put(self, line: bytes, share: float = 1.0) -> None:
        """Queues a line, which ends with a line end, if less than this share of the queue is taken."""
        with self._changed:
            if not self.has_room(share):
                self.drop()
                return
            if self._untold:
                self._put_notice()
            self._append(line, 0)
            self._changed.notify_all()

    def has_room(self, share: float = 1.0) -> bool:
        """Returns whether less than this share of the queue is taken."""
        return self._waiting_bytes <= share * MOST_WAITING_BYTES and len(self._lines) < share * MOST_WAITING_LINES

    def wait_for_room(self, share: float) -> bool:
        """Returns whether there is room, at the latest after a moment: if lines do not flow, it does not wait again."""
        with self._changed:
            while not self.has_room(share) and self._flows:
                self._flows = self._changed.wait(PATIENCE_SECONDS)
            return self.has_room(share)

    def drop(self) -> None:
        """Counts a line that finds no room."""
        with self._changed:
            self.dropped += 1
            self._untold += 1

    def leave_out(self) -> None:
        """Counts a line as dropped that somebody else reports."""
        with self._changed:
            self.dropped += 1

    def flush(self, seconds: float = LAST_LINES_SECONDS) -> bool:
        """Waits while somebody reads, and at most for so many seconds; returns whether everything is written."""
        give_up_at = time.monotonic() + seconds
        with self._changed:
            while not self._is_idle() and time.monotonic() < give_up_at:
                if not self._changed.wait(min(seconds, NO_PROGRESS_SECONDS)):
                    break
            return self._is_idle()

    def _is_idle(self) -> bool:
        return not (self._lines or self._is_writing)

    def _append(self, line: bytes, tells_of: int) -> None:
        self._lines.append((line, tells_of))
        self._waiting_bytes += len(line)

    def _put_notice(self) -> None:
        count, self._untold = self._untold, 0
        self._append(self._notice(count), count)

    # The thread that writes

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                lines = self._next_lines()
                self._is_writing = True
            is_written = write_all(self._descriptor, b"".join(line for line, _ in lines))
            with self._changed:
                self._is_writing = False
                self._note(lines, is_written)
                self._changed.notify_all()

    def _next_lines(self) -> list[tuple[bytes, int]]:
        """Returns as many as fit into one write, at least one."""
        lines = [self._lines.popleft()]
        size = len(lines[0][0])
        while self._lines and size + len(self._lines[0][0]) <= WHOLE_WRITE_BYTES:
            lines.append(self._lines.popleft())
            size += len(lines[-1][0])
        self._waiting_bytes -= size
        return lines

    def _note(self, lines: Sequence[tuple[bytes, int]], is_written: bool) -> None:
        self._flows = is_written
        if is_written:
            if self._untold and not self._lines:
                self._put_notice()
            return
        for _, tells_of in lines:
            self._untold += tells_of
            if not tells_of:
                self.drop()


def write_all(descriptor: int, data: bytes) -> bool:
    """Writes it whole, however long that takes; False if it cannot be written."""
    try:
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:  # another process that shares it has made it so
                select.select([], [descriptor], [])
    except (OSError, ValueError):
        return False
    return True


class ServerHandler(logs.LineHandler):
    """The handler of all that the server logs. Lines that clients can cause pass at a bounded rate."""

    def __init__(self, formatter: logging.Formatter, writer: LineWriter) -> None:
        super().__init__(formatter, lambda record: writer.put(record + b"\n"))
        self._writer = writer
        self._gates: dict[tuple[str, int], FloodGate] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno > logging.DEBUG and record.name.startswith(LIMITED_LOGGERS):
            gate = self._gates.setdefault((record.name, record.levelno), FloodGate())
            if not gate.lets_pass(time.monotonic()):
                self._writer.leave_out()
                return
            if count := gate.left_out():
                super().emit(_record(f"{count:,} lines like the next one were left out: too many at once", record.name))
        super().emit(record)


class FloodGate:
    """Lets BURST_LINES pass at once, and LINES_A_SECOND in the long run."""

    def __init__(self) -> None:
        self._left_out = 0
        self._places = BURST_LINES * 1.0
        self._at = 0.0

    def lets_pass(self, now: float) -> bool:
        """Returns whether one more may pass, at this time in seconds."""
        self._places = min(BURST_LINES, self._places + (now - self._at) * LINES_A_SECOND)
        self._at = now
        if self._places < 1:
            self._left_out += 1
            return False
        self._places -= 1
        return True

    def left_out(self) -> int:
        """Returns how many did not pass since it was last asked."""
        count, self._left_out = self._left_out, 0
        return count


class ServerLog:
    """The log of a server and of its children, which nobody else writes."""

    def __init__(self, style: logs.Style, descriptor: int = STANDARD_ERROR) -> None:
        self._formatter = logs.formatter(style)
        self._writer = LineWriter(descriptor, self._notice)
        self.handler = ServerHandler(self._formatter, self._writer)
        self.relay = Relay()

    @property
    def dropped(self) -> int:
        """Returns how many lines were not written, for whatever reason."""
        return self._writer.dropped

    def say(self, text: str) -> None:
        """Writes a line for a person between those of the log."""
        self._writer.put(f"{logs.on_one_line(text)}\n".encode(errors="backslashreplace"))

    def printed_by(self, who: str, *, waits: bool = True) -> Lines:
        """Writes what a process prints as lines of the log, in its format, so that none can be forged."""
        has_room = self._writer.wait_for_room if waits else self._writer.has_room

        def take(line: bytes) -> None:
            if not has_room(SHARE_OF_CHILDREN):
                self._writer.drop()
            elif text := line.decode(errors="backslashreplace").rstrip():
                record = _record(f"{who} printed: {text}", "hourglass.print", logging.INFO)
                self._writer.put(self._line(record), SHARE_OF_CHILDREN)

        return Lines(take, MOST_PRINTED_BYTES)

    def logged_by_child(self) -> Lines:
        """Passes on the lines of a child's own log, which are formatted already."""

        def take(record: bytes) -> None:
            self._writer.wait_for_room(SHARE_OF_CHILDREN)
            self._writer.put(record + b"\n", SHARE_OF_CHILDREN)

        return Lines(take, MOST_LOGGED_BYTES, logs.RECORD_END)

    def flush(self, seconds: float = LAST_LINES_SECONDS) -> None:
        """Waits until all is written, but not forever."""
        self.relay.flush(min(seconds, FLUSH_SECONDS))
        self._writer.flush(seconds)

    def _line(self, record: logging.LogRecord) -> bytes:
        """Returns a line in the name of no request, whoever happens to make it."""
        return f"{Context().run(self._formatter.format, record)}\n".encode(errors="backslashreplace")

    def _notice(self, count: int) -> bytes:
        return self._line(_record(f"{count:,} lines were dropped: standard error did not take them"))


def _record(message: str, name: str = "hourglass.log", level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 0, "%s", (message,), None)


current: ServerLog | None = None
"""The output of this process, while it serves."""


def dropped_lines() -> int:
    """Returns how many lines of the log were not written."""
    return current.dropped if current else 0


@contextmanager
def serving(level: str, style: logs.Style) -> Iterator[ServerLog]:
    """Logs to standard error for the length of a block, and what is printed in this process as well."""
    global current  # noqa: PLW0603  logging is global, too
    current = ServerLog(style)
    logs.set_up(level, current.handler, logs.SERVER_LOGGERS)
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = _stream(current.printed_by("the server", waits=False))
    try:
        yield current
    finally:
        sys.stdout, sys.stderr = before
        current.flush()


class _PrintedStream(io.RawIOBase):
    """Sends what is printed to the log."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        self._lines.feed(bytes(data))
        return len(bytes(data))

    def fileno(self) -> int:
        return STANDARD_ERROR


def _stream(lines: Lines) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(_PrintedStream(lines))
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)


# For a person


def say(text: str, descriptor: int = STANDARD_ERROR, seconds: float | None = SENTENCE_SECONDS) -> bool:
    """Writes lines; returns whether they were written in this time. Nothing in them controls the terminal."""
    data = "".join(f"{logs.on_one_line(line)}\n" for line in text.split("\n")).encode(errors="backslashreplace")
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(write_all(descriptor, data)), daemon=True)
    thread.start()
    thread.join(seconds)
    return results == [True]


def open_standard_streams() -> None:
    """Opens those of descriptors 0 to 2 that are closed, or the next file (the database?) would get them."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, closefd=False))  # noqa: SIM115  as long as the process
