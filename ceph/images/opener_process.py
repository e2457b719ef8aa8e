"""The process that `ceph.images.opener` starts: opens images, and ends with its parent."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from errno import EILSEQ, EIO
from typing import NoReturn

from ceph.connection.cluster import Cluster
from ceph.connection.trial import take_over
from ceph.errors import ClusterError, ClusterUnavailable
from ceph.images.image import missing_images, opened, pieces_of
from ceph.images.listing import ImageListing
from ceph.images.opener_messages import (
    LARGEST_MESSAGE_BYTES,
    RECEIVE_BYTES,
    Answer,
    Connect,
    Connected,
    Failed,
    FindMissing,
    Listed,
    ListImages,
    Missing,
    Order,
    Piece,
    Reply,
    decode_order,
    encode,
)
from jobs.errors import in_words
from processes.framing import Frames, framed

NICENESS = 5
"""Keeps many measurements at once from slowing down what answers people."""


def main(descriptor: int) -> NoReturn:
    """Runs the process: carries out one order after another until the parent is gone."""
    channel = socket.socket(fileno=descriptor)
    os.nice(NICENESS)
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, orders), daemon=True).start()
    child = Child()
    while True:
        for reply in child.replies(orders.get()):
            channel.sendall(framed(encode(reply)))


def _listen(channel: socket.socket, orders: queue.SimpleQueue[Order]) -> None:
    """Receives orders, and ends the process at once with its parent, whatever hangs in librbd."""
    frames = Frames(LARGEST_MESSAGE_BYTES)
    with suppress(OSError):
        while data := channel.recv(RECEIVE_BYTES):
            for message in frames.feed(data):
                orders.put(decode_order(message))
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
