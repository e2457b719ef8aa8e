"""The files of the database under a running server: whoever removes, replaces or overwrites them is told at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.support.made import waiting
from tests.support.monitoring import ask, ask_until, scrape
from tests.support.service import Client, Service


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


def database(service):
    return service.directory / "data" / "hourglass.db"


def log(service):
    return service.directory / "data" / "hourglass.db-wal"


def remove(service):
    database(service).unlink()


def remove_all(service):
    for path in database(service).parent.glob("hourglass.db*"):
        path.unlink()


def remove_directory(service):
    shutil.rmtree(database(service).parent)


def move_directory(service):
    database(service).parent.rename(service.directory / "moved")


def replace(service):
    shutil.copyfile(database(service), service.directory / "copy")
    os.replace(service.directory / "copy", database(service))


def remove_log(service):
    log(service).unlink()


def overwrite(service):
    """With a sound database of another time, as `cp backup hourglass.db` does."""
    with closing(sqlite3.connect(service.directory / "other", isolation_level=None)) as other:
        other.execute("CREATE TABLE others (id)")
    shutil.copyfile(service.directory / "other", database(service))


def overwrite_with_itself(service):
    """With a backup of a moment ago."""
    source = service.directory / "data" / "hourglass.db"
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, source, service.directory / "other"], check=True)
    shutil.copyfile(service.directory / "other", source)


def cut_off(service):
    os.truncate(database(service), 0)


def cut_log_off(service):
    os.truncate(log(service), 20_000)


def overwrite_log(service):
    """With that of another time, as `cp backup-wal hourglass.db-wal` does."""
    with log(service).open("r+b") as file:
        file.seek(16)
        file.write(b"12345678")


LARGE = waiting(job="counts", params={"times": 1, "record_path": "x" * 900_000})
QUICK = ("--set", "server.grace_seconds=0", "--set", "workers.count=1")
FAULTS = [remove, move_directory, remove_log, overwrite_with_itself, overwrite_log]
MORE_FAULTS = [remove_all, remove_directory, replace, overwrite, cut_off, cut_log_off]


@pytest.mark.parametrize("fault", [*FAULTS, *(pytest.param(fault, marks=pytest.mark.slow) for fault in MORE_FAULTS)])
async def test_what_would_be_gone_after_a_restart_is_refused_and_health_and_ready_say_so(service, fault):
    client = Client(service.start(*QUICK))
    task = (await client.call("POST", "taskqueue", waiting())).json
    fault(service)

    refused = await client.call("POST", "taskqueue/test_task", {"times": 1})
    assert (refused.status, refused.kind) == (503, "application/problem+json")
    assert "while the server was running" in refused.json["detail"]
    assert (await client.call("DELETE", f"taskqueue/{task['id']}")).status == 503
    ready = await ask(service, "/ready")
    assert (ready.status, "while the server was running" in ready.json["detail"]) == (503, True)
    health = (await ask(service, "/health")).json
    assert (health["status"], "while the server was running" in health["problems"][0]) == ("degraded", True)
    assert (await scrape(client)).of("database_writable") == 0
    assert service.stop() == 0


@pytest.mark.parametrize("fault", [remove, pytest.param(overwrite, marks=pytest.mark.slow)])
async def test_an_idle_server_says_so_by_itself(service, fault):
    service.start(*QUICK)
    fault(service)

    await ask_until(service, "/health", lambda answer: answer.json["status"] == "degraded")


async def test_what_is_moved_away_can_be_read_and_goes_on_when_it_is_back(service):
    client = Client(service.start())
    task = await client.create("counts", times=30, round_seconds=0.05)
    await client.until(task["id"], lambda task: task["round"] >= 1)
    database(service).parent.rename(service.directory / "moved")
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 503
    assert (await client.get(f"taskqueue/{task['id']}"))["status"] == "Running"

    (service.directory / "moved").rename(database(service).parent)
    assert (await client.ended(task["id"]))["status"] == "Finished"
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 200
    assert (await ask(service, "/ready")).status == 200
    assert (await ask(service, "/health")).json["problems"] == []


async def test_an_overwritten_database_is_not_read_either_and_a_stop_leaves_alone_what_is_there(service):
    """What a stop would merge into it, and take away, belongs to another database."""
    client = Client(service.start(*QUICK))
    overwrite(service)
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 503
    answer = await client.call("GET", "taskqueue")
    assert answer.status == 503
    assert "was overwritten" in answer.json["detail"]

    before = database(service).read_bytes()
    assert service.stop() == 0
    assert (database(service).read_bytes(), log(service).exists()) == (before, True)


async def test_a_restart_after_the_log_was_removed_loses_nothing(service):
    client = Client(service.start(*QUICK))
    task = (await client.call("POST", "taskqueue", waiting())).json
    name = (await client.get("taskqueue"))["store"]
    remove_log(service)
    assert (await client.call("POST", "taskqueue/test_task", {"times": 1})).status == 503
    assert service.stop() == 0

    service.start()
    page = await client.get("taskqueue")
    assert ([one["id"] for one in page["results"]], page["store"]) == ([task["id"]], name)


async def test_a_killed_server_goes_on_as_the_same_database_and_clients_miss_nothing(service):
    client = Client(service.start())
    events = await (await client.events()).until(lambda events: events.last == "hello")
    task = await client.create("test_task", times=3)
    await events.until(lambda events: task["id"] in events.tasks)
    revision = events.revision
    service.kill()

    service.start()
    again = await client.events(since=revision)
    await again.until(lambda events: events.tasks.get(task["id"], {}).get("status") == "Finished")
    assert (again.store, again.frames[0]["revision"]) == (events.store, revision)


# The log


@pytest.mark.slow
async def test_a_log_that_an_outside_reader_keeps_large_is_reported_with_its_size_and_shrinks_afterwards(service):
    client = Client(service.start())
    with closing(sqlite3.connect(database(service), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tasks").fetchone()
        for _ in range(8):
            answer = await client.call("POST", "taskqueue", LARGE)
            assert answer.status == 201, answer.body
        size = log(service).stat().st_size
        assert size > 5_000_000
        health = await ask_until(service, "/health", lambda answer: answer.json["problems"])
        (problem,) = health.json["problems"]
        assert f"hourglass.db-wal has grown to {round(size / 2**20)} MiB" in problem
        assert f"process {os.getpid()} has been reading the database" in problem
        assert (await ask(service, "/ready")).status == 200, "nothing is refused"
        reader.execute("COMMIT")

    await ask_until(service, "/health", lambda answer: not answer.json["problems"])
    assert log(service).stat().st_size < 1_000_000
