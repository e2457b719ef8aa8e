"""Answers for monitoring: is the service alive, is it ready, and its metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, ClassVar

from handlers.http.api import ApiHandler
from handlers.http.operation import Operation
from handlers.metrics import count_states, exposition
from handlers.views import NotReadyView
from jobs.errors import StorageUnavailable
from jobs.live.views import encode
from jobs.model.task import Head

FAILED = "failed to start"
NOT_UP = ("starting", FAILED)


class MonitoringHandler(ApiHandler):
    """A call for monitoring, which needs a sign-in if config.ini says so."""

    name: ClassVar[str]
    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={})}

    def operation(self) -> Operation:
        return replace(super().operation(), needs_sign_in=self.name in self.services.config.monitoring.sign_in)

    async def head_of_store(self) -> Head | None:
        """Returns the state of the store; None if it cannot be read."""
        try:
            return await self.services.store.head()
        except StorageUnavailable:
            return None


class HealthHandler(MonitoringHandler):
    """Says that the process serves, and what is wrong. It waits for nothing, so it always answers."""

    name = "health"

    async def get(self) -> None:
        problems = [*self.services.health.problems, *self._worker_problems()]
        if resting := self.services.retention_pause.reason:
            problems.append(resting)
        self.send(
            {
                "status": "degraded" if problems else "ok",
                "version": self.services.version,
                "uptime_seconds": round(time.monotonic() - self.services.started, 3),
                "problems": problems,
            }
        )

    def _worker_problems(self) -> list[str]:
        workers = self.services.workers
        states = workers.worker_states()
        problems = _start_problems(states)
        if count := workers.changed_workers():
            problems.append(
                f"{count} of {len(states)} workers run other code than the server: it was replaced on disk after the "
                "start. Restart the server."
            )
        return problems


def _start_problems(states: list[str]) -> list[str]:
    reasons = Counter(state.removeprefix(f"{FAILED}: ") for state in states if state.startswith(FAILED))
    return [
        f"{count} of {len(states)} workers cannot start: {reason.rstrip('.')}. The server keeps trying."
        for reason, count in reasons.items()
    ]


class ReadyHandler(MonitoringHandler):
    """Says whether tasks can be taken in and run; if not, a problem says why."""

    name = "ready"

    async def get(self) -> None:
        database = await self._database_problem()
        states = self.services.workers.worker_states()
        stopping = "The server is stopping; try again when it is back." if self.services.queue.stopping else None
        refusal = stopping or database or self._workers_problem(states)
        found: dict[str, Any] = {"database": database or "ok", "workers": count_states(states)}
        if refusal is None:
            self.send({"ready": True, **found})
            return
        self.set_status(503)
        self.set_header("Content-Type", "application/problem+json")
        title = HTTPStatus.SERVICE_UNAVAILABLE.phrase
        self.finish(encode(NotReadyView(title=title, status=503, detail=refusal, **found)))

    async def _database_problem(self) -> str | None:
        """Returns why nothing can be read or stored. Tries a write only if the last one failed: an idle server writes
        none."""
        health = self.services.health
        await health.check()
        if await self.head_of_store() is None:
            return health.write_problem or "The database cannot be read at the moment; the log says more."
        if health.write_problem:
            await health.try_to_write()
        return f"Nothing can be stored at the moment: {health.write_problem}." if health.write_problem else None

    def _workers_problem(self, states: list[str]) -> str | None:
        """Returns why no worker can run a task; a worker that is being replaced is no reason to turn clients away."""
        failed = [state for state in states if state.startswith(FAILED)]
        is_replaced = self.services.queue.workers_have_come_up and len(failed) < len(states)
        if is_replaced or not all(state.startswith(NOT_UP) for state in states):
            return None
        return _start_problems(states)[0] if failed else "No worker has come up yet; try again in a moment."


class MetricsHandler(MonitoringHandler):
    """Answers scrapes of Prometheus."""

    name = "metrics"

    async def get(self) -> None:
        head = await self.head_of_store()
        text, content_type = exposition(self.services, head, self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(text)
