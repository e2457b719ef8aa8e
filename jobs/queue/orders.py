"""What a worker needs to start a task: cached for the newest tasks, read from the store for all others."""

from __future__ import annotations

import logging

from jobs.definition import composition
from jobs.definition.registry import Registry
from jobs.engine import Start
from jobs.errors import in_words
from jobs.model.forecast import TREND_ROUNDS
from jobs.model.task import Checkpoint, Task
from jobs.queue.runs import ActiveRun
from jobs.store import TaskStore

log = logging.getLogger("hourglass.queue")

MOST_ORDERS = 1000
LARGEST_ORDER_CHARACTERS = 4096


class Orders:
    """Makes the orders that go to workers."""

    def __init__(self, store: TaskStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._cached: dict[int, Start] = {}

    def cache(self, task: Task) -> None:
        """Spares a new task the read from the store when it starts."""
        if len(self._cached) < MOST_ORDERS and len(task.params) <= LARGEST_ORDER_CHARACTERS:
            self._cached[task.id] = self.order(task)

    def pop(self, task_id: int) -> Start | None:
        """Returns the cached order of a task, which is removed; None if it must be read."""
        return self._cached.pop(task_id, None)

    async def read(self, run: ActiveRun, task: Task) -> Start:
        """Makes the order of a stored task, and gives its run the pace of earlier rounds. Raises StorageUnavailable."""
        checkpoint = await self._store.checkpoint(task.id)
        if task.interruptions:
            recent = await self._store.rounds_without_output(task.id, max(0, task.checkpoint_round - TREND_ROUNDS))
            run.pace.recall((done.number, done.seconds) for done in recent)
        return self.order(task, checkpoint)

    def expected_seconds(self, order: Start, *, resumed: bool) -> float:
        """Returns how long a round should take; 0 if a function of the job fails: such a task runs too, and its pace
        alone counts then."""
        try:
            return composition.expected_round_seconds(self._registry, order.job, order.params, resumed=resumed)
        except Exception as error:  # noqa: BLE001  code of others
            about = {"task": order.task}
            words = in_words(error)
            log.warning(
                "task %d: how long a round should take could not be determined: %s", order.task, words, extra=about
            )
            return 0

    def order(self, task: Task, checkpoint: Checkpoint | None = None) -> Start:
        """Returns the order to run a task from the checkpoint, or from the beginning."""
        limits = composition.limits_of(self._registry, task.job, task.params)
        return Start(
            task=task.id,
            attempt=task.attempt + 1,
            needs=task.needs,
            job=task.job,
            params=task.params,
            checkpoint=checkpoint.data if checkpoint else None,
            round=checkpoint.round if checkpoint else 0,
            rounds=task.rounds,
            round_timeout_seconds=limits.round_timeout_seconds,
            memory_limit_mb=limits.memory_limit_mb,
            resumes=limits.resumes,
        )
