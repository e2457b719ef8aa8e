"""The tasks by REST: contract, section 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

from msgspec import Meta, Struct

from handlers.creating import CREATING_HEADERS, LOCATED, WAIT_FOR_END, AnsweringHandler, CreatingHandler
from handlers.http.api import API, ApiHandler
from handlers.http.operation import Operation
from handlers.http.problems import problem
from handlers.http.query import BOOLEAN, CURSOR, WORDS, Cursor, QueryParameter, integer, one_of
from handlers.submissions import LARGEST_ARRAY, submission_of, submission_schema
from handlers.views import (
    CreatedView,
    DeletionsView,
    InterruptionListView,
    InterruptionView,
    ProblemView,
    RoundListView,
    TaskListView,
)
from jobs.clock import iso_time
from jobs.definition.params import validated
from jobs.definition.schemas import schema_of_struct
from jobs.definition.submission import Submission
from jobs.errors import CountChanged, HourglassError, InvalidInput, NotFound, StatusChanged
from jobs.live.views import TaskView, round_view
from jobs.model.answer_size import Room, without_large_fields
from jobs.model.lifecycle import Expected
from jobs.model.task import Status, Task
from jobs.queue.bulk import delete_all
from jobs.store import ORDERINGS, Created, ListQuery, RequestKey

LARGEST_PAGE = 500
LARGEST_BULK = 1000
LARGEST_DELETE = 10_000

_EXPECTED = QueryParameter(one_of("pending", "final", "stopping"), "act only on tasks that are still in this state")
_FORCE = QueryParameter(BOOLEAN, "kill the worker instead of waiting for the round under way")
_FILTERS = {
    "status": QueryParameter(one_of(*(status.value for status in Status)), "tasks of these statuses", repeatable=True),
    "job": QueryParameter(str, "tasks of this job"),
    "search": QueryParameter(
        WORDS,
        "words of the description, at most 20 different ones: all must occur, each as the beginning of a word, in "
        "scripts without spaces (Chinese, Japanese, Thai …) anywhere",
    ),
    "created_by": QueryParameter(str, "tasks that this user created"),
}

TaskId = Annotated[int, Meta(ge=1, le=2**53)]


class TaskChange(Struct, forbid_unknown_fields=True):
    """The changeable fields of a task."""

    pinned: bool


class BulkDeletion(Struct, forbid_unknown_fields=True):
    """The tasks to delete, and how."""

    ids: Annotated[list[TaskId], Meta(min_length=1, max_length=LARGEST_BULK)]
    if_status: Expected | None = None
    force: bool = False


class DeletingHandler(ApiHandler):
    """A call that deletes many tasks."""

    async def delete_tasks(self, wanted: Sequence[tuple[int, Expected | None]], force: bool) -> None:
        """Deletes each task that is still in the expected state, and answers with the outcome for each."""
        self.send(DeletionsView(await delete_all(self.services.queue, wanted, self.actor, force, self.check_actor)))


class TaskListHandler(CreatingHandler, DeletingHandler):
    """All tasks."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: TaskListView},
            query={
                **_FILTERS,
                "ordering": QueryParameter(
                    one_of(*ORDERINGS, *(f"-{name}" for name in ORDERINGS)),
                    "what the list is sorted by; a leading - reverses it; the default is -last_modified",
                ),
                "page": QueryParameter(integer(1, 1_000_000_000), "the number of the page, from 1"),
                "pageSize": QueryParameter(integer(1, LARGEST_PAGE), "how many tasks a page has; the default is 50"),
                "after": QueryParameter(CURSOR, "where the previous page ended, as in its `next`"),
            },
        ),
        "POST": Operation(
            answers={200: TaskView, 201: TaskView | CreatedView},
            headers=CREATING_HEADERS,
            body=submission_schema,
            example={"job": "test_task", "params": {"times": 5}, "priority": 10},
            answer_headers=LOCATED,
            problems=(403, 409),
        ),
        "DELETE": Operation(
            answers={200: DeletionsView},
            query={
                "id": QueryParameter(integer(1), "tasks by their ids", repeatable=True),
                **_FILTERS,
                "count": QueryParameter(integer(0), "how many tasks the filter is expected to match"),
                "as_of": QueryParameter(
                    integer(0), "a revision: leave tasks alone that were created or ended after it"
                ),
                "if_status": _EXPECTED,
                "force": _FORCE,
            },
            problems=(403, 412),
        ),
    }

    def kind(self) -> object:
        """Separates searches, which may take seconds, from other lists."""
        return type(self), "search" in self.values

    async def get(self) -> None:
        """Lists tasks."""
        await self.answer(self._page)

    async def _page(self) -> TaskListView:
        query = self._list_query()
        page = await self.services.store.list_tasks(query)
        after = page.next_after and Cursor(query.ordering, page.next_after.key, page.next_after.id)
        return TaskListView(
            count=page.count,
            count_exact=page.count_exact,
            next=self._page_url(query.page + 1, after) if after else None,
            previous=self._page_url(query.page - 1) if query.page > 1 else None,
            store=page.head.store,
            revision=page.head.revision,
            results=[self.view(task) for task in page.tasks],
        )

    async def post(self) -> None:
        """Creates a task of any job, or all tasks of an array."""
        if isinstance(self.json(), list):
            await self._create_all(self.json())
        else:
            await self.create(self._submit)

    async def _submit(self, key: RequestKey | None) -> Created:
        return await self.services.queue.submit(self._take_submission(), self.actor, key, self.check_actor)

    def _take_submission(self) -> Submission:
        """Returns what the body asks for, and frees the body."""
        submission = submission_of(self.json(), self.services.registry)
        self.forget_body()
        return submission

    async def delete(self) -> None:
        """Aborts the pending and deletes the final ones of many tasks: by ids, or all that match the filters."""
        ids: list[Any] = list(dict.fromkeys(self.values.get("id", [])))
        has_filter = any(name in self.values for name in _FILTERS)
        if bool(ids) == has_filter:
            given = "both" if has_filter else "neither"
            raise InvalidInput(
                errors={"id": [f"expected ids of tasks or a filter ({', '.join(_FILTERS)}), got {given}"]}
            )
        if ids and "as_of" in self.values:
            raise InvalidInput(errors={"as_of": ["expected only with a filter; with ids, use if_status"]})
        if len(ids) > LARGEST_BULK:
            raise InvalidInput(errors={"id": [f"expected at most {LARGEST_BULK} ids, got {len(ids)}"]})
        wanted = await self._matching() if has_filter else [(task_id, self.value("if_status")) for task_id in ids]
        await self.delete_tasks(wanted, self.value("force", False))

    async def _matching(self) -> list[tuple[int, Expected | None]]:
        """Returns the matching tasks, each with its present state: one that ends before its turn is left alone. Refuses
        an empty filter: a list ignores it, and a script whose variable is empty would delete too much."""
        empty = {name: ["expected text, got nothing"] for name in _FILTERS if "" in self.values.get(name, [])}
        if empty:
            raise InvalidInput(errors=empty)
        with self.ending_with_client():
            found = await self.services.store.matching(self._list_query(), LARGEST_DELETE)
        believed = self.value("count", found.count)
        if believed != found.count:
            raise CountChanged(believed, found.count)
        return [(task_id, self.value("if_status", "final" if final else "pending")) for task_id, final in found.ids]

    async def _create_all(self, given: Any) -> None:
        if len(given) > LARGEST_ARRAY:
            raise InvalidInput(f"Expected at most {LARGEST_ARRAY} tasks at once, got {len(given)}.")
        if "Idempotency-Key" in self.request.headers:
            raise InvalidInput(errors={"Idempotency-Key": ["expected with a single task, got an array"]})
        created = await self.services.queue.submit_all(
            [self._submission_or_mistake(one) for one in given], self.actor, self.check_actor
        )
        tasks = Room().fit_all(one.task for one in created)
        self.send(CreatedView([self.view(task) for task in tasks]), 201)

    def _submission_or_mistake(self, given: object) -> Submission | InvalidInput:
        try:
            return submission_of(given, self.services.registry)
        except InvalidInput as error:
            return error

    def _list_query(self) -> ListQuery:
        ordering = self.value("ordering", "-last_modified")
        after: Cursor | None = self.value("after")
        if after is not None and after.ordering != ordering:
            raise InvalidInput(errors={"after": [f"expected one of ordering {ordering}, got one of {after.ordering}"]})
        return ListQuery(
            statuses=tuple(Status(str(status)) for status in self.values.get("status", [])),
            job=self.value("job"),
            search=self.value("search") or None,
            created_by=self.value("created_by"),
            ordering=ordering,
            page=self.value("page", 1),
            page_size=self.value("pageSize", 50),
            after=after.place if after is not None else None,
            as_of=self.value("as_of"),
        )

    def _page_url(self, page: int, after: Cursor | None = None) -> str:
        given = self.query_texts().items()
        other = [(name, value) for name, texts in given for value in texts if name not in ("page", "after")]
        more = [("page", str(page)), *([("after", str(after))] if after else [])]
        return f"{API}/taskqueue?{urlencode([*other, *more])}"


