"""The contract of every store of tasks: its protocols, and what each method promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import asdict

from histogram import REQUEST_SECONDS, Histogram
from jobs.clock import DAY_MS
from jobs.model.answer_size import LARGEST_FRAME_BYTES, MOST_ROUNDS_BYTES
from jobs.model.lifecycle import TaskUpdate
from jobs.model.task import Changes, Checkpoint, Head, RoundPage, RoundsCursor, Status, StoredRound, Task, utf8_bytes

ORDERINGS = ("id", "description", "status", "percent", "created", "last_modified", "runtime")


class Draft(Struct, frozen=True, kw_only=True):
    """A task before it has an id. Times are milliseconds since 1970; `params` and `metadata` JSON texts;
    `locks` and `needs` sorted, each once."""

    job: str
    params: str
    description: str
    metadata: str = "{}"
    locks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    unique_key: str | None = None
    created: int
    priority: int = 0
    not_before: int | None = None
    created_by: str | None = None
    retry_of: int | None = None
    rounds: int | None = None

    def as_task(self, task_id: int, revision: int) -> Task:
        """Returns the task that it becomes."""
        return Task(
            id=task_id,
            params_bytes=utf8_bytes(self.params),
            last_modified=self.created,
            revision=revision,
            **asdict(self),
        )


class Created(Struct, frozen=True):
    """A task that was created, or the pending one with the same unique key."""

    task: Task
    is_new: bool


class RequestKey(Struct, frozen=True, kw_only=True):
    """Identifies a request that is carried out once, however often it is sent. `body_hash` stands for its content; `at`
    is when it came, in milliseconds since 1970."""

    user: str
    path: str
    key: str
    body_hash: str
    at: int


KEYS_LAST_MS = DAY_MS
"""How long the key of a request is stored."""


class RoundBounds(Struct, frozen=True):
    """How many of a task's newest rounds a store retains, and how many bytes of them; 0 means all. Of a task that has
    rounds at least one is retained."""

    most: int = 0
    most_bytes: int = 0


UNBOUNDED = RoundBounds()


class TaskStore(Protocol):
    """Stores tasks. When a write returns, it is on disk; a read is one snapshot.

    Each change of a task raises the store's revision by one and sets it on the task. A change of status also adds a
    transition, a deletion adds a tombstone; both outlive the task. A write that is refused changes nothing, and does
    not affect writes of others. A write may return a task without large fields, unless it was given them. If nothing
    can be written at all, writes raise StorageUnavailable.
    """

    def report_to(self, on_commit: Callable[[int], None]) -> None:
        """Calls `on_commit` in the event loop with the new revision after each commit; a second call replaces it."""

    async def create(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        """Creates all of them or none. Ids rise with creation and are never used again.

        With a key there is one draft. If the key is known, the task created with it is returned instead, as it is now.
        Raises Conflict if the key was used with another body, or its task is deleted.
        """

    async def created_with(self, key: RequestKey) -> Task | None:
        """Returns the task that was created with this key, if any. Raises Conflict as `create` does."""

    async def change(self, task_id: int, *steps: TaskUpdate) -> Task | None:
        """Applies the steps one after the other to the task, in one transaction; each step that changes something gets
        a revision of its own. Returns the task after the last one, None if it was removed.

        Raises NoSuchTask, and whatever a step raises; then nothing has changed.
        """

    async def task(self, task_id: int) -> Task:
        """Returns the task with its large fields. Raises NoSuchTask."""

    async def tasks(self, task_ids: Sequence[int]) -> list[Task]:
        """Returns those of these tasks that exist, in this order, without large fields."""

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        """Returns the checkpoint of a pending task, if it has one."""

    async def unfinished(self) -> list[int]:
        """Returns the ids of all tasks that are pending or stopping, in rising order: there may be very many."""

    async def rounds(
        self, task_id: int, after: int, limit: int = 1000, most_bytes: int = MOST_ROUNDS_BYTES
    ) -> RoundPage:
        """Returns its rounds after number `after`, in order: at most `limit`, fewer if they reach `most_bytes`, but at
        least one. Raises NoSuchTask."""

    async def rounds_without_output(self, task_id: int, after: int) -> list[StoredRound]:
        """Returns at most 1,000 rounds after number `after`, in order, without their outputs."""

    async def watched_rounds(
        self, watch: RoundsCursor, up_to: int, limit: int = 1000, most_bytes: int = MOST_ROUNDS_BYTES
    ) -> RoundPage:
        """Returns the rounds that `watch` has not read yet, in order of commit, up to revision `up_to`; bounded as by
        `rounds`."""

    async def changes(self, since: int, limit: int = 1000, most_bytes: int = LARGEST_FRAME_BYTES) -> Changes | None:
        """Returns what was committed in the next `limit` revisions after `since`, tasks without large fields; in fewer
        revisions if the tasks reach `most_bytes`. None if `since` is before the retained history or beyond the last
        revision."""

    async def head(self) -> Head:
        """Returns the store's revision, name and counts."""

    async def forget_changes(self, before: int, limit: int = 1000) -> int:
        """Removes transitions and tombstones older than `before` (milliseconds), oldest first, those of at most
        `limit` revisions; returns how many."""


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which tasks, in which order, and which page of them (from 1).

    `ordering` is one of ORDERINGS; a leading `-` reverses it. Ties are ordered by id in the same direction, nulls last.
    `after` is the last place on the previous page (keyset paging): the page then does not depend on what was created or
    deleted before it. `as_of`, used only by `matching`, limits it to tasks that have not been created or finished since
    that revision."""

    statuses: tuple[Status, ...] = ()
    job: str | None = None
    search: str | None = None
    created_by: str | None = None
    ordering: str = "-last_modified"
    page: int = 1
    page_size: int = 50
    after: Place | None = None
    as_of: int | None = None


class Place(Struct, frozen=True):
    """A task's place in an ordering: the value that it is sorted by, and its id."""

    key: int | str | None
    id: int


