"""An engine whose workers do what a test says: for what real workers cannot be made to do on cue.

Its workers outlive the queue: given to another one, it is adopted as `jobs/engine.py` says.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from jobs.engine import Ended, EngineListener, Start, Taken, Usage, WorkerState
from jobs.model.lifecycle import error_text
from jobs.model.task import RoundRecord


class _NobodyListens:
    def worker_free(self) -> None: ...
    def claimed(self, task_id: int, attempt: int, place: str | None) -> None: ...
    def rounds_reported(self, task_id: int, attempt: int, rounds: Sequence[RoundRecord]) -> None: ...
    def task_ended(self, ended: Ended) -> None: ...
    def worker_died(self, task_id: int, attempt: int, reason: str) -> None: ...
    def place_lost(self, task_id: int, attempt: int, reason: str) -> None: ...


class ScriptedEngine:
    """Holds `count` workers. `running` has the task of each busy one; `unacknowledged` those that may not go on."""

    def __init__(self, count: int) -> None:
        self._listener: EngineListener = _NobodyListens()
        self._unconfirmed: dict[int, list[Callable[[EngineListener], None]]] = defaultdict(list)
        self.count = count
        self.running: dict[int, Start] = {}
        self.done: dict[int, int] = {}
        self.unacknowledged: set[int] = set()
        self.asked_to_stop: set[int] = set()
        self.killed: set[int] = set()
        self.clock = lambda: 0

    def report_to(self, listener: EngineListener) -> None:
        self._listener = listener

    async def adopt(self, tasks: Collection[Taken]) -> Collection[int]:
        if self.free_workers:
            self._listener.worker_free()  # which may happen at any moment
        self._end_all_but(tasks)
        task_ids = [task.task for task in tasks]
        self._unconfirmed = defaultdict(
            list, {task_id: self._unconfirmed[task_id] for task_id in task_ids if task_id in self._unconfirmed}
        )
        asyncio.get_running_loop().call_soon(self._repeat_unconfirmed)
        return self._still_to_report()

    def _still_to_report(self) -> Collection[int]:
        return {*self.running, *self._unconfirmed}

    def _end_all_but(self, tasks: Collection[Taken]) -> None:
        attempts = {task.task: task.attempt for task in tasks}
        for task_id, order in [*self.running.items()]:
            if attempts.get(task_id) != order.attempt:
                self._free(task_id)

    def _repeat_unconfirmed(self) -> None:
        for reports in [*self._unconfirmed.values()]:
            for report in reports:
                report(self._listener)

    @property
    def free_workers(self) -> int:
        return self.count - len(self.running)

    def can_start(self, needs: Sequence[str]) -> bool:
        return self.free_workers > 0 and not needs

    def start_task(self, order: Start) -> None:
        if not self.can_start(order.needs):
            raise LookupError("no such worker is free")
        self._run(order)
        self._listener.claimed(order.task, order.attempt, None)

    def _run(self, order: Start) -> None:
        assert order.task not in self.running, f"task {order.task} runs twice at the same time"
        self.running[order.task] = order
        self.done[order.task] = order.round

    def acknowledge(self, task_id: int) -> None:
        self.unacknowledged.discard(task_id)
        self._unconfirmed.pop(task_id, None)

    def abort_task(self, task_id: int) -> None:
        if task_id in self.running:
            self.asked_to_stop.add(task_id)

    def kill_task(self, task_id: int) -> None:
        if task_id in self.running:
            self.killed.add(task_id)
            self.die(task_id, "killed by force")

    def workers(self) -> list[WorkerState]:
        busy = [WorkerState(state="busy", task=task_id) for task_id in self.running]
        return busy + [WorkerState(state="idle")] * self.free_workers

    def worker_states(self) -> list[str]:
        return [worker.state for worker in self.workers()]

    def changed_workers(self) -> int:
        return 0

    def worker_usage(self) -> list[Usage]:
        return [Usage() for _ in range(self.count)]

    async def stop(self, grace_seconds: float) -> None:
        for task_id in list(self.running):
            self.end(task_id, "interrupted")

    # What a test makes the workers do.

    def rounds(
        self,
        task_id: int,
        count: int = 1,
        of: int | None = None,
        checkpoint: bool = True,
        expected_seconds: float | None = None,
        locks: tuple[str, ...] = (),
    ) -> None:
        first, attempt = self.done[task_id] + 1, self.running[task_id].attempt
        records = [self._record(number, of, checkpoint, expected_seconds) for number in range(first, first + count)]
        records[-1] = replace(records[-1], locks=locks)
        self.done[task_id] += count
        self.unacknowledged.add(task_id)
        self._report(task_id, lambda listener: listener.rounds_reported(task_id, attempt, records))

    def end(self, task_id: int, how: str, **said: str) -> None:
        attempt = self.running[task_id].attempt
        self._free(task_id)
        ended = Ended(task=task_id, attempt=attempt, how=how, rounds=[], **said)
        self._report(task_id, lambda listener: listener.task_ended(ended))
        self._listener.worker_free()

    def finish(self, task_id: int, result: str = "null") -> None:
        self.end(task_id, "returned", result=result)

    def fail(self, task_id: int, message: str = "no such pool") -> None:
        self.end(task_id, "raised", error=error_text("ValueError", message, "Traceback …"))

    def die(self, task_id: int, reason: str = "killed by signal 9 (out of memory?)") -> None:
        attempt = self.running[task_id].attempt
        self._free(task_id)
        self._report(task_id, lambda listener: listener.worker_died(task_id, attempt, reason))
        self._listener.worker_free()

    def _report(self, task_id: int, report: Callable[[EngineListener], None]) -> None:
        self._unconfirmed[task_id].append(report)
        report(self._listener)

    def _record(self, number: int, of: int | None, checkpoint: bool, expected_seconds: float | None) -> RoundRecord:
        percent = min(100, number * 100 // of) if of else None
        data = f'{{"done": {number}}}' if checkpoint else None
        return RoundRecord(
            number=number,
            at=self.clock(),
            seconds=1.0,
            percent=percent,
            of=of,
            message=f"round {number}",
            checkpoint=data,
            expected_seconds=expected_seconds,
        )

    def _free(self, task_id: int) -> None:
        del self.running[task_id]
        for group in (self.unacknowledged, self.asked_to_stop):
            group.discard(task_id)
