"""The worker's end of the pipe: receives the server's orders, and reports rounds in batches.

The main thread runs rounds and reports them; a daemon thread listens. At most one batch of rounds is unacknowledged:
the next one is sent after the acknowledgement, which bounds what a flood of rounds costs the server, and what is
repeated after a crash.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import Literal, NoReturn

from msgspec.structs import replace

from jobs.engine import Ended, Start
from jobs.engines.local.messages import Abort, Acknowledge, Order, Quit, Report, Reported, decode_order
from jobs.model.lifecycle import error_text
from jobs.model.task import RoundRecord
from processes.framing import LARGEST_MESSAGE_BYTES, Frames, encode, framed

log = logging.getLogger("hourglass.worker")

# A round that took this long is on disk before the next one begins. Shorter ones are collected until they took as long
# together: at most one such batch waits here and one at the server, less than 0.2 s of work.
LONG_ROUND_SECONDS = 0.05
MOST_GATHERED_BYTES = 256 * 1024
LEAST_ROUND_BYTES = 64
RECEIVE_BYTES = 64 * 1024
UNSPEAKABLE = '{"type": "Exception", "message": "how it ended cannot be reported", "traceback": ""}'

Stop = Literal["stopped", "interrupted"]


class ServerPipe:
    """The connection between the server and the task that runs here."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._changed = threading.Condition()
        self._order: Start | None = None
        self._task: int | None = None
        self._attempt = 0
        self._quitting = False
        self._gathered: list[RoundRecord] = []
        self._gathered_seconds = 0.0
        self._gathered_bytes = 0
        self._outstanding = False
        self._failure: Exception | None = None
        self.stop_wanted: Stop | None = None
        """How the task has to end before its next round; None while it may continue."""

    # The main thread

    def next_order(self) -> Start | None:
        """Waits for the next task and returns its order; None if the worker has to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._order or self._quitting)
            order, self._order = self._order, None
            return order

    def report(self, done: RoundRecord) -> None:
        """Sends the round, now or with the next ones, and waits if the server has to catch up. Raises what prevented
        this round, or earlier ones, from being sent."""
        with self._changed:
            self._gather(done)
            if not self._outstanding:
                self._send_gathered()
            if self._failure:
                raise self._failure
            if done.seconds >= LONG_ROUND_SECONDS:
                self._changed.wait_for(lambda: self.stop_wanted or not self._outstanding)
            elif self._is_full():
                self._changed.wait_for(lambda: self.stop_wanted or not self._gathered)

    def pause(self, seconds: float) -> None:
        """Waits until the time is up or the task has to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self.stop_wanted, seconds)

    def end(self, ended: Ended) -> None:
        """Sends the last report about the task, with the rounds that have not been sent yet."""
        with self._changed:
            self._task = None
            self._send(self._last_report(ended))
            self._forget_gathered()

    def _last_report(self, ended: Ended) -> bytes:
        """Encodes the last report; if that fails because of what a job did, one that says so."""
        try:
            if self._failure and ended.how == "returned":
                raise self._failure
            return encode(replace(ended, rounds=self._gathered))
        except Exception as error:  # noqa: BLE001
            return self._last_resort(ended, error)

    def _last_resort(self, ended: Ended, error: Exception) -> bytes:
        try:
            text = error_text(type(error).__name__, f"its last rounds cannot be sent: {error}"[:1_000])
            return encode(_raised(ended, text))
        except Exception:  # noqa: BLE001
            return encode(_raised(ended, UNSPEAKABLE))

    def send(self, report: Report) -> None:
        self._send(encode(report))

    def _send(self, message: bytes) -> None:
        """Sends a message, which was encoded as a whole before, so that a failure leaves no half message behind."""
        try:
            self._channel.sendall(framed(message))
        except OSError:  # the server is gone, a job has closed the pipe, or this is a process that a job forked
            os._exit(1)

    def _gather(self, done: RoundRecord) -> None:
        self._gathered.append(done)
        self._gathered_seconds += done.seconds
        self._gathered_bytes += (
            LEAST_ROUND_BYTES + len(done.message) + len(done.output or "") + len(done.checkpoint or "")
        )

    def _is_full(self) -> bool:
        return self._gathered_seconds >= LONG_ROUND_SECONDS or self._gathered_bytes >= MOST_GATHERED_BYTES

    def _send_gathered(self) -> None:
        """Sends the collected rounds. An error is stored: it must end the task, and nothing else, also in the listening
        thread."""
        assert self._task is not None
        try:
            message = encode(Reported(self._task, self._attempt, self._gathered))
        except Exception as error:  # noqa: BLE001  a job can change what is encoded, and what encodes
            self._failure = error
        else:
            self._send(message)
            self._outstanding = True
        self._forget_gathered()

    def _forget_gathered(self) -> None:
        self._gathered = []
        self._gathered_seconds = 0.0
        self._gathered_bytes = 0

    # The listening thread

    def listen(self) -> None:
        """Obeys the server until its end. The buffer is allocated first: a task may use up all memory."""
        try:
            self._obey_all(bytearray(RECEIVE_BYTES))
        except ConnectionError:
            pass
        except BaseException:
            # The edge of this thread: without it the worker would receive nothing any more.
            log.critical("a defect in the thread that listens to the server", exc_info=True)
            os._exit(1)
        end_with_group()

    def _obey_all(self, buffer: bytearray) -> None:
        frames = Frames(LARGEST_MESSAGE_BYTES)
        received = memoryview(buffer)
        while size := self._channel.recv_into(buffer):
            for message in frames.feed(received[:size]):
                self._obey(decode_order(message))

    def _obey(self, order: Order) -> None:
        with self._changed:
            match order:
                case Start():
                    self._begin(order)
                case Quit():
                    self._quitting = True
                    self.stop_wanted = self.stop_wanted or "interrupted"
                case Abort(task) if task == self._task:
                    self.stop_wanted = "stopped"
                case Acknowledge(task) if task == self._task:
                    self._acknowledged()
            self._changed.notify()

    def _begin(self, order: Start) -> None:
        self._order = order
        self._task = order.task
        self._attempt = order.attempt
        self._outstanding = False
        self._failure = None
        self.stop_wanted = None

    def _acknowledged(self) -> None:
        """Sends what was collected from here: the main thread may be in a long round, which these rounds must not wait
        for."""
        self._outstanding = False
        if self._gathered:
            self._send_gathered()


def _raised(ended: Ended, error: str) -> Ended:
    """Returns the last report of the same attempt with this error."""
    return Ended(task=ended.task, attempt=ended.attempt, how="raised", rounds=[], error=error, left=ended.left)


def end_with_group() -> NoReturn:
    """Ends this process at once, and what jobs left running: the server is gone."""
    with suppress(OSError):
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
