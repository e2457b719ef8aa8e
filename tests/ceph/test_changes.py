"""Changes that were begun elsewhere, by REST: what goes on in a real cluster without a task."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.support.ceph_service import Checked
from tests.support.service import basic

FIELDS = {"pool", "id", "from", "to", "percent", "text", "since"}
TERABYTE = 1 << 40


@pytest.fixture
def client(shared_service):
    return Checked(shared_service)


@pytest.fixture(scope="module")
def viewer(shared_service):
    shared_service.user("add", "eve", "--role", "viewer", given="a long password\n")
    return Checked(shared_service, headers=basic("eve", "a long password"))


@pytest.fixture
def path(cluster):
    return f"ceph/{cluster.fsid}/changes"


@pytest.fixture
def set_elsewhere(cluster):
    """Sets the number of PGs of a pool as `ceph osd pool set` does; returns the pool's id."""

    def change(pool, pg_num):
        cluster.command("osd pool set", pool=pool, var="pg_num", val=str(pg_num))
        return cluster.pool(pool)["pool_id"]

    return change


@pytest.fixture
def removal(cluster, new_pool):
    """An image that the cluster itself removes, which takes it minutes: `(pool, text)`.

    The manager of Debian 13 (Ceph 18, Python 3.13) hangs when it removes an image: there it only reports that it does.
    """
    pool = new_pool()
    if cluster.release == "pacific":
        cluster.create_image(pool, "large", size_bytes=TERABYTE, features=1)
        task = cluster.mgr_command("rbd task add remove", image_spec=f"{pool}/large")
        yield pool, f"Removing image {pool}/large"
        cluster.mgr_command("rbd task cancel", task_id=task["id"])
    else:
        with cluster.reporting(f"Removing image {pool}/large", {"pool_name": pool, "action": "remove"}):
            yield pool, f"Removing image {pool}/large"


async def change_of(client, path, pool):
    """What goes on of a pool; None if nothing does."""
    found = [change for change in (await client.get(path))["results"] if change["pool"] == pool]
    assert len(found) <= 1
    return found[0] if found else None


async def test_a_change_made_elsewhere_is_listed_until_it_is_complete(cluster, client, path, new_pool, set_elsewhere):
    pool = new_pool(pg_num=8)
    assert await change_of(client, path, pool) is None
    number = set_elsewhere(pool, 12)
    first = await client.until(bool, lambda: change_of(client, path, pool))

    assert set(first) == FIELDS
    assert (first["id"], first["from"], first["to"]) == (number, 8, 12)
    assert 0 <= first["percent"] <= 100
    assert "of 12" in first["text"]

    seen = [first]
    while (now := await change_of(client, path, pool)) is not None:
        seen.append(now)
    assert cluster.pool(pool)["pg_placement_num"] == 12
    assert [change["percent"] for change in seen] == sorted(change["percent"] for change in seen)
    assert {(change["from"], change["to"], change["since"]) for change in seen} == {(8, 12, first["since"])}


async def test_a_pool_that_shrinks_is_listed_as_well(client, path, new_pool, set_elsewhere):
    pool = new_pool(pg_num=8)
    set_elsewhere(pool, 4)
    change = await client.until(bool, lambda: change_of(client, path, pool))

    assert (change["from"], change["to"]) == (8, 4)
    assert "down to 4" in change["text"]


@pytest.mark.slow
async def test_a_change_of_ours_is_not_listed_until_its_task_is_aborted(cluster, client, path, new_pool):
    pool = new_pool(pg_num=16)
    number = cluster.pool(pool)["pool_id"]
    answer = await client.call("PUT", f"ceph/{cluster.fsid}/pools/{number}", {"pg_num": 4})
    task = answer.json["task"]
    await client.until(lambda found: found["pg_num_target"] == 4, lambda: client.pool(cluster.fsid, pool))
    assert await change_of(client, path, pool) is None
    await client.abort(task)

    change = await client.until(bool, lambda: change_of(client, path, pool))
    assert change["to"] == 4


@pytest.mark.slow
async def test_what_the_cluster_itself_reports_is_listed_with_its_pool(client, path, removal):
    pool, text = removal
    change = await client.until(bool, lambda: change_of(client, path, pool))

    assert (change["text"], change["from"], change["to"]) == (text, None, None)
    assert 0 <= change["percent"] <= 100
    assert change["id"] == (await client.pool(path.split("/")[1], pool))["id"]


