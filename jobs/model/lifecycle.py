"""How each event changes a task.

Each function returns a pure update that a store applies inside one transaction: it takes the stored task and returns a
`Change`, `Removed`, or None for no change. It may be called again, on another state, if the write is retried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import StatusChanged
from jobs.model.task import Checkpoint, Event, RoundRecord, Status, Task, next_status
from jobs.text import counted

Expected = Literal["pending", "final", "stopping"]
"""The state a task must still be in for a conditional deletion; "final" includes stopping tasks."""


class Change(Struct, frozen=True):
    """The new state of a task, with the rounds and the checkpoint to store with it."""

    task: Task
    rounds: Sequence[RoundRecord] = ()
    checkpoint: Checkpoint | None = None


class Removed(Struct, frozen=True):
    """Deletes the task, at this time."""

    at: int


TaskUpdate = Callable[[Task], Change | Removed | None]


def taken(at: int, place: str | None = None) -> TaskUpdate:
    """Makes a task Running that a worker took, on this host: its next attempt. A claim that is repeated after a restart
    of the server changes nothing."""

    def update(task: Task) -> Change | None:
        if task.is_final or task.status is Status.RUNNING:
            return None
        status = next_status(task.status, Event.TAKEN)
        started = task.started or at
        attempt = task.attempt + 1
        return Change(replace(task, status=status, started=started, attempt=attempt, place=place, last_modified=at))

    return update


def reported(rounds: Sequence[RoundRecord], at: int) -> TaskUpdate:
    """Adds rounds that were done. A task that was aborted meanwhile still gets its last ones."""

    def update(task: Task) -> Change | None:
        if not rounds or (task.is_final and not task.stopping):
            return None
        last = rounds[-1]
        checkpoint = _last_checkpoint(rounds)
        task = replace(
            task,
            percent=max(task.percent, *(done.percent or 0 for done in rounds)),
            round=last.number,
            rounds=last.of if last.of is not None else task.rounds,
            message=last.message,
            if_aborted=last.if_aborted,
            checkpoint_round=checkpoint.round if checkpoint else task.checkpoint_round,
            stalled=False,
            last_modified=at,
            locks=_with_locks_of(rounds, task),
        )
        return Change(_with_abort_outcome(task) if task.stopping else task, rounds, checkpoint)

    return update


def _with_locks_of(rounds: Sequence[RoundRecord], task: Task) -> tuple[str, ...]:
    added = {lock for done in rounds for lock in done.locks}
    return tuple(sorted({*task.locks, *added})) if added else task.locks


def _last_checkpoint(rounds: Sequence[RoundRecord]) -> Checkpoint | None:
    for done in reversed(rounds):
        if done.checkpoint is not None:
            return Checkpoint(done.number, done.checkpoint)
    return None


def returned(result: str, at: int) -> TaskUpdate:
    """Finishes a task whose job returned `result` (JSON text)."""

    def update(task: Task) -> Change | None:
        if task.is_final:
            return _no_longer_stopping(task, at, "all rounds were done")
        status = next_status(task.status, Event.RETURNED)
        outcome = f"Finished after {counted(task.round, 'round')}"
        size = len(result.encode())
        return _end(task, at, status=status, percent=100, result=result, result_bytes=size, outcome=outcome)

    return update


def raised(error: str, at: int) -> TaskUpdate:
    """Fails a task whose job raised or exceeded a limit: `error` is the JSON text of type, message and traceback."""

    def update(task: Task) -> Change | None:
        if task.is_final:
            return _no_longer_stopping(task, at, error=error)
        return _fail(task, at, error, f"Failed {_failing_round(task)}: {_first_line(error)}")

    return update


def unstorable(error: str, at: int) -> Sequence[TaskUpdate]:
    """Fails a task whose worker reported what the store refuses. Perhaps not even that it was taken is on disk."""
    return [taken(at), raised(error, at)]


def stopped(at: int, error: str | None = None) -> TaskUpdate:
    """Ends the stopping of an aborted task: its last round has ended. `error` is set if its clean-up raised."""
    return lambda task: _no_longer_stopping(task, at, error=error)


def interrupted(at: int, reason: str, resumes: bool) -> TaskUpdate:
    """Makes a task Not Started again when the server stopped or died; fails it if its job does not resume."""

    def update(task: Task) -> Change | None:
        if task.is_final:
            return _no_longer_stopping(task, at)
        return _interrupt(task, at, reason, resumes)

    return update


def place_lost(at: int, reason: str, resumes: bool) -> TaskUpdate:
    """Makes a task Not Started again whose host was lost; fails it if its job does not resume. Does nothing if no
    worker had taken it."""

    def update(task: Task) -> Change | None:
        if task.is_final:
            return _no_longer_stopping(task, at, f"its host was lost in round {_next_round(task)}")
        if task.status is Status.NOT_STARTED:
            return None
        return _interrupt(task, at, reason, resumes)

    return update


def died(at: int, reason: str, resumes: bool, max_deaths: int) -> TaskUpdate:
    """Makes a task Not Started again when its worker died; fails it if that has happened too often."""

    def update(task: Task) -> Change | None:
        if task.is_final:
            killed = "was killed" if task.forced else "died"
            return _no_longer_stopping(task, at, f"its worker {killed} in round {_next_round(task)}")
        deaths = task.deaths + 1
        if deaths <= max_deaths:
            return _interrupt(replace(task, deaths=deaths), at, reason, resumes)
        task = replace(task, deaths=deaths, interruptions=task.interruptions + 1)
        message = f"its worker died {counted(deaths, 'time')}, last {reason}"
        return _fail(task, at, error_text("WorkerDied", message), f"Failed: {message}")

    return update


def aborted(by: str, at: int, force: bool = False) -> TaskUpdate:
    """Aborts a pending task; with force, also marks one whose last round is under way."""

    def update(task: Task) -> Change | None:
        if task.is_final:
            return Change(replace(task, forced=True, last_modified=at)) if force and task.stopping else None
        running = task.status is Status.RUNNING
        task = replace(
            task,
            status=next_status(task.status, Event.ABORTED),
            stopping=running,
            forced=force and running,
            stalled=False,
            ended=_ended(task, at),
            ended_by=by,
            last_modified=at,
        )
        return Change(_with_abort_outcome(task))

    return update


def deleted(by: str, at: int, expected: Expected | None, force: bool) -> TaskUpdate:
    """Aborts a pending task, removes a final one. Raises StatusChanged if it is not as `expected`."""
    abort = aborted(by, at, force)

    def update(task: Task) -> Change | Removed | None:
        if expected and not _is(task, expected):
            raise StatusChanged(task)
        if task.is_final and not (force and task.stopping):
            return Removed(at)
        return abort(task)

    return update


def _is(task: Task, expected: Expected) -> bool:
    if expected == "stopping":
        return task.stopping
    return task.is_final is (expected == "final")


def job_gone(at: int, job: str) -> TaskUpdate:
    """Fails a task whose job, or one inside it, no longer exists."""

    def update(task: Task) -> Change | None:
        message = f"its job {job} is no longer there" + (f", which runs in {task.job}" if job != task.job else "")
        return _cannot_run(task, at, Event.JOB_GONE, error_text("JobGone", message), message)

    return update


def over_limit(at: int, message: str) -> TaskUpdate:
    """Fails a task that an earlier version stored, if it exceeds a limit of this one."""
    error = error_text("LimitExceeded", message)
    return lambda task: _cannot_run(task, at, Event.OVER_LIMIT, error, message)


def _cannot_run(task: Task, at: int, event: Event, error: str, message: str) -> Change | None:
    if task.is_final:
        return None
    return _end(task, at, status=next_status(task.status, event), error=error, outcome=f"Failed: {message}")


def stalled(value: bool, at: int) -> TaskUpdate:
    """Marks a task as stalled, or no longer."""

    def update(task: Task) -> Change | None:
        if task.status is not Status.RUNNING or task.stalled == value:
            return None
        return Change(replace(task, stalled=value, last_modified=at))

    return update


def pinned(value: bool) -> TaskUpdate:
    """Exempts a task from retention, or no longer. Its last change keeps its time."""
    return lambda task: None if task.pinned == value else Change(replace(task, pinned=value))


def error_text(kind: str, message: str, traceback: str = "") -> str:
    """Returns a task's `error` as JSON text."""
    return msgspec.json.encode({"type": kind, "message": message, "traceback": traceback}).decode()


