"""The jobs on pools, by a real server and its workers on a real cluster: grown, shrunk, made, refused, interrupted."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.ceph_service import options_for
from tests.support.cluster import wait_until
from tests.support.measurements import message_with
from tests.support.service import Client, Service, close_events

PATIENCE_SECONDS = 180
FINAL = ("Finished", "Exception", "Aborted")
SETTLES = "all in place, checking for 5 s whether it stays so"

pytestmark = pytest.mark.gen_test(timeout=PATIENCE_SECONDS)


@pytest.fixture
def own_service(cluster, tmp_path):
    """Starts a server of the test's own: `own_service(client="reader")` with other settings of the cluster."""
    services = []

    def start(**changed):
        services.append(Service(tmp_path).start(*options_for({"main": cluster.conf}, **changed)))
        return Client(services[-1])

    yield start
    for service in services:
        service.close()


@pytest.fixture(scope="module")
def service(shared_service):
    return shared_service


@pytest.fixture
def client(service):
    return Client(service)


@pytest.fixture
def grow(cluster, client, new_pool):
    """A task that is in the middle of giving a pool with data 32 PGs instead of 8, which takes half a minute."""

    async def begin():
        pool = new_pool(pg_num=8, megabytes=20)
        task = await set_pgs(client, cluster, pool, 32)
        await client.until(task["id"], lambda task: task["percent"] > 40)
        return pool, task["id"]

    return begin


@contextmanager
def hurried(cluster):
    """What is left of a growth is done in one step."""
    with cluster.configured("mgr.x", "target_max_misplaced_ratio", "1"):
        yield


async def set_pgs(client, cluster, pool, pg_num):
    return await client.create("pool_pgs", fsid=cluster.fsid, pool=pool, pg_num=pg_num)


async def ended(client, task_id):
    return await client.until(task_id, lambda task: task["status"] in FINAL and not task["stopping"])


async def rounds_of(client, task_id):
    return (await client.get(f"taskqueue/{task_id}/rounds"))["results"]


async def finishes(client, cluster, task_id):
    with hurried(cluster):
        task = await ended(client, task_id)
    assert task["status"] == "Finished", task["error"]
    return task


def times_set(cluster, pool):
    """How often the monitor was told to set the pool's number of PGs."""
    log = (cluster.directory / "log" / "mon.a.log").read_text(errors="replace")
    told = f'"prefix": "osd pool set", "pool": "{pool}", "var": "pg_num"'
    return sum("handle_command" in line and told in line for line in log.splitlines())


