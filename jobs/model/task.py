"""Tasks and their states. Pure: no I/O, and the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from jobs.errors import IllegalTransition


class Status(StrEnum):
    """The five states of a task, in the order in which lists sort them."""

    NOT_STARTED = "Not Started"
    RUNNING = "Running"
    FINISHED = "Finished"
    EXCEPTION = "Exception"
    ABORTED = "Aborted"

    @property
    def is_final(self) -> bool:
        return self in FINAL


# What a job may send: its worker looks before it sends, and the server looks again.
MOST_MESSAGE_CHARACTERS = 1_000
LARGEST_NUMBER = 2**53
"""Above it, JavaScript and other readers of JSON cannot distinguish one whole number from the next."""
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999; later ones cannot be shown."""
LONGEST_EXPECTED_SECONDS = 365 * 24 * 3600
LONGEST_ROUND_SECONDS = 100.0 * LONGEST_EXPECTED_SECONDS

FINAL = frozenset({Status.FINISHED, Status.EXCEPTION, Status.ABORTED})
PENDING = frozenset({Status.NOT_STARTED, Status.RUNNING})


class Event(Enum):
    """What can happen to a task's status."""

    TAKEN = "a worker took it"
    RETURNED = "its job returned"
    RAISED = "its job raised, broke a limit, or its worker died too often"
    ABORTED = "a person deleted it"
    INTERRUPTED = "its worker or the server stopped, and it will go on"
    JOB_GONE = "its job is no longer there"
    OVER_LIMIT = "what was stored of it is over a limit"


TRANSITIONS: Mapping[tuple[Status, Event], Status] = {
    (Status.NOT_STARTED, Event.TAKEN): Status.RUNNING,
    (Status.NOT_STARTED, Event.ABORTED): Status.ABORTED,
    (Status.NOT_STARTED, Event.JOB_GONE): Status.EXCEPTION,
    (Status.NOT_STARTED, Event.OVER_LIMIT): Status.EXCEPTION,
    (Status.RUNNING, Event.RETURNED): Status.FINISHED,
    (Status.RUNNING, Event.RAISED): Status.EXCEPTION,
    (Status.RUNNING, Event.ABORTED): Status.ABORTED,
    (Status.RUNNING, Event.INTERRUPTED): Status.NOT_STARTED,
}


def next_status(status: Status, event: Event) -> Status:
    """Returns the status after `event`. Raises IllegalTransition if the table has no such transition."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransition(f"A task that is {status} cannot become anything because {event.value}.") from None


class Task(Struct, frozen=True, kw_only=True, gc=False):
    """One persisted request to run a job, as it is stored.

    Times are whole milliseconds since 1970 UTC; `params`, `metadata`, `result` and `error` are JSON texts. In a list or
    frame `params` is "", `result` None and `metadata` {} if it is left out; `params_bytes` and `result_bytes` say so.
    """

    id: int
    job: str
    params: str
    params_bytes: int = 0
    description: str
    metadata: str
    locks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Labels that a place has to offer for it to run there."""
    unique_key: str | None = None
    status: Status = Status.NOT_STARTED
    stopping: bool = False
    forced: bool = False
    percent: int = 0
    round: int = 0
    rounds: int | None = None
    checkpoint_round: int = 0
    message: str = ""
    created: int
    started: int | None = None
    last_modified: int
    ended: int | None = None
    stalled: bool = False
    result: str | None = None
    result_bytes: int | None = None
    error: str | None = None
    outcome: str = ""
    if_aborted: str = ""
    interruptions: int = 0
    deaths: int = 0
    attempt: int = 0
    """How often a worker took it."""
    place: str | None = None
    """The host on which it runs or last ran; None is the server's own machine."""
    priority: int = 0
    not_before: int | None = None
    created_by: str | None = None
    ended_by: str | None = None
    retry_of: int | None = None
    pinned: bool = False
    revision: int = 0

    @property
    def could_start(self) -> int:
        """Returns the earliest time at which it could have started."""
        return max(self.created, self.not_before or 0)

    @property
    def is_pending(self) -> bool:
        return self.status in PENDING

    @property
    def is_final(self) -> bool:
        return self.status in FINAL


Number = Annotated[int, Meta(ge=1, le=LARGEST_NUMBER)]
Message = Annotated[str, Meta(max_length=MOST_MESSAGE_CHARACTERS)]
MOST_LOCKS_OF_ROUND = 10
MOST_LOCK_CHARACTERS = 1_000
Lock = Annotated[str, Meta(min_length=1, max_length=MOST_LOCK_CHARACTERS)]


class RoundRecord(Struct, frozen=True, kw_only=True):
    """One round as its worker reported it. `output` and `checkpoint` are JSON texts, `at` is its end.

    The bounds are checked when a report is decoded.
    """

    number: Number
    at: Annotated[int, Meta(ge=0, le=LATEST)]
    seconds: Annotated[float, Meta(ge=0, le=LONGEST_ROUND_SECONDS)]
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    of: Number | None = None
    message: Message = ""
    output: str | None = None
    checkpoint: str | None = None
    if_aborted: Message = ""
    expected_seconds: Annotated[float, Meta(ge=0, le=LONGEST_EXPECTED_SECONDS)] | None = None
    """How long the next round should take, if that differs from what the job declares."""
    locks: Annotated[tuple[Lock, ...], Meta(max_length=MOST_LOCKS_OF_ROUND)] = ()
    """Locks that the task holds from now on besides its own."""


class StoredRound(Struct, frozen=True, kw_only=True):
    """One round as it is stored."""

    number: int
    at: int
    seconds: float
    percent: int
    message: str
    output: str | None
    revision: int


class RoundPage(Struct, frozen=True):
    """Consecutive rounds. `has_more`: others follow, or may. `size` is roughly their size as JSON, in bytes."""

    rounds: list[StoredRound]
    has_more: bool
    size: int


class RoundsCursor(Struct, frozen=True, kw_only=True):
    """How far a client has read the rounds of a task: to `number` of `revision`.

    It gets rounds with a number over `after`, and all that were committed after revision `began`.
    """

    task: int
    after: int
    began: int
    revision: int = 0
    number: int = 0


class Checkpoint(Struct, frozen=True):
    """What round `round` left behind (JSON text), so that the next process can resume after it."""

    round: int
    data: str


class Transition(Struct, frozen=True):
    """A committed change of a task's status; `before` is None if the task was created."""

    task: int
    before: Status | None
    after: Status
    at: int
    revision: int


class Head(Struct, frozen=True):
    """The state of a store: its name, its last revision, the oldest `since` it can still answer, and its counts."""

    store: str
    revision: int
    oldest: int
    counts: dict[str, int]
    pending_percent: int


class Changes(Struct, frozen=True):
    """What was committed after `since`, up to `revision`: one snapshot."""

    since: int
    head: Head
    revision: int
    transitions: list[Transition]
    tasks: list[Task]
    deleted: list[int]


def utf8_bytes(text: str) -> int:
    """Returns the size of a text in UTF-8. It is only encoded if it is not ASCII."""
    return len(text) if text.isascii() else len(text.encode())
