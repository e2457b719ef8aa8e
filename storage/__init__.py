"""Where tasks are kept: the protocol that every store fulfils, and what each method promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from jobs.lifecycle import Step
from jobs.model import Changes, Checkpoint, Head, KeptRound, Status, Task, Watch

LARGEST_INLINE_RESULT_BYTES = 16 * 1024
"""Results over this are left out of lists and frames."""

ORDERINGS = ("id", "description", "status", "percent", "created", "last_modified", "runtime")


class Draft(Struct, frozen=True, kw_only=True):
    """A task before it has an id. Times are milliseconds since 1970; `params` and `metadata` JSON texts;
    `locks` sorted, each once."""

    job: str
    params: str
    description: str
    metadata: str = "{}"
    locks: tuple[str, ...] = ()
    unique_key: str | None = None
    created: int
    priority: int = 0
    not_before: int | None = None
    created_by: str | None = None
    retry_of: int | None = None


class Created(Struct, frozen=True):
    """A task that was created, or the pending one that a unique draft is equal to."""

    task: Task
    is_new: bool


class TaskStore(Protocol):
    """Keeps tasks. What a write returned is on disk; a read is one snapshot.

    Each change of a task raises the store's revision by one and gives it to the task. A change of status also
    leaves a transition, a deletion a tombstone; both outlive the task. Writes that are refused leave nothing
    behind and do not touch their neighbours. Where nothing can be written at all they raise StorageUnavailable.
    """

    on_commit: Callable[[int], None]
    """Called in the event loop with the new revision after each commit."""

    async def create(self, drafts: Sequence[Draft]) -> list[Created]:
        """Creates all of them or none. Ids rise with creation and are never used again."""

    async def change(self, task_id: int, *steps: Step) -> Task | None:
        """Applies the steps one after the other to the task, in one transaction; each that changes something
        has a revision of its own. Returns the task as it is then, None where it was removed.

        Raises NoSuchTask, and whatever a step raises; then nothing has changed.
        """

    async def task(self, task_id: int) -> Task:
        """The task with its whole result. Raises NoSuchTask."""

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        """What the last round of a pending task left behind, if anything."""

    async def unfinished(self) -> list[Task]:
        """All tasks that are pending or stopping, by id."""

    async def rounds(self, task_id: int, after: int, limit: int = 1000) -> list[KeptRound]:
        """Its rounds after number `after`, in order. Raises NoSuchTask."""

    async def watched_rounds(self, watch: Watch, up_to: int, limit: int = 1000) -> list[KeptRound]:
        """The rounds that `watch` has not read yet, in order of commit, up to revision `up_to`."""

    async def changes(self, since: int, limit: int = 1000) -> Changes | None:
        """What was committed in the next `limit` revisions after `since`; None where that is no longer, or not
        yet, known: `since` lies before the kept history or beyond the last revision."""

    async def head(self) -> Head:
        """Where the store stands."""

    async def forget_changes(self, before: int) -> int:
        """Removes transitions and tombstones older than `before` (milliseconds); returns how many."""


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which tasks, in which order, and which page of them (from 1). `ordering` is one of ORDERINGS, `-` before it
    turns it round; ties go by id in the same direction, null last."""

    statuses: tuple[Status, ...] = ()
    job: str | None = None
    search: str | None = None
    created_by: str | None = None
    ordering: str = "-last_modified"
    page: int = 1
    page_size: int = 50


class TaskPage(Struct, frozen=True, kw_only=True):
    """A page of a list, and where the store stood when it was read. `count` is of all pages; with more than a
    status asked for it is exact to 10,000."""

    head: Head
    tasks: list[Task]
    count: int
    count_exact: bool


class ListingStore(TaskStore, Protocol):
    """A store that can also search, sort and page."""

    async def list_tasks(self, query: ListQuery) -> TaskPage:
        """A page of the tasks, without large results. Past the end it is empty."""
