"""Gives waiting tasks to the engine, and writes down what the engine reports of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from jobs.clock import seconds_until
from jobs.engine import Ended, Engine, Start, Taken
from jobs.errors import HourglassError, in_words
from jobs.model import lifecycle
from jobs.model.backlog import Backlog, WaitingTask
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import RoundRecord, Status, Task
from jobs.queue.background import Background
from jobs.queue.bookkeeping import Bookkeeping
from jobs.queue.drafts import MOST_REASON_CHARACTERS, Drafts
from jobs.queue.orders import Orders
from jobs.queue.run_writer import RunWriter
from jobs.queue.runs import ActiveRun, Runs
from jobs.queue.stalls import Stalls
from jobs.store import TaskStore

log = logging.getLogger("hourglass.queue")

LOOK_AGAIN_SECONDS = 0.25
LONGEST_KILL_SECONDS = 10.0


class TaskRunner:
    """Starts tasks from the backlog. It is the engine's listener, and the writer's."""

    def __init__(
        self,
        store: TaskStore,
        engine: Engine,
        backlog: Backlog,
        drafts: Drafts,
        orders: Orders,
        bookkeeping: Bookkeeping,
        max_worker_deaths: int,
        clock: Callable[[], int],
        steady: Callable[[], int],
    ) -> None:
        self._store = store
        self._engine = engine
        self._backlog = backlog
        self._drafts = drafts
        self._orders = orders
        self._bookkeeping = bookkeeping
        self._max_worker_deaths = max_worker_deaths
        self._clock = clock
        self._steady = steady
        self.runs = Runs(backlog, steady)
        self.background = Background()
        self.writer = RunWriter(store, self.background, self)
        self.stalls = Stalls(self.runs, self.writer, clock, steady)
        self._starting = 0
        self._due_timer: asyncio.TimerHandle | None = None
        self.workers_have_come_up = False
        self.stopping = False
        self._is_held = False
        engine.report_to(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Starts nothing meanwhile: the tasks that run already must have their locks first."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

    async def adopt(self, tasks: Sequence[Task]) -> Collection[int]:
        """Takes over those of these started tasks that the engine still runs; returns their ids."""
        running = await self._engine.adopt([Taken(task.id, task.attempt, task.place) for task in tasks])
        for task in tasks:  # all at once, since the engine may report about them from the next turn of the loop on
            if task.id in running:
                self._adopt(task)
        self.stalls.watch()
        return running

    def let_wait(self, task: Task) -> None:
        """Puts a pending task into the backlog. `dispatch` starts it if it can start."""
        self._backlog.add(_entry(task), self._clock())

    def dispatch(self) -> None:
        """Starts what can start. Nothing new begins while rounds wait to be written."""
        may_start = not (self.stopping or self._is_held or self.writer.is_blocked)
        while may_start and self._engine.free_workers > self._starting:
            waiting = self._backlog.take(self._clock(), self._engine.can_start)
            if waiting is None:
                break
            self._begin(waiting)
        self._wake_when_due()

    async def begun_run(self, task_id: int) -> ActiveRun | None:
        """Returns the run of a task once it is decided whether it begins: an abort must fall on one side of that.
        None if the task waits or is final."""
        while (run := self.runs.get(task_id)) is not None and not run.begun:
            await run.decided.wait()
        return run

    async def change_waiting(self, task_id: int, update: TaskUpdate) -> Task | None:
        """Changes a task that no worker has. During the write it is out of the backlog, so that no worker takes it;
        if the write fails it is put back. Raises what the update raises, NoSuchTask, and StorageUnavailable."""
        waiting = self._backlog.remove(task_id)
        try:
            task = await self._store.change(task_id, update)
            self._bookkeeping.ended(task)
            return task
        except BaseException:
            if waiting is not None:
                self._backlog.add(waiting, self._clock())
                self.dispatch()
            raise

    async def stop_run(self, run: ActiveRun, task: Task, force: bool) -> Task | None:
        """Asks the worker of an aborted task to end after its round; with force, kills it and waits for that. Returns
        the task as it is then. A task that no worker has claimed yet is withdrawn."""
        if run.over:
            return task
        if not force:
            self._engine.abort_task(run.task_id)
            return task
        self._engine.kill_task(run.task_id)
        with suppress(TimeoutError):
            await asyncio.wait_for(run.finished.wait(), LONGEST_KILL_SECONDS)
        return run.task

    def stop_starting(self) -> None:
        """Starts nothing any more, and ends all timers."""
        self.stopping = True
        self.stalls.stop()
        self._cancel_due_timer()

    async def stop(self, grace_seconds: float) -> None:
        """Lets no new round begin; unfinished tasks become Not Started. Returns when all that can be is on disk."""
        self.stop_starting()
        await self._engine.stop(grace_seconds)
        await self.background.finish(unless=lambda: self.writer.may_take_for_ever)
        self.background.cancel()
        self.writer.give_up(list(self.runs))

    # What the engine reports.

    def worker_free(self) -> None:
        self.workers_have_come_up = True
        self.dispatch()

    def claimed(self, task_id: int, attempt: int, place: str | None) -> None:
        run = self._reported_run(task_id, attempt)
        if run is None or run.claimed:
            return
        run.claimed = True
        run.may_run |= place is None
        self.writer.write(run, lifecycle.taken(self._clock(), place), acknowledges=place is not None)

    def rounds_reported(self, task_id: int, attempt: int, rounds: Sequence[RoundRecord]) -> None:
        run = self._reported_run(task_id, attempt)
        if run is None:
            return
        rounds = run.new_among(rounds)
        self._bookkeeping.tally.rounds += len(rounds)
        for done in rounds:
            if done.locks:
                self._backlog.hold_also(task_id, done.locks)
        self._note_pace(run, rounds)
        self.writer.write(run, lifecycle.reported(rounds, self._clock()), acknowledges=True)

    def task_ended(self, ended: Ended) -> None:
        run = self._reported_run(ended.task, ended.attempt)
        if run is None:
            return
        now = self._clock()
        rounds = run.new_among(ended.rounds)
        self._bookkeeping.tally.rounds += len(rounds)
        run.over = True
        self.writer.write(run, lifecycle.reported(rounds, now), _last_update(run, ended, now))

    def worker_died(self, task_id: int, attempt: int, reason: str) -> None:
        run = self._reported_run(task_id, attempt)
        if run is None:
            return
        run.over = True
        if self.stopping:
            update = lifecycle.interrupted(self._clock(), "the server stopped", run.resumes)
        else:
            update = lifecycle.died(self._clock(), reason, run.resumes, self._max_worker_deaths)
        self.writer.write(run, update)

    def place_lost(self, task_id: int, attempt: int, reason: str) -> None:
        run = self._reported_run(task_id, attempt)
        if run is None:
            return
        run.over = True
        resumes = run.resumes or not run.may_run  # what has not begun may always begin
        self.writer.write(run, lifecycle.place_lost(self._clock(), reason, resumes))

    def _reported_run(self, task_id: int, attempt: int) -> ActiveRun | None:
        """Returns the run that a report is about; None, and a line in the log, if that attempt is not under way."""
        run = self.runs.get(task_id)
        if run is not None and run.begun and not run.over and run.attempt == attempt:
            return run
        log.warning(
            "task %d: a report about attempt %d is ignored, since no worker should be running it",
            task_id,
            attempt,
            extra={"task": task_id},
        )
        return None

    def _note_pace(self, run: ActiveRun, rounds: Sequence[RoundRecord]) -> None:
        """Notes when rounds ended by the steady clock: a worker's `at` is of the wall clock, so a round's end is
        counted back from now by the durations of those after it in its batch."""
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
            self.stalls.watch_anew()

    # What the writer reports.

    def run_changed(self, run: ActiveRun, before: Task | None) -> None:
        task = run.task
        run.deleted = task is None
        was_taken = before is not None and before.attempt == run.attempt
        if task is not None and task.attempt == run.attempt and not was_taken:
            self._bookkeeping.started(task)
        if before is None or not before.is_final:
            self._bookkeeping.ended(task)

    def run_written(self, run: ActiveRun) -> None:
        if not run.may_run and (run.task is None or run.task.status is not Status.RUNNING):
            self._engine.abort_task(run.task_id)  # before it was claimed: it must not begin
            return
        if not run.may_run:
            run.may_run = True
            run.pace.begin(self._steady())
            self.stalls.watch()
        self._engine.acknowledge(run.task_id)

    def run_refused(self, run: ActiveRun, error: Exception) -> Sequence[TaskUpdate]:
        if not run.over:
            self._engine.kill_task(run.task_id)
        message = f"what its worker reported cannot be stored: {in_words(error)[:MOST_REASON_CHARACTERS]}"
        return lifecycle.unstorable(lifecycle.error_text("StorageRefused", message), self._clock())

    def run_ended(self, run: ActiveRun) -> None:
        self._engine.acknowledge(run.task_id)
        self.runs.remove(run)
        task = run.task
        if task is not None and task.is_pending:
            self.let_wait(task)
        else:
            self._bookkeeping.settled(run.task_id)
        self.dispatch()

    def writing_works_again(self) -> None:
        self.dispatch()

    # Starting.

    def _begin(self, waiting: WaitingTask) -> None:
        run = self.runs.add(waiting)
        order = self._orders.pop(waiting.task)
        if order is not None:
            self._start(run, order)
        else:
            self._starting += 1
            self.background.begin(self._read_and_start(run))

    async def _read_and_start(self, run: ActiveRun) -> None:
        order: Start | None = None
        try:
            task = await self._store.task(run.task_id)
            mistake = self._drafts.over_limit(task)
            if mistake is not None:
                await self._end_over_limit(run, mistake)
                return
            order = await self._orders.read(run, task)
        except HourglassError as error:
            log.warning("task %d could not be read: %s", run.task_id, error, extra={"task": run.task_id})
        self._starting -= 1
        if order is None or self.stopping or not self._engine.can_start(order.needs):
            self._put_back(run)
        else:
            self._start(run, order)

    async def _end_over_limit(self, run: ActiveRun, mistake: str) -> None:
        """Ends a task before it runs. Raises StorageUnavailable, NoSuchTask."""
        task = await self._store.change(run.task_id, lifecycle.over_limit(self._clock(), f"it cannot run: {mistake}"))
        self._starting -= 1
        self.runs.remove(run)
        run.decided.set()
        self._bookkeeping.ended(task)
        self._bookkeeping.settled(run.task_id)
        self.dispatch()

    def _put_back(self, run: ActiveRun) -> None:
        self.runs.remove(run)
        run.decided.set()
        self._backlog.add(run.waiting, self._clock())
        asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self.dispatch)

    def _start(self, run: ActiveRun, order: Start) -> None:
        """Gives a task to the engine. On this machine its first round starts before the commit that says Running: it
        may be repeated after a crash, and nobody hears of the task's start before the commit."""
        self._set_up(run, order, order.attempt, resumed=order.checkpoint is not None)
        run.round = order.round
        self._engine.start_task(order)
        self.stalls.watch()

    def _adopt(self, task: Task) -> None:
        """Takes over a task that runs already; an abort that it may not have heard of is repeated."""
        run = self.runs.adopt(_entry(task))
        self._set_up(run, self._orders.order(task), task.attempt, resumed=task.checkpoint_round > 0)
        run.may_run = True
        run.task = task
        run.round = task.round
        run.stalled = task.stalled
        log.info("task %d: is still running, and is taken over", task.id, extra={"task": task.id})
        if task.stopping and task.forced:
            self._engine.kill_task(task.id)
        elif task.stopping:
            self._engine.abort_task(task.id)

    def _set_up(self, run: ActiveRun, order: Start, attempt: int, *, resumed: bool) -> None:
        run.attempt = attempt
        run.resumes = order.resumes
        run.expected_seconds = run.pace.expected_seconds = self._orders.expected_seconds(order, resumed=resumed)
        run.begun = True
        run.decided.set()

    def _wake_when_due(self) -> None:
        self._cancel_due_timer()
        due = self._backlog.next_due()
        if due is not None and not self.stopping:
            seconds = seconds_until(due, self._clock())
            self._due_timer = asyncio.get_running_loop().call_later(seconds, self.dispatch)

    def _cancel_due_timer(self) -> None:
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None


def _entry(task: Task) -> WaitingTask:
    return WaitingTask(
        task=task.id, priority=task.priority, locks=task.locks, needs=task.needs, not_before=task.not_before
    )


def _last_update(run: ActiveRun, ended: Ended, now: int) -> TaskUpdate:
    """Returns how a task ends, or is interrupted, by the last report of its worker."""
    if ended.how == "returned":
        return lifecycle.returned(ended.result or "null", now)
    if ended.how == "raised":
        return lifecycle.raised(ended.error or lifecycle.error_text("Exception", "it gave no reason"), now)
    if ended.how == "stopped":
        return lifecycle.stopped(now, ended.error)
    return lifecycle.interrupted(now, "the server stopped", run.resumes)
