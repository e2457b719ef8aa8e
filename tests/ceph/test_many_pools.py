"""Measurements of many pools at once, on a real cluster: its manager dies if too many of them are asked for apart."""

from __future__ import annotations

import pytest

from tests.support.ceph_service import options_for
from tests.support.image_load import written_to
from tests.support.measurements import FINAL
from tests.support.service import Client, Service

POOLS = [f"of-many-{number:02}" for number in range(20)]
LAYERING = 1

pytestmark = [pytest.mark.gen_test(timeout=240), pytest.mark.slow]


@pytest.fixture(scope="module")
def pools(cluster):
    """More pools than a manager survives to be asked for one by one, with an image each."""
    for name in POOLS:
        cluster.command("osd pool create", pool=name, pg_num=1, pgp_num=1)
        cluster.command("osd pool application enable", pool=name, app="rbd")
    for name in POOLS:
        cluster.wait_settled(name)
        cluster.create_images(name, ["disk"], features=LAYERING)
    yield POOLS
    cluster.recover()
    for name in POOLS:
        cluster.delete_pool(name)


@pytest.fixture
def client(cluster, tmp_path):
    service = Service(tmp_path).start(*options_for({"main": cluster.conf}, workers=4))
    yield Client(service)
    service.close()


async def test_measurements_of_many_pools_leave_the_manager_alive(cluster, pools, client):
    manager = cluster.ceph("mgr", "dump")["active_gid"]

    with written_to(cluster, pools[0], ["disk"]):
        created = [await client.create("rbd_performance", fsid=cluster.fsid, pools=pools, seconds=4) for _ in range(3)]
        tasks = [await client.until(task["id"], lambda task: task["status"] in FINAL) for task in created]

    assert [task["status"] for task in tasks] == ["Finished"] * 3
    for task in tasks:
        images = task["result"]["images"]
        assert images["of-many-00/disk"]["write_ops"]["mean"] > 0
        assert {images[f"{pool}/disk"]["write_ops"]["max"] for pool in pools[1:]} == {0}
    assert cluster.ceph("mgr", "dump")["active_gid"] == manager, "the manager died and came again"


async def test_measurements_of_one_pool_after_the_other_leave_the_manager_alive(cluster, pools, client):
    """Each task asks about its pool alone, and the manager remembers them all for a minute."""
    manager = cluster.ceph("mgr", "dump")["active_gid"]

    created = [
        await client.create("rbd_performance", fsid=cluster.fsid, pools=[pool], seconds=1) for pool in pools[:17]
    ]
    tasks = [await client.until(task["id"], lambda task: task["status"] in FINAL) for task in created]

    assert [task["status"] for task in tasks] == ["Finished"] * len(created)
    assert cluster.ceph("mgr", "dump")["active_gid"] == manager, "the manager died and came again"
