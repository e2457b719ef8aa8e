"""The worker process: sets itself up, then runs one task at a time, round by round.

It knows nothing of the server but its pipe, and must not outlive it: no worker may run beside the server's successor.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Literal, NoReturn

from msgspec.structs import replace

import logs
from jobs.definition.job import Resource
from jobs.definition.limits import MIB, checked_result, checked_round
from jobs.definition.loading import load_registry
from jobs.definition.registry import Registry
from jobs.definition.rounds import Pause, Rounds
from jobs.engine import Ended, Start
from jobs.engines.local.messages import MOST_REASON_CHARACTERS, BootFailed, Ready
from jobs.engines.local.server_pipe import Link, Stop
from jobs.engines.local.sources import Sources
from jobs.engines.local.surroundings import Surroundings
from jobs.errors import HourglassError, NotJson
from jobs.json_text import with_replacement_marks
from jobs.model.lifecycle import error_text
from processes.child import become_child, hold_lock, leave

log = logging.getLogger("hourglass.worker")

MOST_ERROR_CHARACTERS = 10_000
MOST_NAME_CHARACTERS = 500
WELL_KNOWN_ERRORS = ("builtins", "jobs.errors", "ceph.errors")
"""The modules whose exceptions are shown without their module: `ClusterUnavailable: …`."""
MOST_TRACEBACK_BYTES = 64 * 1024
OWN_MODULES = frozenset(
    {
        "jobs.engines.local.worker",
        "jobs.definition.limits",
        "jobs.json_text",
        "jobs.definition.job",
        "jobs.definition.registry",
        "jobs.definition.rounds",
        "jobs.engines.local.server_pipe",
        "jobs.library.chain",
    }
)
How = Literal["returned", "raised", "stopped", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker has to know before its first task. Made in the server, whose process id it bears."""

    lock_path: str
    modules: Sequence[str] = ()
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    resources: Sequence[Resource] = ()
    sources: Sources | None = None
    """What the server has loaded."""
    log_level: str = "info"
    log_style: logs.Style = "text"
    server_pid: int = field(default_factory=os.getpid)


def main(channel: socket.socket, settings: WorkerSettings) -> NoReturn:
    """The life of a worker. It starts with the signals of HELD_SIGNALS blocked."""
    become_child(channel, settings.server_pid)
    logs.set_up_child(settings.log_level, settings.log_style)
    link = Link(channel)
    threading.Thread(target=link.listen, name="listener", daemon=True).start()
    registry = _booted(link, settings)
    surroundings = Surroundings()
    is_changed = settings.sources is not None and settings.sources.differ_from_loaded(settings.modules)
    link.send(Ready(code_changed=is_changed))
    logging_state = logs.LoggingState()
    while order := link.next_order():
        with logs.current_task(order.task):
            # In a context of its own: what a job sets in one, as the precision of decimals, ends with its task.
            ended = copy_context().run(run_task, order, registry, link)
        logging_state.restore()
        link.end(replace(ended, left=ended.left or surroundings.restore()))
    leave(0)


def _booted(link: Link, settings: WorkerSettings) -> Registry:
    try:
        hold_lock(settings.lock_path)
        return load_registry(settings.modules).configure(settings.sections).with_resources(*settings.resources)
    except BaseException as error:  # noqa: BLE001 - whatever a module raises, the server is to say so
        link.send(BootFailed(_boot_failure(error)))
        leave(1)


def _boot_failure(error: BaseException) -> str:
    text = str(error) if issubclass(type(error), HourglassError) else f"{_type_name(error)}: {_message(error, 0)}"
    return _clean(text[:MOST_ERROR_CHARACTERS])[:MOST_REASON_CHARACTERS]


# A task


def run_task(order: Start, registry: Registry, link: Link) -> Ended:
    """Runs the task to its end, whatever that is."""
    run = TaskRun(order, link)
    try:
        with memory_limited(order.memory_limit_mb):
            run.rounds = registry.begin(order.job, json.loads(order.params), _checkpoint(order))
            return run.to_its_end()
    except BaseException as error:  # noqa: BLE001 - a job may raise anything, SystemExit too, and the worker lives on
        return run.raised(error)


def _checkpoint(order: Start) -> dict[str, object] | None:
    return None if order.checkpoint is None else json.loads(order.checkpoint)