class TaskPage(Struct, frozen=True, kw_only=True):
    """A page of a list, and the head of the store in the same snapshot. `count` covers all pages; with any filter
    besides status it is exact only up to 10,000. `next_after` is for the next page, None on the last one."""

    head: Head
    tasks: list[Task]
    count: int
    count_exact: bool
    next_after: Place | None


class Matching(Struct, frozen=True, kw_only=True):
    """The tasks that the filters of a list match, by id, each with whether it is final; `count` is as in a list."""

    ids: list[tuple[int, bool]]
    count: int


class Interruption(Struct, frozen=True):
    """When a task was interrupted, and when a worker took it again; None while none has, or if that is not known."""

    at: int
    resumed: int | None


class Minute(Struct, frozen=True, kw_only=True):
    """What happened in a minute. `waiting_ms` is the sum of how long the tasks that `started` for the first time had
    waited, `running_ms` the sum of how long the tasks took that ended after they `ran`."""

    minute: int
    created: int = 0
    started: int = 0
    finished: int = 0
    failed: int = 0
    ran: int = 0
    waiting_ms: int = 0
    running_ms: int = 0


class DueTask(Struct, frozen=True):
    """An ended task that retention will remove, as it is shown."""

    id: int
    description: str
    status: Status
    last_modified: int


class Due(Struct, frozen=True, kw_only=True):
    """Ended tasks that retention will remove: how many, and the first of them."""

    count: int
    count_exact: bool
    tasks: list[DueTask]


class SearchableStore(TaskStore, Protocol):
    """A store that can also search, sort and page, knows recent history, and removes what is old."""

    async def list_tasks(self, query: ListQuery) -> TaskPage:
        """Returns a page of tasks that fits into one answer (jobs/model/answer_size.py); an empty one past the end."""

    async def matching(self, query: ListQuery, limit: int) -> Matching:
        """Returns the first `limit` tasks by id that match the filters; ordering and page do not matter.

        Raises RevisionUnknown if `as_of` is before the retained history, or beyond the last revision."""

    async def interruptions(self, task_id: int) -> list[Interruption]:
        """Returns the last 100 interruptions of a task in the retained history, oldest first. Raises NoSuchTask."""

    async def minutes(self, first: int) -> tuple[Head, list[Minute]]:
        """Returns what happened from minute `first` (since 1970) on, without minutes in which nothing happened."""

    async def due(self, statuses: Sequence[Status], before: int, limit: int) -> Due:
        """Returns the ended tasks that were last modified before a time and are not pinned, oldest first."""

    async def first_due(self, statuses: Sequence[Status]) -> int | None:
        """Returns when the oldest ended task that is not pinned was last modified."""

    async def remove_due(self, statuses: Sequence[Status], before: int, at: int, limit: int) -> int:
        """Removes the first `limit` of those that `due` returns, as a deletion at this time does; returns how many."""

    async def newest_change(self) -> int | None:
        """Returns when a task was last changed; None if there never was one."""

    async def pause_left(self) -> int:
        """Returns what `store_pause` was last given, 0 if nothing."""

    async def store_pause(self, left_ms: int) -> None:
        """Stores for how long retention still pauses."""

    async def tidy(self, limit: int) -> int:
        """Removes at most `limit` rounds of deleted tasks, and of tasks that have more than a changed setting allows;
        returns how many, 0 if nothing is left to do."""

    async def renew_words(self, limit: int) -> int:
        """Renews the search words of at most `limit` tasks that an earlier version stored, or removes some of the
        former words; returns how many, 0 if nothing is left to do. Searches find all tasks meanwhile."""

    async def forget_keys(self, before: int, limit: int) -> int:
        """Removes keys of requests older than a time; returns how many."""

    async def forget_minutes(self, before: int) -> int:
        """Removes the counts of all minutes before one; returns how many."""


class CommitTally:
    """Counts commits since the start: how long each took, and how many writes shared it."""

    def __init__(self) -> None:
        self.seconds = Histogram(REQUEST_SECONDS)
        self.operations = Histogram((1, 2, 5, 10, 20, 50, 100, 200, 500))
        self.failed = 0


class StoreHealth(Protocol):
    """Whether a store can be read and written, for those who monitor the service."""

    @property
    def commits(self) -> CommitTally:
        """Returns the commits since the start."""

    @property
    def write_problem(self) -> str | None:
        """Returns why nothing can be written, in a few words; None if all is well. As of the last write or `check`."""

    @property
    def problems(self) -> list[str]:
        """Returns what is wrong, each in a sentence; asks nobody, so it always returns at once."""

    async def check(self) -> None:
        """Brings `write_problem` up to date as far as that can be done without a write."""

    async def try_to_write(self) -> None:
        """Brings `write_problem` up to date by a write that changes nothing, but has to reach the disk."""

    def size_bytes(self) -> int:
        """Returns how much space the store takes. Raises OSError if that is not known."""
