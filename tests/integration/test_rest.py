"""REST as the contract has it: section 4."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress

import pytest

from tests.support.made import NEVER, waiting
from tests.support.service import Client, basic

TASK_FIELDS = {
    "id", "job", "params", "description", "metadata", "status", "stopping", "percent", "round", "rounds", "message",
    "created", "started", "last_modified", "ended", "estimated", "pace_seconds", "stalled", "waiting_for", "result",
    "result_bytes", "error", "outcome", "interruptions", "priority", "not_before", "created_by", "ended_by", "retry_of",
    "pinned", "revision", "params_bytes", "host",
}  # fmt: skip


async def test_a_test_task_is_created_runs_and_finishes(client):
    answer = await client.call("POST", "taskqueue/test_task", {"times": 3})
    created = answer.json

    assert answer.status == 200
    assert set(created) == TASK_FIELDS
    assert (created["status"], created["description"]) == ("Not Started", "Test task of 3 rounds")
    assert (created["round"], created["rounds"]) == (0, 3), "its job declares them"
    assert (created["created_by"], created["outcome"], created["params"]) == ("admin", "", {"times": 3})

    ended = await client.ended(created["id"])
    assert (ended["status"], ended["percent"], ended["round"], ended["rounds"]) == ("Finished", 100, 3, 3)
    assert (ended["result"], ended["result_bytes"], ended["outcome"]) == (3, 1, "Finished after 3 rounds")
    assert ended["created"] <= ended["started"] <= ended["ended"]

    rounds = (await client.get(f"taskqueue/{created['id']}/rounds"))["results"]
    assert [one["number"] for one in rounds] == [1, 2, 3]
    assert [one["message"] for one in rounds] == ["counted to 1", "counted to 2", "counted to 3"]
    assert set(rounds[0]) == {"number", "at", "seconds", "percent", "message", "output"}
    assert [one["number"] for one in (await client.get(f"taskqueue/{created['id']}/rounds?after=2"))["results"]] == [3]


WHOLE = "expected a whole number from 1 to 1000000"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"times": [f"{WHOLE}, got nothing"]}),
        ({"times": None}, {"times": [f"{WHOLE}, got null"]}),
        ({"times": 0}, {"times": [f"{WHOLE}, got 0"]}),
        ({"times": -1}, {"times": [f"{WHOLE}, got -1"]}),
        ({"times": 1.5}, {"times": [f"{WHOLE}, got 1.5"]}),
        ({"times": "5"}, {"times": [f'{WHOLE}, got "5"']}),
        ({"times": True}, {"times": [f"{WHOLE}, got true"]}),
        ({"times": 10**12}, {"times": [f"{WHOLE}, got 1000000000000"]}),
        (
            {"times": 0, "colour": 1},
            {"times": [f"{WHOLE}, got 0"], "colour": ["is not a parameter of test_task, expected: times"]},
        ),
    ],
)
async def test_wrong_input_is_named_all_at_once_and_creates_nothing(client, body, errors):
    before = await client.newest_id()
    answer = await client.call("POST", "taskqueue/test_task", body)

    assert (answer.status, answer.kind) == (400, "application/problem+json")
    assert answer.json["errors"] == errors
    assert answer.json["status"] == 400
    assert await client.newest_id() == before


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"not json", "application/json", 400),
        (b'{"times": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"times": ' + b"[" * 1000 + b"]" * 1000 + b"}", "application/json", 400),
        (b"5", "application/json", 400),
        (b"null", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b"times=5", "application/x-www-form-urlencoded", 415),
        (b'{"times": 5}', "text/plain", 415),
        (b'{"times": 5, "x": "' + b"x" * 1024 * 1024 + b'"}', "application/json", 413),
    ],
)
async def test_a_bad_body_is_a_problem(client, raw, kind, status):
    before = await client.newest_id()
    answer = await client.call("POST", "taskqueue/test_task", raw=raw, Content_Type=kind)

    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert answer.json["detail"]
    assert "Traceback" not in answer.body.decode()
    assert await client.newest_id() == before


@pytest.mark.parametrize(("announced", "sent"), [(5_000_000, 5_000_000), (1_000_000_000, 0)])
async def test_whoever_sends_too_much_gets_the_answer(shared_service, announced, sent):
    """A body that is not too long is read to its end, a longer one is refused before it is sent."""
    authorization = basic()["Authorization"]
    head = (
        f"POST /openattic/api/taskqueue/test_task HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {announced}\r\n\r\n"
    )
    host, port = shared_service.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    writer.write(head.encode() + b"x" * sent)
    await writer.drain()

    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"1 MiB" in answer


async def test_a_chunked_body_over_the_limit_is_a_413_problem(client, shared_service):
    host, port = shared_service.base.removeprefix("http://").split(":")
    head = (
        f"POST /openattic/api/taskqueue/test_task HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {client.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode())
    for _ in range(40):
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    answer = await reader.read(4096)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer


async def test_a_post_without_a_body_needs_no_type(client):
    answer = await client.call("POST", "taskqueue/test_task")

    assert answer.status == 400
    assert "times" in answer.json["errors"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("taskqueue?status=Done", ["status", "Not Started"]),
        ("taskqueue?ordering=colour", ["ordering", "-last_modified"]),
        ("taskqueue?colour=red", ["colour", "ordering", "pageSize"]),
        ("taskqueue?page=0", ["page"]),
        ("taskqueue?page=1.5", ["page"]),
        ("taskqueue?pageSize=501", ["pageSize", "from 1 to 500"]),
        ("taskqueue/1?wait=61", ["wait", "60"]),
        ("taskqueue/1?wait=x", ["wait"]),
        ("taskqueue/1?wait=1_0", ["wait"]),
        ("taskqueue/1?wait=%D9%A1", ["wait"]),
        ("taskqueue/1?wait=nan", ["wait"]),
        ("taskqueue/changes", ["since"]),
        ("taskqueue/changes?since=-1", ["since"]),
        ("taskqueue/1/rounds?after=x", ["after"]),
        ("taskqueue?force=true", ["force", "ordering"]),
        ("taskqueue/1?if_status=pending", ["if_status", "wait"]),
        ("jobs?x=1", ["x", "none"]),
    ],
)
async def test_an_unknown_parameter_or_value_names_the_possible_ones(client, path, names):
    answer = await client.call("GET", path)

    assert answer.status == 400
    text = json.dumps(answer.json["errors"])
    assert all(name in text for name in names)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "taskqueue/4711", 404),
        ("GET", "taskqueue/99999999999999999999", 404),
        ("DELETE", "taskqueue/4711", 404),
        ("POST", "taskqueue/4711/retry", 404),
        ("GET", "taskqueue/4711/rounds", 404),
        ("GET", "nonsense", 404),
        ("GET", "taskqueue/abc", 404),
        ("PATCH", "taskqueue", 405),
        ("DELETE", "jobs", 405),
        ("GET", "taskqueue/test_task", 405),
    ],
)
async def test_what_is_not_there_is_a_problem(client, method, path, status):
    body = b"" if method == "PATCH" else None
    answer = await client.call(method, path, raw=body)

    assert (answer.status, answer.kind) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("taskqueue", "GET, POST, DELETE, HEAD"), ("taskqueue/test_task", "POST"), ("auth", "POST, DELETE")],
)
async def test_a_method_that_is_not_there_names_those_that_are(shared_service, path, allowed):
    answer = await Client(shared_service, {}).call("PATCH", path, raw=b"")

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


async def test_an_unknown_job_names_the_registered_ones(client):
    answer = await client.call("POST", "taskqueue", {"job": "nonsense"})

    assert answer.status == 400
    assert "test_task" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "job"),
        ({"job": 5}, "job"),
        ({"job": "test_task", "params": [1]}, "params"),
        ({"job": "test_task", "params": {"times": 1}, "priority": 101}, "priority"),
        ({"job": "test_task", "params": {"times": 1}, "priority": "high"}, "priority"),
        ({"job": "test_task", "params": {"times": 1}, "not_before": "tomorrow"}, "not_before"),
        ({"job": "test_task", "params": {"times": 1}, "not_before": "2026-01-01T00:00:00"}, "not_before"),
        ({"job": "test_task", "params": {"times": 1}, "not_before": "0001-01-01T00:00:00+05:00"}, "not_before"),
        ({"job": "test_task", "params": {"times": 1}, "not_before": "9999-12-31T23:59:59-05:00"}, "not_before"),
        ({"job": "test_task", "params": {"times": 1}, "colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_request_for_a_task_is_named(client, body, field):
    answer = await client.call("POST", "taskqueue", body)

    assert answer.status == 400
    assert field in answer.json["errors"]


async def test_all_mistakes_of_a_request_are_reported_at_once(client):
    body = {"params": [], "priority": 101, "not_before": "tomorrow", "colour": "red"}
    answer = await client.call("POST", "taskqueue", body)

    assert set(answer.json["errors"]) == {"job", "params", "priority", "not_before", "colour"}


async def test_an_unknown_job_is_a_mistake_like_any_other(client):
    for body, field, others in [
        ({"job": "nonsense"}, "job", set()),
        ({"job": "nonsense", "params": {"x": 1}}, "job", set()),
        ({"job": "nonsense", "priority": 101}, "job", {"priority"}),
        ([{"job": "nonsense"}], "[0].job", set()),
        ([{"job": "test_task", "params": {"times": 0}}, {"job": "nonsense"}], "[1].job", {"[0].times"}),
    ]:
        answer = await client.call("POST", "taskqueue", body)

        assert (answer.status, set(answer.json["errors"])) == (400, {field, *others})
        assert answer.json["errors"][field][0].startswith('There is no job "nonsense"; registered: ')


@pytest.mark.parametrize("path", ["taskqueue/1?wait=1", "taskqueue?status=Finished&page=2", "taskqueue?id=1&page=2"])
async def test_a_delete_knows_only_its_own_parameters(client, path):
    assert (await client.call("DELETE", path)).status == 400


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "\\u202e", "\U0001f600"])
async def test_any_text_is_either_taken_as_it_is_or_refused_in_words(client, text):
    raw = f'{{"job": "prints", "params": {{"text": "{text}"}}}}'.encode()
    answer = await client.call("POST", "taskqueue", raw=raw)

    assert answer.status in (201, 400)
    if answer.status == 201:
        assert (await client.get(f"taskqueue/{answer.json['id']}"))["params"] == json.loads(raw)["params"]


async def test_any_job_can_be_created_and_is_located(client):
    answer = await client.call("POST", "taskqueue", {"job": "counts", "params": {"times": 2}, "priority": 5})

    assert (answer.status, answer.json["priority"]) == (201, 5)
    assert answer.headers["Location"] == f"/openattic/api/taskqueue/{answer.json['id']}"
    assert (await client.ended(answer.json["id"]))["result"] == 2


async def test_a_task_waits_for_its_time_and_says_until_when(client):
    body = {"job": "test_task", "params": {"times": 1}, "not_before": "2999-01-01T00:00:00Z"}
    task = (await client.call("POST", "taskqueue", body)).json

    assert task["not_before"] == "2999-01-01T00:00:00.000Z"
    assert task["waiting_for"] == {
        "reason": "schedule",
        "position": None,
        "task": None,
        "until": "2999-01-01T00:00:00.000Z",
    }
    aborted = (await client.call("DELETE", f"taskqueue/{task['id']}")).json
    assert (aborted["status"], aborted["outcome"]) == ("Aborted", "Aborted by admin before it started")
    assert (aborted["ended_by"], aborted["waiting_for"]) == ("admin", None)


async def test_an_abort_takes_effect_at_once_and_the_round_ends_by_itself(client, tmp_path):
    until, began = tmp_path / "until", tmp_path / "began"
    task = await client.create("waits", times=20, in_round=7, until=str(until), began_path=str(began))
    running = await client.until(task["id"], lambda task: task["round"] == 6)
    assert running["status"] == "Running"

    answer = await client.call("DELETE", f"taskqueue/{task['id']}")
    assert (answer.status, answer.json["status"], answer.json["stopping"]) == (200, "Aborted", True)

    until.touch()
    ended = await client.until(task["id"], lambda task: not task["stopping"])
    assert (ended["outcome"], ended["round"], ended["percent"]) == ("Aborted by admin after round 7 of 20", 7, 35)
    assert (await client.call("DELETE", f"taskqueue/{task['id']}")).status == 204
    assert (await client.call("GET", f"taskqueue/{task['id']}")).status == 404


async def test_force_kills_the_worker_and_says_so(client):
    task = await client.create("waits", times=20, in_round=3, until=NEVER)
    await client.until(task["id"], lambda task: task["round"] == 2)

    killed = (await client.call("DELETE", f"taskqueue/{task['id']}?force=true")).json

    assert (killed["status"], killed["stopping"]) == ("Aborted", False)
    assert killed["outcome"] == "Aborted by admin; its worker was killed in round 3 of 20"
    assert killed["interruptions"] == 0


async def test_a_guarded_delete_answers_412_with_the_task_as_it_is(client):
    task = await client.create("test_task", times=1)
    await client.ended(task["id"])

    answer = await client.call("DELETE", f"taskqueue/{task['id']}?if_status=pending")

    assert answer.status == 412
    assert (answer.json["task"]["id"], answer.json["task"]["status"]) == (task["id"], "Finished")
    assert (await client.call("DELETE", f"taskqueue/{task['id']}?if_status=final")).status == 204


async def test_a_delete_meant_for_a_stopping_task_kills_it_and_never_erases_one_that_has_stopped(client):
    task = await client.create("waits", times=20, in_round=3, until=NEVER)
    path = f"taskqueue/{task['id']}?if_status=stopping&force=true"
    await client.until(task["id"], lambda task: task["round"] == 2)
    assert (await client.call("DELETE", path)).status == 412
    await client.call("DELETE", f"taskqueue/{task['id']}")

    killed = (await client.call("DELETE", path)).json
    again = await client.call("DELETE", path)

    assert (killed["status"], killed["stopping"]) == ("Aborted", False)
    assert (again.status, again.json["task"]["status"]) == (412, "Aborted")
    assert (await client.get(f"taskqueue/{task['id']}"))["status"] == "Aborted"


async def test_many_are_deleted_with_a_report_for_each(client):
    final = await client.create("test_task", times=1)
    await client.ended(final["id"])
    waits = (await client.call("POST", "taskqueue", waiting())).json

    ids = f"id={final['id']}&id={waits['id']}&id=4711"
    guarded = (await client.call("DELETE", f"taskqueue?{ids}&if_status=pending")).json
    assert [one["outcome"] for one in guarded["results"]] == ["changed", "aborted", "missing"]
    assert guarded["results"][0] == {"id": final["id"], "outcome": "changed", "status": "Finished"}

    report = (await client.call("DELETE", f"taskqueue?{ids}")).json
    assert [one["outcome"] for one in report["results"]] == ["deleted", "deleted", "missing"]
    assert (await client.call("DELETE", "taskqueue")).status == 400


async def test_many_are_deleted_by_a_body_as_by_an_address(client):
    final = await client.create("test_task", times=1)
    await client.ended(final["id"])
    waits = (await client.call("POST", "taskqueue", waiting())).json
    ids = [final["id"], waits["id"], 4711, final["id"]]

    guarded = (await client.call("POST", "taskqueue/delete", {"ids": ids, "if_status": "pending"})).json
    assert [one["outcome"] for one in guarded["results"]] == ["changed", "aborted", "missing"]
    assert guarded["results"][0] == {"id": final["id"], "outcome": "changed", "status": "Finished"}

    report = (await client.call("POST", "taskqueue/delete/", {"ids": ids})).json
    assert [one["outcome"] for one in report["results"]] == ["deleted", "deleted", "missing"]


async def test_a_deletion_by_a_body_with_force_kills_the_worker(client):
    task = await client.create("waits", times=20, in_round=1, until=NEVER)
    await client.until(task["id"], lambda task: task["status"] == "Running")

    report = (await client.call("POST", "taskqueue/delete", {"ids": [task["id"]], "force": True})).json

    assert report["results"] == [{"id": task["id"], "outcome": "aborted", "status": "Aborted"}]
    assert (await client.get(f"taskqueue/{task['id']}"))["stopping"] is False


async def test_a_thousand_ids_fit_in_a_body_and_no_more(client):
    answer = await client.call("POST", "taskqueue/delete", {"ids": [10**9 + number for number in range(1000)]})
    assert [one["outcome"] for one in answer.json["results"]] == ["missing"] * 1000

    assert (await client.call("POST", "taskqueue/delete", {"ids": [*range(1, 1002)]})).status == 400


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"ids"}),
        ({"ids": []}, {"ids"}),
        ({"ids": ["1"]}, {"ids"}),
        ({"ids": [0]}, {"ids"}),
        ({"ids": [True]}, {"ids"}),
        ({"ids": 17}, {"ids"}),
        ({"ids": [1], "if_status": "done", "force": 1}, {"if_status", "force"}),
        ({"id": [1]}, {"id", "ids"}),
    ],
)
async def test_a_deletion_by_a_body_names_each_mistake(client, body, fields):
    answer = await client.call("POST", "taskqueue/delete", body)

    assert (answer.status, set(answer.json["errors"])) == (400, fields)


async def test_a_task_is_run_again_as_a_new_one(client):
    task = await client.create("fails")
    failed = await client.ended(task["id"])
    assert failed["status"] == "Exception"
    assert failed["error"]["type"] == "ValueError"
    assert "no such pool" in failed["error"]["message"]
    assert "Traceback" in failed["error"]["traceback"]

    answer = await client.call("POST", f"taskqueue/{task['id']}/retry")
    assert (answer.status, answer.json["retry_of"]) == (201, task["id"])
    assert answer.headers["Location"].endswith(f"/{answer.json['id']}")

    pending = await client.create("waits", times=2, in_round=1, until=NEVER)
    assert (await client.call("POST", f"taskqueue/{pending['id']}/retry")).status == 409
    await client.call("DELETE", f"taskqueue/{pending['id']}?force=true")


async def test_a_list_has_pages_that_lead_to_each_other(client):
    for _ in range(3):
        await client.ended((await client.create("test_task", times=1))["id"])

    page = await client.get("taskqueue?status=Finished&ordering=id&pageSize=2")
    assert set(page) == {"count", "count_exact", "next", "previous", "store", "revision", "results"}
    assert (len(page["results"]), page["previous"], page["count_exact"]) == (2, None, True)
    following = await client.get(page["next"].removeprefix("/openattic/api/"))
    assert following["results"][0]["id"] > page["results"][1]["id"]
    assert following["previous"].startswith("/openattic/api/taskqueue?")
    assert (await client.get("taskqueue?page=1000"))["results"] == []


async def test_head_and_trailing_slashes_work_everywhere(client):
    for path in ("taskqueue", "taskqueue/", "jobs", "jobs/", "workers/"):
        answer = await client.call("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["Cache-Control"] == "no-store"
        assert (await client.call("GET", path)).status == 200


async def test_jobs_show_their_schema(client):
    jobs = {job["job"]: job for job in (await client.get("jobs"))["results"]}

    assert set(jobs["test_task"]) == {"job", "description", "parameters", "available", "unavailable_because"}
    times = jobs["test_task"]["parameters"]["properties"]["times"]
    assert (times["minimum"], times["maximum"]) == (1, 1_000_000)
    assert jobs["test_task"]["available"] is True


async def test_workers_are_shown_with_what_they_do(client):
    task = await client.create("waits", times=2, in_round=1, until=NEVER)
    await client.until(task["id"], lambda task: task["status"] == "Running")

    workers = (await client.get("workers"))["results"]

    assert {worker["task"] for worker in workers} >= {task["id"]}
    busy = next(worker for worker in workers if worker["task"] == task["id"])
    fields = {"pid", "state", "task", "cpu_percent", "memory_bytes", "uptime_seconds", "tasks_done", "host"}
    assert set(busy) == fields
    assert (busy["state"], busy["host"]) == ("busy", None)
    assert busy["memory_bytes"] > 0
    await client.call("DELETE", f"taskqueue/{task['id']}?force=true")


async def test_changes_are_reported_and_waited_for(client):
    task = await client.create("test_task", times=1)
    changes = await client.get(f"taskqueue/changes?since={task['revision'] - 1}&wait=60")

    assert changes["type"] == "changes"
    assert changes["transitions"][0]["to"] == "Not Started"
    assert (await client.get("taskqueue/changes?since=999999999"))["type"] == "resync"


async def test_many_at_once_are_all_taken_in_and_all_finish(client):
    created = await asyncio.gather(*(client.create("counts", times=1) for _ in range(100)))
    ended = await asyncio.gather(*(client.ended(task["id"]) for task in created))

    assert len({task["id"] for task in created}) == 100
    assert {task["status"] for task in ended} == {"Finished"}


async def test_a_result_over_the_limit_ends_the_task_in_words(client):
    task = await client.create("returns", kind="huge")
    failed = await client.ended(task["id"])

    assert failed["status"] == "Exception"
    assert "result" in failed["error"]["message"]
    assert failed["result"] is None


async def test_a_viewer_may_look_but_not_touch(client, shared_service):
    assert shared_service.user("add", "vera", "--role", "viewer", given="only looking\n").returncode == 0
    vera = Client(shared_service, basic("vera", "only looking"))
    assert (await vera.call("GET", "taskqueue")).status == 200
    for method, path in (("POST", "taskqueue/test_task"), ("DELETE", "taskqueue/1"), ("POST", "taskqueue/1/retry")):
        answer = await vera.call(method, path)
        assert (answer.status, answer.kind) == (403, "application/problem+json")


async def test_a_half_sent_request_disturbs_nobody(client, shared_service):
    host, port = shared_service.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /openattic/api/taskqueue/test_task HTTP/1.1\r\nHost: x\r\nContent-Le")
        assert (await client.call("GET", "taskqueue")).status == 200


async def test_interruptions_are_listed_with_when_the_task_resumed(service, tmp_path):
    service.start("--set", "workers.count=1")
    client = Client(service)
    task = await client.create("waits", times=3, in_round=2, until=str(tmp_path / "until"))
    await client.until(task["id"], lambda task: task["round"] == 1)
    assert await client.get(f"taskqueue/{task['id']}/interruptions") == {"results": []}

    os.kill(service.workers()[0], signal.SIGKILL)
    await client.until(task["id"], lambda task: task["interruptions"] == 1 and task["status"] == "Running")
    (tmp_path / "until").touch()
    ended = await client.ended(task["id"])

    (one,) = (await client.get(f"taskqueue/{task['id']}/interruptions"))["results"]
    assert ended["status"] == "Finished"
    assert task["created"] < one["at"] <= one["resumed"] <= ended["ended"]
    assert (await client.call("GET", "taskqueue/999999/interruptions")).status == 404
