"""Opens images in a separate process: librbd may hang in an image forever, in spite of all time limits, or crash.

`Opener` is the parent's end, for jobs: it kills a process that takes too long. The child, `ceph.images.opener_process`,
ends when its parent does, since the pipe between them is closed then.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from errno import EIO, ETIMEDOUT
from math import inf
from pathlib import Path

from ceph.connection.trial import proven
from ceph.errors import ClusterError, ClusterRefused, Hangs
from ceph.images.listing import LONGEST_SECONDS
from ceph.images.opener_messages import (
    LARGEST_MESSAGE_BYTES,
    RECEIVE_BYTES,
    Answer,
    Connect,
    Failed,
    ListImages,
    Order,
    Reply,
    Request,
    decode_reply,
    encode,
)
from ceph.settings import ClusterSettings
from processes.framing import Frames, framed

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
"""The time for a process to start on a busy machine, in addition to connecting."""
END_SECONDS = 5.0
LOOK_SECONDS = 0.25
"""How long `Opener.reply` waits by default, so that callers can do something else in between."""
_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from ceph.images.opener_process import main; main(int(sys.argv[2]))"
)


class Opener:
    """Controls the process. Belongs to one thread, which closes it.

    After an error the process may be gone: then another one has to connect.
    """

    def __init__(self, settings: ClusterSettings, timeout_seconds: float) -> None:
        """Takes the limit for each answer, in seconds."""
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._frames = Frames(LARGEST_MESSAGE_BYTES)
        self._replies: list[Reply] = []
        self._limit_seconds = timeout_seconds
        self._deadline = 0.0

    @property
    def is_connected(self) -> bool:
        """Returns whether a process is connected, as far as is known."""
        return self._process is not None

    def connect(self) -> None:
        """Starts the process and waits until it has connected. Raises what `reply` raises."""
        self.close()
        known = proven(self._settings)
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  its own code
                [sys.executable, "-P", "-c", _CODE, str(ROOT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._order(Connect(self._settings, known), START_SECONDS + self._settings.connect_timeout_seconds)
        try:
            while self.reply(START_SECONDS) is None:
                pass
        except ClusterError as error:
            raise self._given_up(error) from None

    def order(self, order: Request, at_most_seconds: float = inf) -> None:
        """Sends an order, whose answers `reply` returns one by one, with at most this time for each."""
        least_seconds = 2 * LONGEST_SECONDS if isinstance(order, ListImages) else 0
        self._order(order, max(min(self._timeout_seconds, at_most_seconds), least_seconds))

    def reply(self, seconds: float = LOOK_SECONDS) -> Answer | None:
        """Returns the next answer, None if there is none within this many seconds.

        Raises ClusterRefused, ClusterUnavailable if the cluster does not answer, and Hangs after the time limit.
        """
        assert self._channel
        end = time.monotonic() + seconds
        while not self._replies:
            left = min(end, self._deadline) - time.monotonic()
            if left <= 0 and time.monotonic() >= self._deadline:
                raise self._given_up(Hangs(f"librbd did not return within {self._limit_seconds:g} s", ETIMEDOUT))
            if left <= 0:
                return None
            self._receive(left)
        self._deadline = time.monotonic() + self._limit_seconds
        return self._taken(self._replies.pop(0))

    def close(self) -> None:
        """Kills the process, whatever it does."""
        process, self._process = self._process, None
        channel, self._channel = self._channel, None
        self._frames, self._replies = Frames(LARGEST_MESSAGE_BYTES), []
        if channel is not None:
            channel.close()
        if process is not None:
            process.kill()
            process.wait()

    def _order(self, order: Order, seconds: float) -> None:
        assert self._channel
        self._limit_seconds = seconds
        self._deadline = time.monotonic() + seconds
        with suppress(OSError):  # it has ended, which `reply` reports
            self._channel.sendall(framed(encode(order)))

    def _receive(self, seconds: float) -> None:
        assert self._channel
        self._channel.settimeout(max(seconds, 0.001))
        try:
            data = self._channel.recv(RECEIVE_BYTES)
        except TimeoutError:
            return
        except ConnectionError:
            data = b""
        if not data:
            raise self._given_up(ClusterRefused(self._end_text(), EIO))
        self._replies += map(decode_reply, self._frames.feed(data))

    def _taken(self, reply: Reply) -> Answer:
        if not isinstance(reply, Failed):
            return reply
        error = reply.error()
        # A handle survives a timeout of OSDs, but not being shut out of the cluster.
        raise error if error.errno == ETIMEDOUT or reply.refused else self._given_up(error)

    def _given_up(self, error: ClusterError) -> ClusterError:
        self.close()
        return error

    def _end_text(self) -> str:
        """Returns how the process has ended by itself: the pipe is closed."""
        assert self._process
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        code = self._process.poll()
        how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return f"the process that opened it has ended ({how})"