@pytest.mark.slow
async def test_a_viewer_sees_it_as_well_and_as_it_was_last_read(cluster, client, viewer, path, new_pool, set_elsewhere):
    pool = new_pool(pg_num=8)
    with cluster.stopped("mgr.x"):
        set_elsewhere(pool, 16)
        before = await client.until(bool, lambda: change_of(viewer, path, pool))
        with cluster.stopped("mon.a"):
            problem = await client.until(lambda found: found.status != 200, lambda: viewer.call("GET", path))
            stale = await viewer.get(f"{path}?stale=true")
        await client.until(lambda found: found.status == 200, lambda: client.call("GET", path))

    assert problem.status == 503
    assert "no mon answered" in problem.json["detail"]
    assert [one for one in stale["results"] if one["pool"] == pool] == [before]


@pytest.fixture
def nothing_moves(cluster, new_pool):
    """Data that has to move when an OSD goes, and may not. Ceph 18 reports that only if it is told to."""
    pool = new_pool(pg_num=16, megabytes=8)
    cluster.ceph("config", "set", "mgr", "mgr/progress/allow_pg_recovery_event", "true", "--force")
    for flag in ("norecover", "nobackfill"):
        cluster.command("osd set", key=flag)
    yield
    cluster.command("osd in", ids=["0"])
    for flag in ("norecover", "nobackfill"):
        cluster.command("osd unset", key=flag)
    cluster.ceph("config", "rm", "mgr", "mgr/progress/allow_pg_recovery_event")
    cluster.wait_settled(pool)


@pytest.mark.slow
@pytest.mark.gen_test(timeout=180)
async def test_what_concerns_no_pool_is_listed_without_one(cluster, client, path, nothing_moves):
    """The manager looks each five seconds what has changed since: of a pool that is new then it reports nothing."""

    async def rebalancing():
        found = (await client.get(path))["results"]
        return next((change for change in found if "osd.0" in change["text"]), None)

    change = None
    for mark in ("osd out", "osd in", "osd out", "osd in"):
        cluster.command(mark, ids=["0"])
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                change = await client.until(bool, rebalancing)
                break

    assert change, "the manager reports nothing"
    assert (change["pool"], change["id"], change["from"], change["to"]) == (None, None, None, None)
    assert 0 <= change["percent"] <= 100
    assert "\n" not in change["text"]
    assert "[" not in change["text"]


@pytest.mark.slow
@pytest.mark.gen_test(timeout=180)
async def test_what_the_autoscaler_does_is_one_change(cluster, client, path, new_pool, autoscaler):
    pool = new_pool(pg_num=16)
    cluster.command("osd pool set", pool=pool, var="pg_num_min", val="4")
    cluster.command("osd pool set", pool=pool, var="pg_autoscale_mode", val="on")
    change = await client.until(bool, lambda: change_of(client, path, pool))

    assert (change["from"], change["to"]) == (16, 4)
    assert "down to 4" in change["text"]


@pytest.fixture
def autoscaler(cluster):
    """It looks each two seconds instead of each minute."""
    cluster.ceph("config", "set", "mgr", "mgr/pg_autoscaler/sleep_interval", "2")
    yield
    cluster.ceph("config", "rm", "mgr", "mgr/pg_autoscaler/sleep_interval")


async def test_an_unknown_cluster_is_not_found(client):
    assert (await client.refused("GET", "ceph/no-such-cluster/changes"))["status"] == 404


# Following


@pytest.fixture
def changing(cluster, client, path, new_pool, set_elsewhere):
    """A pool that somebody else makes smaller, which takes some seconds: `(name, id)`."""

    async def change(pg_num=16, to=4):
        pool = new_pool(pg_num=pg_num)
        number = set_elsewhere(pool, to)
        await client.until(bool, lambda: change_of(client, path, pool))
        return pool, number

    return change


@pytest.fixture
def follow_path(cluster):
    return lambda number: f"ceph/{cluster.fsid}/pools/{number}/follow"


