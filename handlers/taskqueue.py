"""The tasks by REST: contract, section 4."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

from msgspec import Meta

from handlers.base import API, ApiHandler
from handlers.query import Reader, one_of, seconds, text, truth, whole
from jobs.errors import InvalidInput, NoSuchTask, NotFound, StatusChanged
from jobs.lifecycle import Expected
from jobs.model import Status, Task, parse_time
from jobs.params import Parameter, validate
from jobs.queue import Submission
from jobs.views import round_view
from storage import ORDERINGS, ListQuery

LONGEST_WAIT_SECONDS = 60
LARGEST_PAGE = 500
LARGEST_BULK = 1000

_STATUS = one_of(*(status.value for status in Status))
_ORDERING = one_of(*ORDERINGS, *(f"-{ordering}" for ordering in ORDERINGS))
_EXPECTED = one_of("pending", "final")
_ID = whole(1)

Parameters = Mapping[str, Mapping[str, Reader]]

_SUBMISSION = (
    Parameter("job", str),
    Parameter("params", dict[str, Any], {}),
    Parameter("priority", Annotated[int, Meta(ge=-100, le=100)], 0),
    Parameter("not_before", str | None, None),
)


class TaskListHandler(ApiHandler):
    """All tasks: GET lists, POST creates, DELETE aborts and deletes many."""

    parameters: ClassVar[Parameters] = {
        "GET": {
            "status": _STATUS,
            "job": text,
            "search": text,
            "created_by": text,
            "ordering": _ORDERING,
            "page": whole(1, 1_000_000_000),
            "pageSize": whole(1, LARGEST_PAGE),
        },
        "DELETE": {"id": _ID, "if_status": _EXPECTED, "force": truth},
    }

    async def get(self) -> None:
        query = ListQuery(
            statuses=tuple(Status(str(status)) for status in self.values.get("status", [])),
            job=self.value("job"),
            search=self.value("search") or None,
            created_by=self.value("created_by"),
            ordering=self.value("ordering", "-last_modified"),
            page=self.value("page", 1),
            page_size=self.value("pageSize", 50),
        )
        page = await self.services.tasks.store.list_tasks(query)
        has_next = query.page * query.page_size < page.count or not page.count_exact
        self.send(
            {
                "count": page.count,
                "count_exact": page.count_exact,
                "next": self._page_url(query.page + 1) if has_next and page.tasks else None,
                "previous": self._page_url(query.page - 1) if query.page > 1 else None,
                "store": page.head.store,
                "revision": page.head.revision,
                "results": [self.view(task) for task in page.tasks],
            }
        )

    async def post(self) -> None:
        given = self.json()
        if isinstance(given, list):
            raise InvalidInput("Expected one object with job and params; arrays are not taken yet.")
        created = await self.services.tasks.queue.submit(_submission(given), self.identity.name)
        self.set_header("Location", f"{API}/taskqueue/{created.task.id}")
        self.send(self.view(created.task), 201 if created.is_new else 200)

    async def delete(self) -> None:
        ids = list(dict.fromkeys(self.values.get("id", [])))
        if not ids:
            raise InvalidInput(errors={"id": ["expected at least one id of a task, got nothing"]})
        if len(ids) > LARGEST_BULK:
            raise InvalidInput(errors={"id": [f"expected at most {LARGEST_BULK} ids, got {len(ids)}"]})
        results = await asyncio.gather(*(self._delete_one(task_id) for task_id in ids))
        self.send({"results": results})

    async def _delete_one(self, task_id: Any) -> dict[str, object]:
        queue = self.services.tasks.queue
        expected: Expected | None = self.value("if_status")
        try:
            task = await queue.delete(task_id, self.identity.name, expected, self.value("force", False))
        except NoSuchTask:
            return {"id": task_id, "outcome": "missing", "status": None}
        except StatusChanged as changed:
            return {"id": task_id, "outcome": "changed", "status": changed.task.status if changed.task else None}
        if task is None:
            return {"id": task_id, "outcome": "deleted", "status": None}
        return {"id": task_id, "outcome": "aborted", "status": task.status}

    def _page_url(self, page: int) -> str:
        kept = [(name, value) for name, texts in self._query_texts().items() for value in texts if name != "page"]
        return f"{API}/taskqueue?{urlencode([*kept, ('page', page)])}"


def _submission(given: object) -> Submission:
    """What a body asks for. Raises InvalidInput with all mistakes at once."""
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    try:
        values = validate(_SUBMISSION, given, "a task")
    except InvalidInput as error:
        errors = error.errors
    not_before = None
    try:
        not_before = _time(given.get("not_before") if isinstance(given, dict) else None)
    except ValueError as error:
        errors["not_before"] = [str(error)]
    if errors:
        raise InvalidInput(errors=errors)
    return Submission(job=values["job"], params=values["params"], priority=values["priority"], not_before=not_before)


def _time(given: object) -> int | None:
    """Milliseconds since 1970. What is no text at all has been refused already."""
    if not isinstance(given, str):
        return None
    try:
        return parse_time(given)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'expected a time like 2026-01-31T12:00:00Z, got "{given[:60]}"') from error


class TestTaskHandler(ApiHandler):
    """POST creates a test task."""

    async def post(self) -> None:
        submission = Submission(job="test_task", params=self.json())
        created = await self.services.tasks.queue.submit(submission, self.identity.name)
        self.send(self.view(created.task))


class TaskHandler(ApiHandler):
    """One task: GET shows it, DELETE aborts or deletes it."""

    parameters: ClassVar[Parameters] = {
        "GET": {"wait": seconds(LONGEST_WAIT_SECONDS)},
        "DELETE": {"if_status": _EXPECTED, "force": truth},
    }

    async def get(self, task_id: str) -> None:
        number = _task_id(task_id)
        wait = self.value("wait")
        tasks = self.services.tasks
        task = await (tasks.feed.wait_for_end(number, wait) if wait else tasks.store.task(number))
        self.send(self.view(task))

    async def delete(self, task_id: str) -> None:
        task: Task | None = await self.services.tasks.queue.delete(
            _task_id(task_id), self.identity.name, self.value("if_status"), self.value("force", False)
        )
        if task is None:
            self.set_status(204)
            self.finish()
        else:
            self.send(self.view(task))


class RetryHandler(ApiHandler):
    """POST runs a task again, as a new one."""

    async def post(self, task_id: str) -> None:
        created = await self.services.tasks.queue.retry(_task_id(task_id), self.identity.name)
        self.set_header("Location", f"{API}/taskqueue/{created.task.id}")
        self.send(self.view(created.task), 201 if created.is_new else 200)


class RoundsHandler(ApiHandler):
    """GET shows the rounds of a task."""

    parameters: ClassVar[Parameters] = {"GET": {"after": whole(0)}}

    async def get(self, task_id: str) -> None:
        rounds = await self.services.tasks.store.rounds(_task_id(task_id), self.value("after", 0))
        self.send({"results": [round_view(done) for done in rounds]})


class ChangesHandler(ApiHandler):
    """GET tells what changed since a revision, and may wait for it."""

    parameters: ClassVar[Parameters] = {"GET": {"since": whole(0), "wait": seconds(LONGEST_WAIT_SECONDS)}}

    async def get(self) -> None:
        since = self.value("since")
        if since is None:
            raise InvalidInput(errors={"since": ["expected a revision, a whole number of at least 0, got nothing"]})
        feed = self.services.tasks.feed
        if self.value("wait"):
            await feed.wait_beyond(since, self.value("wait"))
        self.send(await feed.changes(since))


class JobsHandler(ApiHandler):
    """GET lists the registered jobs."""

    async def get(self) -> None:
        registry = self.services.tasks.registry
        self.send({"results": [self._view(job.name) for job in registry.jobs]})

    def _view(self, name: str) -> dict[str, object]:
        registry = self.services.tasks.registry
        job, reason = registry.job(name), registry.unavailable_because(name)
        return {
            "job": name,
            "description": job.summary,
            "parameters": job.schema(),
            "available": reason is None,
            "unavailable_because": reason,
        }


class WorkersHandler(ApiHandler):
    """GET lists the worker processes."""

    async def get(self) -> None:
        self.send({"results": self.services.tasks.queue.workers()})


def _task_id(text_of_id: str) -> int:
    """Ids are digits; whatever else stands in their place names no task."""
    if len(text_of_id) > 15:
        raise NotFound(f"There is no task {text_of_id[:30]}: it was deleted, or it never existed.")
    return int(text_of_id)
