"""The answers of REST that are no single task: what stands around tasks, and what is told of everything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from jobs.bulk import Deletion
from jobs.views import RoundView, TaskView, WorkerView


class TaskListView(Struct, frozen=True, kw_only=True):
    """A page of tasks."""

    count: int
    count_exact: bool
    next: str | None
    previous: str | None
    store: str
    revision: int
    results: list[TaskView]


class CreatedView(Struct, frozen=True):
    """The tasks of an array, in its order."""

    results: list[TaskView]


class DeletionsView(Struct, frozen=True):
    """What became of each task."""

    results: list[Deletion]


class RoundListView(Struct, frozen=True):
    """Rounds of a task, by number."""

    results: list[RoundView]


class JobView(Struct, frozen=True, kw_only=True):
    """A registered job; `parameters` is a JSON Schema."""

    job: str
    description: str
    parameters: dict[str, Any]
    available: bool
    unavailable_because: str | None


class JobListView(Struct, frozen=True):
    """The registered jobs, by name."""

    results: list[JobView]


class WorkerListView(Struct, frozen=True):
    """The worker processes."""

    results: list[WorkerView]


class MinuteView(Struct, frozen=True, kw_only=True):
    """What happened in a minute. `waiting_seconds` is how long the tasks that were started in it had waited,
    `running_seconds` how long those ran that ended in it: means, null where there are none."""

    minute: str
    created: int
    started: int
    finished: int
    failed: int
    waiting_seconds: float | None
    running_seconds: float | None


class StatisticsView(Struct, frozen=True, kw_only=True):
    """The last hour by minute, oldest first, and all tasks by status."""

    minutes: Annotated[list[MinuteView], Meta(min_length=60, max_length=60)]
    counts: dict[str, int]
    pending_percent: int
    revision: int


class DueTaskView(Struct, frozen=True, kw_only=True):
    """A task that retention removes, and when."""

    id: int
    description: str
    status: str
    last_modified: str
    removed: str


class DueView(Struct, frozen=True, kw_only=True):
    """Tasks that are kept for `days` after they ended, 0 for ever; `count` of them go within the time asked for."""

    days: float
    count: int
    count_exact: bool
    results: list[DueTaskView]


class RetentionView(Struct, frozen=True, kw_only=True):
    """What is kept how long, and which ended tasks go next; pinned ones never do."""

    until: str
    finished: DueView
    failed: DueView
    changes_days: float
    rounds_per_task: int


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
    status: int
    detail: str
    errors: dict[str, list[str]] = {}
    task: TaskView | Raw | None = None
    non_field_errors: list[str] = []
