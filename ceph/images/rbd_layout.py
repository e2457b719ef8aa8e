"""How RBD stores images in the objects of a pool, and how an OSD's class `rbd` answers about them. Pure.

The source is Ceph itself: `src/include/rbd_types.h` and `src/cls/rbd/cls_rbd.cc`. Numbers are
little-endian; texts are preceded by their length in four bytes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

DIRECTORY = "rbd_directory"
"""Holds the names of all images of a namespace: those of the old format as its data, all others as its omap."""
NAMESPACES = "rbd_namespace"
PAGE = 512
"""The number of names in one answer."""
LONGEST_NAME_BYTES = 2048
"""An object's name cannot be longer, as OSDs are configured, and an image has objects that bear its name."""
PAGE_BYTES = 2 * PAGE * (4 + LONGEST_NAME_BYTES)
SMALL_BYTES = 2 * LONGEST_NAME_BYTES
OLD_DIRECTORY_BYTES = 4 << 20
"""How much is read of the names of old images if they exceed SMALL_BYTES. librados blocks a caller that has requested
more than 100 MB in all, even if nothing is there."""

LAYERING_FEATURE = 1 << 0
DATA_POOL_FEATURE = 1 << 7
NO_SNAPSHOT = struct.pack("<Q", 2**64 - 2)
READ_ONLY = b"\x01"

_OLD_HEADERS = (b"<<< Rados Block Device Image >>>\n", b"<<< Migrating RBD Image      >>>\n")
_OLD_SIZE_AT = 80


class Garbled(ValueError):
    """An OSD's answer is not in the format of RBD."""


class Features(NamedTuple):
    """All features of an image, and those that are needed to open it."""

    all: int
    needed: int


def header_of(image_id: str) -> str:
    """Returns the name of the object that holds an image's size and features."""
    return f"rbd_header.{image_id}"


def id_object_of(name: str) -> str:
    """Returns the name of the object that holds an image's id, by which it is opened."""
    return f"rbd_id.{name}"


def old_header_of(name: str) -> str:
    """Returns the name of the header of an image of the old format, which has no id."""
    return f"{name}.rbd"


def encoded(text: str) -> bytes:
    return _with_length(text.encode())


def page_after(name: bytes) -> bytes:
    """Returns the input of `dir_list` and `namespace_list`: a page of names that come after this one."""
    return _with_length(name) + struct.pack("<Q", PAGE)


def text_in(answer: bytes) -> str:
    """Returns the one text of an answer. Raises Garbled."""
    return _Answer(answer).text().decode("utf-8", "backslashreplace")


def names_in(answer: bytes) -> list[bytes]:
    """Returns the names in an answer of `namespace_list`. Raises Garbled."""
    found = _Answer(answer)
    return [found.text() for _ in range(found.count())]


def ids_in(answer: bytes) -> dict[bytes, str]:
    """Returns the ids of images by name, from an answer of `dir_list`. Raises Garbled."""
    found = _Answer(answer)
    return {found.text(): found.text().decode("utf-8", "backslashreplace") for _ in range(found.count())}


def old_names_in(directory: bytes) -> list[bytes]:
    """Returns the names of the images of the old format, from the data of the directory. Raises Garbled."""
    if not directory:
        return []
    found = _Answer(directory)
    found.text()  # a header, which is empty
    names = []
    for _ in range(found.count()):
        names.append(found.text())
        found.text()
    return names


def size_in(answer: bytes) -> int:
    """Returns the bytes that an image is provisioned with, from an answer of `get_size`. Raises Garbled."""
    _order, size = _unpacked("<BQ", answer)
    return size


def features_in(answer: bytes) -> Features:
    """Parses an answer of `get_features`. Raises Garbled."""
    return Features(*_unpacked("<QQ", answer))


def data_pool_in(answer: bytes) -> int:
    """Returns the number of the pool that holds an image's data, from an answer of `get_data_pool`. Raises Garbled."""
    return _unpacked("<q", answer)[0]


def parent_pool_in(answer: bytes) -> int | None:
    """Returns the number of the pool that an image was cloned from, from an answer of `parent_get`; None if it is no
    clone. Raises Garbled."""
    _version, _compatible, _length, pool_id = _unpacked("<BBIq", answer)
    return None if pool_id < 0 else pool_id


def size_in_old_header(data: bytes) -> int:
    """Returns the provisioned size in the header of an image of the old format. Raises Garbled."""
    if not data.startswith(_OLD_HEADERS):
        raise Garbled(f"expected the header of an image, got {data[:40]!r}")
    return _unpacked("<Q", data[_OLD_SIZE_AT:])[0]


def _with_length(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _unpacked(form: str, data: bytes) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data)
    except struct.error as error:
        raise Garbled(str(error)) from error


class _Answer:
    """Reads an answer from its beginning."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def count(self) -> int:
        (count,) = _unpacked("<I", self._data[self._at : self._at + 4])
        self._at += 4
        return count

    def text(self) -> bytes:
        length = self.count()
        found = self._data[self._at : self._at + length]
        if len(found) < length:
            raise Garbled(f"expected a text of {length:,} bytes, got {len(found):,}")
        self._at += length
        return found
