"""What RBD stores of images in objects: answers of a real class are in tests/ceph, damaged ones are here."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceph.images import rbd_layout
from ceph.images.rbd_layout import Garbled

READERS = [
    rbd_layout.text_in,
    rbd_layout.names_in,
    rbd_layout.ids_in,
    rbd_layout.old_names_in,
    rbd_layout.size_in,
    rbd_layout.features_in,
    rbd_layout.data_pool_in,
    rbd_layout.parent_pool_in,
    rbd_layout.size_in_old_header,
]


def text(data):
    return struct.pack("<I", len(data)) + data


@given(st.dictionaries(st.binary(max_size=40), st.text(max_size=20), max_size=20))
def test_names_and_ids_are_read_whatever_bytes_they_are(ids):
    answer = struct.pack("<I", len(ids)) + b"".join(text(name) + text(one.encode()) for name, one in ids.items())

    assert rbd_layout.ids_in(answer) == ids


def test_names_of_the_old_format_are_read_beside_what_nobody_needs():
    directory = text(b"") + struct.pack("<I", 2) + text(b"a") + text(b"") + text(b"b/c") + text(b"xyz")

    assert rbd_layout.old_names_in(directory) == [b"a", b"b/c"]
    assert rbd_layout.old_names_in(b"") == []


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(read, data):
    with suppress(Garbled):
        read(data)


def test_a_count_that_promises_billions_costs_nothing():
    with pytest.raises(Garbled):
        rbd_layout.names_in(b"\xff\xff\xff\xff" + text(b"one"))
