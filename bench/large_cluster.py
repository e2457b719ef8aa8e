"""A large Ceph cluster: many pools, one of them with many PGs, and many images, some of which are written to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.peer import PeerMissing
from bench.service import ROOT
from ceph.connection import bindings
from tests.support.cluster import Cluster
from tests.support.image_load import written_to

LARGE_POOL = "large"
OSDS = 3
FILLING_SECONDS = 900


@dataclass(frozen=True)
class Scale:
    """How much there is. Half of the images are in the pool of `pg_num`, the others in `image_pools` more."""

    pools: int = 200
    pg_num: int = 1000
    images: int = 2000
    image_pools: int = 20
    busy: int = 20

    def pool_sizes(self) -> Mapping[str, int]:
        """Returns the PGs of each pool."""
        return {LARGE_POOL: self.pg_num, **dict.fromkeys(map(_pool_name, range(1, self.pools)), 1)}

    def image_names(self) -> Mapping[str, Sequence[str]]:
        """Returns the images of each pool that has some."""
        half = self.images // 2
        each = half // self.image_pools
        others = {
            _pool_name(number): [_image_name(image) for image in range(each)]
            for number in range(1, self.image_pools + 1)
        }
        return {LARGE_POOL: [_image_name(image) for image in range(self.images - each * self.image_pools)], **others}


LARGE = Scale()


@contextmanager
def large_cluster(scale: Scale) -> Iterator[Cluster]:
    """Starts a cluster that is filled, at rest and written to a little. Raises PeerMissing if there is no Ceph."""
    _expect_ceph()
    print("Starting and filling a Ceph cluster …", flush=True)
    cluster = Cluster.start(osds=OSDS, max_pgs_per_osd=2 * scale.pg_num)
    try:
        _fill(cluster, scale)
        busy = [_image_name(image) for image in range(scale.busy)]
        with written_to(cluster, LARGE_POOL, busy, rate=2):
            yield cluster
    finally:
        cluster.close()


def _expect_ceph() -> None:
    if reason := bindings.missing():
        raise PeerMissing(reason)
    if not all(map(shutil.which, ("ceph", "ceph-mon", "ceph-mgr", "ceph-osd"))):
        raise PeerMissing("expected Ceph's daemons, got none; as root run: tools/setup ceph")


def _fill(cluster: Cluster, scale: Scale) -> None:
    wanted = {"pools": scale.pool_sizes(), "images": scale.image_names()}
    command = [sys.executable, "-m", "bench.large_filling", str(cluster.conf)]
    subprocess.run(command, cwd=ROOT, input=json.dumps(wanted), text=True, check=True, timeout=FILLING_SECONDS)
    cluster.wait_settled(LARGE_POOL)


def _pool_name(number: int) -> str:
    return f"pool-{number:03}"


def _image_name(number: int) -> str:
    return f"image-{number:04}"
