"""Made-up tasks, and what they are made of."""

from __future__ import annotations

from jobs.model import lifecycle
from jobs.model.task import RoundRecord, Task
from jobs.store import Draft, RequestKey

NEVER = "/nonexistent/never"
"""A path for the job `waits`: it waits until its worker is killed."""

LATER = "2999-01-01T00:00:00Z"
"""An earliest start: the task waits for as long as the test takes."""


def waiting(times=1, **fields):
    """A request for a task that nothing will start."""
    return {"job": "test_task", "params": {"times": times}, "not_before": LATER, **fields}


def a_task(**fields):
    """A task as a store returns it, without a store."""
    values = {"id": 1, "job": "plain", "params": "{}", "description": "Counting", "metadata": "{}", "created": 1000}
    return Task(**{**values, "last_modified": 1000, **fields})


def draft(**fields):
    return Draft(**{"job": "plain", "params": "{}", "description": "Counting", "created": 1000, **fields})


def done(number, at=2000, **fields):
    return RoundRecord(number=number, at=at, seconds=0.5, message=f"round {number}", **fields)


async def create(store, **fields):
    return (await store.create([draft(**fields)]))[0].task


async def running(store, **fields):
    task = await create(store, **fields)
    return await store.change(task.id, lifecycle.taken(1500))


async def finished(store, result="5", **fields):
    task = await running(store, **fields)
    return await store.change(task.id, lifecycle.returned(result, 3000))


def key(text="k", **fields):
    return RequestKey(**{"user": "ann", "path": "/taskqueue", "key": text, "body_hash": "h", "at": 1000, **fields})
