"""Tasks of the Ceph jobs, as tests begin and await them."""

from __future__ import annotations

FINAL = ("Finished", "Exception", "Aborted")


async def begin(client, cluster, **params):
    return (await client.create("rbd_performance", fsid=cluster.fsid, **params))["id"]


async def ended(client, task_id):
    return await client.until(task_id, lambda task: task["status"] in FINAL and not task["stopping"])


async def finished(client, task_id):
    task = await ended(client, task_id)
    assert task["status"] == "Finished", (task["outcome"], task["error"])
    return (await client.get(f"taskqueue/{task_id}"))["result"]


async def failed(client, task_id):
    task = await ended(client, task_id)
    assert task["status"] == "Exception", task["outcome"]
    return task["error"]["message"]


async def message_with(client, task_id, words, after=0):
    """Returns the task once a round after number `after` has these words: the next rounds may have followed already."""
    while True:
        task = await client.get(f"taskqueue/{task_id}")
        rounds = (await client.get(f"taskqueue/{task_id}/rounds"))["results"]
        if any(words in done["message"] for done in rounds if done["number"] > after):
            return task
        assert task["status"] not in FINAL, task["outcome"]
        await client.get(f"taskqueue/changes?since={task['revision']}&wait=10")
