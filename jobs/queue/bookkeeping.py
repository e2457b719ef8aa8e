"""Counts and logs what becomes of tasks, and reports their ends to listeners."""

from __future__ import annotations

import logging
from collections.abc import Callable

from jobs.model.tally import TaskTally
from jobs.model.task import Status, Task

log = logging.getLogger("hourglass.queue")


class Bookkeeping:
    """The numbers since the start, the log of the queue, and its two listeners."""

    def __init__(self, on_settled: Callable[[int], None], on_ended: Callable[[Task], None]) -> None:
        self.tally = TaskTally()
        self.settled = on_settled
        self._on_ended = on_ended

    def created(self, task: Task) -> None:
        """Counts and logs a new task."""
        self.tally.created += 1
        if log.isEnabledFor(logging.DEBUG):
            log.debug("task %d: created by %s, job %s", task.id, task.created_by, task.job, extra={"task": task.id})

    def started(self, task: Task) -> None:
        """Counts and logs a task that a worker has taken."""
        self.tally.task_started(task)
        log.debug("task %d: started", task.id, extra={"task": task.id})

    def ended(self, task: Task | None) -> None:
        """Counts and logs a task that has just become final on disk; others are ignored. Aborts are logged where they
        are requested."""
        if task is None or not task.is_final:
            return
        self.tally.task_ended(task)
        try:
            self._on_ended(task)
        except Exception:
            log.critical("a defect in a listener for ended tasks", exc_info=True)
        level = logging.INFO if task.status is Status.EXCEPTION else logging.DEBUG
        if task.status is not Status.ABORTED and log.isEnabledFor(level):
            log.log(level, "task %d: %s", task.id, task.outcome, extra={"task": task.id})
