"""While something is wrong, whoever watches is told what, and when it is over."""

from __future__ import annotations

import pytest

from tests.faults.test_disk import FAULTS, QUICK_AND_SLOW
from tests.support.monitoring import ask, ask_until, scrape
from tests.support.service import Client, Service

JOBS_THAT_NEED_A_FILE = """
import multiprocessing, os
if multiprocessing.parent_process() and not os.path.exists({path!r}):
    raise RuntimeError("no cluster here")
"""


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path, workers=2)
    yield service
    service.close()


@pytest.mark.parametrize("fault", QUICK_AND_SLOW)
async def test_while_nothing_can_be_stored_it_is_not_ready_and_says_why(service, fault):
    client = Client(service.start())
    await client.ended((await client.create("counts", times=1))["id"])
    with fault(service):
        assert (await ask(service, "/ready")).status == 200, "nobody has tried to write yet"
        assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 503
        answer = await ask(service, "/ready")
        health = (await ask(service, "/health")).json
        refused = await client.call("DELETE", "taskqueue/1?if_status=pending")
        meanwhile = await scrape(client)
        still = (await ask(service, "/health")).json

    assert (answer.status, answer.kind) == (503, "application/problem+json")
    assert FAULTS[fault] in answer.json["detail"]
    assert answer.json["database"] == answer.json["detail"]
    assert (health["status"], len(health["problems"])) == ("degraded", 1)
    assert FAULTS[fault] in health["problems"][0]
    assert refused.status in (412, 503), "a commit of nothing may succeed"
    assert still["status"] == "degraded", "a commit of nothing says nothing about the disk"
    assert (meanwhile.of("database_writable"), meanwhile.of("tasks", "Finished")) == (0, 1)
    assert meanwhile.of("commits_failed_total") >= 1

    assert (await ask(service, "/ready")).json["ready"], "it tried to write, and could"
    assert (await ask(service, "/health")).json["problems"] == []
    assert (await scrape(client)).of("database_writable") == 1


async def test_a_service_whose_workers_cannot_start_is_degraded_and_not_ready(service, tmp_path, monkeypatch):
    cluster = tmp_path / "cluster"
    (tmp_path / "needy_jobs.py").write_text(JOBS_THAT_NEED_A_FILE.format(path=str(cluster)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    service.start("--set", "jobs.modules=needy_jobs")
    answer = await ask_until(service, "/ready", lambda answer: answer.json["workers"]["failed to start"] == 2)

    reason = "The job module needy_jobs cannot be imported: RuntimeError: no cluster here"
    assert (answer.status, answer.kind, answer.json["database"]) == (503, "application/problem+json", "ok")
    assert reason in answer.json["detail"]
    health = (await ask(service, "/health")).json
    assert health["problems"] == [f"2 of 2 workers cannot start: {reason}. The server keeps trying."]
    assert (await scrape(Client(service))).of("workers", "failed to start") == 2

    cluster.touch()
    await ask_until(service, "/ready", lambda answer: answer.status == 200)
    await ask_until(service, "/health", lambda answer: answer.json["status"] == "ok")


async def test_a_worker_that_is_replaced_by_the_next_is_no_reason_to_turn_clients_away(service):
    client = Client(service.start("--set", "workers.count=1", "--set", "workers.tasks_per_worker=1"))
    for _ in range(5):
        task = await client.create("counts", times=1)
        await client.ended(task["id"])
        answer = await ask(service, "/ready")
        assert answer.status == 200, answer.body
