"""Starts worker processes, gives them tasks, and replaces those that end.

Everything happens in the event loop, without a thread, and without a timer while no task runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct

from concurrency.backoff import Backoff
from jobs.engine import Ended, EngineListener, Start, Taken, Usage, WorkerState
from jobs.engines.local.messages import (
    Abort,
    Acknowledge,
    BootFailed,
    Order,
    Quit,
    Ready,
    Report,
    Reported,
    Unfit,
    decode_report,
)
from jobs.engines.local.reports import Refusal, check_report, json_characters, refused
from jobs.engines.local.worker import WorkerSettings, main
from processes.child_process import (
    AT_ONCE,
    END_SECONDS,
    LONGEST_BOOT_DELAY_SECONDS,
    SHORTEST_BOOT_DELAY_SECONDS,
    ChildProcess,
)

OUT_OF_TURN = "sent a message out of turn"
BY_FORCE = "killed by force"
MOST_CHECKED_AT_ONCE = 256 * 1024
"""In characters of JSON. A larger report is checked in a thread; its worker's next messages wait for that."""

logger = logging.getLogger("jobs.pool")


class WorkerPool:
    """An engine (`jobs/engine.py`) of `count` worker processes on this host, which die with the server."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        count: int,
        tasks_per_worker: int = 0,
    ) -> None:
        """Takes `tasks_per_worker` = 0 as no limit."""
        self.settings = settings
        self.listener: EngineListener
        self.tasks_per_worker = tasks_per_worker
        self._workers = [Worker(self) for _ in range(count)]
        self.stopping = False

    def report_to(self, listener: EngineListener) -> None:
        self.listener = listener

    async def start(self) -> None:
        """Starts the workers, from the main thread; `worker_free` is reported when one is ready."""
        for worker in self._workers:
            worker.boot()

    async def adopt(self, tasks: Collection[Taken]) -> Collection[int]:
        """Returns nothing: no worker of an earlier server is left, see `storage.locks.wait_for_old_workers`."""
        return ()

    @property
    def free_workers(self) -> int:
        return sum(worker.state == "idle" for worker in self._workers)

    def can_start(self, needs: Sequence[str]) -> bool:
        """Returns whether a worker is idle; this machine offers no labels."""
        return not needs and any(worker.state == "idle" for worker in self._workers)

    def start_task(self, order: Start) -> None:
        worker = next((worker for worker in self._workers if worker.state == "idle"), None)
        if worker is None or order.needs:
            raise LookupError("no worker is waiting for such a task")
        worker.run(order)

    def acknowledge(self, task_id: int) -> None:
        if worker := self._running(task_id):
            worker.acknowledge()

    def abort_task(self, task_id: int) -> None:
        if worker := self._running(task_id):
            worker.abort()

    def kill_task(self, task_id: int) -> None:
        if worker := self._running(task_id):
            worker.kill(BY_FORCE)

    def workers(self) -> list[WorkerState]:
        return [worker.view() for worker in self._workers]

    def worker_states(self) -> list[str]:
        return [worker.state for worker in self._workers]

    def changed_workers(self) -> int:
        return sum(worker.code_changed for worker in self._workers)

    def worker_usage(self) -> list[Usage]:
        return [Usage(*worker.process.used()) if worker.process else Usage() for worker in self._workers]

    async def stop(self, grace_seconds: float) -> None:
        """Stops as the contract says; a second call, or one that is cancelled, kills the remaining workers at once."""
        if self.stopping:
            grace_seconds = 0
        self.stopping = True
        for worker in self._workers:
            worker.quit()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._all_ended()
        except TimeoutError:
            self._kill_all(f"did not end within grace_seconds = {grace_seconds:g}" if grace_seconds else AT_ONCE)
        finally:
            self._kill_all(AT_ONCE)
            await self._all_ended()

    async def _all_ended(self) -> None:
        for worker in self._workers:
            if worker.process:
                await worker.process.ended.wait()

    def _kill_all(self, reason: str) -> None:
        for worker in self._workers:
            worker.kill(reason)

    def _running(self, task_id: int) -> Worker | None:
        return next((worker for worker in self._workers if worker.order and worker.order.task == task_id), None)


class Worker:
    """One of the `count` places: its present process, what that is doing, and what follows its end."""

    def __init__(self, pool: WorkerPool) -> None:
        self.process: ChildProcess[Report] | None = None
        self.tasks_done = 0
        self.state = "starting"
        self.order: Start | None = None
        self._pool = pool
        self._booted = False
        self.code_changed = False
        """Whether it runs other code than the server."""
        self._boot_failure: str | None = None
        self._boot_backoff = Backoff(SHORTEST_BOOT_DELAY_SECONDS, LONGEST_BOOT_DELAY_SECONDS)
        self._unacknowledged = False
        self._aborted = False
        self._round = 0
        # The one running timer: the limit on a round or on shutdown, or the delay before the next start.
        self._timer: asyncio.TimerHandle | None = None

    def boot(self) -> None:
        """Starts a process, which reports when it is ready, or why it failed."""
        self._booted = False
        self.code_changed = False
        self._boot_failure = None
        try:
            self.process = ChildProcess(
                main,
                self._pool.settings,
                name="worker",
                decode=decode_report,
                on_message=self._take,
                on_end=self._ended,
            )
            self.tasks_done = 0
        except OSError as error:
            self._boot_later(f"{error}")

    def run(self, order: Start) -> None:
        self.state = "busy"
        self.order = order
        self._unacknowledged = False
        self._aborted = False
        self._round = order.round
        self._send(order)
        self._watch_round()
        self._pool.listener.claimed(order.task, order.attempt, None)

    def acknowledge(self) -> None:
        if self.order and self._unacknowledged:
            self._unacknowledged = False
            self._send(Acknowledge(self.order.task))
            self._watch_round()

    def abort(self) -> None:
        if self.order and not self._aborted:
            self._aborted = True
            self._send(Abort(self.order.task))

    def kill(self, reason: str) -> None:
        if self.process:
            self.process.kill(reason)

    def quit(self) -> None:
        """Ends the worker for good; one that is not ready yet is killed, since it has nothing to lose."""
        if not self._booted:
            self._cancel_timer()
            self.kill(AT_ONCE)
        else:
            self._send(Quit())
        if not self.order:
            self.state = "ending"

    def view(self) -> WorkerState:
        process = self.process
        cpu_percent, memory_bytes = process.usage() if process else (None, None)
        return WorkerState(
            pid=process.pid if process else None,
            state=self.state,
            task=self.order.task if self.order else None,
            cpu_percent=cpu_percent,
            memory_bytes=memory_bytes,
            uptime_seconds=process.uptime_seconds() if process else None,
            tasks_done=self.tasks_done if process else 0,
            code_changed=self.code_changed,
        )

    # What the process reports

    def _take(self, report: Report) -> None:
        match report:
            case Ready(code_changed) if not self._booted:
                self._become_ready(code_changed)
            case BootFailed(reason) if not self._booted:
                self._boot_failure = reason
            case Reported(task, attempt) if self._runs(task, attempt) and not self._unacknowledged:
                self._cancel_timer()
                self._unacknowledged = True
                self._check(report)
            case Ended(task=task, attempt=attempt) if self._runs(task, attempt):
                self._cancel_timer()
                self._check(report)
            case Unfit(words) if self.order:
                self._refuse(Refusal(words, []))
            case _:
                self.kill(OUT_OF_TURN)

    def _check(self, report: Reported | Ended) -> None:
        """Checks a large report in a thread; the process's next messages, and its end, are handled after that."""
        assert self.process
        if json_characters(report) <= MOST_CHECKED_AT_ONCE:
            self._act_on(report, _refusal_of(report, self._round))
            return
        process = self.process
        process.hold()

        def done(future: asyncio.Future[Refusal | None]) -> None:
            self._act_on(report, future.result())
            process.resume()

        looking = asyncio.get_running_loop().run_in_executor(None, _refusal_of, report, self._round)
        looking.add_done_callback(done)

    def _act_on(self, report: Reported | Ended, refusal: Refusal | None) -> None:
        if refusal:
            self._refuse(refusal)
        elif isinstance(report, Ended) and not self._may_end(report):
            self._refuse(Refusal(f"that it was {report.how}, which nobody had requested", report.rounds))
        elif isinstance(report, Ended):
            self._end_task(report)
        else:
            self._round = report.rounds[-1].number if report.rounds else self._round
            self._pool.listener.rounds_reported(report.task, report.attempt, report.rounds)

    def _may_end(self, ended: Ended) -> bool:
        """Returns whether the task was asked to end like this: one that was not aborted would stay Running if this were
        accepted."""
        return {"stopped": self._aborted, "interrupted": self._pool.stopping}.get(ended.how, True)

    def _refuse(self, refusal: Refusal) -> None:
        """Ends the task as an Exception, and kills the worker: nothing else that it sends can be trusted either."""
        assert self.order
        assert self.process
        about = {"task": self.order.task}
        logger.warning("Worker %d is killed: it sent %s", self.process.pid, refusal.words, extra=about)
        self.kill("sent something that cannot be stored")
        self._end_task(refused(self.order.task, self.order.attempt, refusal.words, refusal.rounds))

    def _runs(self, task_id: int, attempt: int) -> bool:
        return self.order is not None and (self.order.task, self.order.attempt) == (task_id, attempt)

    def _become_ready(self, code_changed: bool) -> None:
        self._booted = True
        self.code_changed = code_changed
        self._boot_backoff.reset()
        self._become_free()

    def _become_free(self) -> None:
        if not self._pool.stopping:
            self.state = "idle"
            self._pool.listener.worker_free()

    def _end_task(self, ended: Ended) -> None:
        """Updates the state before the report: the queue may start the next task at once."""
        assert self.process
        self._cancel_timer()
        self.order = None
        self.tasks_done += 1
        if ended.left:
            about = {"task": ended.task}
            logger.warning("Worker %d is replaced: its task left behind %s", self.process.pid, ended.left, extra=about)
        leaves = self._leaves_after(ended)
        self.state = "ending" if leaves else "idle"
        self._pool.listener.task_ended(ended)
        if leaves:
            self._retire()
        elif self.state == "idle":
            self._pool.listener.worker_free()

    def _leaves_after(self, ended: Ended) -> bool:
        assert self.process
        is_worn = 0 < self._pool.tasks_per_worker <= self.tasks_done or bool(ended.left)
        return self._pool.stopping or self.process.is_doomed or is_worn or _ran_out_of_memory(ended)

    def _retire(self) -> None:
        self._send(Quit())
        self._limit(END_SECONDS, "did not end when it was asked to")

    def _ended(self, reason: str) -> None:
        assert self.process
        self._cancel_timer()
        order, self.order = self.order, None
        pid, self.process = self.process.pid, None
        about = {"task": order.task if order else None}
        if self._pool.stopping or self.state == "ending":
            logger.debug("Worker %d ended: %s", pid, reason, extra=about)
        else:
            logger.warning("Worker %d: %s", pid, self._boot_failure or reason, extra=about)
        self._replace(reason)
        if order:
            self._pool.listener.worker_died(order.task, order.attempt, reason)

    def _replace(self, reason: str) -> None:
        if self._pool.stopping:
            self.state = "ending"
        elif self._booted:
            self.state = "starting"
            self.boot()
        else:
            self._boot_later(self._boot_failure or reason)

    def _boot_later(self, reason: str) -> None:
        """Starts the next process after a delay that doubles each time: the cause will hardly go away by itself."""
        self.state = f"failed to start: {reason}"
        self._timer = asyncio.get_running_loop().call_later(self._boot_backoff.next_seconds(), self.boot)

    # Helpers

    def _send(self, order: Order) -> None:
        if self.process:
            self.process.send(order)

    def _watch_round(self) -> None:
        """Limits the time until the next report. It does not run while the server commits rounds: none is under way
        then."""
        seconds = self.order.round_timeout_seconds if self.order else 0
        if seconds:
            self._limit(seconds, f"a round took longer than round_timeout_seconds = {seconds:g}")

    def _limit(self, seconds: float, reason: str) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.kill, reason)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _refusal_of(report: Reported | Ended, previous: int) -> Refusal | None:
    try:
        check_report(report, previous)
    except Refusal as refusal:
        return refusal
    except Exception as error:
        logger.critical("a defect in the check of reports", exc_info=True)
        return Refusal(f"{type(error).__name__}: {error}", [])
    return None


class _ErrorType(Struct):
    type: str


def _ran_out_of_memory(ended: Ended) -> bool:
    """Returns whether the worker must be replaced: something in it may still hold that memory."""
    return ended.error is not None and msgspec.json.decode(ended.error, type=_ErrorType).type == "MemoryError"
