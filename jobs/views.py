"""Tasks, rounds and frames as the contract shows them: built once here for REST and WebSocket alike."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from jobs.model import Changes, KeptRound, Task, Transition, iso_time
from jobs.schedule import WaitingFor

encode = msgspec.json.Encoder().encode


class Derived(Struct, frozen=True, kw_only=True):
    """What is not kept with a task but follows from what goes on: times in milliseconds."""

    estimated: int | None = None
    pace_seconds: float | None = None
    waiting_for: WaitingFor | None = None


class WaitingForView(Struct, frozen=True):
    reason: str
    position: int | None
    task: int | None
    until: str | None


class TaskView(Struct, frozen=True, kw_only=True):
    """A task as JSON: contract, section 3."""

    id: int
    job: str
    params: Raw
    description: str
    metadata: Raw
    status: str
    stopping: bool
    percent: int
    round: int
    rounds: int | None
    message: str
    created: str | None
    started: str | None
    last_modified: str | None
    ended: str | None
    estimated: str | None
    pace_seconds: float | None
    stalled: bool
    waiting_for: WaitingForView | None
    result: Raw | None
    result_bytes: int | None
    error: Raw | None
    outcome: str
    interruptions: int
    priority: int
    not_before: str | None
    created_by: str | None
    ended_by: str | None
    retry_of: int | None
    pinned: bool
    revision: int


def task_view(task: Task, derived: Derived) -> TaskView:
    """A task with what follows from what goes on."""
    return TaskView(
        id=task.id,
        job=task.job,
        params=Raw(task.params),
        description=task.description,
        metadata=Raw(task.metadata),
        status=task.status,
        stopping=task.stopping,
        percent=task.percent,
        round=task.round,
        rounds=task.rounds,
        message=task.message,
        created=iso_time(task.created),
        started=iso_time(task.started),
        last_modified=iso_time(task.last_modified),
        ended=iso_time(task.ended),
        estimated=iso_time(derived.estimated),
        pace_seconds=derived.pace_seconds,
        stalled=task.stalled,
        waiting_for=_waiting_for_view(derived.waiting_for),
        result=_raw(task.result),
        result_bytes=task.result_bytes,
        error=_raw(task.error),
        outcome=task.outcome,
        interruptions=task.interruptions,
        priority=task.priority,
        not_before=iso_time(task.not_before),
        created_by=task.created_by,
        ended_by=task.ended_by,
        retry_of=task.retry_of,
        pinned=task.pinned,
        revision=task.revision,
    )


def _raw(text: str | None) -> Raw | None:
    return Raw(text) if text is not None else None


def _waiting_for_view(why: WaitingFor | None) -> WaitingForView | None:
    return WaitingForView(why.reason, why.position, why.task, iso_time(why.until)) if why else None


class RoundView(Struct, frozen=True, kw_only=True):
    """A round as JSON: contract, section 4."""

    number: int
    at: str | None
    seconds: float
    percent: int
    message: str
    output: Raw | None


def round_view(done: KeptRound) -> RoundView:
    return RoundView(
        number=done.number,
        at=iso_time(done.at),
        seconds=round(done.seconds, 6),
        percent=done.percent,
        message=done.message,
        output=_raw(done.output),
    )


class WorkerView(Struct, frozen=True, kw_only=True):
    """A worker process as people see it. `state`: starting, idle, busy, ending, or `failed to start: …`."""

    pid: int | None
    state: str
    task: int | None
    cpu_percent: float | None
    memory_bytes: int | None
    uptime_seconds: float | None
    tasks_done: int


class TransitionView(Struct, frozen=True, rename={"before": "from", "after": "to"}):
    task: int
    before: str | None
    after: str
    at: str | None
    revision: int


def transition_view(transition: Transition) -> TransitionView:
    return TransitionView(
        transition.task, transition.before, transition.after, iso_time(transition.at), transition.revision
    )


class ChangesFrame(Struct, frozen=True, tag="changes", kw_only=True):
    """What was committed between two revisions: contract, section 5."""

    since: int
    revision: int
    counts: dict[str, int]
    pending_percent: int
    transitions: list[TransitionView]
    tasks: list[TaskView]
    deleted: list[int]


class HelloFrame(Struct, frozen=True, tag="hello", kw_only=True):
    store: str
    revision: int
    counts: dict[str, int]
    pending_percent: int
    version: str


class ResyncFrame(Struct, frozen=True, tag="resync"):
    revision: int


class StoppingFrame(Struct, frozen=True, tag="stopping"):
    pass


def changes_frame(changes: Changes, tasks: list[TaskView]) -> ChangesFrame:
    return ChangesFrame(
        since=changes.since,
        revision=changes.revision,
        counts=changes.head.counts,
        pending_percent=changes.head.pending_percent,
        transitions=[transition_view(transition) for transition in changes.transitions],
        tasks=tasks,
        deleted=changes.deleted,
    )


def with_rounds(frame: bytes, rounds: dict[int, list[RoundView]]) -> bytes:
    """An encoded `changes` frame with the rounds that one client watches: the frame itself is encoded once for all."""
    by_task = {str(task_id): done for task_id, done in rounds.items()}
    return frame[:-1] + b',"rounds":' + encode(by_task) + b"}"
