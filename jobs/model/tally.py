"""What happened to tasks since the server started, in numbers. Pure: no I/O."""

from __future__ import annotations

from histogram import TASK_SECONDS, Histogram
from jobs.model.task import FINAL, Status, Task


class TaskTally:
    """Counts what is on disk. A task that resumes after an interruption counts as started again."""

    def __init__(self) -> None:
        self.created = 0
        self.started = 0
        self.rounds = 0
        self.ended: dict[Status, int] = dict.fromkeys((status for status in Status if status in FINAL), 0)
        self.waiting_seconds = Histogram(TASK_SECONDS)
        self.running_seconds = Histogram(TASK_SECONDS)

    def task_started(self, task: Task) -> None:
        """Counts a start. `waiting_seconds` is from its creation, or its earliest start, to its first start."""
        self.started += 1
        if task.started is not None and not task.interruptions:
            self.waiting_seconds.add(max(0, task.started - task.could_start) / 1000)

    def task_ended(self, task: Task) -> None:
        """Counts an end. `running_seconds` is from its first start to its end, interruptions included."""
        self.ended[task.status] += 1
        if task.started is not None and task.ended is not None:
            self.running_seconds.add(max(0, task.ended - task.started) / 1000)
