"""The worker process: sets itself up, then runs one task at a time, round by round.

It knows only its pipe to the server, and must not outlive the server: no worker may run beside a successor's.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, NoReturn

from msgspec.structs import replace

import logs
from jobs.definition.job import Resource
from jobs.definition.limits import MIB, checked_result, checked_round
from jobs.definition.loading import load_registry
from jobs.definition.registry import Registry
from jobs.definition.rounds import Pause, Rounds
from jobs.engine import Ended, Start
from jobs.engines.local.error_report import describe, failure_in_words
from jobs.engines.local.messages import MOST_REASON_CHARACTERS, BootFailed, Ready
from jobs.engines.local.server_pipe import ServerPipe, Stop
from jobs.engines.local.sources import Sources
from jobs.engines.local.surroundings import Surroundings
from jobs.errors import NotJson
from processes.child import become_child, hold_lock, leave

log = logging.getLogger("hourglass.worker")

How = Literal["returned", "raised", "stopped", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker needs before its first task. Created in the server, whose process id it carries."""

    lock_path: str
    modules: Sequence[str] = ()
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    resources: Sequence[Resource] = ()
    sources: Sources | None = None
    """The source files that the server has loaded."""
    log_level: str = "info"
    log_style: logs.Style = "text"
    server_pid: int = field(default_factory=os.getpid)


def main(channel: socket.socket, settings: WorkerSettings) -> NoReturn:
    """Runs a worker to its end. It starts with the signals of HELD_SIGNALS blocked."""
    become_child(channel, settings.server_pid)
    logs.set_up_child(settings.log_level, settings.log_style)
    pipe = ServerPipe(channel)
    threading.Thread(target=pipe.listen, name="listener", daemon=True).start()
    registry = _booted(pipe, settings)
    surroundings = Surroundings()
    is_changed = settings.sources is not None and settings.sources.differ_from_loaded(settings.modules)
    pipe.send(Ready(code_changed=is_changed))
    logging_state = logs.LoggingState()
    while order := pipe.next_order():
        with logs.current_task(order.task):
            # In its own context: what a job sets there, such as the precision of decimals, ends with its task.
            ended = copy_context().run(run_task, order, registry, pipe)
        logging_state.restore()
        pipe.end(replace(ended, left=ended.left or surroundings.restore()))
    leave(0)


def _booted(pipe: ServerPipe, settings: WorkerSettings) -> Registry:
    try:
        hold_lock(settings.lock_path)
        return load_registry(settings.modules).configure(settings.sections).with_resources(*settings.resources)
    except BaseException as error:  # noqa: BLE001 - whatever a module raises, the server reports it
        pipe.send(BootFailed(failure_in_words(error)[:MOST_REASON_CHARACTERS]))
        leave(1)


# A task


def run_task(order: Start, registry: Registry, pipe: ServerPipe) -> Ended:
    """Runs the task to its end, whatever happens."""
    run = TaskRun(order, pipe)
    try:
        with memory_limited(order.memory_limit_mb):
            checkpoint = None if order.checkpoint is None else json.loads(order.checkpoint)
            run.rounds = registry.begin(order.job, json.loads(order.params), checkpoint)
            return run.to_its_end()
    except BaseException as error:  # noqa: BLE001 - a job may raise anything, SystemExit too, and the worker lives on
        return run.raised(error)


class TaskRun:
    """One task while it runs."""

    def __init__(self, order: Start, pipe: ServerPipe) -> None:
        self.rounds: Rounds | None = None
        self._order = order
        self._pipe = pipe

    def to_its_end(self) -> Ended:
        """Runs round by round until the job returns or has to stop. Raises what the job raises, and what refuses a
        round."""
        assert self.rounds is not None
        number = self._order.round
        began = perf_counter()
        while not (stop := self._pipe.stop_wanted):
            try:
                value = next(self.rounds)
            except StopIteration as end:
                return self._ended("returned", result=checked_result(end.value))
            if isinstance(value, Pause):
                self._pipe.pause(value.seconds)
                continue
            done = checked_round(value, number, perf_counter() - began, self._order.rounds)
            number = done.number
            self._pipe.report(done)
            began = perf_counter()
        return self._stopped(stop)

    def raised(self, error: BaseException) -> Ended:
        """Returns the last report of a task whose job raised, or yielded something invalid."""
        described = describe(error, self.rounds, self._order.memory_limit_mb)
        self._log(self._closing_error())
        # By type(): an exception of a job may lie about its class.
        left = "an encoder that does not produce JSON" if issubclass(type(error), NotJson) else ""
        return replace(self._ended("raised", error=described), left=left)

    def _stopped(self, stop: Stop) -> Ended:
        error = self._closing_error()
        if stop == "interrupted":  # it will resume, so this is not its error
            self._log(error)
            error = None
        return self._ended(stop, error=error)

    def _closing_error(self) -> str | None:
        """Lets the job clean up. Returns what it raised then, or that it yielded again."""
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
        order = self._order
        return Ended(task=order.task, attempt=order.attempt, how=how, rounds=[], result=result, error=error)


@contextmanager
def memory_limited(limit_mb: int) -> Iterator[None]:
    """Makes allocations fail with MemoryError if they would take more than `limit_mb` on top of what is taken now.

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
