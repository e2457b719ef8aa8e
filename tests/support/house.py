"""A task queue whose engine is scripted and whose clock the test sets."""

from __future__ import annotations

import asyncio

from jobs.definition.loading import load_registry
from jobs.definition.submission import Submission
from jobs.queue.task_queue import TaskQueue
from storage.memory import MemoryStore
from tests.support.engine import ScriptedEngine

REGISTRY = load_registry(["tests.support.plain_jobs"])


class House:
    """A queue on a store in memory. `settle` returns as soon as everything that was begun is written."""

    def __init__(self, workers=1, store=None, registry=REGISTRY, engine=None):
        self.now = 1_000_000
        self.store = store or MemoryStore()
        self.engine = engine or ScriptedEngine(workers)
        self.engine.clock = lambda: self.now
        self.steady = 5_000
        self.registry = registry
        self.queue = self._new_queue()

    def _new_queue(self):
        return TaskQueue(self.store, self.engine, self.registry, clock=lambda: self.now, steady=lambda: self.steady)

    async def restart(self):
        """Kills the server at once. The next one has the same store, and an engine that has run on."""
        self.queue._runner.stop_starting()
        self.queue._runner.background.cancel()
        self.queue = self._new_queue()
        await self.queue.recover()
        await asyncio.sleep(0)  # then the engine repeats what was not acknowledged
        await self.settle()

    async def submit(self, job="plain", **params):
        task = (await self.queue.submit(Submission(job=job, params=params), "ann")).task
        await self.settle()
        return task.id

    async def settle(self):
        await self.queue._runner.background.finish()

    def let_pass(self, seconds):
        self.now += seconds * 1000
        self.steady += seconds * 1000

    async def round(self, task_id, of=None, seconds=1, expected_seconds=None):
        self.let_pass(seconds)
        self.engine.rounds(task_id, of=of, expected_seconds=expected_seconds)
        await self.settle()

    async def later(self, seconds):
        self.let_pass(seconds)
        self.queue._runner.stalls.mark()
        await self.settle()

    async def task(self, task_id):
        return await self.store.task(task_id)

    async def derived(self, task_id):
        return self.queue.derived(await self.task(task_id))
