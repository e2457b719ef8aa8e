"""No answer is large, whatever is stored: lists, rounds, frames, what changed, what retention removes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from tests.support.attack import (
    MEGABYTE,
    assert_honest_are_served,
    connections,
    memory_bounded,
    memory_of,
    read_answer,
    request,
)
from tests.support.attack import wait_until_memory_is_back as memory_is_back
from tests.support.made import waiting
from tests.support.service import Client, Service, basic

LONG = "x" * 1_000_000
LARGEST_ANSWER_BYTES = 4 * MEGABYTE + 500 * 5000
TASK_COUNTS = [60, pytest.param(500, marks=pytest.mark.slow)]
ROUND_COUNTS = [16, pytest.param(400, marks=pytest.mark.slow)]


def store_ended(service: Service, count: int, params: str, metadata: str = "{}", error: str | None = None) -> None:
    """As a version stored them that knew no bound."""
    status, percent = ("Exception", 0) if error else ("Finished", 100)
    result_bytes = None if error else 4
    with closing(sqlite3.connect(service.directory / "data" / "hourglass.db")) as connection, connection:
        connection.execute(
            """
            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
            INSERT INTO tasks (job, params, description, metadata, status, stopping, forced, percent, round,
                checkpoint_round, message, created, started, last_modified, ended, stalled, result, result_bytes, error,
                outcome, interruptions, deaths, priority, pinned, revision)
            SELECT 'prints', :params, 'Large ' || n, :metadata, :status, 0, 0, :percent, 1, 0, '', 1000, 1000, 1000 + n,
                1000 + n, 0, iif(:result_bytes IS NULL, NULL, 'null'), :result_bytes, :error, 'Ended', 0, 0, 0, 1, n
            FROM number
            """,
            {"count": count, "params": params, "metadata": metadata, "status": status, "percent": percent}
            | {"result_bytes": result_bytes, "error": error},
        )
        counter = "exception" if error else "finished"
        connection.execute(f"UPDATE head SET revision = :count, {counter} = :count", {"count": count})


async def sizes_of(client: Client, paths: list[str]) -> list[int]:
    answers = await asyncio.gather(*(client.call("GET", path) for path in paths))
    assert {answer.status for answer in answers} == {200}
    return [len(answer.body) for answer in answers]


@pytest.mark.parametrize("count", TASK_COUNTS)
async def test_a_page_has_as_many_rows_as_asked_for_however_large_the_tasks_are(service: Service, count):
    service.start()
    service.stop()
    store_ended(service, count, json.dumps({"text": LONG}), json.dumps({"about": LONG}))
    client = Client(service.start())
    before = memory_of(service)
    paths = [f"taskqueue?pageSize={count}", "taskqueue/changes?since=0", "retention?within_days=3650&limit=500"]

    with memory_bounded(service):
        sizes = await sizes_of(client, paths * 4)
        await assert_honest_are_served(service)
    rows = (await client.get(paths[0]))["results"]

    assert max(sizes) <= LARGEST_ANSWER_BYTES
    assert len(rows) == count
    assert {(row["params"], row["params_bytes"], json.dumps(row["metadata"])) for row in rows} == {
        (None, 1_000_012, "{}")
    }
    alone = await client.get(f"taskqueue/{rows[0]['id']}")
    assert (alone["params"], alone["metadata"]) == ({"text": LONG}, {"about": LONG})
    memory_is_back(service, before)


@pytest.mark.slow
@pytest.mark.parametrize("count", [500])
async def test_beyond_4_mib_rows_have_neither_parameters_nor_results_and_short_tracebacks(service: Service, count):
    service.start()
    service.stop()
    error = {
        "type": "ValueError",
        "message": "no such pool",
        "traceback": "line\n" * 12_000 + "ValueError: no such pool",
    }
    store_ended(service, count, json.dumps({"text": "x" * 15_000}), '{"pool": "rbd"}', json.dumps(error))
    client = Client(service.start())

    with memory_bounded(service):
        answers = await asyncio.gather(*(client.call("GET", f"taskqueue?pageSize={count}") for _ in range(8)))
        await assert_honest_are_served(service)
    rows = answers[0].json["results"]

    assert max(len(answer.body) for answer in answers) <= LARGEST_ANSWER_BYTES
    assert len(rows) == count
    whole = [row["params"] is not None for row in rows]
    assert 40 < sum(whole) < count
    assert whole == sorted(whole, reverse=True)
    assert all(row["metadata"] == {"pool": "rbd"} for row in rows)
    for row in rows:
        assert row["error"]["traceback"].endswith("ValueError: no such pool")
        assert row["error"] == error or row["params"] is None
        assert {type(text) for text in row["error"].values()} == {str}
    assert (await client.get(f"taskqueue/{rows[-1]['id']}"))["error"] == error


async def test_large_parameters_are_returned_wherever_one_task_is(client: Client):
    answer = await client.call("POST", "taskqueue", {"job": "carries", "params": {"text": LONG}})
    task = answer.json
    size = len(json.dumps({"text": LONG}, separators=(",", ":")))
    await client.ended(task["id"])
    again = await client.call("POST", f"taskqueue/{task['id']}/retry", Prefer="wait=60")

    assert (answer.status, task["params_bytes"], task["params"]) == (201, size, {"text": LONG})
    assert (again.json["params_bytes"], again.json["params"]) == (size, {"text": LONG})
    assert (await client.ended(task["id"]))["params"] == {"text": LONG}
    (row, other) = (await client.get("taskqueue"))["results"]
    assert {row["params_bytes"], other["params_bytes"]} == {size}
    assert (row["params"], other["params"]) == (None, None)
    changes = await client.get("taskqueue/changes?since=0")
    assert {(one["params"], one["params_bytes"]) for one in changes["tasks"]} == {(None, size)}
    assert (await client.call("DELETE", f"taskqueue/{task['id']}")).status == 204


async def test_an_array_of_tasks_is_answered_within_bounds(client: Client):
    bodies = [waiting(job="carries", params={"text": "x" * 900})] * 1000
    with memory_bounded(client.service):
        answer = await client.call("POST", "taskqueue", bodies)
    rows = answer.json["results"]

    assert (answer.status, len(rows)) == (201, 1000)
    assert len(answer.body) <= 4 * MEGABYTE
    assert {row["params_bytes"] for row in rows} == {911}


@pytest.mark.parametrize("count", ROUND_COUNTS)
async def test_rounds_come_in_answers_of_4_mib_and_next_leads_to_the_end(service: Service, count):
    client = Client(service.start("--set", "workers.count=1", "--set", "retention.rounds_mb_per_task=1000"))
    task = await client.create("floods", times=count, output_bytes=1_000_000)
    await client.ended(task["id"])
    before = memory_of(service)

    with memory_bounded(service):
        numbers, sizes, path = [], [], f"taskqueue/{task['id']}/rounds"
        while path is not None:
            answer = await client.call("GET", path)
            numbers += [one["number"] for one in answer.json["results"]]
            sizes.append(len(answer.body))
            path = answer.json["next"] and answer.json["next"].removeprefix("/openattic/api/")
        await asyncio.gather(*(client.call("GET", f"taskqueue/{task['id']}/rounds") for _ in range(20)))
        await assert_honest_are_served(service)

    assert numbers == list(range(1, count + 1))
    assert max(sizes) <= 4 * MEGABYTE + 5000
    memory_is_back(service, before)


@pytest.mark.parametrize("count", ROUND_COUNTS)
async def test_a_watcher_of_large_rounds_gets_each_once_in_frames_of_4_mib(service: Service, count):
    client = Client(service.start("--set", "workers.count=1", "--set", "retention.rounds_mb_per_task=1000"))
    task = await client.create("floods", times=count, output_bytes=1_000_000)
    await client.ended(task["id"])
    before = memory_of(service)

    with memory_bounded(service):
        sockets = [await client.events() for _ in range(8)]
        for events in sockets:
            events.socket.write_message(json.dumps({"type": "watch", "task": task["id"]}))
        await asyncio.gather(
            *(events.until(lambda events: len(events.rounds.get(str(task["id"]), ())) >= count) for events in sockets)
        )
        await assert_honest_are_served(service)

    for events in sockets:
        assert [one["number"] for one in events.rounds[str(task["id"])]] == list(range(1, count + 1))
        assert max(len(json.dumps(frame)) for frame in events.frames) <= 4 * MEGABYTE + 5000
        events.close()
    memory_is_back(service, before)


async def test_the_last_page_of_rounds_says_that_it_is_the_last(client: Client):
    task = await client.create("counts", times=3)
    await client.ended(task["id"])

    assert (await client.get(f"taskqueue/{task['id']}/rounds"))["next"] is None
    assert await client.get(f"taskqueue/{task['id']}/rounds?after=3") == {"results": [], "next": None}


async def test_large_answers_for_which_there_is_no_room_yet_come_when_there_is(service: Service):
    client = Client(service.start("--set", "limits.answers_mb=8"))
    task = await client.ended((await client.create("floods", times=4, output_bytes=900_000))["id"])
    asked = request("GET", f"/openattic/api/taskqueue/{task['id']}/rounds", basic())

    with connections(service, 8, asked, receive_bytes=4096) as opened:
        await assert_honest_are_served(service)
        answers = await asyncio.gather(*(asyncio.to_thread(read_answer, one) for one in opened))

    assert [status for status, _, _ in answers] == [200] * 8
    assert {len(json.loads(body)["results"]) for _, _, body in answers} == {4}
