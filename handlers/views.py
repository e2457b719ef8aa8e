"""The answers of REST that are no single task: what stands around tasks, and what is told of everything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from jobs.engine import WorkerState
from jobs.live.views import Amount, Count, Counts, Id, Percent, RoundView, TaskView, Time
from jobs.model.task import Status
from jobs.queue.bulk import Deletion


class TaskListView(Struct, frozen=True, kw_only=True):
    """A page of tasks."""

    count: Annotated[Count, Meta(description="of all pages")]
    count_exact: Annotated[bool, Meta(description="whether there are so many, and not more")]
    next: Annotated[str | None, Meta(description="the address of the next page")]
    previous: Annotated[str | None, Meta(description="the address of the page before")]
    store: Annotated[str, Meta(description="names the database")]
    revision: Annotated[Count, Meta(description="of the last change that the page knows: changes go on from here")]
    results: list[TaskView]


class CreatedView(Struct, frozen=True):
    """The tasks of an array, in its order."""

    results: list[TaskView]


class DeletionsView(Struct, frozen=True):
    """What became of each task."""

    results: list[Deletion]


class RoundListView(Struct, frozen=True):
    """Rounds of a task, by number: so many as fit into an answer, at least one."""

    results: list[RoundView]
    next: Annotated[str | None, Meta(description="the address of the rounds that follow; null at the end")]


class InterruptionView(Struct, frozen=True):
    """When a task was interrupted, and when a worker took it again; null while none has, or where it is not known."""

    at: Time
    resumed: Time | None


class InterruptionListView(Struct, frozen=True):
    """The interruptions of a task that are kept, oldest first."""

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
    task: Annotated[Id | None, Meta(description="what it works on")]
    cpu_percent: Amount | None
    memory_bytes: Count | None
    uptime_seconds: Amount | None
    tasks_done: Count
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
        code_changed=True if worker.code_changed else UNSET,
    )


class WorkerListView(Struct, frozen=True):
    """The worker processes."""

    results: list[WorkerView]


class MinuteView(Struct, frozen=True, kw_only=True):
    """What happened in a minute. `waiting_seconds` is how long the tasks that were started in it had waited,
    `running_seconds` how long those ran that ended in it: means, null where there are none."""

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
    """Tasks that are kept for `days` after they ended, 0 for ever; `count` of them go within the time asked for."""

    days: Amount
    count: Count
    count_exact: bool
    results: list[DueTaskView]


class RetentionView(Struct, frozen=True, kw_only=True):
    """What is kept how long, and which ended tasks go next; pinned ones never do."""

    until: Time
    finished: DueView
    failed: DueView
    changes_days: Amount
    rounds_per_task: Count
    rounds_mb_per_task: Count
    resting_until: Annotated[
        Time | UnsetType, Meta(description="only while nothing is removed, since the clock may be wrong")
    ] = UNSET
    resting_because: Annotated[str | UnsetType, Meta(description="only then: why")] = UNSET


class UserView(Struct, frozen=True):
    """Who is signed in."""

    username: str
    role: Literal["admin", "viewer"]


class TokenView(Struct, frozen=True):
    """What `Authorization: Token …` takes."""

    token: str


class ProblemView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error: application/problem+json (RFC 9457)."""

    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="one sentence to act on")]
    errors: Annotated[dict[str, list[str]], Meta(description="by field, what was expected")] = {}
    task: Annotated[TaskView | UnsetType, Meta(description="the task as it is now (412)")] = UNSET
    non_field_errors: Annotated[list[str], Meta(description="of a sign-in")] = []


class NotReadyView(ProblemView, frozen=True, kw_only=True):
    """Why tasks cannot be taken in or run: what is wrong with the database, and how many workers are in which state."""

    database: str
    workers: dict[str, int]
