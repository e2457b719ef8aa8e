"""What a running server logs: text or JSON, with the task and the request, and no secret."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.support.made import waiting
from tests.support.monitoring import ask
from tests.support.service import PASSWORD, Client, basic


def log_of(service):
    return (service.directory / "server.log").read_text()


def json_lines(service):
    return [json.loads(line) for line in log_of(service).splitlines()]


def messages(lines, **wanted):
    """Of the lines that have these members."""
    return [line["message"] for line in lines if wanted.items() <= line.items()]


async def test_each_line_of_a_busy_server_is_json_and_can_be_followed_from_request_to_task(service):
    client = Client(service.start("--set", "log.format=json", "--set", "log.level=debug"))
    body = {"job": "counts", "params": {"times": 2}}
    created = await asyncio.gather(
        *(client.call("POST", "taskqueue", body, X_Request_Id=f"caller-{number}") for number in range(20))
    )
    unruly = await client.create("yields_and_fails_to_clean_up")
    for answer in created:
        await client.ended(answer.json["id"])
    await client.ended(unruly["id"])
    assert service.stop() == 0
    lines = json_lines(service)

    for number, answer in enumerate(created):
        request, task = f"caller-{number}", answer.json["id"]
        assert answer.headers["X-Request-Id"] == request
        of_request = messages(lines, request=request)
        assert [one for one in of_request if one.startswith("POST /openattic/api/taskqueue 201 in ")]
        assert messages(lines, request=request, task=task) == [f"task {task}: created by admin, job counts"]
        assert f"task {task}: started" in messages(lines, task=task)
        assert f"task {task}: Finished after 2 rounds" in messages(lines, task=task)
    by_worker = messages(lines, logger="hourglass.worker", task=unruly["id"], level="warning")
    assert by_worker
    assert "its clean-up raised" in by_worker[0]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)


async def test_start_stop_failures_and_who_aborts_or_deletes_are_logged(service):
    client = Client(service.start("--set", "log.format=json"))
    failed = await client.create("fails")
    await client.ended(failed["id"])
    waits = (await client.call("POST", "taskqueue", waiting())).json
    await client.call("DELETE", f"taskqueue/{waits['id']}", X_Request_Id="abort")
    await client.call("DELETE", f"taskqueue/{waits['id']}", X_Request_Id="delete")
    quiet = await client.create("counts", times=1)
    await client.ended(quiet["id"])
    service.stop()
    lines = json_lines(service)

    assert messages(lines, task=failed["id"]) == [f"task {failed['id']}: Failed in round 1: ValueError: no such pool"]
    assert messages(lines, request="abort") == [f"task {waits['id']}: Aborted by admin before it started"]
    assert messages(lines, request="delete", task=waits["id"]) == [f"task {waits['id']}: deleted by admin"]
    assert not messages(lines, task=quiet["id"])
    first, *_, last = messages(lines, logger="hourglass")
    assert service.address in first
    assert str(service.directory / "data") in first
    assert last == "stopped"


async def test_an_abort_of_a_running_task_is_logged_with_its_request(service, tmp_path):
    client = Client(service.start("--set", "log.format=json"))
    until = tmp_path / "until"
    task = await client.create("waits", times=2, in_round=1, until=str(until))
    await client.until(task["id"], lambda task: task["status"] == "Running")
    await client.call("DELETE", f"taskqueue/{task['id']}", X_Request_Id="abort")
    until.touch()
    service.stop()  # a line may be written later than what it is about

    assert messages(json_lines(service), task=task["id"]) == [f"task {task['id']}: Aborted by admin after round 0"]
    assert len(messages(json_lines(service), request="abort")) == 1


@pytest.mark.parametrize("style", ["text", "json"])
async def test_no_secret_is_ever_logged(service, style):
    client = Client(service.start("--set", f"log.format={style}", "--set", "log.level=debug"))
    signed_in = await client.call("POST", "auth", {"username": "admin", "password": PASSWORD})
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    token = (await client.call("POST", "api-token-auth", {"username": "admin", "password": PASSWORD})).json["token"]
    await Client(service, {"Cookie": cookie}).get("jobs")
    await Client(service, {"Authorization": f"Bearer {token}"}).get("jobs")
    await Client(service, basic("admin", "a wrong one")).call("GET", f"taskqueue?token={token}&search=hush")
    service.stop()
    told = log_of(service)

    assert "GET /openattic/api/jobs 200" in told
    assert "aiosqlite" not in told, "it would tell what is stored"
    for secret in (PASSWORD, cookie.partition("=")[2], token, "a wrong one", "hush", "Basic "):
        assert secret not in told


async def test_what_follows_on_a_connection_is_not_logged_in_the_name_of_an_old_request(service):
    service.start("--set", "log.format=json", "--set", "log.level=debug")
    host, port = service.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /health HTTP/1.1\r\nHost: {host}:{port}\r\nX-Request-Id: ab12\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"}")
    writer.write(b"this is no request\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    service.stop()
    lines = json_lines(service)

    assert [one.startswith("GET /health 200") for one in messages(lines, request="ab12")] == [True]
    assert [line for line in lines if "Malformed" in line["message"]]


async def test_a_text_line_names_the_request(service):
    client = Client(service.start("--set", "log.level=debug"))
    await client.call("GET", "jobs", X_Request_Id="ab12")
    service.stop()

    assert re.search(
        r"^[-\d]+ [:,\d]+ DEBUG hourglass.http: GET /openattic/api/jobs 200 in [\d.]+ ms by admin request=ab12$",
        log_of(service),
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    "path",
    ["/", "/openattic/", "/openattic/static/js/main.js", "/openattic/static/nothing", "/nothing", "/health",
     "/openattic/api/jobs", "/openattic/api/taskqueue?page=0"],
)  # fmt: skip
async def test_every_answer_bears_the_id_of_its_request(shared_service, path):
    given = await ask(shared_service, path, headers={**basic(), "X-Request-Id": "ab12"}, follow=False)
    made = await ask(shared_service, path, headers={"X-Request-Id": "not fit"}, follow=False)

    assert given.headers["X-Request-Id"] == "ab12"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", made.headers["X-Request-Id"])


async def test_requests_of_one_connection_have_an_id_each(shared_service):
    answers = [await ask(shared_service, "/health") for _ in range(3)]

    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 3


async def test_code_of_a_job_silences_neither_the_server_nor_its_worker_nor_the_next_task(service):
    options = ("--set", "log.format=json", "--set", "log.level=debug", "--set", "workers.count=1")
    client = Client(service.start("--set", "jobs.modules=tests.faults.silencing_jobs", *options))
    before = await client.get("workers")
    silent = await client.create("silences")
    await client.ended(silent["id"])
    loud = await client.create("logs_in_threads", text="heard")
    await client.ended(loud["id"])
    after = await client.get("workers")
    service.stop()
    lines = json_lines(service)

    assert after["results"][0]["pid"] == before["results"][0]["pid"], "it is the worker that was silenced"
    assert messages(lines, logger="hourglass")[-1] == "stopped"
    assert "its clean-up raised" in messages(lines, logger="hourglass.worker", task=silent["id"])[0]
    assert messages(lines, logger="hourglass.queue", task=silent["id"])
    assert messages(lines, logger="a.job", task=loud["id"]) == [f"heard {where}" for where in WHERE_IT_LOGS]
    assert messages(lines, logger="hourglass.http", level="debug")
    assert not [line for line in lines if "nobody reads this" in line["message"]]


WHERE_IT_LOGS = ("main", "new", "early", "asyncio")


async def test_an_error_with_line_ends_forges_no_line_of_the_log(service):
    client = Client(service.start("--set", "log.level=debug"))
    forged = "2026-01-31 12:00:00,250 INFO hourglass: all is well"
    for job in ("fails", "logs_an_error"):
        task = await client.create(job, message=f"no such pool\n{forged}\r{forged}\x1b[2J\u2028{forged}")
        await client.ended(task["id"])
    service.stop()

    assert forged in log_of(service)
    for line in log_of(service).split("\n"):
        assert line.isprintable()
        assert not line.startswith(forged)
