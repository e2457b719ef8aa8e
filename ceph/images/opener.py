"""Opens images in a separate process: librbd may hang in an image forever, in spite of all time limits, or crash.

`Opener` is the parent's end, for jobs: it kills a process that takes too long. The child ends when its parent does,
since the pipe between them is closed then.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from errno import EILSEQ, EIO, ETIMEDOUT
from math import inf
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from ceph.connection.cluster import Cluster
from ceph.connection.trial import Proven, proven, take_over
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable, Hangs
from ceph.images.image import missing_images, opened, pieces_of
from ceph.images.listing import LONGEST_SECONDS, ImageListing
from ceph.images.samples import Sizes
from ceph.settings import ClusterSettings
from ceph.state import Trouble, Unreadable
from jobs.errors import in_words
from processes.framing import Frames, framed

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
"""The time for a process to start on a busy machine, in addition to connecting."""
END_SECONDS = 5.0
LOOK_SECONDS = 0.25
"""How long `Opener.reply` waits by default, so that callers can do something else in between."""
NICENESS = 5
"""Keeps many measurements at once from slowing down what answers people."""
LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
RECEIVE_BYTES = 64 * 1024
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from ceph.images.opener import main; main(int(sys.argv[2]))"


class Connect(Struct, frozen=True, tag=True):
    """Connect to this cluster, which was reached by `known` before; the answer is `Connected`."""

    settings: ClusterSettings
    known: Proven


class ListImages(Struct, frozen=True, tag=True):
    """List the images of these pools, None means all; the answer is `Listed`, with the first `most` images.

    Pools that did not answer may do so when this is requested again.
    """

    pools: list[str] | None
    most: int


class FindMissing(Struct, frozen=True, tag=True):
    """Find which of these images, by namespace and name, a pool no longer lists; the answer is `Missing`."""

    pool: str
    names: list[tuple[str, str]]


class Measure(Struct, frozen=True, tag=True, kw_only=True):
    """Find how much of an image is written; each answer is a `Piece`, until one is the last.

    `offset` and `used_bytes` are those of the last piece, if part of the image was scanned before.
    """

    pool: str
    namespace: str
    name: str
    offset: int = 0
    used_bytes: int = 0


Request = ListImages | FindMissing | Measure
Order = Connect | Request


class Connected(Struct, frozen=True, tag=True):
    """The process is connected to the cluster."""


class Listed(Struct, frozen=True, tag=True):
    """The paths of images, the pools whose images could not be listed, and images whose names cannot be used here."""

    paths: list[str]
    unreadable: list[Unreadable]
    beyond_reach: dict[str, Trouble]


class Missing(Struct, frozen=True, tag=True):
    """The images that no longer exist, by namespace and name."""

    names: list[tuple[str, str]]


class Piece(Struct, frozen=True, tag=True):
    """An image has been scanned up to `offset`; `used_bytes` of that are written."""

    size_bytes: int
    offset: int
    used_bytes: int

    @property
    def is_last(self) -> bool:
        return self.offset >= self.size_bytes

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.size_bytes, self.used_bytes)


class Failed(Struct, frozen=True, tag=True):
    """The cluster refused or did not answer."""

    text: str
    errno: int
    refused: bool

    def error(self) -> ClusterRefused | ClusterUnavailable:
        return (ClusterRefused if self.refused else ClusterUnavailable)(self.text, self.errno)


Answer = Connected | Listed | Missing | Piece
Reply = Answer | Failed

_encode = msgspec.msgpack.Encoder().encode
_decode_order = msgspec.msgpack.Decoder(Order).decode
_decode_reply = msgspec.msgpack.Decoder(Reply).decode


class Opener:
    """Controls the process. Belongs to one thread, which closes it.

    After an error the process may be gone: then another one has to connect.
    """

    def __init__(self, settings: ClusterSettings, timeout_seconds: float) -> None:
        """`timeout_seconds` is the limit for each answer."""
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
        """Whether a process is connected, as far as is known."""
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
                raise self._given_up(Hangs(f"librbd did not come back within {self._limit_seconds:g} s", ETIMEDOUT))
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
            self._channel.sendall(framed(_encode(order)))

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
        self._replies += map(_decode_reply, self._frames.feed(data))

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


# The child


def main(descriptor: int) -> NoReturn:
    """Runs the process: carries out one order after another until the parent is gone."""
    channel = socket.socket(fileno=descriptor)
    os.nice(NICENESS)
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, orders), daemon=True).start()
    child = Child()
    while True:
        for reply in child.replies(orders.get()):
            channel.sendall(framed(_encode(reply)))


def _listen(channel: socket.socket, orders: queue.SimpleQueue[Order]) -> None:
    """Receives orders, and ends the process at once with its parent, whatever hangs in librbd."""
    frames = Frames(LARGEST_MESSAGE_BYTES)
    with suppress(OSError):
        while data := channel.recv(RECEIVE_BYTES):
            for message in frames.feed(data):
                orders.put(_decode_order(message))
    os._exit(0)


class Child:
    """Carries out the orders, all with one handle."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._listing: tuple[ListImages, ImageListing] | None = None

    def replies(self, order: Order) -> Iterator[Reply]:
        """Carries out an order. Whatever goes wrong is the last reply to it."""
        try:
            yield from self._answers(order)
        except ClusterError as error:
            yield Failed(error.text, error.errno, not isinstance(error, ClusterUnavailable))
        except Exception as error:  # noqa: BLE001  one image must not end the measurement of all others
            yield Failed(in_words(error), EIO, refused=True)

    def _answers(self, order: Order) -> Iterator[Answer]:
        if isinstance(order, Connect):
            take_over(order.settings, order.known)
            self._cluster = Cluster(order.settings, order.known.fsid)
            yield Connected()
            return
        assert self._cluster
        if isinstance(order, ListImages):
            yield self._listed(self._cluster, order)
            return
        if isinstance(order, FindMissing):
            yield Missing(missing_images(self._cluster, order.pool, order.names))
            return
        with opened(self._cluster, order.pool, order.namespace, order.name) as image:
            for sizes, offset in pieces_of(image, order.offset, order.used_bytes):
                yield Piece(sizes.size_bytes, offset, sizes.used_bytes)

    def _listed(self, cluster: Cluster, order: ListImages) -> Listed:
        if self._listing is None or self._listing[0] != order:
            self._listing = order, ImageListing(cluster, order.pools)
        found = self._listing[1].images()
        images = found.images[: order.most]
        beyond_reach = {image.path: image.error for image in images if image.error and image.error.errno == EILSEQ}
        return Listed([image.path for image in images], found.unreadable, beyond_reach)
