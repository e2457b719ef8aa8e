"""What a dry run knows of a pool and its cluster, held against what the cluster does: real server, real cluster."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.support.ceph_service import Checked, options_for
from tests.support.cluster import Cluster, ClusterError, wait_until
from tests.support.service import Service

pytestmark = pytest.mark.gen_test(timeout=120)


@pytest.fixture
def client(shared_service):
    return Checked(shared_service)


@pytest.fixture
def pool(still):
    return still


@contextmanager
def set_for(cluster, pool, var, value, before):
    cluster.command("osd pool set", pool=pool, var=var, val=value)
    try:
        yield
    finally:
        cluster.command("osd pool set", pool=pool, var=var, val=before)


@contextmanager
def flagged(cluster, flag):
    cluster.command("osd set", key=flag)
    try:
        yield
    finally:
        cluster.command("osd unset", key=flag)


@contextmanager
def down(cluster, osd):
    """The monitors take it for dead: it runs, and may not come back meanwhile."""
    try:
        with flagged(cluster, "noup"):
            cluster.command("osd down", ids=[str(osd)])
            wait_until(lambda: cluster.command("status")["osdmap"]["num_up_osds"] < cluster.osds, what="an OSD down")
            yield
    finally:
        cluster.command("osd in", ids=[str(osd)])
        cluster.wait_up()


def address(cluster, pool):
    return f"ceph/{cluster.fsid}/pools/{cluster.pool(pool)['pool_id']}"


async def dry_run(client, cluster, pool, pg_num=16):
    answer = await client.call("PUT", f"{address(cluster, pool)}?dry_run=true", {"pg_num": pg_num})
    assert answer.status == 200, answer.body
    return answer.json


async def warnings(client, cluster, pool, pg_num=16):
    return {one["code"]: one["text"] for one in (await dry_run(client, cluster, pool, pg_num))["warnings"]}


def words_of_cluster(cluster, pool, pg_num):
    with pytest.raises(ClusterError) as refused:
        cluster.command("osd pool set", pool=pool, var="pg_num", val=str(pg_num))
    return refused.value.words.strip()


@pytest.mark.parametrize(
    ("var", "value", "before", "pg_num"),
    [("nopgchange", "true", "false", 16), ("nopgchange", "true", "false", 4), ("pg_num_min", "8", "0", 4),
     ("pg_num_max", "8", "0", 16)],
)  # fmt: skip
async def test_what_was_set_for_a_pool_forbids_a_change_beforehand_and_the_task_says_it_in_the_clusters_words(
    client, cluster, pool, var, value, before, pg_num
):
    with set_for(cluster, pool, var, value, before):
        told = await dry_run(client, cluster, pool, pg_num)
        problem = await client.refused("PUT", address(cluster, pool), {"pg_num": pg_num})
        params = {"fsid": cluster.fsid, "pool": pool, "pg_num": pg_num}
        task = await client.ended((await client.create("pool_pgs", **params))["id"])
        words = words_of_cluster(cluster, pool, pg_num)

    assert f"Pool {pool} has" in told["refused"]
    assert var in told["refused"]
    assert (problem["status"], problem["detail"]) == (409, told["refused"])
    assert (task["status"], task["error"]["type"]) == ("Exception", "ClusterRefused")
    assert task["error"]["message"].startswith(words)
    assert "(errno " in task["error"]["message"]
    assert (await dry_run(client, cluster, pool, 16))["refused"] is None


async def test_a_flag_of_a_pool_that_forbids_nothing_is_no_matter(client, cluster, pool):
    with set_for(cluster, pool, "nodelete", "true", "false"), set_for(cluster, pool, "nopgchange", "true", "false"):
        assert (await dry_run(client, cluster, pool, 8))["refused"] is None, "there is nothing to change"


@pytest.mark.parametrize("flag", ["norebalance", "nobackfill", "norecover", "pause", "noup", "noin"])
async def test_a_flag_of_the_cluster_that_can_hold_it_up_is_warned_of(client, cluster, pool, flag):
    with flagged(cluster, flag):
        text = (await warnings(client, cluster, pool))["flags_set"]
    assert f" {flag} (" in text
    assert text.endswith(f"ceph osd unset {flag}")
    assert "flags_set" not in await warnings(client, cluster, pool)


@pytest.mark.parametrize("flag", ["noout", "nodown", "noscrub", "nodeep-scrub"])
async def test_a_flag_of_the_cluster_that_holds_nothing_up_is_not(client, cluster, pool, flag):
    with flagged(cluster, flag):
        assert "flags_set" not in await warnings(client, cluster, pool)


@pytest.mark.slow
async def test_an_osd_that_is_down_is_warned_of_until_it_is_out(client, cluster, pool):
    with down(cluster, 1):
        text = (await warnings(client, cluster, pool))["osds_down"]
        assert text.startswith("1 of 3 OSDs is down (osd.1): ")
        cluster.command("osd out", ids=["1"])
        assert "osds_down" not in await warnings(client, cluster, pool)
        cluster.command("osd in", ids=["1"])


@pytest.mark.slow
async def test_pgs_that_are_not_active_are_warned_of_for_their_pool_alone(client, cluster, new_pool, pool):
    """All three OSDs are to have each of its PGs, and one is down."""
    sick = new_pool(pg_num=4, size=3)
    cluster.command("osd pool set", pool=sick, var="min_size", val="3")
    with down(cluster, 1):
        found = await client.until(
            lambda found: found.get("pgs_inactive", "").startswith("4 "), lambda: warnings(client, cluster, sick, 8)
        )
        assert found["pgs_inactive"].startswith("4 PGs of the pool are not active: ")
        assert "pgs_inactive" not in await warnings(client, cluster, pool)


async def test_a_manager_that_hangs_is_warned_of(client, cluster, pool):
    with cluster.stopped("mgr.x"):
        found = await client.until(lambda found: "manager_silent" in found, lambda: warnings(client, cluster, pool))
    assert "the mgr did not answer within 2 s" in found["manager_silent"]
    assert "pgs_inactive" not in found


# Too many PGs for an OSD, as the monitors of this release count


def most_taken(cluster, pool, most=20_000):
    """The highest number that the monitor takes, which is set then."""
    least = cluster.pool(pool)["pg_num_target"]
    while most - least > 1:
        middle = (least + most) // 2
        try:
            cluster.command("osd pool set", pool=pool, var="pg_num", val=str(middle))
            least = middle
            cluster.command("osd pool set", pool=pool, var="pg_num", val="8")
        except ClusterError:
            most = middle
    return least


@pytest.fixture(scope="module")
def mixed():
    """A cluster of four OSDs."""
    cluster = Cluster.start(osds=4)
    yield cluster
    cluster.close()


@pytest.fixture
def mixed_client(mixed, tmp_path):
    service = Service(tmp_path).start(*options_for({"main": mixed.conf}))
    yield Checked(service)
    service.close()


@pytest.mark.slow
async def test_the_number_that_is_warned_of_is_the_first_that_the_cluster_refuses(mixed, mixed_client):
    for osd in ("2", "3"):
        mixed.command("osd crush rm-device-class", ids=[osd])
        mixed.command("osd crush set-device-class", **{"class": "ssd"}, ids=[osd])
    mixed.command("osd crush rule create-replicated", name="fast", root="default", type="osd", **{"class": "ssd"})
    mixed.set_config("mon.a", "mon_max_pg_per_osd", "20")
    mixed.command("osd pool create", pool="slow", pg_num=8, pgp_num=8)
    mixed.command("osd pool create", pool="fast", pg_num=8, pgp_num=8, rule="fast")
    mixed.command("osd pool create", pool="beside", pg_num=7, pgp_num=7, rule="fast")
    mixed.command("osd out", ids=["1"])
    known = mixed.command("config show", who="mon.a", key="mon_max_pg_per_osd")
    wait_until(
        lambda: mixed.command("config show", who="mon.a", key="mon_max_pg_per_osd") == 20, what=f"20, not {known}"
    )

    for pool in ("slow", "fast"):
        most = most_taken(mixed, pool)
        assert "too_many_pgs_per_osd" not in await warnings(mixed_client, mixed, pool, most), pool
        text = (await warnings(mixed_client, mixed, pool, most + 1))["too_many_pgs_per_osd"]
        assert text.endswith("the cluster will refuse it.")
        assert words_of_cluster(mixed, pool, most + 1).startswith(
            f"pool id {mixed.pool(pool)['pool_id']} pg_num {most + 1}"
        )
