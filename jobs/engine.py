"""What the queue asks of whatever runs tasks, and what it is told in return. The worker pool is one such engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from jobs.engines.local.messages import Ended, Start
from jobs.live.views import WorkerView
from jobs.model.task import RoundRecord


class WorkerUsage(Struct, frozen=True):
    """What the process in a worker's place has used since it began; None where there is none, or it is just gone."""

    cpu_seconds: float | None = None
    memory_bytes: int | None = None


class EngineListener(Protocol):
    """What an engine reports, always in the event loop, and for one task in the order in which it happened."""

    def worker_free(self) -> None:
        """A worker waits for a task."""

    def rounds_reported(self, task_id: int, rounds: Sequence[RoundRecord]) -> None:
        """Rounds are done; the worker may be waiting for them to be acknowledged."""

    def task_ended(self, ended: Ended) -> None:
        """The worker's last word about a task; the worker is free, or about to end."""

    def worker_died(self, task_id: int, reason: str) -> None:
        """The worker of this task is dead. The reason in words: `killed by signal 9 (out of memory?)`."""


class Engine(Protocol):
    """Runs one task a worker."""

    listener: EngineListener

    @property
    def free_workers(self) -> int:
        """How many workers wait for a task."""

    def start_task(self, order: Start) -> None:
        """Gives the task to a worker that waits. Raises LookupError where none does."""

    def acknowledge(self, task_id: int) -> None:
        """What was reported of the task is on disk: its worker may go on."""

    def abort_task(self, task_id: int) -> None:
        """Asks for an end after the round that is under way. Nothing happens where the task does not run."""

    def kill_task(self, task_id: int) -> None:
        """Kills the task's worker; `worker_died` follows. Nothing happens where the task does not run."""

    def workers(self) -> list[WorkerView]:
        """The workers as they are now."""

    def worker_states(self) -> list[str]:
        """Their states alone, at no cost; the order is that of `workers`."""

    def changed_workers(self) -> int:
        """How many run other code than the server: it was replaced on disk after the start."""

    def worker_usage(self) -> list[WorkerUsage]:
        """What they have used, in the same order."""

    async def stop(self, grace_seconds: float) -> None:
        """No new rounds; what is under way may end within the grace; then every worker is killed.

        What happens to the tasks meanwhile is reported as always.
        """
