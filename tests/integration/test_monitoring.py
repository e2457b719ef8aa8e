"""/health, /ready and /metrics: for what watches the service."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.support.made import waiting
from tests.support.monitoring import Samples, ask, ask_until, scrape
from tests.support.service import ROOT, Client, basic

PATHS = ("/health", "/ready", "/metrics")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_each_address_answers_in_both_places_with_and_without_a_slash(shared_service, path, method):
    await ask_until(shared_service, "/ready", lambda answer: answer.status == 200)
    for form in (path, f"{path}/", f"/openattic{path}", f"/openattic{path}/"):
        answer = await ask(shared_service, form, method, basic())
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert bool(answer.body) == (method == "GET")


async def test_by_default_only_metrics_need_a_sign_in(shared_service):
    await ask_until(shared_service, "/ready", lambda answer: answer.status == 200)
    answers = [await ask(shared_service, path) for path in PATHS]

    assert [answer.status for answer in answers] == [200, 200, 401]
    assert answers[-1].kind == "application/problem+json"
    assert (await ask(shared_service, "/openattic/metrics")).status == 401


@pytest.mark.parametrize(("setting", "statuses"), [("", [200, 200, 200]), ("health, ready", [401, 401, 200])])
async def test_which_of_them_want_a_sign_in_is_a_setting(service, setting, statuses):
    service.start("--set", f"monitoring.sign_in={setting}")
    await Client(service).ended((await Client(service).create("counts", times=1))["id"])

    assert [(await ask(service, path)).status for path in PATHS] == statuses
    assert [(await ask(service, path, headers=basic())).status for path in PATHS] == [200, 200, 200]


async def test_a_viewer_and_a_token_sign_in(shared_service):
    shared_service.user("add", "prometheus", "--role", "viewer", given="scrape\n")
    credentials = {"username": "prometheus", "password": "scrape"}
    token = (await Client(shared_service, {}).call("POST", "api-token-auth", credentials)).json["token"]

    for headers in (basic("prometheus", "scrape"), {"Authorization": f"Bearer {token}"}):
        assert (await ask(shared_service, "/metrics", headers=headers)).status == 200
    assert (await ask(shared_service, "/metrics", headers=basic("prometheus", "wrong"))).status == 401


async def test_health_and_readiness_say_what_there_is(shared_service):
    ready = await ask_until(shared_service, "/ready", lambda answer: answer.status == 200)
    assert (ready.json["ready"], ready.json["database"]) == (True, "ok")
    assert sum(ready.json["workers"].values()) == 2

    health = (await ask(shared_service, "/health")).json
    assert (health["status"], health["problems"]) == ("ok", [])
    assert health["version"]
    assert health["uptime_seconds"] > 0
    assert set(health) == {"status", "version", "uptime_seconds", "problems"}


async def test_metrics_agree_with_what_was_done(service, tmp_path):
    client = Client(service.start("--set", "workers.count=1"))
    for _ in range(3):
        await client.ended((await client.create("counts", times=4))["id"])
    failed = await client.create("fails", rounds=2)
    await client.ended(failed["id"])
    until = tmp_path / "until"
    runs = await client.create("waits", times=2, in_round=1, until=str(until))
    await client.until(runs["id"], lambda task: task["status"] == "Running")
    waits = await client.create("counts", times=1)
    for _ in range(2):
        scheduled = (await client.call("POST", "taskqueue", waiting())).json
    await client.call("DELETE", f"taskqueue/{scheduled['id']}")
    await client.call("DELETE", f"taskqueue/{failed['id']}")
    events = await client.events()
    await events.next()
    now = await scrape(client)

    kept = {"Not Started": 2, "Running": 1, "Finished": 3, "Exception": 0, "Aborted": 1}
    assert {status: now.of("tasks", status) for status in kept} == kept
    assert (now.of("tasks_created_total"), now.of("tasks_started_total")) == (8, 5)
    ended = {"Finished": 3, "Exception": 1, "Aborted": 1}
    assert {status: now.of("tasks_ended_total", status) for status in ended} == ended
    assert now.of("rounds_total") == 3 * 4 + 2
    reasons = {"worker": 1, "lock": 0, "schedule": 1}
    assert {reason: now.of("tasks_waiting", reason) for reason in reasons} == reasons
    assert (now.of("task_waiting_seconds_count"), now.of("task_running_seconds_count")) == (5, 4)
    assert (now.of("workers", "busy"), now.of("workers", "idle")) == (1, 0)
    assert now.of("worker_cpu_seconds_total", "1") > 0
    assert now.of("worker_memory_bytes", "1") > 1024 * 1024
    assert now.of("websocket_clients") == 1
    assert now.of("revision") == (await client.get("taskqueue"))["revision"]
    assert now.of("build_info", (await ask(service, "/health")).json["version"]) == 1

    until.touch()
    await client.ended(waits["id"])
    assert (await scrape(client)).of("tasks_ended_total", "Finished") == 5


async def test_commits_and_the_disk_are_measured(service):
    client = Client(service.start())
    before = await scrape(client)
    await client.ended((await client.create("counts", times=1))["id"])
    after = await scrape(client)

    assert after.of("commit_seconds_count") > before.of("commit_seconds_count")
    assert after.of("commit_operations_sum") >= before.of("commit_operations_sum") + 2, "created; ended"
    assert (after.of("commits_failed_total"), after.of("database_writable"), after.of("database_readable")) == (0, 1, 1)
    data = service.directory / "data"
    assert after.of("database_bytes") >= (data / "hourglass.db").stat().st_size
    assert after.of("data_free_bytes") > 0
    assert ("process_open_fds",) in after.values


async def test_requests_are_counted_by_method_template_and_status(service):
    client = Client(service.start())
    task = await client.create("counts", times=1)
    await client.ended(task["id"])
    for _ in range(2):
        await client.call("GET", f"taskqueue/{task['id']}")
    await client.call("GET", "taskqueue/4711")
    await client.call("GET", "nonsense/../nonsense")
    await ask(service, "/openattic/static/js/main.js")
    await ask(service, "/health/")
    now = await scrape(client)

    one_task = "/openattic/api/taskqueue/ID"
    assert now.of("http_requests_total", "GET", one_task, "200") == 3
    assert now.of("http_requests_total", "GET", one_task, "404") == 1
    assert now.of("http_requests_total", "GET", "none", "404") == 1
    assert now.of("http_requests_total", "POST", "/openattic/api/taskqueue", "201") == 1
    assert now.of("http_requests_total", "GET", "/openattic/static", "200") == 1
    assert now.of("http_requests_total", "GET", "/health", "200") == 1
    assert now.of("http_request_seconds_count", "GET", one_task) == 4
    assert not any("4711" in label or "nonsense" in label for key in now.values for label in key)


async def test_a_method_that_nobody_knows_gets_no_label_of_its_own(service):
    host, port = service.start().base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"BREW /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 405")
    writer.close()
    await writer.wait_closed()

    now = await scrape(Client(service))
    assert now.of("http_requests_total", "other", "/health", "405") == 1


async def test_openmetrics_are_sent_to_clients_that_ask_for_them(shared_service):
    plain = await ask(shared_service, "/metrics", headers=basic())
    wanted = {**basic(), "Accept": "application/openmetrics-text; version=1.0.0"}
    openmetrics = await ask(shared_service, "/metrics", headers=wanted)

    assert plain.kind.startswith("text/plain; version=0.0.4")
    assert openmetrics.kind.startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n")


async def test_each_metric_is_described_and_none_that_does_not_exist(shared_service):
    text = (await ask(shared_service, "/metrics", headers=basic())).body.decode()
    told = {family.name for family in Samples(text).families if family.name.startswith("hourglass_")}

    assert {without_suffix(name) for name in described_metrics()} == {without_suffix(name) for name in told}


def described_metrics():
    return re.findall(r"^\| `(hourglass_\w+)", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE)


def without_suffix(name):
    """The parser names a family as the format of its text does: with the suffix, or without."""
    return re.sub(r"_(total|info)$", "", name)


async def test_asking_whether_it_is_ready_writes_nothing_while_all_is_well(service):
    client = Client(service.start())
    await client.ended((await client.create("counts", times=1))["id"])
    before = await scrape(client)
    for _ in range(3):
        assert (await ask(service, "/ready")).status == 200
        assert (await ask(service, "/health")).status == 200

    assert (await scrape(client)).of("commit_seconds_count") == before.of("commit_seconds_count")


async def test_a_server_that_stops_is_not_ready_though_it_answers(service, tmp_path):
    client = Client(service.start("--set", "server.grace_seconds=60"))
    until, began = tmp_path / "until", tmp_path / "began"
    task = await client.create("waits", times=2, in_round=1, until=str(until), began_path=str(began))
    await client.until(task["id"], lambda task: task["status"] == "Running")
    while not began.exists():
        await ask(service, "/health")
    service.terminate()
    answer = await ask_until(service, "/ready", lambda answer: answer.status != 200)

    assert (answer.status, answer.kind) == (503, "application/problem+json")
    assert answer.json["detail"] == "The server is stopping; try again when it is back."
    assert (await ask(service, "/health")).status == 200
    until.touch()
    assert service.wait() == 0
