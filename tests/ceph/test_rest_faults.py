"""What REST says of a cluster that hangs, refuses or is not there, and that nothing else is held up by it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.support.ceph_service import Checked, has_librados, options_for
from tests.support.cluster import wait_until
from tests.support.processes import is_there
from tests.support.service import Service, basic

NO_MON = "no mon answered within 2 s: is the cluster up, is the network? (errno 110, ETIMEDOUT)"


@pytest.fixture
def client(shared_service, cluster, io_loop):
    """One that has seen the cluster."""
    client = Checked(shared_service)
    io_loop.run_sync(lambda: reachable(client), timeout=60)
    return client


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


async def reachable(client, name="main"):
    return await client.until(lambda found: found["reachable"], lambda: client.cluster(name))


async def silent(client, name="main"):
    return await client.until(lambda found: not found["reachable"], lambda: client.cluster(name))


def calls(cluster, pool_id):
    """Every call about the cluster that has to ask it, with a body where one is needed."""
    base = f"ceph/{cluster.fsid}"
    return [
        ("GET", f"{base}/pools", None),
        ("GET", f"{base}/pools/{pool_id}", None),
        ("POST", f"{base}/pools", {"name": "not-now", "pg_num": 8}),
        ("PUT", f"{base}/pools/{pool_id}", {"pg_num": 16}),
        ("PUT", f"{base}/pools/{pool_id}?dry_run=true", {"pg_num": 16}),
        ("GET", f"{base}/rbds", None),
        ("POST", f"{base}/rbds/performance", {}),
    ]


# A cluster that hangs


@pytest.mark.slow
async def test_with_a_monitor_that_hangs_each_call_says_so_and_what_was_read_stays(client, cluster, new_pool):
    name = new_pool()
    pool_id = cluster.pool(name)["pool_id"]
    # What was read a moment before may still be cached, without the new pool.
    listed = f"ceph/{cluster.fsid}/pools?search={name}"
    before = await client.until(lambda answer: answer["count"] == 1, lambda: client.get(listed))
    images = await client.get(f"ceph/{cluster.fsid}/rbds")
    tasks = (await client.get("taskqueue"))["count"]

    with cluster.stopped("mon.a"):
        found = await silent(client)
        await client.until(lambda answer: answer.status != 200, lambda: client.call("GET", f"ceph/{cluster.fsid}/rbds"))
        problems = await asyncio.gather(*(client.refused(*call) for call in calls(cluster, pool_id)))
        assert [(problem["status"], problem["detail"]) for problem in problems] == [(503, NO_MON)] * 7
        stale = await client.get(f"ceph/{cluster.fsid}/pools?search={name}&stale=true")

        assert (found["fsid"], found["error"]) == (cluster.fsid, NO_MON)
        assert (bool(found["health"]), found["as_of"]) == (True, stale["as_of"])
        assert [pool["name"] for pool in stale["results"]] == [name]
        assert stale["as_of"] >= before["as_of"]
        assert (await client.get(f"ceph/{cluster.fsid}/pools/{pool_id}?stale=true"))["name"] == name
        assert (await client.get(f"ceph/{cluster.fsid}/rbds?stale=true"))["as_of"] == images["as_of"]
        assert (await client.get("taskqueue"))["count"] == tasks

    assert (await reachable(client))["error"] is None
    assert (await client.pool(cluster.fsid, name))["pg_num_target"] == 8


@pytest.mark.slow
async def test_while_a_cluster_is_waited_for_everything_else_is_answered(client, cluster, still):
    path = f"ceph/{cluster.fsid}/pools/{cluster.pool(still)['pool_id']}?dry_run=true"
    answered = []

    async def call(what, *request):
        answer = await client.call(*request)
        answered.append((what, answer.status))

    with cluster.stopped("mon.a"):
        waiting = asyncio.create_task(call("the cluster", "PUT", path, {"pg_num": 16}))
        for _ in range(5):
            await call("tasks", "GET", "taskqueue")
            await call("a task", "POST", "taskqueue/test_task", {"times": 1}, None)
        await waiting

    assert answered == [("tasks", 200), ("a task", 200)] * 5 + [("the cluster", 503)]


async def test_a_user_removed_while_a_cluster_is_waited_for_changes_nothing(service, cluster, still):
    pool_id = cluster.pool(still)["pool_id"]
    patient = {"connect_timeout_seconds": 60, "mon_timeout_seconds": 60}
    client = Checked(service.start(*options_for({"main": cluster.conf}, **patient)))
    await reachable(client)
    assert service.user("add", "tim", "--role", "admin", given="pw\n").returncode == 0
    tim = Checked(service, basic("tim", "pw"))
    await tim.description()
    base = f"ceph/{cluster.fsid}/pools"
    change = {"job": "pool_pgs", "params": {"fsid": cluster.fsid, "pool": pool_id, "pg_num": 16}}

    with cluster.stopped("mon.a"):
        asked = [
            asyncio.create_task(tim.call("POST", "taskqueue", change)),
            asyncio.create_task(tim.call("POST", "taskqueue", [change])),
            asyncio.create_task(tim.call("POST", base, {"name": "not-now", "pg_num": 8})),
            asyncio.create_task(tim.call("PUT", f"{base}/{pool_id}", {"pg_num": 16})),
            asyncio.create_task(tim.call("PUT", f"{base}/{pool_id}?dry_run=true", {"pg_num": 16})),
        ]
        assert (await tim.call("GET", "jobs")).status == 200
        assert service.user("remove", "tim").returncode == 0

    assert [answer.status for answer in await asyncio.gather(*asked)] == [401] * 5
    assert (await client.get("taskqueue"))["count"] == 0
    assert "not-now" not in [pool["name"] for pool in (await client.get(base))["results"]]


@pytest.mark.slow
async def test_with_a_manager_that_hangs_the_cluster_is_there_and_says_so(client, cluster, still):
    with cluster.stopped("mgr.x"):
        found = await client.until(lambda found: found["error"], client.cluster)

        assert found["reachable"] is True
        assert found["error"] == "the mgr did not answer within 2 s: is a ceph-mgr running, does it hang?"
        assert (await client.pool(cluster.fsid, still))["pg_num"] == 8

    await client.until(lambda found: found["error"] is None, client.cluster)


async def test_with_osds_that_hang_images_are_not_to_be_had_and_pools_are(service, cluster, new_pool):
    pool = new_pool()
    cluster.create_image(pool, "disk")
    for one in cluster.pools():
        cluster.wait_settled(one["pool_name"])  # otherwise a pool that is new would be called inactive
    client = Checked(service.start(*options_for({"main": cluster.conf}, osd_timeout_seconds=1)))
    await reachable(client)

    for number in range(cluster.osds):
        cluster.stop_daemon(f"osd.{number}")
    problem = await client.refused("GET", f"ceph/{cluster.fsid}/rbds")
    assert problem["status"] == 503
    assert problem["detail"].startswith("the OSDs did not answer within 1 s: are they up, do they hang?")
    assert (await client.refused("GET", f"ceph/{cluster.fsid}/rbds?stale=true"))["status"] == 503, "never read"
    assert (await client.pool(cluster.fsid, pool))["pg_num"] == 8
    cluster.recover()

    async def images():
        return await client.call("GET", f"ceph/{cluster.fsid}/rbds?pool={pool}")

    answer = await client.until(lambda answer: answer.status == 200, images)
    assert [image["name"] for image in answer.json["results"]] == ["disk"]


# A cluster that refuses, or is not there


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"client": "nobody"}, "the cluster refuses the key of client.nobody: is it the right keyring"),
        ({"keyring": "/nonexistent/keyring"}, "is the keyring there?"),
    ],
)
async def test_a_refused_key_is_reported(service, cluster, settings, words):
    client = Checked(service.start(*options_for({"main": cluster.conf}, **settings)))
    found = await client.cluster()

    assert (found["fsid"], found["reachable"], found["health"], found["as_of"]) == (cluster.fsid, False, None, None)
    assert words in found["error"]
    for method, path, body in calls(cluster, 1):
        problem = await client.refused(method, path, body)
        assert (problem["status"], problem["detail"]) == (503, found["error"])
    assert (await client.refused("GET", f"ceph/{cluster.fsid}/pools?stale=true"))["status"] == 503


@pytest.mark.slow
async def test_a_missing_conf_is_reported_and_found_once_it_exists(service, cluster, tmp_path):
    conf = tmp_path / "ceph.conf"
    client = Checked(service.start(*options_for({"main": conf})))
    found = await client.cluster()

    assert (found["fsid"], found["reachable"]) == (None, False)
    assert found["error"].startswith(f"{conf} cannot be used")
    problem = await client.refused("GET", f"ceph/{cluster.fsid}/pools")
    assert (problem["status"], problem["detail"]) == (503, found["error"])

    conf.write_text(cluster.conf.read_text())
    assert (await reachable(client))["fsid"] == cluster.fsid
    assert (await client.refused("GET", "ceph/0815/pools"))["status"] == 404


@pytest.mark.slow
async def test_two_clusters_are_two_and_one_that_hangs_is_no_matter_of_the_other(service, cluster, own_cluster):
    other = own_cluster()
    other.create_pool("of-the-other")
    client = Checked(service.start(*options_for({"main": cluster.conf, "other": other.conf})))
    listed = (await client.get("ceph"))["results"]

    assert [(one["name"], one["fsid"]) for one in listed] == [("main", cluster.fsid), ("other", other.fsid)]
    pools = (await client.get(f"ceph/{other.fsid}/pools"))["results"]
    assert [pool["name"] for pool in pools if not pool["internal"]] == ["of-the-other"]
    other.stop_daemon("mon.a")
    found = await silent(client, "other")

    assert found["error"] == NO_MON
    assert (await client.cluster("main"))["reachable"] is True
    assert (await client.call("GET", f"ceph/{cluster.fsid}/pools")).status == 200
    assert (await client.refused("GET", f"ceph/{other.fsid}/pools"))["status"] == 503
    assert (await client.refused("GET", "ceph/0815/pools"))["detail"].endswith(f"known: {cluster.fsid}, {other.fsid}.")


async def test_without_a_cluster_there_is_none(service):
    client = Checked(service.start())

    assert await client.get("ceph") == {"results": []}
    assert (await client.refused("GET", "ceph/0815/pools"))["detail"] == "There is no cluster 0815; known: none."
    jobs = {job["job"]: job for job in (await client.get("jobs"))["results"]}
    assert jobs["pool_pgs"]["unavailable_because"].startswith("no cluster is configured")


# What reads it


async def test_the_server_never_loads_librados_and_its_reader_does(client, shared_service, cluster):
    await client.get(f"ceph/{cluster.fsid}/rbds")
    (reader,) = await client.readers()

    assert has_librados(reader)
    assert not has_librados(shared_service.server.pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
async def test_a_reader_that_ends_or_hangs_is_replaced(client, cluster, still, how):
    path = f"ceph/{cluster.fsid}/pools/{cluster.pool(still)['pool_id']}?dry_run=true"
    await client.call("PUT", path, {"pg_num": 16})  # which asks the cluster in any case
    (before,) = await client.readers()
    os.kill(before, how)
    said = []

    async def ask():
        said.append(await client.call("PUT", path, {"pg_num": 16}))
        return said[-1].status

    await client.until(lambda status: status == 200, ask)
    (after,) = await client.readers()

    assert after != before
    assert not is_there(before)
    assert said[:-1] or how == signal.SIGKILL, "nobody could know of a process that only stands still"
    for answer in said[:-1]:
        assert (answer.status, "the reader of the cluster " in answer.json["detail"]) == (503, True)


@pytest.mark.parametrize("end", [Service.stop, Service.kill])
async def test_no_reader_outlives_its_server(service, cluster, end):
    client = Checked(service.start(*options_for({"main": cluster.conf})))
    await reachable(client)
    (reader,) = await client.readers()
    end(service)

    wait_until(lambda: not is_there(reader), what="the end of the reader")