class TestTaskHandler(CreatingHandler):
    """Test tasks."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: TaskView},
            headers=CREATING_HEADERS,
            body=lambda registry: registry.job("test_task").schema(),
            example={"times": 5},
            answer_headers=LOCATED,
            problems=(403, 409),
        ),
    }

    async def post(self) -> None:
        """Creates a test task."""
        await self.create(self._submit, 200)

    async def _submit(self, key: RequestKey | None) -> Created:
        submission = Submission(job="test_task", params=self.json())
        return await self.services.queue.submit(submission, self.actor, key, self.check_actor)


class TaskHandler(AnsweringHandler):
    """One task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: TaskView}, query={"wait": WAIT_FOR_END}, problems=(404,)),
        "PUT": Operation(
            answers={200: TaskView},
            body=lambda _: schema_of_struct(TaskChange),
            example={"pinned": True},
            problems=(403, 404),
        ),
        "DELETE": Operation(
            answers={200: TaskView, 204: None},
            query={"if_status": _EXPECTED, "force": _FORCE},
            problems=(403, 404, 412),
        ),
    }

    async def get(self, task_id: str) -> None:
        """Shows the task."""
        number = _task_id(task_id)
        feed = self.services.feed
        if self.value("wait"):
            self.take_waiting_place()
            await self.while_signed_in(feed.wait_for_end(number, self.value("wait")))
        await self.answer_shared(lambda: feed.task(number))

    async def put(self, task_id: str) -> None:
        """Exempts the task from retention, or no longer."""
        number = _task_id(task_id)
        change = validated(TaskChange, self.json(), "a change of a task")
        await self.answer_task(await self.services.queue.pin(number, change.pinned, self.check_actor))

    async def delete(self, task_id: str) -> None:
        """Aborts the task if it is pending, deletes it if it is final."""
        number, force = _task_id(task_id), self.value("force", False)
        try:
            await self._answer_deletion(
                await self.services.queue.delete(number, self.actor, self.value("if_status"), force, self.check_actor)
            )
        except StatusChanged as error:
            await self._refuse(error)

    async def _refuse(self, error: StatusChanged) -> None:
        """Answers with a problem that contains the task as it is now, in full: that may be large."""
        light = without_large_fields(error.task) if error.task is not None else None
        without_task = HourglassError(str(error))

        async def read() -> ProblemView:
            return problem(without_task, 412, **({} if light is None else {"task": await self.whole_view(light)}))

        self.content_type = "application/problem+json"
        await self.answer(read, 412)

    async def _answer_deletion(self, task: Task | None) -> None:
        if task is not None:
            await self.answer_task(task)
        else:
            self.set_status(204)
            self.finish()


