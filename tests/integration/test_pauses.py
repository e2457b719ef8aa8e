"""Jobs that pause, on the real server with real workers: what ends a pause, and that it is no round."""

from __future__ import annotations

import pytest

from tests.support.service import Client


@pytest.fixture
def client(service):
    return Client(service.start("--set", "jobs.modules=tests.support.pausing_jobs"))


async def pausing(client, job="pauses", **params):
    task = await client.create(job, **params)
    return await client.until(task["id"], lambda task: "before the pause" in task["message"])


async def test_an_abort_ends_a_pause_and_the_job_cleans_up(client, tmp_path):
    path = tmp_path / "ended"
    task = await pausing(client, ended_path=str(path))
    await client.call("DELETE", f"taskqueue/{task['id']}")
    ended = await client.until(task["id"], lambda task: not task["stopping"] and task["status"] == "Aborted")

    assert ended["outcome"] == "Aborted by admin after round 1"
    assert path.read_text() == "closed"


async def test_a_pause_is_no_round_and_ends_by_itself(client):
    task = await client.create("pauses", seconds=0.01)
    ended = await client.ended(task["id"])
    rounds = (await client.get(f"taskqueue/{task['id']}/rounds"))["results"]

    assert ended["status"] == "Finished"
    assert [one["message"] for one in rounds] == ["before the pause", "after the pause"]


async def test_a_pause_inside_a_chain_is_ended_by_an_abort_as_well(client):
    steps = [{"job": "pauses", "params": {}}, {"job": "pauses", "params": {}}]
    task = await pausing(client, "chain", steps=steps)
    await client.call("DELETE", f"taskqueue/{task['id']}")
    ended = await client.until(task["id"], lambda task: not task["stopping"] and task["status"] == "Aborted")

    assert ended["outcome"] == "Aborted by admin after round 1"


async def test_the_end_of_the_server_ends_a_pause_in_good_order(service, client, tmp_path):
    path = tmp_path / "ended"
    task = await pausing(client, ended_path=str(path))

    assert service.stop() == 0
    assert path.read_text() == "closed"
    client = Client(service.start("--set", "jobs.modules=tests.support.pausing_jobs"))
    assert (await client.get(f"taskqueue/{task['id']}"))["interruptions"] == 1
