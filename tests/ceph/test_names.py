"""Names of pools that are not made of letters, as a cluster's monitors understand them."""

from __future__ import annotations

import pytest

from ceph.connection.cluster import Cluster
from ceph.pools import PoolRef, get_pool, set_pg_num
from ceph.settings import ClusterSettings

NAMES = ("🦊", "we ird", 'a"quote', "日本語", "back\\slash", "100%")


@pytest.fixture
def connected(cluster):
    with Cluster(ClusterSettings(conf=str(cluster.conf))) as handle:
        yield handle


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_of_any_name_is_changed_by_it(cluster, connected, name):
    cluster.command("osd pool create", pool=name, pg_num=1, pgp_num=1)
    try:
        set_pg_num(connected, get_pool(connected, PoolRef(None, name)), 2)

        assert cluster.pool(name)["pg_num_target"] == 2
    finally:
        cluster.delete_pool(name)
