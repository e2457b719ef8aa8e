"""Decides which task is next and why another one waits: priority, then id; locks; earliest start. Pure: no I/O."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

Key = tuple[int, int]


class WaitingTask(Struct, frozen=True, gc=False):
    """A task that waits. `needs` are labels that its place has to offer. `not_before` in milliseconds since 1970."""

    task: int
    priority: int = 0
    locks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    not_before: int | None = None

    @property
    def key(self) -> Key:
        """Tasks start in this order."""
        return -self.priority, self.task


class WaitingFor(Struct, frozen=True, kw_only=True):
    """Why a task does not run: its position in the line for a worker, for a worker at a place that offers all it needs,
    or for a lock (from 1), the task before it that holds the lock or gets it first, or the time (milliseconds) until
    which it must wait."""

    reason: Literal["worker", "place", "lock", "schedule"]
    position: int | None = None
    task: int | None = None
    until: int | None = None
    needs: tuple[str, ...] = ()


class Derived(Struct, frozen=True, kw_only=True):
    """What is not stored with a task but follows from what is going on: times in milliseconds."""

    estimated: int | None = None
    pace_seconds: float | None = None
    waiting_for: WaitingFor | None = None


class Backlog:
    """All waiting tasks, and which task holds which lock.

    `_ready` contains what could start now, by what it needs: tasks without a lock, and those that are first in the line
    of each of their locks while none of them is held; `_not_first` counts for each task the locks for which that is not
    true. A task takes all its locks at once, and all lines have one order, so no two tasks can wait for each other.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, WaitingTask] = {}
        self._later: list[tuple[int, int]] = []
        self._ready: dict[tuple[str, ...], list[Key]] = {}
        self._lines: dict[str, list[Key]] = {}
        self._first_in_line: dict[str, Key] = {}
        self._not_first: dict[int, int] = {}
        self._holders: dict[str, int] = {}
        self._held: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, waiting: WaitingTask, now: int) -> None:
        """Adds a task. `now` in milliseconds since 1970."""
        self._waiting[waiting.task] = waiting
        if waiting.not_before is not None and waiting.not_before > now:
            insort(self._later, (waiting.not_before, waiting.task))
        else:
            self._line_up(waiting)

    def remove(self, task_id: int) -> WaitingTask | None:
        """Removes a task and returns it; None if it does not wait."""
        waiting = self._waiting.get(task_id)
        if waiting is None:
            return None
        if not _discard(self._later, (waiting.not_before or 0, task_id)):
            self._leave_line(waiting)
        del self._waiting[task_id]
        return waiting

    def take(self, now: int, can_start: Callable[[Sequence[str]], bool]) -> WaitingTask | None:
        """Removes and returns the task that runs next, which holds its locks from now on; None if none can run.
        `can_start` returns whether a worker is free where these labels are offered."""
        self._promote(now)
        first = min((keys[0] for needs, keys in self._ready.items() if can_start(needs)), default=None)
        if first is None:
            return None
        waiting = self._waiting[first[1]]
        self._hold(waiting)
        self._leave_line(waiting)
        del self._waiting[waiting.task]
        return waiting

    def hold_also(self, task_id: int, locks: Sequence[str]) -> None:
        """Gives a task that holds its locks these as well, except those that another task holds."""
        free = tuple(lock for lock in dict.fromkeys(locks) if lock not in self._holders)
        if free:
            self._held[task_id] = (*self._held.get(task_id, ()), *free)
        for lock in free:
            self._holders[lock] = task_id
            self._show_first(lock)

    def release(self, task_id: int) -> None:
        """Frees the locks of a task whose last round has ended."""
        for lock in self._held.pop(task_id, ()):
            del self._holders[lock]
            self._show_first(lock)

    def next_due(self) -> int | None:
        """Returns when the next task that waits for its time may start."""
        return self._later[0][0] if self._later else None

    def counts(self, now: int) -> dict[str, int]:
        """Returns how many tasks wait, by the reasons of WaitingFor."""
        self._promote(now)
        worker, schedule = len(self._ready.get((), ())), len(self._later)
        place = sum(map(len, self._ready.values())) - worker
        return {
            "worker": worker,
            "place": place,
            "lock": len(self) - worker - place - schedule,
            "schedule": schedule,
        }

    def why(self, task_id: int, now: int) -> WaitingFor | None:
        """Returns why a task waits; None if it does not."""
        waiting = self._waiting.get(task_id)
        if waiting is None:
            return None
        self._promote(now)
        if waiting.not_before is not None and waiting.not_before > now:
            return WaitingFor(reason="schedule", until=waiting.not_before)
        for lock in waiting.locks:
            if self._first_in_line.get(lock) != waiting.key:
                return self._why_locked(waiting, lock)
        position = bisect_left(self._ready[waiting.needs], waiting.key) + 1
        return WaitingFor(reason="place" if waiting.needs else "worker", position=position, needs=waiting.needs)

    def line(self, now: int, *locks: str) -> list[int]:
        """Returns the tasks that hold or wait for one of these locks, in the order in which they get it; tasks whose
        start time has not come are not in line yet."""
        self._promote(now)
        holders = [self._holders[lock] for lock in locks if lock in self._holders]
        waiting = sorted(key for lock in locks for key in self._lines.get(lock, ()))
        return list(dict.fromkeys([*holders, *(task_id for _, task_id in waiting)]))

    def _why_locked(self, waiting: WaitingTask, lock: str) -> WaitingFor:
        line = self._lines[lock]
        ahead = self._holders.get(lock, line[0][1])
        return WaitingFor(reason="lock", position=bisect_left(line, waiting.key) + 1, task=ahead)

    def _promote(self, now: int) -> None:
        while self._later and self._later[0][0] <= now:
            _, task_id = self._later.pop(0)
            self._line_up(self._waiting[task_id])

    def _line_up(self, waiting: WaitingTask) -> None:
        if not waiting.locks:
            self._become_ready(waiting.key)
            return
        self._not_first[waiting.task] = len(waiting.locks)
        for lock in waiting.locks:
            insort(self._lines.setdefault(lock, []), waiting.key)
            self._show_first(lock)

    def _leave_line(self, waiting: WaitingTask) -> None:
        if not waiting.locks:
            self._no_longer_ready(waiting.key)
            return
        for lock in waiting.locks:
            _discard(self._lines[lock], waiting.key)
            self._show_first(lock)
        del self._not_first[waiting.task]

    def _hold(self, waiting: WaitingTask) -> None:
        for lock in waiting.locks:
            self._holders[lock] = waiting.task
        if waiting.locks:
            self._held[waiting.task] = waiting.locks

    def _show_first(self, lock: str) -> None:
        """Updates `_first_in_line` and `_ready`: a lock has a first task in line while no task holds it."""
        line = self._lines.get(lock)
        if not line:
            self._lines.pop(lock, None)
        first = line[0] if line and lock not in self._holders else None
        shown = self._first_in_line.get(lock)
        if first == shown:
            return
        if shown is not None:
            del self._first_in_line[lock]
            self._no_longer_first(shown)
        if first is not None:
            self._first_in_line[lock] = first
            self._become_first(first)

    def _become_first(self, key: Key) -> None:
        self._not_first[key[1]] -= 1
        if not self._not_first[key[1]]:
            self._become_ready(key)

    def _no_longer_first(self, key: Key) -> None:
        if not self._not_first[key[1]]:
            self._no_longer_ready(key)
        self._not_first[key[1]] += 1

    def _become_ready(self, key: Key) -> None:
        insort(self._ready.setdefault(self._waiting[key[1]].needs, []), key)

    def _no_longer_ready(self, key: Key) -> None:
        needs = self._waiting[key[1]].needs
        _discard(self._ready[needs], key)
        if not self._ready[needs]:
            del self._ready[needs]


def _discard(keys: list[Key], key: Key) -> bool:
    """Removes a key from a sorted list; returns whether it was there."""
    place = bisect_left(keys, key)
    found = place < len(keys) and keys[place] == key
    if found:
        del keys[place]
    return found
