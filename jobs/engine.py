"""The contract between the queue and whatever runs tasks. The pool of worker processes is one such engine.

The queue alone decides which task runs when, and alone writes what becomes of it; the engine runs it and reports. All
calls and reports happen in the event loop.

**Places and attempts.** A worker is on this machine, or on a host: then the host's name is its `place`, otherwise that
is None. Each start of a task is an *attempt*, which orders and reports name: a host out of reach may be given up, and
its words about an earlier attempt may come when the task runs elsewhere. The queue ignores them.

**Reports.** What a task's reports are, from `start_task` on: `claimed` once, when a worker has it, then any number of
`rounds_reported`, then exactly one last report, `task_ended`, `worker_died` or `place_lost`, and after that nothing,
unless it is started again. If no worker takes it, the last report is `place_lost`, without a claim before it. Rounds
come in the order of their numbers, each once. After a report of rounds the next report of rounds waits for
`acknowledge`; the last report does not. The queue acknowledges when everything reported of the task is on disk, also
after the last report.

**The beginning.** On this machine a task begins with its order, and is claimed at once, within `start_task`: the first
round need not wait for the disk. If the server dies before the commit that says that the task runs, so do its workers.
On a host, which may outlive the server, the task begins only after the claim was acknowledged, which is after the
commit of *Running, on this host, attempt n*. That acknowledgement is the ticket without which nothing runs there: a
claim that is not acknowledged never begins, and may be taken back at any time.

**Losses.** An engine may lose a worker at any time: then `worker_died` is the last report of its task. If it loses a
host, it reports `place_lost` as soon as nothing of the task can be running there any more; that is not the task's
fault. It must not run a task twice at a time, start one by itself, or omit a last report.

**Adoption.** Workers may outlive the server, as those on other hosts can. A server that starts calls `adopt` once,
before its first `start_task`, with the tasks that were in an engine's hands by what is on disk, each with its place,
since it may have to wait for the lease of that host. The engine returns those whose last report is still to come: they
run, or may run out of its reach, or a report of theirs was not acknowledged, be it their claim. It reports about them
as about any task, but only after `adopt` has returned, and begins by repeating the reports that were not acknowledged;
the queue ignores rounds that it has stored. The queue runs all others again, so the engine has to be sure that they do
not run: what it cannot rule out to run, it returns, and ends with a report when it is sure. Whatever runs besides, or
was claimed and is not on disk, is ended before `adopt` returns, and not reported. An engine whose workers die with the
server returns nothing.

**Aborts** are committed first and then passed on, so one that the old server did not pass on is found on disk: the
queue repeats `abort_task`, or `kill_task`, right after the adoption. Both may come any number of times, also for a
worker out of reach: then they take effect when it can be reached, or with the loss of its place. They end a task at
once that has not begun.
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

    `attempt` numbers the starts of the task, from 1. `needs` are labels that its place has to offer. `rounds` is the
    expected number of rounds, if known. The limits are those of its jobs, 0 is none. `resumes` says whether an
    interrupted task may be run again.
    """

    task: int
    attempt: int
    needs: tuple[str, ...] = ()
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
    attempt: int
    how: Literal["returned", "raised", "stopped", "interrupted"]
    rounds: RoundRecords
    result: str | None = None
    error: str | None = None
    left: Annotated[str, Meta(max_length=1_000)] = ""


class Taken(Struct, frozen=True):
    """A task that a worker had taken, by what is on disk: which attempt, and on which host; None is this machine."""

    task: int
    attempt: int
    place: str | None


class WorkerState(Struct, frozen=True, kw_only=True):
    """A worker as it is now: `state` is starting, idle, busy, ending, or `failed to start: …`. `host` is None if it is
    on this machine."""

    state: str
    host: str | None = None
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
    """Gets an engine's reports. It ignores those about tasks, and attempts, that the engine does not run for it."""

    def worker_free(self) -> None:
        """Reports that a worker waits for a task."""

    def claimed(self, task_id: int, attempt: int, place: str | None) -> None:
        """Reports that a worker has the task, on this machine or on the host `place`. There it begins when this is
        acknowledged."""

    def rounds_reported(self, task_id: int, attempt: int, rounds: Sequence[RoundRecord]) -> None:
        """Reports completed rounds. The worker may be waiting for their acknowledgement."""

    def task_ended(self, ended: Ended) -> None:
        """Reports that a task has ended; its worker is free, or about to end."""

    def worker_died(self, task_id: int, attempt: int, reason: str) -> None:
        """Reports that the worker of this task is dead. `reason` is like `killed by signal 9 (out of memory?)`."""

    def place_lost(self, task_id: int, attempt: int, reason: str) -> None:
        """Reports that the task has no place any more, and does not run. `reason` is like `its host ceph3 did not
        answer for 18 s`."""


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

    async def adopt(self, tasks: Collection[Taken]) -> Collection[int]:
        """Returns the ids of those of these tasks whose last report is still to come; ends whatever else is running.

        The tasks were started, by what is on disk, and have not ended.
        """

    @property
    def free_workers(self) -> int:
        """Returns how many workers wait for a task, less those for which an order waits to be claimed."""

    def can_start(self, needs: Sequence[str]) -> bool:
        """Returns whether a worker waits for a task at a place that offers all these labels."""

    def start_task(self, order: Start) -> None:
        """Gives the task to a waiting worker; `claimed` follows. Raises LookupError if `can_start` is false for it."""

    def acknowledge(self, task_id: int) -> None:
        """Lets the task's worker continue: everything reported of the task is on disk. Does nothing if no report waits
        for it."""

    def abort_task(self, task_id: int) -> None:
        """Ends the task after the round under way. Does nothing if the task is not running."""

    def kill_task(self, task_id: int) -> None:
        """Kills the task's worker; `worker_died` follows, if it has begun. Does nothing if the task is not running."""

    async def stop(self, grace_seconds: float) -> None:
        """Starts no new rounds, waits up to `grace_seconds` for those under way, then kills every worker.

        What happens to the tasks meanwhile is reported as always. A task whose worker cannot be reached stays without a
        last report: the next server adopts it.
        """
