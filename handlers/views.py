"""The answers of REST besides a single task: lists of tasks, and everything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from jobs.engine import WorkerState
from jobs.live.views import Amount, Count, Counts, Id, Percent, RoundView, TaskView, Time
from jobs.model.task import Status
from jobs.queue.bulk import Deletion


class TaskListView(Struct, frozen=True, kw_only=True):
    """A page of tasks."""

    count: Annotated[Count, Meta(description="the number of tasks on all pages")]
    count_exact: Annotated[bool, Meta(description="whether `count` is exact; if not, there are more")]
    next: Annotated[str | None, Meta(description="the address of the next page")]
    previous: Annotated[str | None, Meta(description="the address of the previous page")]
    store: Annotated[str, Meta(description="identifies the database")]
    revision: Annotated[Count, Meta(description="the last change that the page contains; later ones follow from here")]
    results: list[TaskView]


class CreatedView(Struct, frozen=True):
    """The created tasks, in the order of the array."""

    results: list[TaskView]


class DeletionsView(Struct, frozen=True):
    """What became of each task."""

    results: list[Deletion]


class RoundListView(Struct, frozen=True):
    """Rounds of a task, by number: as many as fit into an answer, at least one."""

    results: list[RoundView]
    next: Annotated[str | None, Meta(description="the address of the rounds that follow; null at the end")]


class InterruptionView(Struct, frozen=True):
    """When a task was interrupted, and when a worker took it again; null if none has, or if that is unknown."""

    at: Time
    resumed: Time | None


class InterruptionListView(Struct, frozen=True):
    """The stored interruptions of a task, oldest first."""

    results: list[InterruptionView]


class JobView(Struct, frozen=True, kw_only=True):
    """A registered job."""

    job: str
    description: str
    parameters: Annotated[dict[str, Any], Meta(description="JSON Schema of `params`")]
    available: Annotated[bool, Meta(description="whether a task can be created at the moment")]
    unavailable_because: str | None


class JobListView(Struct, frozen=True):
    """The registered jobs, by name."""

    results: list[JobView]


class WorkerView(Struct, frozen=True, kw_only=True):
    """A worker process."""

    pid: int | None
    state: Annotated[str, Meta(description="starting, idle, busy, ending, or `failed to start: …`")]
    task: Annotated[Id | None, Meta(description="the task that it runs")]
    cpu_percent: Amount | None
    memory_bytes: Count | None
    uptime_seconds: Amount | None
    tasks_done: Count
    host: Annotated[str | None, Meta(description="the host that it is on; null for the server's own machine")]
    code_changed: Annotated[
        Literal[True] | UnsetType, Meta(description="its code was replaced on disk after the server had loaded it")
    ] = UNSET


def worker_view(worker: WorkerState) -> WorkerView:
    """Returns a worker as the contract shows it."""
    return WorkerView(
        pid=worker.pid,
        state=worker.state,
        task=worker.task,
        cpu_percent=worker.cpu_percent,
        memory_bytes=worker.memory_bytes,
        uptime_seconds=worker.uptime_seconds,
        tasks_done=worker.tasks_done,
        host=worker.host,
        code_changed=True if worker.code_changed else UNSET,
    )


class WorkerListView(Struct, frozen=True):
    """The worker processes."""

    results: list[WorkerView]


class MinuteView(Struct, frozen=True, kw_only=True):
    """What happened in a minute. `waiting_seconds` is how long the tasks started in it had waited, `running_seconds`
    how long the tasks ended in it had run: means, null if there are no such tasks."""

    minute: Annotated[Time, Meta(description="its beginning")]
    created: Count
    started: Count
    finished: Count
    failed: Count
    waiting_seconds: Amount | None
    running_seconds: Amount | None


class StatisticsView(Struct, frozen=True, kw_only=True):
    """The last hour by minute, oldest first, and all tasks by status."""

    minutes: Annotated[list[MinuteView], Meta(min_length=60, max_length=60)]
    counts: Counts
    pending_percent: Percent
    revision: Count


class DueTaskView(Struct, frozen=True, kw_only=True):
    """A task that retention removes, and when."""

    id: Id
    description: str
    status: Status
    last_modified: Time
    removed: Time


class DueView(Struct, frozen=True, kw_only=True):
    """Tasks that are removed `days` after they end, never if 0; `count` of them are due within the requested time."""

    days: Amount
    count: Count
    count_exact: bool
    results: list[DueTaskView]


class RetentionView(Struct, frozen=True, kw_only=True):
    """How long everything is stored, and which ended tasks are removed next; pinned ones never are."""

    until: Time
    finished: DueView
    failed: DueView
    changes_days: Amount
    rounds_per_task: Count
    rounds_mb_per_task: Count
    resting_until: Annotated[
        Time | UnsetType,
        Meta(description="until when retention is paused because the clock may be wrong; absent if it is not"),
    ] = UNSET
    resting_because: Annotated[str | UnsetType, Meta(description="why retention is paused; absent if it is not")] = (
        UNSET
    )


class UserView(Struct, frozen=True):
    """Who is signed in."""

    username: str
    role: Literal["admin", "viewer"]


class TokenView(Struct, frozen=True):
    """The token for `Authorization: Token …`."""

    token: str


class ProblemView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error: application/problem+json (RFC 9457)."""

    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="a sentence that says what to do")]
    errors: Annotated[dict[str, list[str]], Meta(description="what was expected, by field")] = {}
    task: Annotated[TaskView | UnsetType, Meta(description="the task as it is now (412)")] = UNSET
    non_field_errors: Annotated[list[str], Meta(description="what is wrong with a sign-in")] = []


class NotReadyView(ProblemView, frozen=True, kw_only=True):
    """Why tasks cannot be created or run: what is wrong with the database, and the number of workers by state."""

    database: str
    workers: dict[str, int]
