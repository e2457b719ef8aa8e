"""Answers of a cluster as they should not be: each is read as far as that goes, or refused in words."""

from __future__ import annotations

import socket

import pytest

from ceph.clusters import retry_while_silent
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterRefused
from ceph.pools import all_pools
from ceph.reader.messages import Failed, Read, StateRead, decode_report
from ceph.reader.reader import Reader
from ceph.settings import ClusterSettings
from processes.framing import Frames


class Altered(Cluster):
    """The real cluster, of which some answers are others: no cluster can be made to give them."""

    def alter(self, command, change):
        self.command_altered, self.change = command, change

    def command(self, prefix, **arguments):
        output = super().command(prefix, **arguments)
        return self.change(output) if prefix == getattr(self, "command_altered", None) else output


@pytest.fixture
def altered(cluster):
    with Altered(ClusterSettings(conf=str(cluster.conf))) as handle:
        yield handle


@pytest.fixture
def read(altered):
    """Lets a reader read the state; returns what it reports to the server."""
    ours, theirs = socket.socketpair()
    reader = Reader(theirs, altered.settings)
    reader._cluster = altered
    frames = Frames(1 << 24)

    def ask():
        reader.obey(Read(7, "state"))
        while True:
            for frame in frames.feed(ours.recv(65536)):
                return decode_report(frame)

    yield ask
    ours.close()
    theirs.close()


def replaced(old, new):
    def change(output):
        assert old in output
        return output.replace(old, new)

    return change


@pytest.mark.parametrize("number", [b"inf", b"-inf", b"nan", b"-nan", b"Infinity", b"NaN", b"1e999"])
def test_a_number_that_is_none_hides_nothing(altered, read, still, number):
    altered.alter("osd pool ls", replaced(b'{"pool_id"', b'{"score_acting":' + number + b',"pool_id"'))

    found = read()

    assert isinstance(found, StateRead)
    assert found.state.pool_named(still).pg_num == 8


@pytest.mark.parametrize(
    ("command", "change"),
    [
        ("status", replaced(b'"health"', b'"wealth"')),
        ("status", replaced(b'"num_up_osds":3', b'"num_up_osds":inf')),
        ("status", lambda _: b"null"),
        ("status", lambda _: b"[]"),
        ("osd pool ls", replaced(b'"pg_num":', b'"pg_count":')),
        ("osd pool ls", replaced(b'"pg_num":8', b'"pg_num":"8"')),
        ("osd pool ls", replaced(b'"pg_num":8', b'"pg_num":nan')),
        ("osd pool ls", lambda _: b'["rbd"]'),
        ("df", lambda _: b'{"pools": 1}'),
        ("df", lambda _: b"Segmentation fault"),
        ("df", lambda _: b'{"pools": ['),
        ("df", lambda _: b""),
        ("df", lambda _: b"[" * 100_000),
    ],
)
def test_an_answer_that_is_not_understood_is_a_refusal_and_the_reader_lives(altered, read, still, command, change):
    altered.alter(command, change)

    refused = read()
    altered.alter(None, None)

    assert isinstance(refused, Failed)
    assert refused.refused
    assert command in refused.text
    assert "cannot be understood" in refused.text or "expected JSON from the cluster" in refused.text
    assert isinstance(read(), StateRead)


def test_a_task_is_refused_by_such_an_answer_in_the_same_words(altered, still):
    altered.alter("osd pool ls", replaced(b'"pg_num":', b'"pg_count":'))

    with pytest.raises(ClusterRefused, match="osd pool ls: the cluster answered in a form that cannot be understood"):
        next(retry_while_silent(lambda: all_pools(altered)))
