"""The server answers as its own description says: to calls chosen by hand, and to those that schemathesis makes up."""

from __future__ import annotations

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.support.described import Described
from tests.support.service import PASSWORD, Answer, Client, basic

CREDENTIALS = {"username": "admin", "password": PASSWORD}


@pytest.fixture
def checked(client, io_loop):
    """A function that calls, and holds the answer against the description."""
    described = Described(io_loop.run_sync(lambda: client.get("openapi.json")))

    async def call(method, path, body=None, by=client, **more):
        answer = await by.call(method, path, body, **more)
        described.check(method, path, answer)
        return answer

    return call


async def test_the_description_is_answered_as_it_says_itself(client, checked):
    answer = await checked("GET", "openapi.json")

    assert answer.json["openapi"] == "3.1.0"
    assert answer.json["servers"] == [{"url": "/openattic/api"}]
    assert {"test_task", "prints"} <= {job["job"] for job in (await client.get("jobs"))["results"]}
    assert "prints" in answer.body.decode()


async def test_the_description_needs_a_sign_in(shared_service):
    assert (await Client(shared_service, {}).call("GET", "openapi.json")).status == 401


async def open_page(service, path="docs/", method="GET", **headers):
    request = HTTPRequest(f"{service.address}{path}", method=method, headers=headers, follow_redirects=False)
    return Answer(await AsyncHTTPClient().fetch(request, raise_error=False))


async def test_the_page_for_people_has_what_it_shows_from_here_alone(shared_service):
    answer = await open_page(shared_service, **basic())

    assert (answer.status, answer.kind) == (200, "text/html; charset=UTF-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "/taskqueue/{task_id}" in answer.body.decode()
    assert (await open_page(shared_service, "docs", "HEAD", **basic())).status == 200


async def test_the_page_for_people_redirects_to_the_sign_in(shared_service):
    answer = await open_page(shared_service)

    assert (answer.status, answer.headers["Location"]) == (302, "/openattic/")


@pytest.mark.parametrize(
    "path",
    ["jobs", "workers", "statistics", "retention", "retention?limit=1&within_days=3650", "taskqueue", "taskqueue/",
     "taskqueue?pageSize=1&page=1", "taskqueue?status=Finished&status=Exception&ordering=-runtime",
     "ceph", "taskqueue/changes?since=0", "taskqueue/changes?since=999999999", "openapi.json/"],
)  # fmt: skip
async def test_what_can_be_read(client, checked, path):
    task = await client.create("prints", text="something")
    await client.ended(task["id"])

    assert (await checked("GET", path)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "jobs?x=1", None, 400),
        ("GET", "taskqueue?pageSize=0&status=nonsense", None, 400),
        ("GET", "taskqueue/4711", None, 404),
        ("GET", "taskqueue/changes", None, 400),
        ("GET", "taskqueue/events", None, 400),
        ("PUT", "taskqueue/4711", {"pinned": True}, 404),
        ("PUT", "taskqueue/4711", {"pinned": 1}, 400),
        ("DELETE", "taskqueue", None, 400),
        ("DELETE", "taskqueue?status=Aborted&count=4711", None, 412),
        ("DELETE", "taskqueue?status=Aborted&as_of=999999999", None, 412),
        ("GET", "taskqueue/4711/interruptions", None, 404),
        ("POST", "taskqueue", {"job": "nonsense"}, 400),
        ("POST", "taskqueue/delete", {"ids": []}, 400),
        ("POST", "taskqueue", [{"job": "test_task", "params": {"times": 0}}], 400),
        ("POST", "taskqueue/test_task", {"times": 0}, 400),
        ("POST", "taskqueue/4711/retry", None, 404),
        ("GET", "ceph/4711/pools?stale=true&ordering=-pg_num", None, 404),
        ("GET", "ceph/4711/pools/1", None, 404),
        ("POST", "ceph/4711/pools", {"name": "rbd", "pg_num": 8}, 404),
        ("PUT", "ceph/4711/pools/1?dry_run=maybe", {"pg_num": 8}, 400),
        ("PUT", "ceph/4711/pools/1", {"pg_num": 8}, 404),
        ("GET", "ceph/4711/rbds?pool=rbd", None, 404),
        ("POST", "ceph/4711/rbds/performance", {}, 404),
        ("POST", "auth", {"username": "x", "password": "y"}, 400),
        ("POST", "api-token-auth", {"username": "x"}, 400),
    ],
)
async def test_what_is_refused(checked, method, path, body, status):
    assert (await checked(method, path, body)).status == status


