"""A pool is its id: tasks on it, whatever it is called, and whatever takes its name. Real server, real cluster."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager, closing, contextmanager

import pytest

from tests.support.ceph_service import Checked, options_for
from tests.support.measurements import message_with
from tests.support.service import Client, Service

pytestmark = pytest.mark.gen_test(timeout=120)


@pytest.fixture(scope="module")
def service(cluster, tmp_path_factory):
    """A server with one worker: what is behind a task that has it, waits."""
    service = Service(tmp_path_factory.mktemp("service"))
    service.start(*options_for({"main": cluster.conf}, workers=1))
    yield service
    service.close()


@pytest.fixture
def client(service):
    return Checked(service)


@pytest.fixture
def pools(cluster):
    return f"ceph/{cluster.fsid}/pools"


@asynccontextmanager
async def busy(client):
    """The worker is busy meanwhile."""
    task = await client.create("test_task", priority=100, times=100_000)
    await Client(client.service).until(task["id"], lambda task: task["status"] == "Running")
    try:
        yield
    finally:
        await client.call("DELETE", f"taskqueue/{task['id']}?force=true")


@contextmanager
def renamed(cluster, pool, name):
    cluster.command("osd pool rename", srcpool=pool, destpool=name)
    try:
        yield
    finally:
        cluster.command("osd pool rename", srcpool=name, destpool=pool)


def id_of(cluster, pool):
    return cluster.pool(pool)["pool_id"]


def made_again(cluster, pool):
    """The id of a new pool of this name, which has 8 PGs."""
    cluster.delete_pool(pool)
    cluster.command("osd pool create", pool=pool, pg_num=8, pgp_num=8)
    return id_of(cluster, pool)


def change(cluster, pool, pg_num=16):
    return {"job": "pool_pgs", "params": {"fsid": cluster.fsid, "pool": pool, "pg_num": pg_num}}


# What a task is created with


async def test_a_pool_is_named_by_its_name_or_by_its_id_and_the_id_stands_beside(client, cluster, new_pool):
    pool = new_pool()
    pool_id = id_of(cluster, pool)

    async with busy(client):
        for given in (pool, pool_id):
            task = (await client.call("POST", "taskqueue", change(cluster, given))).json
            assert (task["params"]["pool"], task["params"]["pool_id"]) == (given, pool_id)
            assert task["metadata"] == {"fsid": cluster.fsid, "pool": pool, "pool_id": pool_id, "from": 8, "to": 16}
            assert task["description"] == f"Setting number of PGs of pool {pool} to 16"
            assert (await client.get(f"ceph/{cluster.fsid}/pools/{pool_id}"))["task"] is not None
            await client.abort(task["id"])


@pytest.mark.slow
async def test_a_pool_whose_name_is_digits_is_named_by_a_text(client, cluster):
    cluster.create_pool("4711")
    try:
        async with busy(client):
            task = (await client.call("POST", "taskqueue", change(cluster, "4711"))).json
            assert task["params"]["pool_id"] == id_of(cluster, "4711")
            await client.abort(task["id"])
        problem = await client.refused("POST", "taskqueue", change(cluster, 4711))
        assert (problem["status"], list(problem["errors"])) == (400, ["pool"])
    finally:
        cluster.delete_pool("4711")


@pytest.mark.parametrize("pool", ["nosuch", 4711, "", -1, 1.5, True, None, ["rbd"]])
async def test_a_pool_that_is_none_is_a_mistake_in_the_request(client, cluster, pool):
    problem = await client.refused("POST", "taskqueue", change(cluster, pool))
    chain = {"job": "chain", "params": {"steps": [{"job": "test_task", "params": {"times": 1}}, change(cluster, pool)]}}
    inside = await client.refused("POST", "taskqueue", chain)
    among = await client.refused("POST", "taskqueue", [{"job": "test_task", "params": {"times": 1}}, chain])

    assert (problem["status"], list(problem["errors"])) == (400, ["pool"])
    assert (inside["status"], list(inside["errors"])) == (400, ["steps[1].params.pool"])
    assert (among["status"], list(among["errors"])) == (400, ["[1].steps[1].params.pool"])
    assert inside["errors"]["steps[1].params.pool"] == problem["errors"]["pool"]


async def test_all_pools_that_are_none_are_named_at_once(client, cluster, still):
    body = [change(cluster, pool) for pool in ("nosuch", still, 4711)]
    before = (await client.get("taskqueue"))["count"]
    problem = await client.refused("POST", "taskqueue", body)

    assert problem["errors"] == {
        "[0].pool": [f"there is no pool nosuch in cluster {cluster.fsid}"],
        "[2].pool": [f"there is no pool 4711 in cluster {cluster.fsid}"],
    }
    assert (await client.get("taskqueue"))["count"] == before


async def test_a_cluster_that_is_not_configured_is_a_mistake_in_the_request(client, cluster):
    body = change(cluster, "rbd")
    body["params"]["fsid"] = "no-such-fsid"
    problem = await client.refused("POST", "taskqueue", body)

    assert (problem["status"], list(problem["errors"])) == (400, ["fsid"])
    assert problem["errors"]["fsid"][0].startswith("There is no cluster no-such-fsid; known: ")


async def test_nobody_but_the_server_says_which_id_a_name_has(client, cluster, still):
    body = change(cluster, still)
    body["params"]["pool_id"] = 1
    problem = await client.refused("POST", "taskqueue", body)
    (job,) = [job for job in (await client.get("jobs"))["results"] if job["job"] == "pool_pgs"]

    assert (problem["status"], list(problem["errors"])) == (400, ["pool_id"])
    assert list(job["parameters"]["properties"]) == ["fsid", "pool", "pg_num"]


@pytest.mark.slow
async def test_while_the_cluster_does_not_answer_no_task_on_a_pool_is_created(client, cluster, new_pool):
    pool = new_pool()
    async with busy(client):
        key = f"key of {pool}"
        first = await client.call("POST", "taskqueue", change(cluster, pool), Idempotency_Key=key)
        ended = (await client.call("DELETE", f"taskqueue/{first.json['id']}")).json
        before = (await client.get("taskqueue"))["count"]
        with cluster.stopped("mon.a"):
            chain = {"job": "chain", "params": {"steps": [change(cluster, pool)]}}
            bodies = [change(cluster, pool), chain, [change(cluster, pool), change(cluster, 1)]]
            calls = [("taskqueue", body) for body in bodies] + [(f"taskqueue/{ended['id']}/retry", None)]
            problems = await asyncio.gather(*(client.refused("POST", path, body) for path, body in calls))
            again = await client.call("POST", "taskqueue", change(cluster, pool), Idempotency_Key=key)
        assert {(problem["status"], problem["detail"][:15]) for problem in problems} == {(503, "no mon answered")}
        assert (again.status, again.json["id"]) == (200, first.json["id"]), "what was created is not refused now"
        assert (await client.get("taskqueue"))["count"] == before


@pytest.mark.slow
async def test_a_pool_that_an_earlier_step_creates_is_looked_up_when_its_turn_comes(client, cluster):
    made = {"fsid": cluster.fsid, "pool": "by-chain", "pg_num": 4}
    steps = [{"job": "pool_create", "params": made}, change(cluster, "by-chain", 8)]
    wrong_order = await client.refused("POST", "taskqueue", {"job": "chain", "params": {"steps": steps[::-1]}})
    assert list(wrong_order["errors"]) == ["steps[0].params.pool"]

    task = (await client.call("POST", "taskqueue", {"job": "chain", "params": {"steps": steps}})).json
    try:
        assert task["params"]["steps"][1]["params"]["pool_id"] is None
        await message_with(Client(client.service), task["id"], "PGs 8 of 8")
        await client.abort(task["id"])
        assert cluster.pool("by-chain")["pg_num_target"] == 8
    finally:
        cluster.delete_pool("by-chain")


@pytest.mark.slow
async def test_a_pool_that_a_chain_has_created_is_its_own_under_whatever_name(client, cluster):
    made = {"fsid": cluster.fsid, "pool": "by-chain-too", "pg_num": 4}
    steps = [{"job": "pool_create", "params": made}, {"job": "test_task", "params": {"times": 100_000}}]
    task = (await client.call("POST", "taskqueue", {"job": "chain", "params": {"steps": steps}})).json
    try:
        await message_with(Client(client.service), task["id"], "clean")
        address = f"ceph/{cluster.fsid}/pools/{id_of(cluster, 'by-chain-too')}"
        with renamed(cluster, "by-chain-too", "by-chain-renamed"):
            shown = await client.until(lambda pool: pool["name"] == "by-chain-renamed", lambda: client.get(address))
            assert shown["task"] == task["id"]
            waits = await client.task_of(await client.call("PUT", address, {"pg_num": 8}))
            assert (waits["waiting_for"]["reason"], waits["waiting_for"]["task"]) == ("lock", task["id"])
            await client.abort(waits["id"])
        await client.call("DELETE", f"taskqueue/{task['id']}?force=true")
    finally:
        cluster.delete_pool("by-chain-too")


# A name that changes, or changes hands


@pytest.mark.parametrize("how", ["name", pytest.param("id", marks=pytest.mark.slow), "address"])
async def test_a_pool_that_is_made_again_while_a_task_waits_is_left_alone(client, cluster, new_pool, how):
    pool = new_pool()
    pool_id = id_of(cluster, pool)
    async with busy(client):
        if how == "address":
            answer = await client.call("PUT", f"ceph/{cluster.fsid}/pools/{pool_id}", {"pg_num": 16})
            task = await client.task_of(answer)
        else:
            task = (await client.call("POST", "taskqueue", change(cluster, pool if how == "name" else pool_id))).json
        new_id = made_again(cluster, pool)
        shown = await client.until(lambda one: one["id"] == new_id, lambda: client.pool(cluster.fsid, pool))
        assert shown["task"] is None
    task = await client.ended(task["id"])

    assert (task["status"], task["error"]["type"]) == ("Exception", "ClusterRefused")
    assert task["error"]["message"] == (
        f"pool {pool_id} ({pool}) was removed, and the pool of that name now is another one, {new_id} (errno 2, ENOENT)"
    )
    assert cluster.pool(pool)["pg_num_target"] == 8


async def test_a_step_of_a_chain_leaves_a_pool_alone_that_is_made_again_meanwhile(client, cluster, new_pool):
    pool = new_pool()
    pool_id = id_of(cluster, pool)
    async with busy(client):
        steps = [{"job": "test_task", "params": {"times": 1}}, change(cluster, pool)]
        task = (await client.call("POST", "taskqueue", {"job": "chain", "params": {"steps": steps}})).json
        made_again(cluster, pool)
    task = await client.ended(task["id"])

    assert task["error"]["message"].startswith(f"pool {pool_id} ({pool}) was removed, ")
    assert cluster.pool(pool)["pg_num_target"] == 8


async def test_run_again_means_the_pool_that_was_meant(client, cluster, new_pool):
    pool = new_pool()
    pool_id = id_of(cluster, pool)
    async with busy(client):
        tasks = [(await client.call("POST", "taskqueue", change(cluster, given))).json for given in (pool, pool_id)]
        for task in tasks:
            await client.abort(task["id"])
        new_id = made_again(cluster, pool)
        by_name = await client.call("POST", f"taskqueue/{tasks[0]['id']}/retry")
        by_id = await client.refused("POST", f"taskqueue/{tasks[1]['id']}/retry")

        assert (by_name.status, by_name.json["params"]["pool_id"]) == (201, new_id)
        assert (by_id["status"], f"there is no pool {pool_id} in cluster" in by_id["detail"]) == (409, True)
        await client.abort(by_name.json["id"])


async def test_a_pool_that_is_renamed_while_a_task_waits_is_changed(client, cluster, new_pool):
    pool = new_pool()
    async with busy(client):
        task = (await client.call("POST", "taskqueue", change(cluster, pool, 9))).json
        cluster.command("osd pool rename", srcpool=pool, destpool=f"{pool}-renamed")
    try:
        await message_with(Client(client.service), task["id"], "PGs 9 of 9")
        assert cluster.pool(f"{pool}-renamed")["pg_num_target"] == 9
        await client.abort(task["id"])
    finally:
        cluster.command("osd pool rename", srcpool=f"{pool}-renamed", destpool=pool)


async def test_a_pool_that_is_renamed_under_a_task_shows_it_and_a_second_change_waits(client, cluster, new_pool):
    pool = new_pool(megabytes=5)
    address = f"ceph/{cluster.fsid}/pools/{id_of(cluster, pool)}"
    first = (await client.call("POST", "taskqueue", change(cluster, pool, 16))).json
    await message_with(Client(client.service), first["id"], "PGs ")

    with renamed(cluster, pool, f"{pool}-renamed"):
        shown = await client.until(lambda one: one["name"] != pool, lambda: client.get(address))
        assert (shown["name"], shown["task"]) == (f"{pool}-renamed", first["id"])
        same = await client.call("PUT", address, {"pg_num": 16})
        assert "Taskqueue-Location" not in same.headers, "that is what the first task makes of it"
        second = await client.task_of(await client.call("PUT", address, {"pg_num": 17}))
        third = (await client.call("POST", "taskqueue", change(cluster, f"{pool}-renamed", 18))).json
        assert [one["waiting_for"]["reason"] for one in (second, third)] == ["lock", "lock"]
        assert second["waiting_for"]["task"] == first["id"]
        for task in (third, second, first):
            await client.abort(task["id"])


async def test_another_pool_under_the_old_name_has_nothing_to_do_with_the_task(client, cluster, new_pool):
    pool, other = new_pool(), new_pool()
    async with busy(client):
        task = (await client.call("POST", "taskqueue", change(cluster, pool))).json
        with renamed(cluster, pool, f"{pool}-renamed"), renamed(cluster, other, pool):
            assert (await client.get(f"ceph/{cluster.fsid}/pools/{id_of(cluster, pool)}"))["task"] is None
            mine = (await client.call("POST", "taskqueue", change(cluster, pool))).json
            assert mine["waiting_for"]["reason"] == "worker"
            await client.abort(mine["id"])
        await client.abort(task["id"])


@pytest.mark.slow
async def test_a_pool_that_is_being_created_is_left_alone_under_whatever_name(client, cluster, pools):
    created = await client.call("POST", pools, {"name": "in-the-making", "pg_num": 4})
    address = f"{pools}/{created.json['id']}"
    try:
        with renamed(cluster, "in-the-making", "in-the-making-renamed"):
            problem = await client.refused("PUT", address, {"pg_num": 8})
            assert (problem["status"], f"task {created.json['task']}," in problem["detail"]) == (409, True)
            assert (await client.get(address))["task"] == created.json["task"]
        task = await client.ended(created.json["task"])
        assert (task["status"], task["result"]["id"]) == ("Finished", created.json["id"])
    finally:
        cluster.delete_pool("in-the-making")


# Tasks of the version before


@pytest.mark.slow
async def test_waiting_tasks_of_the_version_before_are_looked_up_by_name_and_exclude_others(
    cluster, tmp_path, new_pool
):
    """They have no id, and their lock bears the name."""
    pool = new_pool()
    service = Service(tmp_path).start(*options_for({"main": cluster.conf}, workers=2))
    try:
        client = Checked(service)
        blockers = [await client.create("test_task", priority=100, times=100_000) for _ in range(2)]
        old = (await client.call("POST", "taskqueue", change(cluster, pool, 9))).json
        service.stop()
        with closing(sqlite3.connect(tmp_path / "data" / "hourglass.db")) as connection, connection:
            params = {"fsid": cluster.fsid, "pool": pool, "pg_num": 9}
            locks = json.dumps([f"ceph {cluster.fsid} pool {pool}"])
            connection.execute(
                "UPDATE tasks SET params = ?, locks = ? WHERE id = ?", (json.dumps(params), locks, old["id"])
            )
        service.start()
        address = f"ceph/{cluster.fsid}/pools/{id_of(cluster, pool)}"
        assert (await client.get(address))["task"] == old["id"]
        same = await client.call("PUT", address, {"pg_num": 9})
        new = await client.task_of(await client.call("PUT", address, {"pg_num": 10}))
        for blocker in blockers:
            await client.call("DELETE", f"taskqueue/{blocker['id']}?force=true")
        await message_with(Client(client.service), old["id"], "PGs 9 of 9")
        new = await client.get(f"taskqueue/{new['id']}")

        assert "Taskqueue-Location" not in same.headers
        assert (new["waiting_for"]["reason"], new["waiting_for"]["task"]) == ("lock", old["id"])
        assert cluster.pool(pool)["pg_num_target"] == 9
    finally:
        service.close()
