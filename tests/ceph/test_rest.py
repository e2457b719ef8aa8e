"""Clusters, pools and images by REST: the real server, its readers and a real cluster."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.ceph_service import Checked, options_for
from tests.support.service import Service, basic


@pytest.fixture
def client(shared_service):
    return Checked(shared_service)


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def pools(cluster):
    return f"ceph/{cluster.fsid}/pools"


@pytest.fixture
def rbds(cluster):
    return f"ceph/{cluster.fsid}/rbds"


# What is there


async def test_a_cluster_is_listed_with_its_health(client, cluster):
    found = await client.cluster()

    assert (found["fsid"], found["name"], found["reachable"], found["error"]) == (cluster.fsid, "main", True, None)
    assert found["health"].startswith("HEALTH_")
    assert found["as_of"]


async def test_a_pool_is_shown_as_the_cluster_knows_it(client, cluster, pools, new_pool):
    name = new_pool(pg_num=16)
    known = cluster.pool(name)
    found = await client.get(f"{pools}/{known['pool_id']}")

    assert found == await client.pool(cluster.fsid, name)
    assert found == {
        "id": known["pool_id"],
        "name": name,
        "size": known["size"],
        "application": "rbd",
        "applications": ["rbd"],
        "internal": False,
        "pg_num": 16,
        "pg_num_target": 16,
        "pgp_num": 16,
        "pgp_num_target": 16,
        "autoscale": known["pg_autoscale_mode"],
        "used_bytes": found["used_bytes"],
        "task": None,
    }


async def test_pools_come_in_pages_that_lead_to_each_other(client, pools, new_pool):
    names = [new_pool() for _ in range(3)]
    path, seen = f"{pools}?ordering=-id&pageSize=2", []
    while path:
        page = await client.get(path)
        assert (len(page["results"]) <= 2, bool(page["as_of"])) == (True, True)
        seen += page["results"]
        path = page["next"] and page["next"].removeprefix("/openattic/api/")

    assert [pool["name"] for pool in seen if pool["name"] in names] == names[::-1]
    assert len(seen) == page["count"] == len({pool["id"] for pool in seen})
    before = await client.get(page["previous"].removeprefix("/openattic/api/"))
    assert before["results"][-1]["id"] == seen[-len(page["results"]) - 1]["id"]
    assert (await client.get(f"{pools}?page=99"))["results"] == []


@pytest.mark.slow
async def test_pools_are_searched_and_put_in_order(client, pools, new_pool):
    few, many = new_pool(pg_num=4), new_pool(pg_num=32)

    async def names(query):
        return [pool["name"] for pool in (await client.get(f"{pools}?{query}"))["results"]]

    assert await names(f"search={few.upper()}") == [few]
    assert await names(f"search={few[:4]}+{few[4:]}") == [few]
    assert await names("search=no+such+pool") == []
    assert [name for name in await names("ordering=pg_num") if name in (few, many)] == [few, many]
    assert [name for name in await names("ordering=-pg_num") if name in (few, many)] == [many, few]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("ordering=nonsense", "ordering"), ("page=0", "page"), ("pageSize=501", "pageSize"), ("stale=1", "stale"),
     ("x=1", "x")],
)  # fmt: skip
@pytest.mark.parametrize("what", ["pools", "rbds"])
async def test_a_list_refuses_what_it_does_not_know(client, cluster, what, query, parameter):
    problem = await client.refused("GET", f"ceph/{cluster.fsid}/{what}?{query}")

    assert (problem["status"], list(problem["errors"])) == (400, [parameter])


async def test_images_of_all_pools_are_listed_with_what_is_known_of_them(client, cluster, rbds, new_pool):
    one, other = new_pool(), new_pool()
    for pool, name, gigabytes in ((one, "small", 1), (one, "large", 3), (other, "middle", 2)):
        cluster.create_image(pool, name, size_bytes=gigabytes << 30)

    async def images(query):
        return [(image["pool"], image["name"]) for image in (await client.get(f"{rbds}?{query}"))["results"]]

    assert await images(f"pool={one}") == [(one, "large"), (one, "small")]
    assert await images(f"search={other}/MID") == [(other, "middle")]
    assert await images("ordering=-size_bytes") == [(one, "large"), (other, "middle"), (one, "small")]
    assert await images("ordering=used_bytes&pageSize=1&page=2") == [(one, "small")]
    assert (await client.get(f"{rbds}?pool={other}"))["results"] == [
        {
            "pool": other,
            "namespace": "",
            "name": "middle",
            "size_bytes": 2 << 30,
            "used_bytes": None,
            "used_as_of": None,
            "performance": None,
            "performance_as_of": None,
            "error": None,
        }
    ]


@pytest.mark.parametrize("path", ["ceph", "ceph/FSID/pools", "ceph/FSID/rbds"])
async def test_paths_work_with_a_slash_and_for_head(client, cluster, path):
    path = path.replace("FSID", cluster.fsid)

    assert (await client.call("GET", f"{path}/")).status == 200
    assert (await client.call("HEAD", path)).body == b""


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "ceph/0815/pools", None),
        ("POST", "ceph/0815/pools", {"name": "x", "pg_num": 8}),
        ("GET", "ceph/0815/pools/1", None),
        ("GET", "ceph/FSID/pools/4711", None),
        ("GET", "ceph/FSID/pools/99999999999999999999", None),
        ("PUT", "ceph/FSID/pools/4711", {"pg_num": 8}),
        ("PUT", "ceph/FSID/pools/4711?dry_run=true", {"pg_num": 8}),
        ("GET", "ceph/0815/rbds", None),
        ("POST", "ceph/0815/rbds/performance", {}),
    ],
)
async def test_what_is_not_there_is_not_found(client, cluster, method, path, body):
    problem = await client.refused(method, path.replace("FSID", cluster.fsid), body)

    assert problem["status"] == 404
    assert problem["detail"].startswith(("There is no cluster 0815; known: ", "There is no pool "))


# Who may


async def test_a_viewer_may_look_and_nothing_else(shared_service, cluster, pools, rbds, still):
    pool_id = cluster.pool(still)["pool_id"]
    shared_service.user("add", "eve", "--role", "viewer", given="a long password\n")
    eve = Checked(shared_service, basic("eve", "a long password"))

    for path in ("ceph", pools, f"{pools}/{pool_id}", rbds):
        assert (await eve.call("GET", path)).status == 200
    for method, path, body in (
        ("POST", pools, {"name": "by-eve", "pg_num": 8}),
        ("PUT", f"{pools}/{pool_id}", {"pg_num": 16}),
        ("PUT", f"{pools}/{pool_id}?dry_run=true", {"pg_num": 16}),
        ("POST", f"{rbds}/performance", {}),
    ):
        assert (await eve.refused(method, path, body))["status"] == 403
    assert "by-eve" not in [pool["pool_name"] for pool in cluster.pools()]


async def test_nobody_may_anything(shared_service, pools):
    nobody = Checked(shared_service, {})

    assert (await nobody.refused("GET", "ceph"))["status"] == 401
    assert (await nobody.refused("POST", pools, {"name": "x", "pg_num": 8}))["status"] == 401


# Changing a pool


def address(pools, cluster, name):
    return f"{pools}/{cluster.pool(name)['pool_id']}"


async def test_a_change_is_a_task_that_the_answer_and_the_pool_name(client, cluster, pools, new_pool):
    name = new_pool(pg_num=8)
    answer = await client.call("PUT", address(pools, cluster, name), {"pg_num": 16})
    task = await client.task_of(answer)

    assert (answer.status, answer.json["name"], answer.json["task"]) == (200, name, task["id"])
    assert task["description"] == f"Setting number of PGs of pool {name} to 16"
    pool_id = answer.json["id"]
    assert task["metadata"] == {"fsid": cluster.fsid, "pool": name, "pool_id": pool_id, "from": 8, "to": 16}
    assert (await client.pool(cluster.fsid, name))["task"] == task["id"]
    assert (await client.abort(task["id"]))["status"] == "Aborted"
    assert (await client.pool(cluster.fsid, name))["task"] is None, "it is aborted, even while its last round goes on"


async def test_what_is_wanted_already_makes_no_task(client, cluster, pools, still):
    path = address(pools, cluster, still)
    before = (await client.get("taskqueue"))["count"]
    answer = await client.call("PUT", path, {"pg_num": 8})

    assert answer.status == 200
    assert "Taskqueue-Location" not in answer.headers
    assert (await client.get("taskqueue"))["count"] == before


async def test_the_last_task_in_line_decides_what_is_wanted_already(client, cluster, pools, new_pool):
    path = address(pools, cluster, new_pool(pg_num=4))
    asked = (8, 8, 4, 4, 8)
    answers = [await client.call("PUT", path, {"pg_num": pg_num}) for pg_num in asked]

    assert ["Taskqueue-Location" in answer.headers for answer in answers] == [True, False, True, False, True]
    assert len({answer.json["task"] for answer in answers}) == 1, "it is the first one that works on it"
    second, third = [await client.task_of(answers[number]) for number in (2, 4)]
    assert (second["waiting_for"]["reason"], second["waiting_for"]["task"]) == ("lock", answers[0].json["task"])
    assert third["waiting_for"]["position"] == 2
    for task_id in (third["id"], second["id"], answers[0].json["task"]):
        await client.abort(task_id)


async def test_requests_for_the_same_at_the_same_time_make_one_task(client, cluster, pools, new_pool):
    path = address(pools, cluster, new_pool(pg_num=4))
    answers = await asyncio.gather(*(client.call("PUT", path, {"pg_num": 8}) for _ in range(5)))

    assert sum("Taskqueue-Location" in answer.headers for answer in answers) == 1
    assert {answer.status for answer in answers} == {200}
    await client.abort(answers[0].json["task"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"pg_num": 0}, ["pg_num"]),
        ({"pg_num": 65537}, ["pg_num"]),
        ({"pg_num": "64"}, ["pg_num"]),
        ({"pg_num": 8.5}, ["pg_num"]),
        ({}, ["pg_num"]),
        ({"pg_num": 8, "size": 3}, ["size"]),
        ([8], ["params"]),
    ],
)
async def test_what_no_pool_can_become_is_refused_and_makes_no_task(client, cluster, pools, still, body, fields):
    before = (await client.get("taskqueue"))["count"]
    problem = await client.refused("PUT", address(pools, cluster, still), body)

    assert (problem["status"], list(problem["errors"])) == (400, fields)
    assert (await client.get("taskqueue"))["count"] == before


@pytest.mark.slow
async def test_a_client_may_wait_for_the_end_of_a_change(client, cluster, pools, new_pool):
    path = address(pools, cluster, new_pool(pg_num=4))
    answer = await client.call("PUT", path, {"pg_num": 8}, Prefer="wait=60")

    assert answer.headers["Preference-Applied"] == "wait=55"
    assert (answer.json["pg_num"], answer.json["task"]) == (8, None)
    assert (await client.task_of(answer))["status"] == "Finished"


# The preflight


async def dry_run(client, path, pg_num):
    answer = await client.call("PUT", f"{path}?dry_run=true", {"pg_num": pg_num})
    assert (answer.status, "Taskqueue-Location" in answer.headers) == (200, False), answer.body
    return answer.json


@pytest.mark.slow
async def test_a_dry_run_reports_the_effect_and_changes_nothing(client, cluster, pools, new_pool):
    name = new_pool(pg_num=8, megabytes=10)
    path = address(pools, cluster, name)
    used = (await client.until(lambda pool: pool["used_bytes"], lambda: client.get(path)))["used_bytes"]
    before = (await client.get("taskqueue"))["count"]

    found = await dry_run(client, path, 12)
    assert (found["from"], found["to"], found["reversible"], found["refused"]) == (8, 12, True, None)
    assert found["moves_bytes_at_most"] >= used // 4
    assert [one["code"] for one in found["warnings"]] == ["not_a_power_of_two"]
    assert (await dry_run(client, path, 8))["moves_bytes_at_most"] == 0
    assert [one["code"] for one in (await dry_run(client, path, 4))["warnings"]] == ["shrinking_is_slow"]
    assert cluster.pool(name)["pg_num_target"] == 8
    assert (await client.get("taskqueue"))["count"] == before


async def test_a_dry_run_says_what_a_change_would_be_refused_for(client, cluster, pools, still):
    path = address(pools, cluster, still)

    assert (await dry_run(client, path, 0))["refused"] == "A pool can have 1 to 65536 PGs, not 0."
    assert (await client.refused("PUT", f"{path}?dry_run=true", {"pg_num": "12"}))["status"] == 400
    assert (await client.refused("PUT", f"{path}?dry_run=true", {}))["status"] == 400


async def test_the_cluster_refuses_what_a_dry_run_has_warned_of(client, cluster, pools, still):
    path = address(pools, cluster, still)
    warnings = {one["code"]: one["text"] for one in (await dry_run(client, path, 65536))["warnings"]}
    total = re.search(r"would have (\d+) PGs", warnings["too_many_pgs_per_osd"])[1]
    task = await client.task_of(await client.call("PUT", path, {"pg_num": 65536}))
    ended = await client.ended(task["id"])

    assert ended["status"] == "Exception"
    assert re.search(rf"\b{total} total .* which exceeds ", ended["error"]["message"])
    assert "(errno 34, ERANGE)" in ended["outcome"]


async def test_an_autoscaler_and_tasks_are_warned_of(client, cluster, pools, new_pool):
    name = new_pool(pg_num=4)
    path = address(pools, cluster, name)
    cluster.command("osd pool set", pool=name, var="pg_autoscale_mode", val="on")
    assert "autoscaler_on" in [one["code"] for one in (await dry_run(client, path, 8))["warnings"]]
    cluster.command("osd pool set", pool=name, var="pg_autoscale_mode", val="off")

    task = await client.task_of(await client.call("PUT", path, {"pg_num": 8}))
    warnings = {one["code"]: one["text"] for one in (await dry_run(client, path, 16))["warnings"]}
    assert warnings["task_on_pool"] == f"This would wait for task {task['id']}, {task['description']}."
    await client.abort(task["id"])


# Creating a pool


@pytest.fixture
def name(cluster, request):
    """Of a pool that the test creates."""
    name = f"new-{abs(hash(request.node.name)) % 10**9}"
    yield name
    cluster.recover()
    cluster.delete_pool(name)


async def test_a_new_pool_is_listed_at_once_and_left_alone_while_it_has_a_task(client, cluster, pools, name):
    answer = await client.call("POST", pools, {"name": name, "pg_num": 16})
    task = await client.task_of(answer)

    assert (answer.status, answer.json["name"], answer.json["pg_num_target"]) == (201, name, 16)
    assert answer.json["task"] == task["id"]
    assert answer.json == await client.get(answer.headers["Location"].removeprefix("/openattic/api/"))
    assert await client.pool(cluster.fsid, name) == answer.json
    path = f"{pools}/{answer.json['id']}"
    refused = f"Pool {name} is being created by task {task['id']}, Creating pool {name} with 16 PGs."
    problem = await client.refused("PUT", path, {"pg_num": 32})
    assert (problem["status"], problem["detail"]) == (409, refused)
    assert (await dry_run(client, path, 32))["refused"] == refused
    await client.abort(task["id"])


@pytest.mark.slow
async def test_a_new_pool_is_clean_and_has_its_application_when_its_task_has_ended(client, cluster, pools, name):
    answer = await client.call("POST", pools, {"name": name, "pg_num": 16})

    assert (await client.ended((await client.task_of(answer))["id"]))["status"] == "Finished"
    assert (await client.get(f"{pools}/{answer.json['id']}"))["task"] is None
    assert set(cluster.pg_states(name)) == {"active+clean"}
    assert cluster.pool(name)["application_metadata"] == {"rbd": {}}


async def test_a_name_that_is_taken_is_refused(client, cluster, pools, still):
    problem = await client.refused("POST", pools, {"name": still, "pg_num": 8})

    assert problem["status"] == 409
    assert problem["detail"].startswith(f"There is already a pool {still}, number {cluster.pool(still)['pool_id']}")


async def test_of_two_requests_for_the_same_pool_one_creates_it(client, pools, name):
    answers = await asyncio.gather(*(client.call("POST", pools, {"name": name, "pg_num": 4}) for _ in range(3)))

    assert sorted(answer.status for answer in answers) == [201, 409, 409]


async def test_a_refusal_of_the_cluster_is_quoted(client, cluster, pools, name):
    problem = await client.refused("POST", pools, {"name": name, "pg_num": 60_000})

    assert problem["status"] == 409
    assert "mon_max_pg_per_osd" in problem["detail"]
    assert problem["detail"].endswith("(errno 34, ERANGE)")
    assert name not in [pool["pool_name"] for pool in cluster.pools()]


async def test_all_mistakes_of_a_new_pool_are_reported_at_once(client, pools):
    problem = await client.refused("POST", pools, {"name": "a/b", "pg_num": 0, "application": 1, "size": 3})

    assert problem["status"] == 400
    assert set(problem["errors"]) == {"name", "pg_num", "application", "size"}


async def test_a_request_that_is_sent_again_creates_no_second_pool(client, pools, name):
    body, key = {"name": name, "pg_num": 4}, f"key of {name}"
    first = await client.call("POST", pools, body, Idempotency_Key=key)
    again = await client.call("POST", pools, body, Idempotency_Key=key)

    assert (first.status, again.status) == (201, 200)
    assert again.headers["Taskqueue-Location"] == first.headers["Taskqueue-Location"]
    assert again.json["id"] == first.json["id"]
    assert (await client.refused("POST", pools, {**body, "pg_num": 8}, Idempotency_Key=key))["status"] == 409


async def test_no_pool_is_created_that_no_task_could_follow(service, cluster, pools, name):
    service.start(*options_for({"main": cluster.conf}), "--set", "pool_create.enabled=no")
    problem = await Checked(service).refused("POST", pools, {"name": name, "pg_num": 4})

    assert problem["status"] == 409
    assert "pool_create" in problem["detail"]
    assert name not in [pool["pool_name"] for pool in cluster.pools()]


# Performance data


async def test_performance_data_is_a_task_and_its_images_show_what_it_found(client, cluster, rbds, new_pool):
    pool = new_pool()
    cluster.create_image(pool, "disk", size_bytes=1 << 30, data_mb=8)
    cluster.create_image(pool, "other", size_bytes=1 << 29)
    body = {"images": [f"{pool}/disk"], "seconds": 1}
    answer = await client.call("POST", f"{rbds}/performance", body, Prefer="wait=60", Idempotency_Key=f"of {pool}")
    task = await client.task_of(answer)

    assert (answer.status, answer.json["id"], task["status"]) == (201, task["id"], "Finished")
    assert task["params"] == {"fsid": cluster.fsid, "pools": [], **body, "seconds": 1.0, "interval_seconds": 1.0}
    assert answer.headers["Location"] == answer.headers["Taskqueue-Location"]
    disk, other = (await client.get(f"{rbds}?pool={pool}"))["results"]
    assert (disk["name"], disk["size_bytes"], disk["used_as_of"]) == ("disk", 1 << 30, task["ended"])
    assert 8_000_000 <= disk["used_bytes"] < 16_000_000
    assert (disk["performance"]["task"], disk["performance"]["measured"]) == (task["id"], True)
    assert disk["performance"]["write_ops"].keys() == {"mean", "p50", "p95", "max"}
    assert len(disk["performance"]["series"]) == 1
    assert (other["used_bytes"], other["performance"], other["performance_as_of"]) == (None, None, None)
    ordered = (await client.get(f"{rbds}?pool={pool}&ordering=-write_ops"))["results"]
    assert [image["name"] for image in ordered] == ["disk", "other"], "what is not known is last"

    again = await client.call("POST", f"{rbds}/performance", body, Idempotency_Key=f"of {pool}")
    assert (again.status, again.json["id"]) == (200, task["id"])
    await client.call("DELETE", f"taskqueue/{task['id']}")
    assert (await client.get(f"{rbds}?pool={pool}"))["results"][0] == disk, "it outlives its task"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"seconds": 0, "images": ["disk"]}, {"seconds", "images"}),
        ({"pools": "rbd"}, {"pools"}),
        ({"fsid": "4711"}, {"fsid"}),
        ([], {"params"}),
    ],
)
async def test_what_cannot_be_measured_is_refused_by_field(client, rbds, body, fields):
    problem = await client.refused("POST", f"{rbds}/performance", body)

    assert (problem["status"], set(problem["errors"])) == (400, fields)
