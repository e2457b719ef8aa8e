"""Tasks, rounds and frames as the contract shows them: built once here for REST and WebSocket alike."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from jobs.clock import iso_time
from jobs.model.backlog import Derived, WaitingFor
from jobs.model.task import Changes, Status, StoredRound, Task, Transition

encode = msgspec.json.Encoder().encode


# What a field is, for JSON Schema: nothing of this changes what is sent.
Id = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Amount = Annotated[float, Meta(ge=0)]
Time = Annotated[str, Meta(extra={"words": "a time"}, extra_json_schema={"format": "date-time"})]
Counts = Annotated[
    dict[str, int],
    Meta(
        description="the number of tasks by status",
        extra_json_schema={"propertyNames": {"enum": [status.value for status in Status]}},
    ),
]
Object = Annotated[Raw, Meta(extra={"words": "an object"}, extra_json_schema={"type": "object"})]
Error = Annotated[
    Raw,
    Meta(
        extra={"words": "an object"},
        extra_json_schema={
            "type": "object",
            "properties": {name: {"type": "string", "x-expected": "text"} for name in ("type", "message", "traceback")},
            "required": ["type", "message", "traceback"],
        },
    ),
]


class WaitingForView(Struct, frozen=True):
    """Why a task is not running."""

    reason: Literal["worker", "place", "lock", "schedule"]
    position: Annotated[Id | None, Meta(description="its position in the line")]
    task: Annotated[Id | None, Meta(description="the task that holds the lock, or gets it first")]
    until: Time | None
    needs: Annotated[str | UnsetType, Meta(description="what its place must offer, if it waits for one")] = UNSET


class TaskView(Struct, frozen=True, kw_only=True):
    """One request to run a job, and what became of it."""

    id: Annotated[Id, Meta(description="rises with creation, never reused")]
    job: str
    params: Annotated[
        Object | None,
        Meta(
            description="the job's parameters, defaults filled in; null in lists and frames if over 16 KiB or there "
            "is no room for them"
        ),
    ]
    params_bytes: Annotated[Count, Meta(description="the size of the parameters as JSON")]
    description: Annotated[str, Meta(description="one line for people")]
    metadata: Annotated[Object, Meta(description="what it concerns")]
    status: Status
    stopping: Annotated[bool, Meta(description="aborted, and its last round has not ended yet")]
    percent: Annotated[Percent, Meta(description="never falls; 100 once it has finished")]
    round: Annotated[Count, Meta(description="rounds done")]
    rounds: Annotated[Count | None, Meta(description="the total number of rounds, if the job declares it")]
    message: Annotated[str, Meta(description="the message of the last round")]
    created: Time | None
    started: Annotated[Time | None, Meta(description="the first start")]
    last_modified: Time | None
    ended: Time | None
    estimated: Annotated[Time | None, Meta(description="when it should end, judging by its recent rounds")]
    pace_seconds: Annotated[Amount | None, Meta(description="the median duration of its recent rounds")]
    stalled: Annotated[bool, Meta(description="no round has ended for a long time")]
    waiting_for: WaitingForView | None
    result: Annotated[
        Raw | None,
        Meta(description="what the job returned; null in lists and frames if over 16 KiB or there is no room for it"),
    ]
    result_bytes: Annotated[Count | None, Meta(description="the size of the result as JSON")]
    error: Error | None
    outcome: Annotated[str, Meta(description="how it ended, in words; empty while it is pending")]
    interruptions: Annotated[Count, Meta(description="how often it was interrupted")]
    priority: Annotated[int, Meta(ge=-100, le=100, description="higher first")]
    not_before: Annotated[Time | None, Meta(description="the earliest start")]
    created_by: str | None
    ended_by: str | None
    host: Annotated[str | None, Meta(description="where it runs or last ran; null for the server's own machine")]
    retry_of: Annotated[Id | None, Meta(description="the task that it runs again")]
    pinned: Annotated[bool, Meta(description="exempt from retention")]
    revision: Annotated[Id, Meta(description="the revision of its last change")]


def task_view(task: Task, derived: Derived) -> TaskView:
    """Returns a task with what is derived from the present situation."""
    return TaskView(
        id=task.id,
        job=task.job,
        params=Raw(task.params) if task.params else None,
        params_bytes=task.params_bytes,
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
        host=task.place,
        retry_of=task.retry_of,
        pinned=task.pinned,
        revision=task.revision,
    )


def _raw(text: str | None) -> Raw | None:
    return Raw(text) if text is not None else None


def _waiting_for_view(why: WaitingFor | None) -> WaitingForView | None:
    if why is None:
        return None
    needs = ", ".join(why.needs) if why.needs else UNSET
    return WaitingForView(why.reason, why.position, why.task, iso_time(why.until), needs)


class RoundView(Struct, frozen=True, kw_only=True):
    """What one round of a task left behind."""

    number: Id
    at: Annotated[Time | None, Meta(description="its end")]
    seconds: Annotated[Amount, Meta(description="how long it took")]
    percent: Percent
    message: str
    output: Annotated[Raw | None, Meta(description="what the job stored with the round")]


def round_view(done: StoredRound) -> RoundView:
    return RoundView(
        number=done.number,
        at=iso_time(done.at),
        seconds=round(done.seconds, 6),
        percent=done.percent,
        message=done.message,
        output=_raw(done.output),
    )


class TransitionView(Struct, frozen=True, rename={"before": "from", "after": "to"}):
    """A committed change of a status; `from` is null if the task was created."""

    task: Id
    before: Status | None
    after: Status
    at: Time | None
    revision: Id


def transition_view(transition: Transition) -> TransitionView:
    return TransitionView(
        transition.task, transition.before, transition.after, iso_time(transition.at), transition.revision
    )


class ChangesFrame(Struct, frozen=True, tag="changes", kw_only=True):
    """What was committed after one revision, up to another. Transitions go first, then tasks, then deleted."""

    since: Count
    revision: Count
    counts: Counts
    pending_percent: Percent
    transitions: list[TransitionView]
    tasks: Annotated[list[TaskView], Meta(description="the tasks whose last change is in this frame, as they are now")]
    deleted: Annotated[list[Id], Meta(description="the ids of deleted tasks")]
    rounds: Annotated[
        dict[str, list[RoundView]] | UnsetType,
        Meta(description="new rounds, by the ids of the tasks that the client watches"),
    ] = UNSET


class HelloFrame(Struct, frozen=True, tag="hello", kw_only=True):
    """The revision from which the frames continue."""

    store: Annotated[str, Meta(description="identifies the database")]
    revision: Count
    counts: Counts
    pending_percent: Percent
    version: str
    now: Annotated[Time, Meta(description="the server's clock")]


class AliveFrame(Struct, frozen=True, tag="alive"):
    """Nothing has happened for 25 seconds; `revision` is that of the frame before."""

    revision: Count
    now: Annotated[Time, Meta(description="the server's clock")]


class ResyncFrame(Struct, frozen=True, tag="resync"):
    """The client was away for too long: reload, and continue from this revision."""

    revision: Count


class StoppingFrame(Struct, frozen=True, tag="stopping"):
    """The server stops; the last changes follow."""


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
    """Returns an encoded `changes` frame with the rounds that one client watches: the frame itself is encoded once for
    all."""
    by_task = {str(task_id): done for task_id, done in rounds.items()}
    return frame[:-1] + b',"rounds":' + encode(by_task) + b"}"