@pytest.mark.slow
async def test_a_task_follows_a_change_from_its_beginning(cluster, client, path, changing, follow_path):
    pool, number = await changing()
    change = await client.until(lambda found: found["percent"] >= 10, lambda: change_of(client, path, pool))
    answer = await client.call("POST", follow_path(number))
    task = await client.task_of(answer)

    assert answer.status == 201
    assert (answer.json["id"], answer.json["name"], answer.json["task"]) == (number, pool, task["id"])
    assert (task["job"], task["params"]["pg_num"], task["metadata"]["from"]) == ("pool_pgs", 4, 16)
    assert await change_of(client, path, pool) is None
    looked = await client.until(lambda now: now["round"] >= 2, lambda: client.get(f"taskqueue/{task['id']}"))
    assert looked["percent"] >= change["percent"]
    await client.abort(task["id"])
    after = await client.until(bool, lambda: change_of(client, path, pool))
    assert (after["from"], after["since"]) == (change["from"], change["since"])
    assert after["percent"] >= change["percent"]


@pytest.mark.slow
async def test_the_task_ends_when_all_pgs_are_in_place(cluster, client, path, changing, follow_path):
    pool, number = await changing(8, 4)
    answer = await client.call("POST", follow_path(number), Prefer="wait=50")
    task = await client.task_of(answer)

    assert (answer.status, answer.headers["Preference-Applied"]) == (201, "wait=50")
    assert (answer.json["pg_num"], answer.json["pgp_num"], answer.json["task"]) == (4, 4, None)
    assert (task["status"], task["result"]["from"], task["result"]["to"]) == ("Finished", 8, 4)
    assert cluster.is_settled(pool)
    assert await change_of(client, path, pool) is None


async def test_a_change_has_one_task_and_a_second_request_names_it(client, changing, follow_path):
    _, number = await changing()
    answer = await client.call("POST", follow_path(number))
    task = (await client.task_of(answer))["id"]
    problem = await client.refused("POST", follow_path(number))

    assert problem["status"] == 409
    assert f"task {task}" in problem["detail"]
    await client.abort(task)


async def test_two_requests_at_once_get_one_task(client, changing, follow_path):
    _, number = await changing()
    answers = await asyncio.gather(*(client.call("POST", follow_path(number)) for _ in range(4)))

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    (task,) = {answer.json["task"] for answer in answers if answer.status == 201}
    await client.abort(task)


async def test_the_same_request_sent_again_is_the_same_task(client, changing, follow_path):
    pool, number = await changing()
    first, again = [await client.call("POST", follow_path(number), **{"Idempotency-Key": pool}) for _ in range(2)]

    assert (first.status, again.status) == (201, 200)
    assert first.headers["Taskqueue-Location"] == again.headers["Taskqueue-Location"]
    await client.abort(first.json["task"])


async def test_following_sets_nothing_and_ends_if_somebody_sets_another_number(
    cluster, client, changing, set_elsewhere, follow_path
):
    pool, number = await changing()
    answer = await client.call("POST", follow_path(number))
    set_elsewhere(pool, 6)
    ended = await client.ended((await client.task_of(answer))["id"])

    assert ended["status"] == "Exception"
    assert "somebody else set the number of PGs" in ended["error"]["message"]
    assert cluster.pool(pool)["pg_num_target"] == 6


async def test_there_is_nothing_to_follow_in_a_pool_that_nobody_changes(cluster, client, still, follow_path):
    number = cluster.pool(still)["pool_id"]
    problem = await client.refused("POST", follow_path(number))

    assert problem["status"] == 409
    assert problem["detail"].startswith(f"Pool {still} is not changing: ")


async def test_a_pool_that_is_placed_by_another_number_is_followed_by_no_task(cluster, client, new_pool, follow_path):
    """A task makes both numbers the same: that would be another change."""
    pool = new_pool(pg_num=8)
    with cluster.stopped("mgr.x"):
        cluster.command("osd pool set", pool=pool, var="pgp_num", val="4")
        problem = await client.refused("POST", follow_path(cluster.pool(pool)["pool_id"]))

    assert problem["status"] == 409
    assert "pgp_num" in problem["detail"]


async def test_only_an_admin_may_follow_and_only_a_pool_that_there_is(client, viewer, changing, follow_path):
    _, number = await changing()

    assert (await viewer.refused("POST", follow_path(number)))["status"] == 403
    assert (await client.refused("POST", follow_path(999_999)))["status"] == 404
    assert (await client.refused("POST", "ceph/no-such-cluster/pools/1/follow"))["status"] == 404
    assert (await client.get(follow_path(number).removesuffix("/follow")))["task"] is None
