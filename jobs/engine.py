"""The contract between the queue and whatever runs tasks. The pool of worker processes is one such engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from jobs.model.task import RoundRecord

MOST_ROUNDS_AT_ONCE = 100_000
"""In one report: rounds without any content could be far more within the bytes of a message."""

RoundRecords = Annotated[list[RoundRecord], Meta(max_length=MOST_ROUNDS_AT_ONCE)]


class Start(Struct, frozen=True, tag=True, kw_only=True, gc=False):
    """The order to run a task: from `checkpoint`, which round `round` left, or from the beginning.

    `rounds` is the expected number of rounds, if known. The limits are those of its jobs, 0 is none. `resumes` says
    whether an interrupted task may be run again.
    """

    task: int
    job: str
    params: str
    checkpoint: str | None = None
    round: int = 0
    rounds: int | None = None
    round_timeout_seconds: float = 0
    memory_limit_mb: int = 0
    resumes: bool = True


class Ended(Struct, frozen=True, tag=True, kw_only=True):
    """The last report about a task, with the rounds not yet reported.

    `how`: its job returned (`result`) or raised (`error`), it was stopped by an abort, or interrupted by the end of the
    engine. If it was stopped and its clean-up raised, `error` is set as well. `left` describes what it has left behind
    in its worker, which the engine therefore replaces.
    """

    task: int
    how: Literal["returned", "raised", "stopped", "interrupted"]
    rounds: RoundRecords
    result: str | None = None
    error: str | None = None
    left: Annotated[str, Meta(max_length=1_000)] = ""


class WorkerState(Struct, frozen=True, kw_only=True):
    """A worker as it is now: `state` is starting, idle, busy, ending, or `failed to start: …`."""

    state: str
    pid: int | None = None
    task: int | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    uptime_seconds: float | None = None
    tasks_done: int = 0
    code_changed: bool = False
    """Whether it runs other code than the server: it was replaced on disk after the server had started."""


class Usage(Struct, frozen=True):
    """What a worker has used since it started; None if there is no process, or it has just ended."""

    cpu_seconds: float | None = None
    memory_bytes: int | None = None


class EngineListener(Protocol):
    """Gets an engine's reports, always in the event loop, and for one task in the order in which things happened."""

    def worker_free(self) -> None:
        """A worker waits for a task."""

    def rounds_reported(self, task_id: int, rounds: Sequence[RoundRecord]) -> None:
        """Rounds are done; the worker may be waiting for their acknowledgement."""

    def task_ended(self, ended: Ended) -> None:
        """A task has ended; its worker is free, or about to end."""

    def worker_died(self, task_id: int, reason: str) -> None:
        """The worker of this task is dead. `reason` is like `killed by signal 9 (out of memory?)`."""


class Workers(Protocol):
    """What people can see of an engine's workers."""

    def workers(self) -> list[WorkerState]:
        """Returns the workers as they are now."""

    def worker_states(self) -> list[str]:
        """Returns their states alone, at no cost, in the order of `workers`."""

    def changed_workers(self) -> int:
        """Returns how many run other code than the server: it was replaced on disk after the start."""

    def worker_usage(self) -> list[Usage]:
        """Returns what they have used, in the order of `workers`."""


class Engine(Workers, Protocol):
    """Runs tasks, one in each worker."""

    listener: EngineListener

    @property
    def free_workers(self) -> int:
        """Returns how many workers wait for a task."""

    def start_task(self, order: Start) -> None:
        """Gives the task to a waiting worker. Raises LookupError if there is none."""

    def acknowledge(self, task_id: int) -> None:
        """Lets the task's worker continue: everything reported of the task is on disk."""

    def abort_task(self, task_id: int) -> None:
        """Ends the task after the round under way. Does nothing if the task is not running."""

    def kill_task(self, task_id: int) -> None:
        """Kills the task's worker; `worker_died` follows. Does nothing if the task is not running."""

    async def stop(self, grace_seconds: float) -> None:
        """Starts no new rounds, waits up to `grace_seconds` for those under way, then kills every worker.

        What happens to the tasks meanwhile is reported as always.
        """
