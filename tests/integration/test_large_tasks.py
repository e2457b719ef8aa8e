"""What a pending task holds in memory is bounded, also if an older version stored more."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.support.attack import assert_honest_are_served, memory_bounded, memory_of, wait_until_memory_is_back
from tests.support.service import Client, Service

COUNTS = [40, pytest.param(200, marks=pytest.mark.slow)]
LONG = "l" * 900_000


@pytest.mark.parametrize("count", COUNTS)
async def test_locks_and_metadata_that_are_too_long_are_refused_and_leave_no_memory_taken(service: Service, count):
    service.start()
    client = Client(service)
    await client.create("holds", name="l" * 1000)
    before = memory_of(service)

    with memory_bounded(service):
        for _ in range(count):
            answer = await client.call("POST", "taskqueue", {"job": "holds", "params": {"name": LONG}})
            assert (answer.status, set(answer.json["errors"])) == (400, {"lock", "metadata"})

    await assert_honest_are_served(service)
    wait_until_memory_is_back(service, before)


@pytest.mark.parametrize("count", COUNTS)
async def test_pending_tasks_with_longer_locks_than_there_may_be_end_at_the_start_and_stay_readable(
    service: Service, count
):
    service.start()
    before = memory_of(service)
    assert service.stop() == 0
    store_pending(service, count)
    service.start()
    client = Client(service)

    assert (await client.get("taskqueue?status=Exception&pageSize=1"))["count"] == count
    task = await client.get("taskqueue/1")
    assert task["outcome"] == "Failed: it cannot run: expected a lock of at most 1000 characters, got 900000"
    assert task["params"] == {"name": "l"}
    assert (memory_of(service) - before) / 2**20 < 100
    await assert_honest_are_served(service)


def store_pending(service: Service, count: int) -> None:
    """As a version stored them that knew no bound."""
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db")) as connection, connection:
        connection.execute(
            """
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
            INSERT INTO tasks (job, params, description, metadata, locks, status, stopping, forced, percent, round,
                checkpoint_round, message, created, last_modified, stalled, outcome, interruptions, deaths, priority,
                pinned, revision)
            SELECT 'holds', '{"name": "l"}', 'Holding', '{}', ?, 'Not Started', 0, 0, 0, 0,
                0, '', 1, 1, 0, '', 0, 0, 0, 0, n
            FROM number
            """,
            (count, json.dumps([LONG])),
        )
        connection.execute("UPDATE head SET not_started = ?, revision = ?", (count, count))
