"""What child processes print and log, read through pipes: no child waits for a reader of the log."""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

READ_BYTES = 16 * 1024
MOST_LEFT_BYTES = 1024 * 1024
# After a full read, others get this many times as long as it took, for the server has one interpreter.
REST_FACTOR = 1
LONGEST_REST_SECONDS = 0.05
FLUSH_SECONDS = 0.5

log = logging.getLogger("hourglass.log")


class Lines:
    """Cuts what a process prints into lines; one that is too long is cut into several."""

    def __init__(self, take: Callable[[bytes], None], most_bytes: int, end: bytes = b"\n") -> None:
        self._take = take
        self._most_bytes = most_bytes
        self._end = end
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(self._end)
        for line in whole:
            self._take_cut(line)
        while len(self._rest) > self._most_bytes:
            self._take(self._rest[: self._most_bytes])
            self._rest = self._rest[self._most_bytes :]

    def end(self) -> None:
        """Takes what has no line end."""
        if self._rest:
            self._take_cut(self._rest)
        self._rest = b""

    def _take_cut(self, line: bytes) -> None:
        for start in range(0, len(line), self._most_bytes):
            self._take(line[start : start + self._most_bytes])


class ChildPipe:
    """The server's end of a pipe that a child writes to."""

    def __init__(self, descriptor: int, lines: Lines) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.lines = lines
        self.is_open = True


class Relay:
    """Reads what children print and log, in a thread of its own, so that no child waits for a reader of the log.

    A flood is slowed down: reading it takes half of a processor.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._asked: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        threading.Thread(target=self._run, name="log relay", daemon=True).start()

    def take(self, pipe: ChildPipe) -> None:
        """Reads the pipe until its end, or until `let_go`, then closes it."""
        self._ask(lambda: self._selector.register(pipe.descriptor, selectors.EVENT_READ, pipe))

    def let_go(self, pipe: ChildPipe) -> None:
        """Reads what is in the pipe and closes it: a process that a job has left behind may hold its other end."""
        self._ask(lambda: self._read_rest(pipe))

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Waits until all earlier requests are done."""
        done = threading.Event()
        self._ask(done.set)
        done.wait(seconds)

    def _ask(self, what: Callable[[], object]) -> None:
        self._asked.put(what)
        os.eventfd_write(self._wake, 1)

    # The thread that reads

    def _run(self) -> None:
        while True:
            ready = self._selector.select()
            began = time.monotonic()
            sizes = [self._read(key.data) for key, _ in ready if key.data]
            if READ_BYTES in sizes:
                time.sleep(min((time.monotonic() - began) * REST_FACTOR, LONGEST_REST_SECONDS))
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake)
            while not self._asked.empty():
                self._asked.get()()

    def _read(self, pipe: ChildPipe) -> int:
        """Reads, and returns how many bytes there were; 0 if there are none now, or no more."""
        try:
            data = os.read(pipe.descriptor, READ_BYTES)
            pipe.lines.feed(data)
        except BlockingIOError:
            return 0
        except Exception:
            # The edge of this thread: without it every child would wait for a reader in the end.
            log.exception("a defect in the thread that reads the output of children")
            data = b""
        if not data:
            self._close(pipe)
        return len(data)

    def _read_rest(self, pipe: ChildPipe) -> None:
        for _ in range(MOST_LEFT_BYTES // READ_BYTES):
            if not (pipe.is_open and self._read(pipe)):
                break
        self._close(pipe)

    def _close(self, pipe: ChildPipe) -> None:
        if pipe.is_open:
            pipe.is_open = False
            pipe.lines.end()
            self._selector.unregister(pipe.descriptor)
            os.close(pipe.descriptor)
