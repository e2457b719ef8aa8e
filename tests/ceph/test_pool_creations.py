"""Pools whose creation is interrupted: by the end of the server, by a monitor that falls silent. Real both."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import time
from contextlib import closing

import pytest

from tests.support.ceph_service import Checked, options_for
from tests.support.service import Client, Service

pytestmark = pytest.mark.gen_test(timeout=120)

NUMBERS = itertools.count(1)


@pytest.fixture
def service(cluster, tmp_path):
    service = Service(tmp_path).start(*options_for({"main": cluster.conf}))
    yield service
    service.close()


@pytest.fixture
def client(service):
    return Checked(service)


@pytest.fixture
def name(cluster):
    name = f"begun-{next(NUMBERS)}"
    yield name
    cluster.recover()
    cluster.delete_pool(name)


@pytest.fixture
def pools(cluster):
    return f"ceph/{cluster.fsid}/pools"


def rows(service):
    """The creations that have begun, as they are on disk."""
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db")) as connection:
        return connection.execute("SELECT name, pool, task FROM pool_creations").fetchall()


def keep_row(service, cluster, name, pg_num=4, newest_pool=0, at=None):
    """As a server leaves it that ends before it has heard of the cluster."""
    at = at or time.time_ns() // 1_000_000
    values = (cluster.fsid, name, pg_num, "rbd", newest_pool, at, "admin", None, None, None, None, None)
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db")) as connection, connection:
        connection.execute(f"INSERT INTO pool_creations VALUES ({', '.join('?' * len(values))})", values)


def make_pool(cluster, name, pg_num=4):
    cluster.command("osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num)
    return cluster.pool(name)["pool_id"]


async def seen(holds):
    """Returns as soon as it is so; looks as often as it can: nothing tells of it."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def killed(service, asking):
    service.kill()
    with pytest.raises(Exception, match=r"closed|reset|refused"):
        await asking
    service.start()


async def follows(client, pools, name, body, **headers):
    """The same request once more is answered, and its task makes of the pool what was asked for."""
    answer = await client.call("POST", pools, body, **headers)
    assert answer.status in (200, 201), answer.body
    assert answer.json["name"] == name
    task = await Client(client.service).until(
        int(answer.headers["Taskqueue-Location"].rpartition("/")[2]), lambda task: task["round"] > 0
    )
    assert (task["job"], task["params"]["pool_id"]) == ("pool_create", answer.json["id"])
    pending = (await client.get("taskqueue?job=pool_create"))["results"]
    assert [one["id"] for one in pending] == [task["id"]], "one request makes one task"
    shown = await client.until(lambda pool: pool["application"], lambda: client.pool(pools.split("/")[1], name))
    assert (shown["application"], shown["pg_num_target"]) == ("rbd", 4)
    return answer, task


MOMENTS = {
    "it is on disk": lambda service, _cluster, _name: rows(service),
    "the pool is there": lambda _service, cluster, name: any(pool["pool_name"] == name for pool in cluster.pools()),
    "the task is there": lambda service, _cluster, _name: any(task for _, _, task in rows(service)),
}


@pytest.mark.parametrize(
    ("moment", "keyed"),
    [
        ("the pool is there", False),
        *(pytest.param(moment, keyed, marks=pytest.mark.slow) for moment in MOMENTS for keyed in (False, True)),
    ],
)
async def test_a_server_that_is_killed_in_the_middle_goes_on_with_what_it_had_begun(
    service, client, cluster, pools, name, moment, keyed
):
    """The request waits for the end of its task, so that it is not answered before."""
    body, key = {"name": name, "pg_num": 4}, {"Idempotency_Key": f"key of {name}"} if keyed else {}
    asking = asyncio.ensure_future(Client(service).call("POST", pools, body, Prefer="wait=50", **key))
    await seen(lambda: MOMENTS[moment](service, cluster, name))
    await killed(service, asking)

    await follows(client, pools, name, body, **key)
    assert (await client.refused("POST", pools, body))["status"] == 409, "that was the answer"


@pytest.mark.slow
async def test_a_task_that_is_on_disk_is_the_one_though_nothing_else_says_so(service, client, cluster, pools, name):
    body = {"name": name, "pg_num": 4}
    asking = asyncio.ensure_future(Client(service).call("POST", pools, body, Prefer="wait=50"))
    await seen(lambda: any(task for _, _, task in rows(service)))
    service.kill()
    with pytest.raises(Exception, match=r"closed|reset|refused"):
        await asking
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db")) as connection, connection:
        connection.execute("UPDATE pool_creations SET pool = NULL, task = NULL")
    service.start()

    await follows(client, pools, name, body)


