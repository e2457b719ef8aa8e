"""The clusters of the tests themselves."""

from __future__ import annotations


def test_the_shared_cluster_is_up_and_knows_itself(cluster):
    assert cluster.is_up()
    assert cluster.fsid == cluster.command("status")["fsid"]


def test_pools_are_made_filled_grown_and_removed(cluster, new_pool):
    name = new_pool(pg_num=8, megabytes=10)
    assert cluster.pool(name)["pg_num"] == 8
    assert set(cluster.pg_states(name)) == {"active+clean"}
    cluster.command("osd pool set", pool=name, var="pg_num", val="16")
    assert cluster.wait_settled(name)["pg_placement_num"] == 16
    cluster.delete_pool(name)
    assert name not in [pool["pool_name"] for pool in cluster.pools()]


def test_images_hold_what_was_written(cluster, new_pool):
    name = new_pool()
    cluster.create_image(name, "disk", size_bytes=1 << 30, data_mb=40)
    used = cluster.rbd("du", f"{name}/disk")["images"][0]["used_size"]
    assert 40_000_000 <= used < 50_000_000
    cluster.remove_image(name, "disk")
    assert cluster.rbd("ls", name) == []
