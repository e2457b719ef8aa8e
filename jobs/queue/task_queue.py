"""The queue of tasks: takes them in, gives them to workers, and is the only writer of their state."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jobs.definition import composition
from jobs.definition.registry import Job, Registry
from jobs.engine import Engine, WorkerUsage
from jobs.engines.local.messages import Ended, Start
from jobs.errors import (
    Conflict,
    HourglassError,
    InvalidInput,
    JobUnavailable,
    LimitExceeded,
    Mistakes,
    NoSuchTask,
    NotFound,
    ServiceStopping,
    in_words,
)
from jobs.json_text import check_json, with_replacement_marks
from jobs.live.views import Derived, WorkerView
from jobs.model import lifecycle
from jobs.model.backlog import Entry, Schedule
from jobs.model.forecast import TREND_ROUNDS
from jobs.model.lifecycle import Change, Expected, Removed, Step
from jobs.model.tally import TaskTally
from jobs.model.task import RoundRecord, Status, Task
from jobs.queue import preparing
from jobs.queue.runs import Background, Run, RunWriter
from jobs.store import Created, Draft, RequestKey, TaskStore

log = logging.getLogger("hourglass.queue")

LOOK_AGAIN_SECONDS = 0.25
LONGEST_SLEEP_SECONDS = 60.0
LONGEST_KILL_SECONDS = 10.0
KEPT_ORDERS = 1000
LARGEST_KEPT_ORDER_CHARACTERS = 4096
LARGEST_METADATA_BYTES = 16 * 1024
RECOVERED_AT_ONCE = 20
"""Tasks in memory at a time while a start looks at them."""
MOST_REASON_CHARACTERS = 500


class Submission(Struct, frozen=True, kw_only=True):
    """What somebody asks for. `not_before` in milliseconds since 1970; `prepared` is what the job itself would find out
    when its task is created, if that is known already."""

    job: str
    params: object
    priority: int = 0
    not_before: int | None = None
    retry_of: int | None = None
    prepared: Mapping[str, object] | None = None


Check = Callable[[], object]
"""Raises if whoever asks may do so no longer. It is called in the transaction, in any thread."""


def always() -> None:
    """The check of those who need none."""


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def steady_clock() -> int:
    """Milliseconds that go by, whatever the wall clock is set to: for what lasts within one run of the server."""
    return time.monotonic_ns() // 1_000_000


class TaskQueue:
    """Takes tasks in, schedules them, and writes down what becomes of them."""

    def __init__(
        self,
        store: TaskStore,
        engine: Engine,
        registry: Registry,
        max_worker_deaths: int = 3,
        clock: Callable[[], int] = wall_clock,
        steady: Callable[[], int] = steady_clock,
    ) -> None:
        self._store = store
        self._engine = engine
        self._registry = registry
        self._max_worker_deaths = max_worker_deaths
        self._clock = clock
        self._steady = steady
        self._schedule = Schedule()
        self._runs: dict[int, Run] = {}
        self._orders: dict[int, Start] = {}
        self._starting = 0
        self._background = Background()
        self._writer = RunWriter(store, self._background, self)
        self._due_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self.tally = TaskTally()
        self.workers_have_come_up = False
        self.stopping = False
        self.on_final: Callable[[int], None] = lambda task_id: None
        """Called with the id of each task that has become final, has ended stopping, or was removed."""
        self.on_ended: Callable[[Task], None] = lambda task: None
        """Called once with each task that has become final, as it is on disk."""
        engine.listener = self

    # What people and scripts ask for.

    async def recover(self) -> None:
        """After a start: what a server that is gone has left goes on from its last round.

        Raises StorageUnavailable.
        """
        task_ids = await self._store.unfinished()
        for first in range(0, len(task_ids), RECOVERED_AT_ONCE):
            for task in await self._store.tasks(task_ids[first : first + RECOVERED_AT_ONCE]):
                await self._recover_one(task if task.params else await self._store.task(task.id))
        self._dispatch()

    async def submit(
        self, submission: Submission, by: str | None, key: RequestKey | None = None, check: Check = always
    ) -> Created:
        """Takes in one task; with a key that is known already, that is its task.

        Raises InvalidInput (an unknown job is one too), JobUnavailable, Conflict, StorageUnavailable, and what `check`
        or the preparation of its jobs raises, e.g. ClusterUnavailable.
        """
        try:
            parts = self._parts(submission)
            self._refuse_if_stopping()
            if preparing.needs_preparation(parts):
                known = await self.known(key)
                if known is not None:
                    return known
                draft = await self._prepared_draft(submission, by, parts)
            else:
                draft = self._draft(submission, by, parts)
        except HourglassError:
            known = await self.known(key)
            if known is None:
                raise
            return known
        del submission, parts  # the draft has it as a text
        # Where nothing is prepared, nothing is waited for before this: who may ask for it still may when it is written.
        check()
        return (await self._take_in([draft], key))[0]

    def check(self, submission: Submission) -> None:
        """Raises what `submit` would, as far as that is known beforehand: for callers that do something first."""
        self._draft(submission, None, self._parts(submission))
        self._refuse_if_stopping()

    async def known(self, key: RequestKey | None) -> Created | None:
        """What a request has created that was sent before: whatever has changed since, it is not refused now."""
        task = await self._store.created_with(key) if key is not None else None
        return Created(task, is_new=False) if task is not None else None

    async def existing(self, task_id: int) -> Created:
        """A task that was created before, as it is now. Raises Conflict if it was deleted since."""
        try:
            return Created(await self._store.task(task_id), is_new=False)
        except NoSuchTask as error:
            raise Conflict(f"Task {task_id}, which this request has created, was deleted since.") from error

    async def submit_all(
        self, submissions: Sequence[Submission | InvalidInput], by: str | None, check: Check = always
    ) -> list[Created]:
        """Takes in all tasks or none. Raises InvalidInput with the mistakes of all of them by their indices; one whose
        form is wrong already comes as its mistake. Raises besides what `submit` does."""
        drafts: list[Draft] = []
        to_prepare: dict[int, Sequence[composition.Part]] = {}
        mistakes = Mistakes()
        for index, submission in enumerate(submissions):
            with _noted(mistakes, index):
                if isinstance(submission, InvalidInput):
                    raise submission
                parts = self._parts(submission)
                drafts.append(self._draft(submission, by, parts))
                if preparing.needs_preparation(parts):
                    to_prepare[index] = parts
        mistakes.raise_if_any()
        if to_prepare:
            asked = (self._prepared_draft(cast(Submission, submissions[n]), by, to_prepare[n]) for n in to_prepare)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            for index, answer in zip(to_prepare, answers, strict=True):
                with _noted(mistakes, index):
                    if isinstance(answer, BaseException):
                        raise answer
                    drafts[index] = answer
            mistakes.raise_if_any()
        check()
        return await self._take_in(drafts)

    async def retry(
        self, task_id: int, by: str | None, key: RequestKey | None = None, check: Check = always
    ) -> Created:
        """A new task with the same job and parameters. Raises Conflict if the old one is pending still."""
        known = await self.known(key)
        if known is not None:
            return known
        task = await self._store.task(task_id)
        if task.is_pending:
            raise Conflict(f"Task {task_id} is {task.status}: it can be run again when it has ended.")
        params = composition.given_params(self._registry, task.job, json.loads(task.params))
        submission = Submission(job=task.job, params=params, priority=task.priority, retry_of=task_id)
        check()
        try:
            return await self.submit(submission, by, key, check)
        except InvalidInput as error:
            raise Conflict(f"Task {task_id} cannot be run again as it is: {error}") from error

    async def pin(self, task_id: int, value: bool, check: Check = always) -> Task:
        """Keeps a task from retention, or no longer. Raises NoSuchTask, StorageUnavailable."""
        task = await self._store.change(task_id, _checked(lifecycle.pinned(value), check))
        assert task is not None
        return task

    async def delete(
        self, task_id: int, by: str, expected: Expected | None = None, force: bool = False, check: Check = always
    ) -> Task | None:
        """Aborts a pending task, removes a final one (then None). With force a round under way is not waited for.

        Raises NoSuchTask, StatusChanged if it is not `expected`, StorageUnavailable.
        """
        step = _checked(lifecycle.deleted(by, self._clock(), expected, force), check)
        run = await self._begun_run(task_id)
        task = await (self._delete_waiting(task_id, step) if run is None else self._writer.write_for_person(run, step))
        log.info("task %d: %s", task_id, task.outcome if task else f"deleted by {by}", extra={"task": task_id})
        if task is None or task.is_final:
            self._orders.pop(task_id, None)
            self.on_final(task_id)
        if run is not None and task is not None:
            return await self._stop_run(run, task, force)
        return task

    def derived(self, task: Task) -> Derived:
        """What follows for this task from what goes on right now."""
        if task.is_final:
            return Derived()
        now = self._clock()
        run = self._runs.get(task.id)
        if run is not None and task.status is Status.RUNNING:
            return Derived(estimated=self._estimated(run, now), pace_seconds=run.pace.seconds)
        return Derived(waiting_for=self._schedule.why(task.id, now))

    def _estimated(self, run: Run, now: int) -> int | None:
        """When its task should end, by the wall clock as it is set now."""
        steady = self._steady()
        estimated = run.pace.estimated(steady)
        return None if estimated is None else now + estimated - steady

    def pending_on(self, *locks: str) -> list[int]:
        """The ids of the pending tasks that have or want one of these locks, in the order in which they have it."""
        return [task_id for task_id in self._schedule.line(self._clock(), *locks) if self._is_pending(task_id)]

    def _is_pending(self, task_id: int) -> bool:
        """Who has a lock may have been aborted, and goes on to the end of its round."""
        run = self._runs.get(task_id)
        return run is None or not (run.deleted or (run.task is not None and run.task.is_final))

    def workers(self) -> list[WorkerView]:
        """The workers as they are now."""
        return self._engine.workers()

    def worker_states(self) -> list[str]:
        """Their states alone; psutil is not asked."""
        return self._engine.worker_states()

    def changed_workers(self) -> int:
        """How many workers run other code than the server."""
        return self._engine.changed_workers()

    def worker_usage(self) -> list[WorkerUsage]:
        """What the process in each worker's place has used."""
        return self._engine.worker_usage()

    def waiting_counts(self) -> dict[str, int]:
        """How many tasks wait for a worker, for a lock, for their time."""
        return self._schedule.counts(self._clock())

    async def stop(self, grace_seconds: float) -> None:
        """No new rounds; what is not done goes back to Not Started. Returns when all that can be is on disk."""
        self.stopping = True
        self._cancel_timers()
        await self._engine.stop(grace_seconds)
        await self._background.finish(unless=lambda: self._writer.may_take_for_ever)
        self._background.cancel()
        self._writer.give_up(list(self._runs.values()))

    # What the engine reports.

    def worker_free(self) -> None:
        self.workers_have_come_up = True
        self._dispatch()

    def rounds_reported(self, task_id: int, rounds: Sequence[RoundRecord]) -> None:
        run = self._runs[task_id]
        self.tally.rounds += len(rounds)
        self._note_locks(task_id, rounds)
        self._note_pace(run, rounds)
        self._writer.write(run, lifecycle.reported(rounds, self._clock()), acknowledges=True)

    def _note_locks(self, task_id: int, rounds: Sequence[RoundRecord]) -> None:
        for done in rounds:
            if done.locks:
                self._schedule.hold_also(task_id, done.locks)

    def task_ended(self, ended: Ended) -> None:
        run = self._runs[ended.task]
        now = self._clock()
        self.tally.rounds += len(ended.rounds)
        run.over = True
        self._writer.write(run, lifecycle.reported(ended.rounds, now), self._last_step(run, ended, now))

    def worker_died(self, task_id: int, reason: str) -> None:
        run = self._runs[task_id]
        run.over = True
        self._writer.write(run, self._death_step(run, reason))

    # Taking in.

    async def _take_in(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        if self.stopping:
            raise ServiceStopping
        created = await self._store.create(drafts, key)
        for one in created:
            if one.is_new:
                self._note_created(one.task)
                self._wait(one.task)
        self._dispatch()
        return created

    def _refuse_if_stopping(self) -> None:
        if self.stopping:
            raise ServiceStopping

    def _parts(self, submission: Submission) -> list[composition.Part]:
        """What was asked for, checked as far as it can be without waiting for anybody."""
        job = self._known_job(submission.job)
        prepared = {"": submission.prepared} if submission.prepared is not None else None
        parts = composition.parts_of(self._registry, job.name, submission.params, prepared)
        composition.refuse_unavailable(self._registry, parts)
        return parts

    async def _prepared_draft(self, submission: Submission, by: str | None, parts: Sequence[composition.Part]) -> Draft:
        """Raises what `submit` does."""
        known = {"": submission.prepared} if submission.prepared is not None else None
        with _what_a_job_says(parts[0].job):
            parts = await preparing.prepared_parts(self._registry, submission.params, parts, known)
        return self._draft(submission, by, parts)

    def _draft(self, submission: Submission, by: str | None, parts: Sequence[composition.Part]) -> Draft:
        with _what_a_job_says(parts[0].job):
            return self._described(submission, by, parts)

    def _described(self, submission: Submission, by: str | None, parts: Sequence[composition.Part]) -> Draft:
        """What the functions of its job say of a task that is to be created."""
        job = parts[0].job
        params = msgspec.to_builtins(parts[0].params)
        arguments = self._registry.arguments(job, parts[0].params)
        for part in parts:
            part.job.expected_seconds_of(self._registry.arguments(part.job, part.params))
        locks, metadata = self._locks_and_metadata(parts)
        check_json(metadata, "its metadata", LARGEST_METADATA_BYTES)
        return Draft(
            job=job.name,
            params=_json(params),
            description=job.describe(arguments),
            metadata=metadata,
            locks=locks,
            unique_key=_unique_key(job.name, params) if job.unique else None,
            created=self._clock(),
            priority=submission.priority,
            not_before=submission.not_before,
            created_by=by,
            retry_of=submission.retry_of,
            rounds=job.rounds_of(arguments),
        )

    def _locks_and_metadata(self, parts: Sequence[composition.Part]) -> tuple[tuple[str, ...], str]:
        """What a task of these parts holds in memory and in lists. Raises InvalidInput with all that is too long."""
        errors: dict[str, list[str]] = {}
        locks: tuple[str, ...] = ()
        try:
            locks = composition.locks_of(self._registry, parts, self._is_taken)
        except InvalidInput as error:
            errors |= error.errors
        own = parts[0]
        metadata = _json(own.job.metadata_of(self._registry.arguments(own.job, own.params)))
        metadata = with_replacement_marks(metadata)
        size = len(metadata.encode())
        if size > LARGEST_METADATA_BYTES:
            errors["metadata"] = [f"expected at most {LARGEST_METADATA_BYTES} bytes of metadata, got {size}"]
        if errors:
            raise InvalidInput(errors=errors)
        return locks, metadata

    def _is_taken(self, lock: str) -> bool:
        return bool(self._schedule.line(self._clock(), lock))

    def _known_job(self, name: str) -> Job:
        """An unknown job is a mistake in what was sent, like any other: 400, whoever asks and in whatever form."""
        try:
            return self._registry.job(name)
        except NotFound as error:
            raise InvalidInput(errors={"job": [str(error)]}) from error

    def _wait(self, task: Task) -> None:
        self._schedule.add(_entry(task), self._clock())
        if len(self._orders) < KEPT_ORDERS and len(task.params) <= LARGEST_KEPT_ORDER_CHARACTERS:
            self._orders[task.id] = Start(task=task.id, job=task.job, params=task.params, rounds=task.rounds)

    async def _recover_one(self, task: Task) -> None:
        now = self._clock()
        recovered: Task | None = task
        if task.stopping:
            recovered = await self._store.change(task.id, lifecycle.stopped(now))
        elif task.status is Status.RUNNING:
            step = lifecycle.interrupted(now, "the server stopped", self._resumes(task.job, task.params))
            recovered = await self._store.change(task.id, step)
            self._note_end_of(recovered)
        if recovered is not None and recovered.is_pending:
            await self._let_wait_again(replace(recovered, params=task.params), now)

    async def _let_wait_again(self, task: Task, now: int) -> None:
        impossible = self._impossible(task, now)
        if impossible is not None:
            self._note_end_of(await self._store.change(task.id, impossible))
            self.on_final(task.id)
        else:
            self._schedule.add(_entry(task), now)

    def _impossible(self, task: Task, now: int) -> Step | None:
        """How a task ends that cannot run under this version of the service; None if it can."""
        gone = self._gone_job(task)
        if gone is not None:
            return lifecycle.job_gone(now, gone)
        mistake = composition.mistake_of_locks(task.locks)
        return lifecycle.over_limit(now, f"it cannot run: {mistake}") if mistake else None

    def _gone_job(self, task: Task) -> str | None:
        names = composition.names_in(self._registry, task.job, task.params)
        return next((name for name in names if not self._is_there(name)), None)

    def _is_there(self, job: str) -> bool:
        return self._registry.find(job) is not None and self._registry.unavailable_because(job) is None

    def _resumes(self, job: str, params: str) -> bool:
        return all(one.resumes for one in composition.jobs_in(self._registry, job, params))

    # Starting.

    def _dispatch(self) -> None:
        """Starts what can start. Nothing new begins while rounds wait to be written."""
        while not self.stopping and not self._writer.is_blocked and self._engine.free_workers > self._starting:
            entry = self._schedule.take(self._clock())
            if entry is None:
                break
            self._begin(entry)
        self._wake_when_due()

    def _begin(self, entry: Entry) -> None:
        run = self._runs[entry.task] = Run(entry, self._steady())
        order = self._orders.pop(entry.task, None)
        if order is not None:
            self._start(run, order)
        else:
            self._starting += 1
            self._background.begin(self._read_and_start(run))

    async def _read_and_start(self, run: Run) -> None:
        order: Start | None = None
        try:
            task = await self._store.task(run.task_id)
            mistake = self._over_limit(task)
            if mistake is not None:
                await self._end_over_limit(run, mistake)
                return
            order = await self._read_order(run, task)
        except HourglassError as error:
            log.warning("task %d could not be read: %s", run.task_id, error, extra={"task": run.task_id})
        self._starting -= 1
        if order is None or self.stopping or not self._engine.free_workers:
            self._put_back(run)
        else:
            self._start(run, order)

    def _over_limit(self, task: Task) -> str | None:
        """What of a stored task is too long by the present code of its jobs; whatever else is wrong its worker says."""
        try:
            parts = composition.stored_parts_of(self._registry, task.job, json.loads(task.params))
        except HourglassError:
            return None
        try:
            self._locks_and_metadata(parts)
        except InvalidInput as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  code of others
            log.warning("task %d: its locks are not known: %s", task.id, in_words(error), extra={"task": task.id})
        return None

    async def _end_over_limit(self, run: Run, mistake: str) -> None:
        """Ends a task before it runs. Raises StorageUnavailable, NoSuchTask."""
        task = await self._store.change(run.task_id, lifecycle.over_limit(self._clock(), f"it cannot run: {mistake}"))
        self._starting -= 1
        self._forget_run(run)
        run.decided.set()
        self._note_end_of(task)
        self.on_final(run.task_id)
        self._dispatch()

    async def _read_order(self, run: Run, task: Task) -> Start:
        checkpoint = await self._store.checkpoint(run.task_id)
        if task.interruptions:
            recent = await self._store.rounds_without_output(run.task_id, max(0, task.checkpoint_round - TREND_ROUNDS))
            run.pace.recall((done.number, done.seconds) for done in recent)
        return Start(
            task=task.id,
            job=task.job,
            params=task.params,
            checkpoint=checkpoint.data if checkpoint else None,
            round=checkpoint.round if checkpoint else 0,
            rounds=task.rounds,
        )

    def _put_back(self, run: Run) -> None:
        self._forget_run(run)
        run.decided.set()
        self._schedule.add(run.entry, self._clock())
        self._later(LOOK_AGAIN_SECONDS, self._dispatch)

    def _start(self, run: Run, order: Start) -> None:
        """The first round begins before the commit that says Running: a repeat after a crash is allowed, and
        nobody is told before the commit."""
        run.resumes = self._resumes(order.job, order.params)
        run.expected_seconds = run.pace.expected_seconds = self._expected_seconds(order)
        run.begun = True
        run.decided.set()
        self._writer.write(run, lifecycle.taken(self._clock()))
        self._engine.start_task(order)
        self._watch_for_stalls()

    def _expected_seconds(self, order: Start) -> float:
        """A job that cannot say it any more still runs: then its pace alone counts."""
        resumed = order.checkpoint is not None
        try:
            return composition.expected_round_seconds(self._registry, order.job, order.params, resumed=resumed)
        except Exception as error:  # noqa: BLE001  code of others
            about = {"task": order.task}
            words = in_words(error)
            log.warning("task %d: how long a round should take is not known: %s", order.task, words, extra=about)
            return 0

    # What the writer tells.

    def run_changed(self, run: Run, before: Task | None) -> None:
        task = run.task
        run.deleted = task is None
        if task is not None and before is None:
            self.tally.task_started(task)
            log.debug("task %d: started", task.id, extra={"task": task.id})
        if before is None or not before.is_final:
            self._note_end_of(task)

    def run_refused(self, run: Run, error: Exception) -> Sequence[Step]:
        if not run.over:
            self._engine.kill_task(run.task_id)
        message = f"what its worker reported cannot be stored: {in_words(error)[:MOST_REASON_CHARACTERS]}"
        return lifecycle.unstorable(lifecycle.error_text("StorageRefused", message), self._clock())

    def run_written(self, run: Run) -> None:
        self._engine.acknowledge(run.task_id)

    def writing_works_again(self) -> None:
        self._dispatch()

    def run_ended(self, run: Run) -> None:
        self._forget_run(run)
        task = run.task
        if task is not None and task.is_pending:
            self._schedule.add(_entry(task), self._clock())
        else:
            self.on_final(run.task_id)
        self._dispatch()

    def _forget_run(self, run: Run) -> None:
        del self._runs[run.task_id]
        self._schedule.release(run.task_id)
        run.finished.set()

    def _last_step(self, run: Run, ended: Ended, now: int) -> Step:
        if ended.how == "returned":
            return lifecycle.returned(ended.result or "null", now)
        if ended.how == "raised":
            return lifecycle.raised(ended.error or lifecycle.error_text("Exception", "it said nothing"), now)
        if ended.how == "stopped":
            return lifecycle.stopped(now, ended.error)
        return lifecycle.interrupted(now, "the server stopped", run.resumes)

    def _death_step(self, run: Run, reason: str) -> Step:
        if self.stopping:
            return lifecycle.interrupted(self._clock(), "the server stopped", run.resumes)
        return lifecycle.died(self._clock(), reason, run.resumes, self._max_worker_deaths)

    # Stopping.

    async def _begun_run(self, task_id: int) -> Run | None:
        """The run of a task, once it is decided whether it begins: an abort must fall on one side of that."""
        while (run := self._runs.get(task_id)) is not None and not run.begun:
            await run.decided.wait()
        return run

    async def _delete_waiting(self, task_id: int, step: Step) -> Task | None:
        """While the write is under way the task is out of the schedule, so that no worker takes it meanwhile."""
        entry = self._schedule.remove(task_id)
        try:
            task = await self._store.change(task_id, step)
            self._note_end_of(task)
            return task
        except BaseException:
            if entry is not None:
                self._schedule.add(entry, self._clock())
                self._dispatch()
            raise

    async def _stop_run(self, run: Run, task: Task, force: bool) -> Task | None:
        if run.over or not task.stopping:
            return task
        if not force:
            self._engine.abort_task(run.task_id)
            return task
        self._engine.kill_task(run.task_id)
        with suppress(TimeoutError):
            await asyncio.wait_for(run.finished.wait(), LONGEST_KILL_SECONDS)
        return run.task

    # Counting and telling.

    def _note_created(self, task: Task) -> None:
        self.tally.created += 1
        if log.isEnabledFor(logging.DEBUG):
            log.debug("task %d: created by %s, job %s", task.id, task.created_by, task.job, extra={"task": task.id})

    def _note_end_of(self, task: Task | None) -> None:
        """Where it was pending before and is final now, on disk. An abort is told where somebody asks for it."""
        if task is None or not task.is_final:
            return
        self.tally.task_ended(task)
        try:
            self.on_ended(task)
        except Exception:
            log.critical("a defect in what hears of ends of tasks", exc_info=True)
        level = logging.INFO if task.status is Status.EXCEPTION else logging.DEBUG
        if task.status is not Status.ABORTED and log.isEnabledFor(level):
            log.log(level, "task %d: %s", task.id, task.outcome, extra={"task": task.id})

    # Time.

    def _note_pace(self, run: Run, rounds: Sequence[RoundRecord]) -> None:
        """A worker's `at` is of the wall clock: here a round ended so long ago as those after it in its batch took."""
        at = self._steady() - sum(done.seconds for done in rounds) * 1000
        for done in rounds:
            at += done.seconds * 1000
            run.pace.round_done(round(at), done.seconds, done.percent, done.number, done.of)
        expected = run.expected_seconds
        if rounds and rounds[-1].expected_seconds is not None:
            expected = rounds[-1].expected_seconds
        could_stall_sooner = run.stalled or expected < run.pace.expected_seconds
        run.pace.expected_seconds = expected
        if could_stall_sooner:
            run.stalled = False
            self._watch_for_stalls(anew=True)

    def _wake_when_due(self) -> None:
        due = self._schedule.next_due()
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None
        if due is not None and not self.stopping:
            self._due_timer = self._later(_seconds_until(due, self._clock()), self._dispatch)

    def _watch_for_stalls(self, *, anew: bool = False) -> None:
        """One timer, for the run that could stall first. Rounds do not touch it: when it fires, it looks again."""
        if anew and self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        could_stall = [run.pace.stalls_at for run in self._runs.values() if not run.stalled and not run.over]
        if self._stall_timer is None and could_stall and not self.stopping:
            seconds = _seconds_until(min(could_stall), self._steady())
            self._stall_timer = self._later(seconds, self._mark_stalled)

    def _mark_stalled(self) -> None:
        self._stall_timer = None
        now = self._steady()
        for run in self._runs.values():
            if run.begun and not run.over and not run.stalled and now >= run.pace.stalls_at:
                run.stalled = True
                self._writer.write(run, lifecycle.stalled(True, self._clock()))
        self._watch_for_stalls()

    def _later(self, seconds: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, function)

    def _cancel_timers(self) -> None:
        for timer in (self._due_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._due_timer = self._stall_timer = None


def _seconds_until(at: int, now: int) -> float:
    """Not longer than it may take to see that the clock was set."""
    return min(max(0.0, (at - now) / 1000), LONGEST_SLEEP_SECONDS)


@contextmanager
def _what_a_job_says(job: Job) -> Iterator[None]:
    """Raises InvalidInput where a function of the job raises, or says what cannot be kept."""
    try:
        yield
    except Exception as error:
        if isinstance(error, HourglassError) and not isinstance(error, LimitExceeded):
            raise
        log.warning("the job %s cannot say what a task of it is", job.name, exc_info=True)
        reason = in_words(error)[:MOST_REASON_CHARACTERS]
        raise InvalidInput(f"The job {job.name} cannot say what this task is: {reason}.") from error


@contextmanager
def _noted(mistakes: Mistakes, index: int) -> Iterator[None]:
    """Notes what is wrong with one of many submissions."""
    try:
        yield
    except InvalidInput as error:
        mistakes.take(error, f"[{index}].")
    except JobUnavailable as error:
        mistakes.add(f"[{index}].job", str(error))


def _checked(step: Step, check: Check) -> Step:
    """The step, as far as it may still be done when it is."""

    def perform(task: Task) -> Change | Removed | None:
        check()
        return step(task)

    return perform


def _entry(task: Task) -> Entry:
    return Entry(task=task.id, priority=task.priority, locks=task.locks, not_before=task.not_before)


def _json(value: object) -> str:
    """As compact as what workers send: so large the sizes that clients are told are."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _unique_key(job: str, params: dict[str, Any]) -> str:
    text = json.dumps([job, params], sort_keys=True, ensure_ascii=True)
    return sha256(text.encode()).hexdigest()