def stays_clean(cluster, pool, seconds=3):
    """Looks for so long whether the cluster goes on to say that all is in place."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not cluster.is_settled(pool):
            return False
        time.sleep(0.1)
    return True


# Grown, shrunk, made


@dataclass
class Walk:
    """A task at its end: its rounds, how it was told over the WebSocket, whether the cluster said the same for 3 s."""

    task: Any
    rounds: list[Any]
    told: list[Any]
    held: bool


ORDERS = {
    "apart": ("pool_pgs", "apart", 16),
    "grown": ("pool_pgs", "grown", 12),
    "twice": ("pool_pgs", "twice", 9),
    "twice again": ("pool_pgs", "twice", 9),
    "shrunk": ("pool_pgs", "shrunk", 8),
    "equal": ("pool_pgs", "equal", 8),
    "made": ("pool_create", "made", 8),
    "there": ("pool_create", "there", 8),
}


@pytest.fixture(scope="module")
def walks(cluster, service):
    """The tasks of `ORDERS`, which have run beside each other: six at a time, so the longest come first."""
    pools = {"twice": 8, "grown": 8, "equal": 8, "shrunk": 9, "there": 8}
    for pool, pg_num in pools.items():
        cluster.begin_pool(pool, pg_num)
    for pool in pools:
        cluster.finish_pool(pool)
    cluster.command("osd pool create", pool="apart", pg_num=16, pgp_num=8)
    cluster.fill("grown", megabytes=20)
    yield asyncio.run(all_walks(cluster, Client(service)))
    for _job, pool, _pg_num in ORDERS.values():
        cluster.delete_pool(pool)


async def all_walks(cluster, client):
    events = await client.events()
    tasks = [
        await client.create(job, fsid=cluster.fsid, pool=pool, pg_num=pg_num) for job, pool, pg_num in ORDERS.values()
    ]
    ids = {task["id"] for task in tasks}
    found = await asyncio.gather(*(walk(cluster, client, task) for task in tasks))
    await events.until(lambda seen: all(seen.tasks.get(task_id, {}).get("status") in FINAL for task_id in ids))
    await close_events()
    for one in found:
        told = [task for frame in events.frames for task in frame.get("tasks", [])]
        one.told = [task for task in told if task["id"] == one.task["id"]]
    return dict(zip(ORDERS, found, strict=True))


async def walk(cluster, client, task):
    pool = task["params"]["pool"]
    task = await ended(client, task["id"])
    held = pool == "twice" or await asyncio.to_thread(stays_clean, cluster, pool)
    return Walk(task, await rounds_of(client, task["id"]), [], held)


@pytest.mark.parametrize("name", ORDERS)
def test_the_percent_never_falls_and_100_is_what_the_cluster_says_too(walks, name):
    one = walks[name]
    percents = [task["percent"] for task in one.told]

    assert (one.task["status"], one.task["percent"], one.held) == ("Finished", 100, True)
    assert percents == sorted(percents)
    assert [task["status"] for task in one.told if task["percent"] == 100] == ["Finished"]
    assert max(one["percent"] for one in one.rounds) == 99
    assert one.rounds[-1]["message"].endswith(SETTLES)


def test_a_pool_with_data_grows_in_steps(cluster, walks):
    grown = walks["grown"]

    assert grown.task["description"] == "Setting number of PGs of pool grown to 12"
    pool_id = cluster.pool("grown")["pool_id"]
    about = {"fsid": cluster.fsid, "pool": "grown", "pool_id": pool_id, "from": 8, "to": 12}
    assert grown.task["metadata"] == about
    assert grown.task["result"] == {"from": 8, "to": 12, "seconds": grown.task["result"]["seconds"]}
    assert grown.task["result"]["seconds"] > 0
    assert len({task["percent"] for task in grown.told}) >= 5
    assert any(one["message"].startswith("PGs 12 of 12, placed 10 of 12, clean ") for one in grown.rounds)
    assert cluster.pool("grown")["pg_placement_num"] == 12


def test_a_number_that_the_pool_has_already_is_verified_and_not_set(cluster, walks):
    task, rounds = walks["equal"].task, walks["equal"].rounds

    assert times_set(cluster, "equal") == 0
    assert task["result"] == {"from": 8, "to": 8, "seconds": task["result"]["seconds"]}
    assert [one["message"] for one in rounds[:3]] == [
        "PGs 8, 8 wanted",
        "it is already set to 8",
        f"PGs 8 of 8, clean 8; {SETTLES}",
    ]


def test_a_pool_shrinks_and_says_how_far_it_is(walks):
    task, rounds = walks["shrunk"].task, walks["shrunk"].rounds

    assert (task["result"]["from"], task["result"]["to"]) == (9, 8)
    assert any(one["message"].startswith("PGs 9 down to 8, placed ") for one in rounds)
    assert len({one["percent"] for one in rounds}) >= 3


def test_placement_that_was_set_apart_is_set_too(cluster, walks):
    """Without that its data would stay where it is, and the task would wait for ever."""
    assert walks["apart"].task["result"]["to"] == 16
    assert cluster.pool("apart")["pg_placement_num_target"] == 16


def test_a_pool_is_created_for_an_application_and_followed_until_it_is_clean(cluster, walks):
    task, rounds = walks["made"].task, walks["made"].rounds
    made = cluster.pool("made")

    assert task["description"] == "Creating pool made with 8 PGs"
    assert task["metadata"] == {"fsid": cluster.fsid, "pool": "made"}
    assert (task["result"]["id"], task["result"]["pg_num"]) == (made["pool_id"], 8)
    assert (made["pg_num"], made["application_metadata"]) == (8, {"rbd": {}})
    assert rounds[0]["message"] == "created"
    assert all(one["message"].startswith("PGs 8 of 8, clean ") for one in rounds[1:])


async def test_a_pool_that_is_there_already_is_followed_unless_it_is_another(cluster, client, walks):
    other = await client.create("pool_create", fsid=cluster.fsid, pool="there", pg_num=16)

    assert walks["there"].task["result"]["id"] == cluster.pool("there")["pool_id"]
    assert (await ended(client, other["id"]))["error"]["message"] == (
        "there is already a pool there, with 8 PGs instead of 16 (errno 17, EEXIST)"
    )


def test_a_second_task_on_a_pool_waits_for_the_first(walks):
    first, second = walks["twice"].task, walks["twice again"].task

    assert second["created"] < first["ended"] <= second["started"]
    assert (first["result"]["from"], first["result"]["to"]) == (8, 9)
    assert (second["result"]["from"], second["result"]["to"]) == (9, 9)


# Refused


@pytest.mark.parametrize(
    ("job", "pool", "pg_num", "words"),
    [
        ("pool_pgs", None, 5000, r"which exceeds .*\bmon_max_pg_per_osd\b.* \(errno 34, ERANGE\)"),
        ("pool_create", "large", 5000, r"\(errno 34, ERANGE\)"),
    ],
)
async def test_what_the_cluster_refuses_ends_the_task_in_its_words(cluster, client, new_pool, job, pool, pg_num, words):
    task = await client.create(job, fsid=cluster.fsid, pool=pool or new_pool(), pg_num=pg_num)
    task = await ended(client, task["id"])

    assert (task["status"], task["error"]["type"]) == ("Exception", "ClusterRefused")
    assert re.search(f"{words}$", task["error"]["message"])


async def test_a_cluster_that_is_not_configured_is_named(client, cluster):
    task = await client.create("pool_create", fsid="no-such-fsid", pool="rbd", pg_num=8)
    words = f"There is no cluster no-such-fsid; configured: main is {cluster.fsid}."

    assert (await ended(client, task["id"]))["error"]["message"] == words


@pytest.mark.parametrize("pg_num", [0, -1, 65_537, "8", 8.5, None])
async def test_a_number_that_no_pool_can_have_creates_no_task(cluster, client, pg_num):
    params = {"fsid": cluster.fsid, "pool": "rbd", "pg_num": pg_num}
    answer = await client.call("POST", "taskqueue", {"job": "pool_pgs", "params": params})

    assert (answer.status, list(answer.json["errors"])) == (400, ["pg_num"])


async def test_a_key_that_may_only_read_is_refused_and_nothing_is_set(cluster, own_service, new_pool):
    client = own_service(client="reader", keyring=cluster.auth_key("reader", mon="allow r"))
    pool = new_pool()

    task = await ended(client, (await set_pgs(client, cluster, pool, 16))["id"])

    assert task["error"]["message"] == "access denied (errno 13, EACCES)"
    assert task["outcome"] == "Failed in round 2: ClusterRefused: access denied (errno 13, EACCES)"
    assert cluster.pool(pool)["pg_num_target"] == 8


async def test_a_wrong_key_and_a_conf_that_is_gone_end_the_task_in_words(cluster, own_service, tmp_path):
    wrong = tmp_path / "wrong.keyring"
    wrong.write_text("[client.admin]\n\tkey = AQBSdFhcAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==\n")
    conf = tmp_path / "ceph.conf"
    conf.write_text(cluster.conf.read_text())
    client = own_service(conf=conf, keyring=wrong)
    params = {"fsid": cluster.fsid, "pool": "rbd", "pg_num": 8}

    refused = await ended(client, (await client.create("pool_create", **params))["id"])
    conf.unlink()
    gone = await ended(client, (await client.create("pool_create", **params))["id"])

    assert refused["error"]["message"].startswith("the cluster refuses the key of client.admin")
    assert gone["error"]["message"].startswith(f"{conf} cannot be used")
    assert {refused["error"]["type"], gone["error"]["type"]} == {"ClusterUnavailable"}


# In the middle


async def test_an_abort_ends_the_watching_and_the_cluster_goes_on_by_itself(cluster, client, grow):
    pool, task_id = await grow()
    placed = cluster.pool(pool)["pg_placement_num"]

    await client.call("DELETE", f"taskqueue/{task_id}")
    task = await ended(client, task_id)

    assert task["status"] == "Aborted"
    assert task["outcome"] == f"Aborted by admin after round {task['round']}; the cluster goes on by itself"
    wait_until(lambda: cluster.pool(pool)["pg_placement_num"] > placed, what="the cluster going on")


async def kill_server(client, task_id):
    """And start it again, until the task has got further."""
    client.service.kill()
    client.service.start()
    percent = (await client.get(f"taskqueue/{task_id}"))["percent"]
    await client.until(task_id, lambda task: task["percent"] > percent)


async def test_a_killed_server_is_survived_and_nothing_is_set_twice(cluster, client, grow):
    pool, task_id = await grow()

    await kill_server(client, task_id)

    assert times_set(cluster, pool) == 1
    assert (await client.get(f"taskqueue/{task_id}"))["interruptions"] == 1
    await client.call("DELETE", f"taskqueue/{task_id}")


@pytest.mark.slow
async def test_a_killed_server_and_a_killed_worker_are_survived_and_nothing_is_set_twice(cluster, client, grow):
    pool, task_id = await grow()

    await kill_server(client, task_id)
    workers = (await client.get("workers"))["results"]
    os.kill(next(worker["pid"] for worker in workers if worker["task"] == task_id), signal.SIGKILL)
    await client.until(task_id, lambda task: task["interruptions"] == 2 and task["status"] == "Running")
    task = await finishes(client, cluster, task_id)

    assert task["result"]["from"] == 8
    assert times_set(cluster, pool) == 1
    messages = [one["message"] for one in await rounds_of(client, task_id)]
    assert (messages[:2], messages.count("set to 32")) == (["PGs 8, 32 wanted", "set to 32"], 1)
    assert stays_clean(cluster, pool, seconds=0.5)


@pytest.mark.slow
async def test_a_monitor_and_a_manager_that_hang_in_the_middle_are_waited_for(cluster, client, grow):
    pool, task_id = await grow()

    with cluster.stopped("mon.a"):
        await message_with(client, task_id, "no mon answered within 2 s: is the cluster up, is the network?")
    with cluster.stopped("mgr.x"):
        await message_with(client, task_id, "clean unknown")
    task = await finishes(client, cluster, task_id)

    percents = [one["percent"] for one in await rounds_of(client, task_id)]
    assert percents == sorted(percents)
    assert times_set(cluster, pool) == 1
    assert task["result"]["to"] == 32


@pytest.mark.slow
async def test_a_monitor_that_hangs_at_the_beginning_is_waited_for(cluster, client, new_pool):
    pool = new_pool()

    start = datetime.now(UTC) + timedelta(seconds=1)
    params = {"fsid": cluster.fsid, "pool": pool, "pg_num": 9}
    body = {"job": "pool_pgs", "params": params, "not_before": start.isoformat()}
    task_id = (await client.call("POST", "taskqueue", body)).json["id"]
    with cluster.stopped("mon.a"):
        await message_with(client, task_id, "no mon answered within 2 s")
    await message_with(client, task_id, "PGs 9 of 9")

    assert cluster.pool(pool)["pg_num"] == 9


@pytest.mark.slow
async def test_a_pg_that_has_moved_to_an_osd_that_hangs_is_not_clean_whatever_the_manager_tells(
    cluster, client, new_pool
):
    pool = new_pool(pg_num=8)
    pg_id = f"{cluster.pool(pool)['pool_id']}.0"
    here = cluster.command("pg map", pgid=pg_id)["up"][0]
    there = (here + 1) % cluster.osds

    with cluster.stopped(f"osd.{there}"):
        cluster.command("osd pg-upmap-items", pgid=pg_id, id=[here, there])
        task_id = (await set_pgs(client, cluster, pool, 8))["id"]
        await message_with(client, task_id, "PGs 8 of 8, clean 7")
        assert cluster.is_settled(pool)
    task = await ended(client, task_id)

    assert task["status"] == "Finished"
    assert cluster.command("pg map", pgid=pg_id)["up"] == [there]


@pytest.mark.slow
async def test_a_pool_that_is_removed_in_the_middle_ends_its_task(cluster, client, grow):
    pool, task_id = await grow()
    pool_id = cluster.pool(pool)["pool_id"]

    workers = (await client.call("GET", "workers")).json["results"]
    (pid,) = [worker["pid"] for worker in workers if worker["task"] == task_id]
    os.kill(pid, signal.SIGSTOP)  # so that it does not look in between
    try:
        cluster.delete_pool(pool)
        cluster.command("osd pool create", pool=pool, pg_num=8, pgp_num=8)
        new_id = cluster.pool(pool)["pool_id"]
    finally:
        os.kill(pid, signal.SIGCONT)
    task = await ended(client, task_id)

    assert task["status"] == "Exception"
    assert task["error"]["message"] == (
        f"pool {pool_id} ({pool}) was removed, and the pool of that name now is another one, {new_id} (errno 2, ENOENT)"
    )


@pytest.mark.slow
async def test_a_target_that_somebody_else_sets_ends_the_task_and_is_left_alone(cluster, client, grow):
    pool, task_id = await grow()

    cluster.ceph("osd", "pool", "set", pool, "pg_num", "16")
    task = await ended(client, task_id)

    assert task["error"]["type"] == "TargetChanged"
    assert task["error"]["message"] == (
        f"somebody else set the number of PGs of pool {pool} to 16 meanwhile, this task wanted 32"
    )
    assert cluster.pool(pool)["pg_num_target"] == 16


@pytest.mark.slow
async def test_a_pool_that_is_renamed_in_the_middle_is_followed(cluster, client, grow):
    pool, task_id = await grow()

    cluster.command("osd pool rename", srcpool=pool, destpool=f"{pool}-renamed")
    percent = (await client.get(f"taskqueue/{task_id}"))["percent"]
    try:
        await client.until(task_id, lambda task: task["percent"] > percent)
    finally:
        cluster.command("osd pool rename", srcpool=f"{pool}-renamed", destpool=pool)


@pytest.mark.slow
async def test_a_creation_that_is_aborted_leaves_the_pool(cluster, client):
    task = await client.create("pool_create", fsid=cluster.fsid, pool="left", pg_num=8)
    await client.until(task["id"], lambda task: task["round"] > 0)

    await client.call("DELETE", f"taskqueue/{task['id']}")
    task = await ended(client, task["id"])

    assert task["outcome"].endswith("; the pool stays, and the cluster goes on by itself")
    assert cluster.wait_settled("left")["pg_num"] == 8
    cluster.delete_pool("left")


# What takes long


@pytest.mark.slow
@pytest.mark.gen_test(timeout=600)
async def test_a_manager_that_is_long_down_is_named_as_the_cause(cluster, client, grow):
    pool, task_id = await grow()

    with cluster.stopped("mgr.x"):
        hung = "s: the mgr did not answer within 2 s: is a ceph-mgr running, does it hang?"
        await message_with(client, task_id, hung)
        task = await message_with(client, task_id, "s: no active mgr")
    assert "clean unknown; nothing has moved for " in task["message"]
    await finishes(client, cluster, task_id)

    assert times_set(cluster, pool) == 1


@pytest.mark.slow
@pytest.mark.gen_test(timeout=600)
async def test_an_osd_that_hangs_is_recognised_by_the_pgs_that_wait_for_it(cluster, client, grow):
    """Two hosts have to miss an OSD before the monitors call it down, and here there is one."""
    _pool, task_id = await grow()

    with cluster.stopped("osd.0"):
        task = await message_with(client, task_id, "; nothing has moved for ")
    assert re.search(r"nothing has moved for \d+ s: .*\d PGs? [a-z+]+", task["message"])
    await finishes(client, cluster, task_id)


@pytest.mark.slow
@pytest.mark.gen_test(timeout=600)
async def test_an_osd_that_is_down_is_named_as_the_cause(cluster, client, grow):
    _pool, task_id = await grow()

    cluster.kill_daemon("osd.0")
    task = await message_with(client, task_id, "1 osds down (OSD_DOWN)")
    assert "; nothing has moved for " in task["message"]
    cluster.recover()
    await finishes(client, cluster, task_id)


@pytest.mark.slow
@pytest.mark.gen_test(timeout=900)
async def test_a_pool_with_much_data_grows_at_the_default_pace(cluster, client, new_pool):
    pool = new_pool(pg_num=8, megabytes=400)

    task = await ended(client, (await set_pgs(client, cluster, pool, 64))["id"])

    assert task["status"] == "Finished"
    assert stays_clean(cluster, pool)
    percents = [one["percent"] for one in await rounds_of(client, task["id"])]
    assert percents == sorted(percents)
    assert len(set(percents)) > 30


@pytest.mark.slow
@pytest.mark.gen_test(timeout=900)
async def test_a_pool_shrinks_from_64_to_8(cluster, client, new_pool):
    pool = new_pool(pg_num=64, megabytes=20)

    task = await ended(client, (await set_pgs(client, cluster, pool, 8))["id"])

    assert (task["status"], task["result"]["from"], task["result"]["to"]) == ("Finished", 64, 8)
    assert stays_clean(cluster, pool)