async def test_the_life_of_a_task(client, checked):
    created = await checked("POST", "taskqueue/test_task", {"times": 1}, Prefer="wait=60", Idempotency_Key="a key")
    address = f"taskqueue/{created.json['id']}"
    assert (await checked("GET", address)).json["status"] == "Finished"
    assert (await checked("GET", f"{address}/rounds")).json["results"]
    assert (await checked("GET", f"{address}/interruptions")).json["results"] == []
    assert (await checked("PUT", address, {"pinned": True})).json["pinned"]
    assert (await checked("POST", f"{address}/retry")).status == 201
    assert (await checked("DELETE", f"{address}?if_status=pending")).json["task"]["pinned"]
    assert (await checked("POST", "taskqueue/test_task", {"times": 2}, Idempotency_Key="a key")).status == 409
    assert (await checked("DELETE", address)).status == 204


async def test_a_task_that_failed_and_one_that_waits(client, checked):
    failed = await client.create("fails")
    await client.ended(failed["id"])
    assert (await checked("GET", f"taskqueue/{failed['id']}")).json["error"]["traceback"]

    body = {"job": "test_task", "params": {"times": 1}, "not_before": "2100-01-01T00:00:00Z", "priority": -100}
    waiting = await checked("POST", "taskqueue", body)
    assert waiting.json["waiting_for"]["reason"] == "schedule"
    assert (await checked("POST", f"taskqueue/{waiting.json['id']}/retry")).status == 409
    assert (await checked("DELETE", f"taskqueue/{waiting.json['id']}")).json["status"] == "Aborted"


async def test_many_tasks_at_once(checked):
    created = await checked("POST", "taskqueue", [{"job": "test_task", "params": {"times": 1}}] * 2)
    ids = "&".join(f"id={task['id']}" for task in created.json["results"])
    assert created.status == 201

    assert (await checked("DELETE", f"taskqueue?{ids}&id=4711")).status == 200


async def test_signing_in_and_out(checked, shared_service):
    nobody = Client(shared_service, {})
    assert (await checked("POST", "auth", CREDENTIALS, nobody)).json == {"username": "admin", "role": "admin"}
    assert (await checked("POST", "api-token-auth", CREDENTIALS, nobody)).status == 200
    assert (await checked("DELETE", "auth", by=nobody)).status == 204
    assert (await checked("GET", "jobs", by=nobody)).status == 401
    assert (await checked("POST", "auth", CREDENTIALS, nobody, Origin="https://evil.example")).status == 403
    assert (await checked("POST", "taskqueue/test_task", raw=b"times=5", Content_Type="text/plain")).status == 415


async def test_too_many_wrong_passwords(checked, shared_service):
    wrong = Client(shared_service, basic("somebody", "wrong"))
    statuses = {(await checked("GET", "jobs", by=wrong)).status for _ in range(11)}

    assert statuses == {401, 429}


async def test_the_frames_of_the_websocket(client, checked):
    messages = (await checked("GET", "openapi.json")).json
    described = Described(messages)
    schema = messages["paths"]["/taskqueue/events"]["get"]["x-websocket"]["sends"]
    events = await client.events(since=0)
    task = await client.create("test_task", times=3)
    await events.socket.write_message(f'{{"type": "watch", "task": {task["id"]}}}')
    await events.until(lambda seen: len(seen.rounds.get(str(task["id"]), [])) == 3)
    resync = await client.events(since=999_999_999)
    await resync.until(lambda seen: seen.last == "resync")

    assert {frame["type"] for frame in events.frames + resync.frames} == {"hello", "changes", "resync"}
    for frame in events.frames + resync.frames:
        assert described.errors(schema, frame) == []
