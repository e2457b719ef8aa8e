"""The contract between the queue and whatever runs tasks. The pool of worker processes is one such engine.

The queue alone decides which task runs when, and alone writes what becomes of it; the engine runs it and reports. All
calls and reports happen in the event loop.

What a task's reports are, from `start_task` on: any number of `rounds_reported`, then exactly one last report,
`task_ended` or `worker_died`, and after that nothing, unless it is started again. Rounds come in the order of their
numbers, each once. After a report of rounds the next report of rounds waits for `acknowledge`; the last report does
not. The queue acknowledges when everything reported of the task is on disk, also after the last report.

`start_task` comes before the commit that says that the task runs, so that the first round need not wait for the disk.
If the server dies in between, its successor does not name the task in `adopt`, which ends that run. An engine that
might not reach one of its workers then would have to let it begin only after the commit; no call says so yet.

An engine may lose a worker at any time: then `worker_died` is the last report of its task. It must not run a task
twice at a time, start one by itself, or omit a last report.

**Adoption.** Workers may outlive the server, as those on other hosts can. A server that starts calls `adopt` once,
before its first `start_task`, with the tasks that were in an engine's hands by what is on disk. The engine returns
those whose last report is still to come: they run, or may run out of its reach, or their last report was not
acknowledged. It reports about them as about any task, but only after `adopt` has returned, and begins by repeating the
reports that were not acknowledged; the queue ignores rounds that it has stored. The queue runs all others again, so
the engine has to be sure that they do not run: what it cannot rule out to run, it returns, and ends with a report when
it is sure. Whatever runs besides is ended before `adopt` returns, and not reported. An engine whose workers die with
the server returns nothing.

**Aborts** are committed first and then passed on, so one that the old server did not pass on is found on disk: the
queue repeats `abort_task`, or `kill_task`, right after the adoption. Both may come any number of times, also for a
worker out of reach: then they take effect when it can be reached.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
    """The last report about a task, unless its worker died, with the rounds not yet reported.

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
    """Gets an engine's reports. It ignores those about tasks that the engine does not run for it."""

    def worker_free(self) -> None:
        """Reports that a worker waits for a task."""

    def rounds_reported(self, task_id: int, rounds: Sequence[RoundRecord]) -> None:
        """Reports completed rounds. The worker may be waiting for their acknowledgement."""

    def task_ended(self, ended: Ended) -> None:
        """Reports that a task has ended; its worker is free, or about to end."""

    def worker_died(self, task_id: int, reason: str) -> None:
        """Reports that the worker of this task is dead. `reason` is like `killed by signal 9 (out of memory?)`."""


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

    def report_to(self, listener: EngineListener) -> None:
        """Sends all reports to this listener from now on; the queue calls it once, before the engine starts."""

    async def adopt(self, task_ids: Collection[int]) -> Collection[int]:
        """Returns those of these tasks whose last report is still to come; ends whatever else is running.

        The tasks were started, by what is on disk, and have not ended.
        """

    @property
    def free_workers(self) -> int:
        """Returns how many workers wait for a task."""

    def start_task(self, order: Start) -> None:
        """Gives the task to a waiting worker. Raises LookupError if there is none."""

    def acknowledge(self, task_id: int) -> None:
        """Lets the task's worker continue: everything reported of the task is on disk. Does nothing if no report waits
        for it."""

    def abort_task(self, task_id: int) -> None:
        """Ends the task after the round under way. Does nothing if the task is not running."""

    def kill_task(self, task_id: int) -> None:
        """Kills the task's worker; `worker_died` follows. Does nothing if the task is not running."""

    async def stop(self, grace_seconds: float) -> None:
        """Starts no new rounds, waits up to `grace_seconds` for those under way, then kills every worker.

        What happens to the tasks meanwhile is reported as always. A task whose worker cannot be reached stays without a
        last report: the next server adopts it.
        """
