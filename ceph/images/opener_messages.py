"""The messages between a process that opens images and its parent, as msgpack."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from ceph.connection.trial import Proven
from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.images.samples import Sizes
from ceph.settings import ClusterSettings
from ceph.state import Trouble, Unreadable

LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
RECEIVE_BYTES = 64 * 1024


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

encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
