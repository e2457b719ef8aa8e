"""Clusters, pools and images by REST: the real server, its readers and a real cluster."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.described import Described
from tests.support.service import Client, Service, basic

pytestmark = pytest.mark.gen_test

SECONDS = {"connect": 2, "mon": 2, "osd": 3}


def options_for(clusters, **settings):
    """Those that name clusters: `options_for({"main": conf})`; settings are of all of them."""
    given = {f"{what}_timeout_seconds": seconds for what, seconds in SECONDS.items()} | settings
    for name, conf in clusters.items():
        for key, value in {"conf": conf, **given}.items():
            yield from ("--set", f'ceph "{name}".{key}={value}')


class Checked(Client):
    """A client that holds each answer against the description of the API."""

    described = None

    async def call(self, method, path, body=None, raw=None, **headers):
        answer = await super().call(method, path, body, raw, **headers)
        if path.startswith("ceph") and method != "HEAD":
            if self.described is None:
                self.described = Described(await super().get("openapi.json"))
            self.described.check(method, path, answer)
        return answer

    async def refused(self, method, path, body=None, **headers):
        """The problem that the answer is."""
        answer = await self.call(method, path, body, **headers)
        assert answer.kind == "application/problem+json", answer.body
        assert answer.json["status"] == answer.status
        return answer.json

    async def cluster(self, number=0):
        return (await self.get("ceph"))["results"][number]

    async def pool(self, fsid, name):
        return next(pool for pool in (await self.get(f"ceph/{fsid}/pools"))["results"] if pool["name"] == name)

    async def until_reachable(self, number=0):
        while True:
            found = await self.cluster(number)
            if found["reachable"]:
                return found
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory, cluster):
    service = Service(tmp_path_factory.mktemp("service")).start(*options_for({"main": cluster.conf}))
    yield service
    service.close()


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

    assert [pool["name"] for pool in seen[:3]] == names[::-1]
    assert len(seen) == page["count"] == len({pool["id"] for pool in seen})
    before = await client.get(page["previous"].removeprefix("/openattic/api/"))
    assert before["results"][-1]["id"] == seen[-len(page["results"]) - 1]["id"]
    assert (await client.get(f"{pools}?page=99"))["results"] == []


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
            "name": "middle",
            "size_bytes": 2 << 30,
            "used_bytes": None,
            "used_as_of": None,
            "performance": None,
            "performance_as_of": None,
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


async def test_a_viewer_may_look_and_nothing_else(shared_service, client, cluster, pools, rbds, new_pool):
    pool_id = cluster.pool(new_pool())["pool_id"]
    shared_service.user("add", "eve", "--role", "viewer", given="a password of eve\n")
    eve = Checked(shared_service, basic("eve", "a password of eve"))
    eve.described = Described(await client.get("openapi.json"))

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


async def test_nobody_may_anything(shared_service, client, pools):
    nobody = Checked(shared_service, {})
    nobody.described = Described(await client.get("openapi.json"))

    assert (await nobody.refused("GET", "ceph"))["status"] == 401
    assert (await nobody.refused("POST", pools, {"name": "x", "pg_num": 8}))["status"] == 401