def _interrupt(task: Task, at: int, reason: str, resumes: bool) -> Change:
    task = replace(task, interruptions=task.interruptions + 1)
    if not resumes:
        error = error_text("Interrupted", f"{reason}, and its job does not resume after an interruption")
        return _fail(task, at, error, f"Failed {_failing_round(task)}: {_first_line(error)}")
    status = next_status(task.status, Event.INTERRUPTED)
    return Change(replace(task, status=status, round=task.checkpoint_round, stalled=False, last_modified=at))


def _fail(task: Task, at: int, error: str, outcome: str) -> Change:
    return _end(task, at, status=next_status(task.status, Event.RAISED), error=error, outcome=outcome)


def _end(task: Task, at: int, **fields: object) -> Change:
    return Change(replace(task, ended=_ended(task, at), last_modified=at, stalled=False, **fields))


def _ended(task: Task, at: int) -> int:
    """Returns a time not before its start, even if the clock was set back: `runtime` is never negative."""
    return max(at, task.started or at)


def _no_longer_stopping(task: Task, at: int, ending: str = "", error: str | None = None) -> Change | None:
    if not task.stopping:
        return None
    task = replace(task, stopping=False, error=error or task.error, last_modified=at)
    return Change(_with_abort_outcome(task, ending))


def _with_abort_outcome(task: Task, ending: str = "") -> Task:
    goes_on = f"; {task.if_aborted}" if task.if_aborted else ""
    return replace(task, outcome=f"Aborted by {task.ended_by}{_abort_ending(task, ending)}{goes_on}")


def _abort_ending(task: Task, ending: str) -> str:
    if task.started is None:
        return " before it started"
    if ending:
        return f"; {ending}"
    if task.rounds is not None and task.round >= task.rounds:
        return "; all rounds were done"
    return f" after round {task.round}{_of_rounds(task)}"


def _failing_round(task: Task) -> str:
    if task.rounds is not None and task.round >= task.rounds:
        return f"after round {task.round}{_of_rounds(task)}"
    return f"in round {_next_round(task)}"


def _next_round(task: Task) -> str:
    return f"{task.round + 1}{_of_rounds(task)}"


def _of_rounds(task: Task) -> str:
    return f" of {task.rounds}" if task.rounds is not None else ""


def _first_line(error: str) -> str:
    """Returns `ValueError: no such pool` from an error's JSON text: its first line, at most 300 characters."""
    parts = json.loads(error)
    line = str(parts["message"]).strip().partition("\n")[0]
    return f"{parts['type']}: {line}"[:300] if line else str(parts["type"])
