"""What can be chosen of clusters, by REST: with one that is dead beside it, and when nobody answers."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.support.ceph_service import Checked, options_for
from tests.support.service import Service

DEAD = "11111111-6936-48af-b82b-e2cf81a7beed"


@pytest.fixture(scope="module")
def shared_service(cluster, tmp_path_factory):
    """A server with that cluster, with one that does not answer, and with one that does not even say which it is."""
    directory = tmp_path_factory.mktemp("choices")
    dead, unknown = directory / "dead.conf", directory / "unknown.conf"
    host = "mon_host = 127.0.0.1:1\n"
    dead.write_text(f"[global]\nfsid = {DEAD}\n{host}")
    unknown.write_text(f"[global]\n{host}")
    service = Service(directory).start(*options_for({"dead": dead, "unknown": unknown, "main": cluster.conf}))
    yield service
    service.close()


@pytest.fixture
def client(shared_service):
    return Checked(shared_service)


@pytest.fixture
def fsid(cluster):
    return cluster.command("fsid")["fsid"]


def create_own_pool(cluster, name):
    """One with a name that is the cluster's own; newer releases ask twice."""
    cluster.command("osd pool create", pool=name, pg_num=8, yes_i_really_mean_it=True)
    cluster.command("osd pool application enable", pool=name, app="rbd", yes_i_really_mean_it=True)
    cluster.wait_settled(name)


async def chosen(client, job, parameter, **values):
    query = "".join(f"&{name}={quote(value, safe='')}" for name, value in values.items())
    page = await client.get(f"jobs/choices?job={job}&parameter={parameter}&pageSize=500{query}")
    return {choice["value"]: choice["name"] for choice in page["results"]}


async def test_clusters_are_chosen_by_the_names_of_config_ini_also_those_that_do_not_answer(client, fsid):
    for name in ("dead", "main"):
        await client.until(lambda found: found["fsid"], lambda name=name: client.cluster(name))
    for job in ("pool_pgs", "pool_create", "rbd_performance"):
        assert await chosen(client, job, "fsid") == {DEAD: "dead", fsid: "main"}
    assert await chosen(client, "pool_pgs", "fsid", search="MAI") == {fsid: "main"}


@pytest.mark.slow
async def test_pools_of_the_clusters_own_are_not_offered_and_taken_all_the_same(client, cluster, fsid, new_pool):
    own, pool = ".of-ceph-itself", new_pool()
    create_own_pool(cluster, own)
    try:
        offered = await chosen(client, "pool_pgs", "pool", fsid=fsid)
        task = await client.create("pool_pgs", fsid=fsid, pool=own, pg_num=8)
        await client.abort(task["id"])
    finally:
        cluster.delete_pool(own)

    assert offered[pool] == pool
    assert own not in offered
    assert own not in await chosen(client, "rbd_performance", "pools", fsid=fsid)


@pytest.mark.slow
async def test_pools_that_may_hold_images_are_those_with_rbd_among_their_applications_or_with_none(
    client, cluster, fsid, new_pool
):
    files, both, none = new_pool(application="cephfs"), new_pool(), new_pool()
    cluster.command("osd pool application enable", pool=both, app="cephfs", yes_i_really_mean_it=True)
    cluster.command("osd pool application disable", pool=none, app="rbd", yes_i_really_mean_it=True)
    offered = await chosen(client, "rbd_performance", "pools", fsid=fsid)

    assert {both, none} <= offered.keys()
    assert files not in offered


async def test_images_are_chosen_by_names_and_sent_by_their_paths(client, cluster, fsid, new_pool):
    pool = new_pool()
    for name in ("a/b", "100 %", "שלום"):
        cluster.create_image(pool, name, size_bytes=1 << 20)
    offered = await chosen(client, "rbd_performance", "images", fsid=fsid, search=pool)

    assert offered == {
        f"{pool}/100 %25": f"{pool}/100 %",
        f"{pool}/a%2Fb": f"{pool}/a/b",
        f"{pool}/שלום": f"{pool}/שלום",
    }


@pytest.mark.slow
async def test_a_cluster_that_does_not_answer_has_its_own_error(client):
    problem = await client.refused("GET", f"jobs/choices?job=pool_pgs&parameter=pool&fsid={DEAD}")

    assert problem["status"] == 503
    assert "no mon answered" in problem["detail"]


@pytest.mark.slow
async def test_a_cluster_that_is_not_there_is_a_mistake_of_its_field(client):
    problem = await client.refused("GET", "jobs/choices?job=pool_pgs&parameter=pool&fsid=nowhere")

    assert problem["status"] in (400, 503), "the one that does not say which it is may be it"
    assert problem["status"] == 503 or "There is no cluster nowhere" in problem["errors"]["fsid"][0]
