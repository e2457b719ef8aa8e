"""The service itself by REST: its jobs, its workers, recent activity, and what retention will remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec import UNSET

from handlers.http.api import ApiHandler
from handlers.http.operation import Operation
from handlers.http.query import QueryParameter, integer, number
from handlers.views import (
    DueTaskView,
    DueView,
    JobListView,
    JobView,
    MinuteView,
    RetentionView,
    StatisticsView,
    WorkerListView,
    worker_view,
)
from jobs.clock import DAY_MS, MINUTE_MS, iso_time, wall_clock
from jobs.definition.composition import schema_of
from jobs.model.task import Status
from jobs.queue.retention import FAILED, FINISHED
from jobs.store import Due, DueTask, Minute

MINUTES_SHOWN = 60
LONGEST_FORESIGHT_DAYS = 3650


class JobsHandler(ApiHandler):
    """The registered jobs."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={200: JobListView})}

    async def get(self) -> None:
        """Lists the jobs with their parameters."""
        await self.answer(self._jobs)

    async def _jobs(self) -> JobListView:
        return JobListView([self._view(job.name) for job in self.services.registry.jobs])

    def _view(self, name: str) -> JobView:
        registry = self.services.registry
        job, reason = registry.job(name), registry.unavailable_because(name)
        return JobView(
            job=name,
            description=job.summary,
            parameters=schema_of(registry, job),
            available=reason is None,
            unavailable_because=reason,
        )


class WorkersHandler(ApiHandler):
    """The worker processes."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={200: WorkerListView})}

    async def get(self) -> None:
        """Lists the workers as they are now."""
        self.send(WorkerListView([worker_view(worker) for worker in self.services.workers.workers()]))


class StatisticsHandler(ApiHandler):
    """Recent activity."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={200: StatisticsView})}

    async def get(self) -> None:
        """Returns the last hour by minute, and the number of tasks by status."""
        last = wall_clock() // MINUTE_MS
        first = last - MINUTES_SHOWN + 1
        head, known = await self.services.store.minutes(first)
        minutes = {minute.minute: minute for minute in known}
        self.send(
            StatisticsView(
                minutes=[_minute_view(minutes.get(one) or Minute(minute=one)) for one in range(first, last + 1)],
                counts=head.counts,
                pending_percent=head.pending_percent,
                revision=head.revision,
            )
        )


def _minute_view(minute: Minute) -> MinuteView:
    return MinuteView(
        minute=iso_time(minute.minute * MINUTE_MS),
        created=minute.created,
        started=minute.started,
        finished=minute.finished,
        failed=minute.failed,
        waiting_seconds=_mean_seconds(minute.waiting_ms, minute.started),
        running_seconds=_mean_seconds(minute.running_ms, minute.ran),
    )


def _mean_seconds(sum_ms: int, count: int) -> float | None:
    return round(sum_ms / count / 1000, 3) if count else None


class RetentionHandler(ApiHandler):
    """What retention will remove."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: RetentionView},
            query={
                "within_days": QueryParameter(
                    number(0, LONGEST_FORESIGHT_DAYS, "a number of days"), "how far to look ahead; the default is 7"
                ),
                "limit": QueryParameter(integer(1, 500), "how many tasks of each kind to show; the default is 50"),
            },
        ),
    }

    async def get(self) -> None:
        """Lists the ended tasks that will be removed next, and when."""
        until = wall_clock() + round(self.value("within_days", 7) * DAY_MS)
        settings = self.services.config.retention
        pause = self.services.retention_pause
        self.send(
            RetentionView(
                until=iso_time(until),
                finished=await self._due(FINISHED, settings.finished_days, until),
                failed=await self._due(FAILED, settings.failed_days, until),
                changes_days=settings.changes_days,
                rounds_per_task=settings.rounds_per_task,
                rounds_mb_per_task=settings.rounds_mb_per_task,
                resting_until=iso_time(pause.ends) or UNSET,
                resting_because=pause.reason or UNSET,
            )
        )

    async def _due(self, statuses: Sequence[Status], days: float, until: int) -> DueView:
        retained_ms = round(days * DAY_MS)
        due = Due(count=0, count_exact=True, tasks=[])
        if days:
            due = await self.services.store.due(statuses, until - retained_ms, self.value("limit", 50))
        return DueView(
            days=days,
            count=due.count,
            count_exact=due.count_exact,
            results=[_due_task_view(task, retained_ms) for task in due.tasks],
        )


def _due_task_view(task: DueTask, retained_ms: int) -> DueTaskView:
    return DueTaskView(
        id=task.id,
        description=task.description,
        status=task.status,
        last_modified=iso_time(task.last_modified),
        removed=iso_time(task.last_modified + retained_ms),
    )
