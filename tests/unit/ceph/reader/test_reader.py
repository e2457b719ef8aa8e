"""The edge of the process that reads a cluster."""

from __future__ import annotations

import socket

from ceph.reader import reader
from ceph.reader.messages import Read
from ceph.settings import ClusterSettings


def test_a_defect_is_logged_and_ends_the_process_so_that_nobody_waits_for_it(monkeypatch, caplog):
    ended = []
    monkeypatch.setattr(reader, "leave", ended.append)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        broken = reader.Reader(ours, ClusterSettings())
        monkeypatch.setattr(broken, "_connected", lambda: {}["no such key"])
        broken.obey(Read(1, "state"))

    assert ended == [1]
    assert "KeyError" in caplog.text