class TaskRun:
    """One task on its way through its rounds."""

    def __init__(self, order: Start, link: Link) -> None:
        self.rounds: Rounds | None = None
        self._order = order
        self._link = link

    def to_its_end(self) -> Ended:
        """Round by round, until the job returns or is to stop. Raises what the job raises, and where it is refused."""
        assert self.rounds is not None
        number = self._order.round
        began = perf_counter()
        while not (stop := self._link.stop_wanted):
            try:
                value = next(self.rounds)
            except StopIteration as end:
                return self._ended("returned", result=checked_result(end.value))
            if isinstance(value, Pause):
                self._link.pause(value.seconds)
                continue
            done = checked_round(value, number, perf_counter() - began, self._order.rounds)
            number = done.number
            self._link.report(done)
            began = perf_counter()
        return self._stopped(stop)

    def raised(self, error: BaseException) -> Ended:
        """The end of a task whose job raised, or sent what it may not."""
        described = describe(error, self.rounds, self._order.memory_limit_mb)
        self._log(self._closing_error())
        # By its type: what a job raises may refuse to say of what class it is.
        left = "an encoder that makes no JSON" if issubclass(type(error), NotJson) else ""
        return replace(self._ended("raised", error=described), left=left)

    def _stopped(self, stop: Stop) -> Ended:
        error = self._closing_error()
        if stop == "interrupted":  # it will go on, so that this is not its error
            self._log(error)
            error = None
        return self._ended(stop, error=error)

    def _closing_error(self) -> str | None:
        """Lets the job clean up. A job that raises then, or goes on yielding, is told of, and nothing else."""
        try:
            if self.rounds is not None:
                self.rounds.close()
        except BaseException as error:  # noqa: BLE001 - as in run_task
            return describe(error, self.rounds, self._order.memory_limit_mb)
        return None

    def _log(self, closing_error: str | None) -> None:
        if closing_error:
            log.warning("Task %d: its clean-up raised %s", self._order.task, closing_error)

    def _ended(self, how: How, result: str | None = None, error: str | None = None) -> Ended:
        return Ended(task=self._order.task, how=how, rounds=[], result=result, error=error)


@contextmanager
def memory_limited(limit_mb: int) -> Iterator[None]:
    """Allocations fail with MemoryError where they would take more than `limit_mb` on top of what is taken now.

    RLIMIT_DATA counts private writable memory whether it has been touched or not, in the unit of VmData; code, shared
    memory and files do not count. Lifted again before an error is described, which takes memory as well.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    if limit_mb:
        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + limit_mb * MIB, before[1]))
    try:
        yield
    finally:
        try:  # noqa: SIM105  suppress() takes memory, of which there may be none left
            resource.setrlimit(resource.RLIMIT_DATA, before)
        except (ValueError, OSError):
            pass  # a job has lowered the hard limit


def _data_bytes() -> int:
    with open("/proc/self/status") as lines:
        taken_kib = next(line.split()[1] for line in lines if line.startswith("VmData:"))
    return int(taken_kib) * 1024


# An error in words


def describe(error: BaseException, rounds: Rounds | None, memory_limit_mb: int) -> str:
    """The error as JSON text of type, message and traceback, each within bounds and fit for UTF-8."""
    try:
        message = _with_notes(error, _message(error, memory_limit_mb))
        message = _clean(message)[: 2 * MOST_ERROR_CHARACTERS]  # escapes make it longer
        return error_text(_type_name(error), message, _shortened(_clean(_traceback(error, rounds))))
    except BaseException as own:  # noqa: BLE001 - the exception of a job may be anything, also in how it shows itself
        return error_text("Exception", f"what the job raised cannot be shown, {type(own).__name__}")


def _type_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ in WELL_KNOWN_ERRORS:
        return _clean(kind.__name__[:MOST_NAME_CHARACTERS])
    return _clean(f"{kind.__module__}.{kind.__qualname__}"[:MOST_NAME_CHARACTERS])


def _message(error: BaseException, memory_limit_mb: int) -> str:
    text = _text(error)
    if isinstance(error, SystemExit):
        return f"the job called sys.exit({text})"
    if isinstance(error, MemoryError) and memory_limit_mb:
        return f"used more than memory_limit_mb = {memory_limit_mb}" + (f": {text}" if text else "")
    return text


def _with_notes(error: BaseException, message: str) -> str:
    """What was noted on an error stands at the end of its first line, which is what an outcome shows."""
    notes = "; ".join(note for note in _notes(error) if isinstance(note, str))[: MOST_ERROR_CHARACTERS // 2]
    message = message[: MOST_ERROR_CHARACTERS - len(notes)]
    if not notes:
        return message
    first, line_end, others = message.partition("\n")
    return f"{first} ({notes}){line_end}{others}" if first else f"{notes}{line_end}{others}"


def _notes(error: BaseException) -> Sequence[object]:
    notes = getattr(error, "__notes__", ())
    return notes if isinstance(notes, list) else ()


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as own:  # noqa: BLE001 - an exception of a job whose __str__ raises, perhaps SystemExit
        return f"(its message cannot be shown, {type(own).__name__})"


def _clean(text: str) -> str:
    return with_replacement_marks(text)


def _traceback(error: BaseException, rounds: Rounds | None) -> str:
    """From the job's own frames on. Where only ours are in it, the job was refused: then, where it yielded."""
    frames = _from_job_on(error.__traceback__)
    if frames is None and (places := _where_it_yields(rounds)):
        return "".join(traceback.format_list(places))
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


def _from_job_on(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in OWN_MODULES:
        frames = frames.tb_next
    return frames


def _where_it_yields(rounds: object) -> list[traceback.FrameSummary]:
    """The line that yielded, and those that `yield from` one another on the way to it."""
    places = []
    while (frame := getattr(rounds, "gi_frame", None)) is not None:
        places.append(traceback.FrameSummary(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        rounds = getattr(rounds, "gi_yieldfrom", None)
    return places


def _shortened(text: str) -> str:
    """The ends of a traceback say where it began and what was raised; a long middle is recursion, or a huge message."""
    if len(text.encode()) <= MOST_TRACEBACK_BYTES:
        return text
    most = MOST_TRACEBACK_BYTES // 2 - 100
    head, tail = text.encode()[:most], text.encode()[-most:]
    return f"{head.decode(errors='ignore')}\n… cut …\n{tail.decode(errors='ignore')}"
