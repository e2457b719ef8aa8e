"""Marks tasks as stalled whose round takes much longer than it should."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jobs.clock import seconds_until
from jobs.model import lifecycle
from jobs.queue.run_writer import RunWriter
from jobs.queue.runs import Runs


class Stalls:
    """Watches all runs with one timer, set for the run that could stall first. Rounds do not touch the timer: when it
    fires, it is set again."""

    def __init__(self, runs: Runs, writer: RunWriter, clock: Callable[[], int], steady: Callable[[], int]) -> None:
        self._runs = runs
        self._writer = writer
        self._clock = clock
        self._steady = steady
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def watch(self) -> None:
        """Sets the timer unless it is set."""
        could_stall = [run.pace.stalls_at for run in self._runs if run.may_run and not run.stalled and not run.over]
        if self._timer is None and could_stall and not self._stopped:
            seconds = seconds_until(min(could_stall), self._steady())
            self._timer = asyncio.get_running_loop().call_later(seconds, self.mark)

    def watch_anew(self) -> None:
        """Sets the timer again: a run could stall sooner than before."""
        self._cancel()
        self.watch()

    def mark(self) -> None:
        """Marks the runs that are stalled by now."""
        self._cancel()
        now = self._steady()
        for run in self._runs:
            if run.may_run and not run.over and not run.stalled and now >= run.pace.stalls_at:
                run.stalled = True
                self._writer.write(run, lifecycle.stalled(True, self._clock()))
        self.watch()

    def stop(self) -> None:
        """Ends the watching."""
        self._stopped = True
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
