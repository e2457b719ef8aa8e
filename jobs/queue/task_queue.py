"""The queue of tasks: takes them in, has them run, and is the only writer of their state."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

from jobs.clock import steady_clock, wall_clock
from jobs.definition import composition
from jobs.definition.registry import Registry
from jobs.definition.submission import Submission
from jobs.engine import Engine
from jobs.errors import Conflict, HourglassError, InvalidInput, NoSuchTask, ServiceStopping
from jobs.model import lifecycle
from jobs.model.backlog import Backlog, Derived
from jobs.model.lifecycle import Change, Expected, Removed, TaskUpdate
from jobs.model.tally import TaskTally
from jobs.model.task import Status, Task
from jobs.queue import preparing
from jobs.queue.bookkeeping import Bookkeeping
from jobs.queue.drafts import Drafts
from jobs.queue.orders import Orders
from jobs.queue.recovery import Recovery
from jobs.queue.runs import ActiveRun
from jobs.queue.task_runner import TaskRunner
from jobs.store import Created, Draft, RequestKey, TaskStore

log = logging.getLogger("hourglass.queue")

Check = Callable[[], object]
"""Raises if the person who asks is no longer allowed to. It is called in the transaction, in any thread."""


def always() -> None:
    """Allows everything: the check for requests that need none."""


def nobody(about: object) -> None:
    """Ignores a report that nobody needs."""


class TaskQueue:
    """Carries out what people and scripts ask for: creates, retries, pins and deletes tasks.

    `on_settled` is called with a task's id when it needs no more attention: it became final, its last round ended, or
    it was deleted. `on_ended` is called once with each task that has become final, as it is on disk.
    """

    def __init__(
        self,
        store: TaskStore,
        engine: Engine,
        registry: Registry,
        max_worker_deaths: int = 3,
        clock: Callable[[], int] = wall_clock,
        steady: Callable[[], int] = steady_clock,
        *,
        on_settled: Callable[[int], None] = nobody,
        on_ended: Callable[[Task], None] = nobody,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._steady = steady
        self._backlog = Backlog()
        self._bookkeeping = Bookkeeping(on_settled, on_ended)
        self._drafts = Drafts(registry, clock, is_taken=lambda lock: bool(self._backlog.line(clock(), lock)))
        self._orders = Orders(store, registry)
        self._runner = TaskRunner(
            store,
            engine,
            self._backlog,
            self._drafts,
            self._orders,
            self._bookkeeping,
            max_worker_deaths,
            clock,
            steady,
        )

    @property
    def tally(self) -> TaskTally:
        """Returns what was counted since the start."""
        return self._bookkeeping.tally

    @property
    def stopping(self) -> bool:
        """Returns whether nothing new is taken in or started."""
        return self._runner.stopping

    @property
    def workers_have_come_up(self) -> bool:
        """Returns whether a worker was ever free."""
        return self._runner.workers_have_come_up

    async def recover(self) -> None:
        """Takes over what an earlier server left unfinished: what the engine still runs, and all else from its last
        round. Raises StorageUnavailable."""
        runner = self._runner
        recovery = Recovery(self._store, self._registry, self._bookkeeping, self._clock, runner.adopt, runner.let_wait)
        with runner.held():
            await recovery.run()
        self._runner.dispatch()

    async def submit(
        self, submission: Submission, by: str | None, key: RequestKey | None = None, check: Check = always
    ) -> Created:
        """Creates one task; for a key that is known already, returns its task.

        Raises InvalidInput (an unknown job is one too), JobUnavailable, Conflict, StorageUnavailable, and what `check`
        or the preparation of its jobs raises, e.g. ClusterUnavailable.
        """
        try:
            parts = self._drafts.parts(submission)
            self._refuse_if_stopping()
            if preparing.needs_preparation(parts):
                known = await self.known(key)
                if known is not None:
                    return known
                draft = await self._drafts.prepared(submission, by, parts)
            else:
                draft = self._drafts.unprepared(submission, by, parts)
        except HourglassError:
            known = await self.known(key)
            if known is None:
                raise
            return known
        del submission, parts  # the draft has their text; they may be large
        # Nothing was awaited before this if nothing was prepared: a person who is allowed to ask still is at the write.
        check()
        return (await self._create([draft], key))[0]

    def check(self, submission: Submission) -> None:
        """Raises what `submit` would, as far as that is known beforehand: for callers that do something first."""
        self._drafts.unprepared(submission, None, self._drafts.parts(submission))
        self._refuse_if_stopping()

    async def known(self, key: RequestKey | None) -> Created | None:
        """Returns what a repeated request created the first time: it is not refused, whatever has changed since."""
        task = await self._store.created_with(key) if key is not None else None
        return Created(task, is_new=False) if task is not None else None

    async def existing(self, task_id: int) -> Created:
        """Returns a task that was created before, as it is now. Raises Conflict if it was deleted since."""
        try:
            return Created(await self._store.task(task_id), is_new=False)
        except NoSuchTask as error:
            raise Conflict(f"Task {task_id}, which this request created, has since been deleted.") from error

    async def submit_all(
        self, submissions: Sequence[Submission | InvalidInput], by: str | None, check: Check = always
    ) -> list[Created]:
        """Creates all tasks or none. Raises InvalidInput with every mistake, keyed by index; a submission that could
        not be parsed is passed in as its InvalidInput. Raises also what `submit` does."""
        drafts = await self._drafts.all(submissions, by)
        check()
        return await self._create(drafts)

    async def retry(
        self, task_id: int, by: str | None, key: RequestKey | None = None, check: Check = always
    ) -> Created:
        """Creates a task with the same job and parameters. Raises Conflict if the old one is still pending."""
        known = await self.known(key)
        if known is not None:
            return known
        task = await self._store.task(task_id)
        if task.is_pending:
            raise Conflict(f"Task {task_id} is {task.status}: it can be run again once it has ended.")
        params = composition.given_params(self._registry, task.job, json.loads(task.params))
        submission = Submission(job=task.job, params=params, priority=task.priority, retry_of=task_id)
        check()
        try:
            return await self.submit(submission, by, key, check)
        except InvalidInput as error:
            raise Conflict(f"Task {task_id} cannot be run again with its parameters: {error}") from error

    async def pin(self, task_id: int, value: bool, check: Check = always) -> Task:
        """Exempts a task from retention, or no longer. Raises NoSuchTask, StorageUnavailable."""
        task = await self._store.change(task_id, _checked(lifecycle.pinned(value), check))
        assert task is not None
        return task

    async def delete(
        self, task_id: int, by: str, expected: Expected | None = None, force: bool = False, check: Check = always
    ) -> Task | None:
        """Aborts a pending task, removes a final one (then returns None). With force a round under way is not waited
        for.

        Raises NoSuchTask, StatusChanged if it is not `expected`, StorageUnavailable.
        """
        update = _checked(lifecycle.deleted(by, self._clock(), expected, force), check)
        runner = self._runner
        run = await runner.begun_run(task_id)
        if run is None:
            task = await runner.change_waiting(task_id, update)
        else:
            task = await runner.writer.write_and_wait(run, update)
        log.info("task %d: %s", task_id, task.outcome if task else f"deleted by {by}", extra={"task": task_id})
        if task is None or task.is_final:
            self._orders.pop(task_id)
            self._bookkeeping.settled(task_id)
        if run is not None and task is not None:
            return await runner.stop_run(run, task, force)
        return task

    def derived(self, task: Task) -> Derived:
        """Returns what follows for this task from what is going on right now."""
        if task.is_final:
            return Derived()
        now = self._clock()
        run = self._runner.runs.get(task.id)
        if run is not None and task.status is Status.RUNNING:
            return Derived(estimated=self._estimated(run, now), pace_seconds=run.pace.seconds)
        return Derived(waiting_for=self._backlog.why(task.id, now))

    def pending_on(self, *locks: str) -> list[int]:
        """Returns the ids of the pending tasks that hold or want one of these locks, in the order in which they get
        it."""
        return [task_id for task_id in self._backlog.line(self._clock(), *locks) if self._is_pending(task_id)]

    def waiting_counts(self) -> dict[str, int]:
        """Returns how many tasks wait for a worker, for a place with what they need, for a lock, for their time."""
        return self._backlog.counts(self._clock())

    async def stop(self, grace_seconds: float) -> None:
        """Lets no new round begin; unfinished tasks become Not Started. Returns when all that can be is on disk."""
        await self._runner.stop(grace_seconds)

    async def _create(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        self._refuse_if_stopping()
        created = await self._store.create(drafts, key)
        for one in created:
            if one.is_new:
                self._bookkeeping.created(one.task)
                self._runner.let_wait(one.task)
                self._orders.cache(one.task)
        self._runner.dispatch()
        return created

    def _refuse_if_stopping(self) -> None:
        if self.stopping:
            raise ServiceStopping

    def _estimated(self, run: ActiveRun, now: int) -> int | None:
        """Returns when a task should end, by the wall clock as it is set now."""
        steady = self._steady()
        estimated = run.pace.estimated(steady)
        return None if estimated is None else now + estimated - steady

    def _is_pending(self, task_id: int) -> bool:
        """Returns False for a task that was aborted but still holds its lock until its round ends."""
        run = self._runner.runs.get(task_id)
        return run is None or not (run.deleted or (run.task is not None and run.task.is_final))


def _checked(update: TaskUpdate, check: Check) -> TaskUpdate:
    """Returns the update with a check that it is still allowed when it is applied."""

    def perform(task: Task) -> Change | Removed | None:
        check()
        return update(task)

    return perform