@pytest.mark.slow
async def test_a_pool_gets_its_task_without_being_asked(service, client, cluster, pools, name):
    newest = max((pool["pool_id"] for pool in cluster.pools()), default=0)
    service.stop()
    keep_row(service, cluster, name, newest_pool=newest)
    pool_id = make_pool(cluster, name)
    service.start()
    found = await client.until(lambda pool: pool["task"], lambda: client.pool(cluster.fsid, name))
    answer, task = await follows(client, pools, name, {"name": name, "pg_num": 4})

    assert (found["id"], found["task"], answer.json["id"]) == (pool_id, task["id"], pool_id)
    assert task["created_by"] == "admin"
    assert rows(service) == []


@pytest.mark.slow
async def test_the_answer_that_was_never_sent_can_be_had_when_the_task_has_ended(service, client, cluster, pools, name):
    newest = max((pool["pool_id"] for pool in cluster.pools()), default=0)
    service.stop()
    keep_row(service, cluster, name, newest_pool=newest)
    make_pool(cluster, name)
    service.start()
    found = await client.until(lambda pool: pool["task"], lambda: client.pool(cluster.fsid, name))
    await client.abort(found["task"])
    answer = await client.call("POST", pools, {"name": name, "pg_num": 4})

    assert (answer.status, answer.json["task"]) == (200, None)
    assert answer.headers["Taskqueue-Location"].endswith(f"/taskqueue/{found['task']}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ({"newest_pool": 10**9}, {}),
        ({"pg_num": 8}, {"pg_num": 8}),
        ({}, {"pg_num": 8}),
        ({}, {"application": "rgw"}),
    ],
    ids=["older", "other number", "asked for another number", "asked for another application"],
)
async def test_a_pool_of_somebody_else_is_not_taken_for_it(service, client, cluster, pools, name, kept, asked):
    service.stop()
    keep_row(service, cluster, name, **kept)
    make_pool(cluster, name)
    service.start()
    problem = await client.refused("POST", pools, {"name": name, "pg_num": 4, **asked})

    assert (problem["status"], problem["detail"].startswith(f"There is already a pool {name}")) == (409, True)


@pytest.mark.slow
async def test_a_creation_that_never_reached_the_cluster_is_no_hindrance(service, client, cluster, pools, name):
    service.stop()
    keep_row(service, cluster, name)
    service.start()
    answer = await client.call("POST", pools, {"name": name, "pg_num": 4})

    assert answer.status == 201
    assert rows(service) == []


@pytest.mark.slow
async def test_a_creation_that_never_reached_the_cluster_is_forgotten(service, client, cluster, pools, name):
    service.stop()
    keep_row(service, cluster, name)
    service.start()
    await seen(lambda: rows(service) == [])

    assert (await client.get("taskqueue"))["count"] == 0
    assert name not in [pool["pool_name"] for pool in cluster.pools()]


@pytest.mark.slow
async def test_a_monitor_that_falls_silent_in_the_middle_leaves_no_pool_alone(service, client, cluster, pools, name):
    body = {"name": name, "pg_num": 4}
    asking = asyncio.ensure_future(client.call("POST", pools, body))
    await seen(lambda: rows(service))
    with cluster.stopped("mon.a"):
        answer = await asking
    assert answer.status in (201, 503)

    if answer.status == 503:
        await client.until(lambda cluster: cluster["reachable"], client.cluster)
        await follows(client, pools, name, body)


async def test_what_the_cluster_refuses_is_not_begun(service, client, pools, name):
    assert (await client.refused("POST", pools, {"name": name, "pg_num": 60_000}))["status"] == 409
    assert rows(service) == []


async def test_while_a_request_is_answered_the_name_is_taken_for_others(service, client, pools, name):
    body = {"name": name, "pg_num": 4}
    asking = asyncio.ensure_future(client.call("POST", pools, body, Prefer="wait=50"))
    await seen(lambda: any(task for _, _, task in rows(service)))
    problem = await client.refused("POST", pools, body)
    task = (await client.get("taskqueue?job=pool_create"))["results"][0]["id"]
    await client.abort(task)

    assert problem["status"] == 409
    assert (await asking).status == 201


@pytest.mark.slow
async def test_a_client_that_hangs_up_before_the_answer_gets_it_on_a_retry(service, client, cluster, pools, name):
    body = {"name": name, "pg_num": 4}
    _reader, writer = await asyncio.open_connection("127.0.0.1", int(service.base.rpartition(":")[2]))
    data = json.dumps(body).encode()
    head = f"POST /openattic/api/{pools} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=50\r\n"
    for field, value in client.headers.items():
        head += f"{field}: {value}\r\n"
    writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    await seen(lambda: any(task for _, _, task in rows(service)))
    writer.close()
    task = (await client.get("taskqueue?job=pool_create"))["results"][0]["id"]
    await client.abort(task)
    answer = await client.until(lambda answer: answer.status != 409, lambda: client.call("POST", pools, body))

    assert (answer.status, answer.headers["Taskqueue-Location"].endswith(f"/{task}")) == (200, True)
