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


async def message_with(client, task_id, words):
    """Returns the task once these words are in its message, or fails with its outcome if it ends without them."""
    task = await client.until(task_id, lambda task: words in task["message"] or task["status"] in FINAL)
    assert words in task["message"], task["outcome"]
    return task
