"""A disk that takes no more, and a database that somebody holds: a clear answer, nothing lost, and on it goes."""

from __future__ import annotations

import resource
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager

import pytest

from tests.support.service import Client, Service


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path, workers=2)
    yield service
    service.close()


@contextmanager
def a_full_disk(service):
    """No file of the server may have more than one byte: what a write to a full disk meets, without being root."""
    everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(service.server.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    yield
    resource.prlimit(service.server.pid, resource.RLIMIT_FSIZE, everything)


@contextmanager
def a_locked_database(service):
    """Another program is in the middle of a write."""
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


FAULTS = {a_full_disk: "disk", a_locked_database: "locked"}
QUICK_AND_SLOW = [a_full_disk, pytest.param(a_locked_database, marks=pytest.mark.slow)]
"""Each write waits for two seconds until it gives up a locked database."""


@pytest.mark.parametrize("fault", QUICK_AND_SLOW)
async def test_what_cannot_be_stored_is_refused_retained_or_waited_for(service, tmp_path, fault):
    client = Client(service.start())
    record = tmp_path / "record"
    task = await client.create("counts", times=25, round_seconds=0.06, record_path=str(record))
    flood = await client.create("floods", times=20_000)
    before = await client.until(task["id"], lambda task: task["round"] >= 3)
    revision = (await client.get("taskqueue"))["revision"]

    with fault(service):
        for method, path, body in (
            ("POST", "taskqueue/test_task", {"times": 1}),
            ("POST", "taskqueue", {"job": "counts", "params": {"times": 1}}),
            ("DELETE", f"taskqueue/{task['id']}", None),
        ):
            answer = await client.call(method, path, body)
            assert (answer.status, answer.kind) == (503, "application/problem+json")
            assert FAULTS[fault] in answer.json["detail"]
        meanwhile = await client.get(f"taskqueue/{task['id']}")
        assert meanwhile["status"] == "Running"
        assert (await client.call("GET", "taskqueue?search=counting")).status == 200

    ended = await client.ended(task["id"])
    assert (ended["status"], ended["round"], ended["interruptions"]) == ("Finished", 25, 0)
    assert ended["revision"] > before["revision"]
    assert (await client.ended(flood["id"]))["result"] is not None
    assert set(Counter(record.read_text().split()).values()) == {1}, "a round was done again"
    rounds = (await client.get(f"taskqueue/{task['id']}/rounds"))["results"]
    assert [one["number"] for one in rounds] == list(range(1, 26))
    page = await client.get("taskqueue")
    assert {one["id"] for one in page["results"]} == {task["id"], flood["id"]}, "a refused task is there"
    assert page["revision"] > revision
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 200


async def test_while_somebody_holds_the_database_a_task_is_refused_and_then_taken(service):
    client = Client(service.start())
    with a_locked_database(service):
        refused = await client.call("POST", "taskqueue/test_task", {"times": 1})
        assert (refused.status, "locked" in refused.json["detail"]) == (503, True)
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 200


async def test_a_live_view_misses_nothing_while_the_disk_is_full(service):
    client = Client(service.start())
    events = await client.events(0)
    task = await client.create("counts", times=15, round_seconds=0.06)
    await client.until(task["id"], lambda task: task["round"] >= 2)
    with a_full_disk(service):
        assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 503
    await events.until(lambda events: events.tasks.get(task["id"], {}).get("status") == "Finished")

    assert [move["to"] for move in events.transitions] == ["Not Started", "Running", "Finished"]
