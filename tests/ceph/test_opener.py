"""The process that opens images for a measurement, on a real cluster."""

from __future__ import annotations

import os
from pathlib import Path

from ceph.images.opener import Opener
from ceph.images.opener_process import NICENESS
from ceph.settings import ClusterSettings


def children():
    return set(Path("/proc/self/task").joinpath(str(os.getpid()), "children").read_text().split())


def test_it_leaves_the_processor_to_what_answers_people(cluster):
    opener = Opener(ClusterSettings(conf=str(cluster.conf)), timeout_seconds=30)
    before = children()
    try:
        opener.connect()
        niceness = {os.getpriority(os.PRIO_PROCESS, int(pid)) for pid in children() - before}

        assert max(niceness) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    finally:
        opener.close()
