"""A scripted engine whose workers are on other hosts: a task is claimed some time after its order, begins when that is
acknowledged, and its host may be lost, and heard again later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from jobs.engine import Ended, Start, Taken, WorkerState
from tests.support.engine import ScriptedEngine

HOSTS: Mapping[str, tuple[str, ...]] = {"ceph1": ("ceph:main",), "ceph2": ("ceph:main", "ceph:other")}
"""One place on each, and the labels that it offers."""


class ScriptedHosts(ScriptedEngine):
    """Holds one worker on each host. `ordered` has the tasks that no worker has claimed yet, `claims` those whose claim
    was not acknowledged, `running` those that have begun, `places` where each of them is, `lost` the last attempt that
    each task began on a host that was lost."""

    def __init__(self, count: int = len(HOSTS)) -> None:
        super().__init__(count)
        self.hosts = dict(islice(HOSTS.items(), count))
        self.ordered: dict[int, Start] = {}
        self.claims: dict[int, Start] = {}
        self.places: dict[int, str] = {}
        self.lost: dict[int, Start] = {}
        self.begun: list[tuple[int, int]] = []
        """Each task and attempt that has begun, in order."""

    @property
    def free_workers(self) -> int:
        return len(self._free_hosts(()))

    def can_start(self, needs: Sequence[str]) -> bool:
        return bool(self._free_hosts(needs))

    def _free_hosts(self, needs: Sequence[str]) -> list[str]:
        taken = {*self.places.values()}
        return [name for name, labels in self.hosts.items() if name not in taken and set(needs) <= set(labels)]

    def start_task(self, order: Start) -> None:
        free = self._free_hosts(order.needs)
        if not free:
            raise LookupError("no such worker is free")
        assert order.task not in self.places, f"task {order.task} runs twice at the same time"
        self.ordered[order.task] = order
        self.places[order.task] = free[0]

    def acknowledge(self, task_id: int) -> None:
        super().acknowledge(task_id)
        order = self.claims.pop(task_id, None)
        if order is not None:
            self.begun.append((order.task, order.attempt))
            self._run(order)

    def abort_task(self, task_id: int) -> None:
        if task_id in self.places and task_id not in self.running:
            self.withdraw(task_id, "it was withdrawn")
        super().abort_task(task_id)

    def kill_task(self, task_id: int) -> None:
        if task_id in self.places and task_id not in self.running:
            self.withdraw(task_id, "it was withdrawn")
        super().kill_task(task_id)

    def workers(self) -> list[WorkerState]:
        tasks = {place: task_id for task_id, place in self.places.items()}
        return [
            WorkerState(state="busy" if name in tasks else "idle", host=name, task=tasks.get(name))
            for name in self.hosts
        ]

    async def stop(self, grace_seconds: float) -> None:
        for task_id in [*self.ordered, *self.claims]:
            self.withdraw(task_id, "the server stopped")
        await super().stop(grace_seconds)

    def _end_all_but(self, tasks: Collection[Taken]) -> None:
        """Orders and claims are forgotten as well: without a ticket nothing has begun."""
        taken = {(task.task, task.attempt, task.place) for task in tasks}
        for task_id, order in [*self.ordered.items(), *self.claims.items(), *self.running.items()]:
            if (task_id, order.attempt, self.places[task_id]) not in taken or task_id in self.ordered:
                self._free(task_id)

    def _still_to_report(self) -> Collection[int]:
        return {*super()._still_to_report(), *self.claims}

    # What a test makes the hosts do.

    def claim(self, task_id: int) -> None:
        order = self.claims[task_id] = self.ordered.pop(task_id)
        place = self.places[task_id]
        self._report(task_id, lambda listener: listener.claimed(task_id, order.attempt, place))

    def withdraw(self, task_id: int, reason: str) -> None:
        """Ends a task that has not begun."""
        self._lose(task_id, reason)
        self._listener.worker_free()

    def lose(self, name: str, reason: str = "") -> None:
        """Loses a host, and what was there."""
        del self.hosts[name]
        for task_id in [task_id for task_id, place in self.places.items() if place == name]:
            self._lose(task_id, reason or f"its host {name} did not answer for 18 s")

    def find(self, name: str, *labels: str) -> None:
        """Connects a host, a new one or one that was lost."""
        self.hosts[name] = labels or HOSTS[name]
        self._listener.worker_free()

    def say_late(self, task_id: int, *, ends: bool) -> None:
        """Reports what a task did on a host that was lost, after the loss: a round, or its end."""
        order = self.lost[task_id]
        rounds = [self._record(self.done[task_id] + 10, None, True, None)]
        if ends:
            ended = Ended(task=task_id, attempt=order.attempt, how="returned", rounds=rounds, result='"late"')
            self._listener.task_ended(ended)
        else:
            self._listener.rounds_reported(task_id, order.attempt, rounds)

    def _lose(self, task_id: int, reason: str) -> None:
        order = self.ordered.get(task_id) or self.claims.get(task_id) or self.running[task_id]
        if task_id in self.running:
            self.lost[task_id] = order
        self._free(task_id)
        self._report(task_id, lambda listener: listener.place_lost(task_id, order.attempt, reason))

    def _free(self, task_id: int) -> None:
        del self.places[task_id]
        for group in (self.ordered, self.claims, self.running):
            group.pop(task_id, None)
        for asked in (self.unacknowledged, self.asked_to_stop):
            asked.discard(task_id)