class DeleteHandler(DeletingHandler):
    """Many tasks by their ids."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: DeletionsView},
            body=lambda _: schema_of_struct(BulkDeletion),
            example={"ids": [17, 18], "if_status": "pending"},
            problems=(403,),
        ),
    }

    async def post(self) -> None:
        """Aborts the pending and deletes the final ones, as DELETE does; the ids need not fit into an address."""
        deletion = validated(BulkDeletion, self.json(), "a deletion")
        ids = dict.fromkeys(deletion.ids)
        await self.delete_tasks([(task_id, deletion.if_status) for task_id in ids], deletion.force)


class RetryHandler(CreatingHandler):
    """A new run of an ended task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            answers={200: TaskView, 201: TaskView},
            headers=CREATING_HEADERS,
            answer_headers=LOCATED,
            problems=(403, 404, 409),
        ),
    }

    async def post(self, task_id: str) -> None:
        """Runs the task again, as a new one."""
        number = _task_id(task_id)
        await self.create(lambda key: self.services.queue.retry(number, self.actor, key, self.check_actor))


class RoundsHandler(ApiHandler):
    """The rounds of a task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: RoundListView},
            query={"after": QueryParameter(integer(0), "rounds with a higher number")},
            problems=(404,),
        ),
    }

    async def get(self, task_id: str) -> None:
        """Shows at most 1,000 rounds, fewer if they are large."""
        number = _task_id(task_id)
        await self.answer(lambda: self._page(number))

    async def _page(self, task_id: int) -> RoundListView:
        page = await self.services.store.rounds(task_id, self.value("after", 0))
        following = f"{API}/taskqueue/{task_id}/rounds?after={page.rounds[-1].number}" if page.has_more else None
        return RoundListView([round_view(done) for done in page.rounds], following)


class InterruptionsHandler(ApiHandler):
    """The interruptions of a task."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(answers={200: InterruptionListView}, problems=(404,)),
    }

    async def get(self, task_id: str) -> None:
        """Shows the last 100 interruptions in the stored history."""
        found = await self.services.store.interruptions(_task_id(task_id))
        self.send(
            InterruptionListView(
                [InterruptionView(iso_time(one.at), iso_time(one.resumed)) for one in found],
            )
        )


def _task_id(text_of_id: str) -> int:
    """Returns the id as a number. Raises NotFound if it is too long to be one."""
    if len(text_of_id) > 15:
        raise NotFound(f"There is no task {text_of_id[:30]}: it was deleted, or it never existed.")
    return int(text_of_id)
