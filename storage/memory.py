"""A store in memory, for tests of the life cycle: the same promises as the others, nothing on disk, no lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from jobs.errors import Conflict, IllegalTransition, NoSuchTask, StorageUnavailable
from jobs.model.answer_size import LARGEST_FRAME_BYTES, MOST_ROUNDS_BYTES, Room, page_of_rounds, without_large_fields
from jobs.model.lifecycle import Change, Removed, TaskUpdate
from jobs.model.task import (
    Changes,
    Checkpoint,
    Head,
    RoundPage,
    RoundRecord,
    RoundsCursor,
    Status,
    StoredRound,
    Task,
    Transition,
)
from jobs.store import KEYS_LAST_MS, Created, Draft, RequestKey


class MemoryStore:
    """A TaskStore in dictionaries. `unavailable` makes every write fail as a full disk would."""

    def __init__(self) -> None:
        self._on_commit: Callable[[int], None] = lambda revision: None
        self.unavailable = False
        self._tasks: dict[int, Task] = {}
        self._rounds: dict[int, dict[int, StoredRound]] = {}
        self._checkpoints: dict[int, Checkpoint] = {}
        self._transitions: list[Transition] = []
        self._deletions: list[tuple[int, int, int]] = []
        self._keys: dict[tuple[str, str, str], tuple[RequestKey, int]] = {}
        self._last_id = 0
        self._revision = 0
        self._oldest = 0

    def report_to(self, on_commit: Callable[[int], None]) -> None:
        self._on_commit = on_commit

    async def create(self, drafts: Sequence[Draft], key: RequestKey | None = None) -> list[Created]:
        self._check_available()
        known = await self.created_with(key) if key is not None else None
        if known is not None:
            return [Created(known, is_new=False)]
        created = [self._create_one(draft) for draft in drafts]
        if key is not None:
            self._keys[key.user, key.path, key.key] = (key, created[0].task.id)
        self._on_commit(self._revision)
        return created

    async def created_with(self, key: RequestKey) -> Task | None:
        earlier, task_id = self._keys.get((key.user, key.path, key.key), (None, 0))
        if earlier is None or earlier.at <= key.at - KEYS_LAST_MS:
            return None
        if earlier.body_hash != key.body_hash or task_id not in self._tasks:
            raise Conflict(f"The Idempotency-Key {key.key} belongs to another request, or its task was deleted.")
        return self._tasks[task_id]

    async def change(self, task_id: int, *steps: TaskUpdate) -> Task | None:
        self._check_available()
        changes = self._run_steps(self._task(task_id), steps)
        for change in changes:
            if isinstance(change, Removed):
                self._remove(task_id, change.at)
            else:
                self._apply(change)
        self._on_commit(self._revision)
        return self._tasks.get(task_id)

    async def task(self, task_id: int) -> Task:
        return self._task(task_id)

    async def checkpoint(self, task_id: int) -> Checkpoint | None:
        return self._checkpoints.get(task_id)

    async def tasks(self, task_ids: Sequence[int]) -> list[Task]:
        return [without_large_fields(self._tasks[task_id]) for task_id in task_ids if task_id in self._tasks]

    async def unfinished(self) -> list[int]:
        return [task.id for task in self._tasks.values() if task.is_pending or task.stopping]

    async def rounds(
        self, task_id: int, after: int, limit: int = 1000, most_bytes: int = MOST_ROUNDS_BYTES
    ) -> RoundPage:
        self._task(task_id)
        following = self._rounds_after(task_id, after)
        page = page_of_rounds(iter(following), limit, most_bytes)
        return replace(page, has_more=len(page.rounds) < len(following))

    async def rounds_without_output(self, task_id: int, after: int) -> list[StoredRound]:
        return [replace(done, output=None) for done in self._rounds_after(task_id, after)][:1000]

    def _rounds_after(self, task_id: int, after: int) -> list[StoredRound]:
        kept = self._rounds.get(task_id, {})
        return [kept[number] for number in sorted(kept) if number > after]

    async def watched_rounds(
        self, watch: RoundsCursor, up_to: int, limit: int = 1000, most_bytes: int = MOST_ROUNDS_BYTES
    ) -> RoundPage:
        kept = sorted(self._rounds.get(watch.task, {}).values(), key=lambda done: (done.revision, done.number))
        unread = (
            done
            for done in kept
            if (watch.revision, watch.number) < (done.revision, done.number)
            and done.revision <= up_to
            and (done.number > watch.after or done.revision > watch.began)
        )
        return page_of_rounds(unread, limit, most_bytes)

    async def changes(self, since: int, limit: int = 1000, most_bytes: int = LARGEST_FRAME_BYTES) -> Changes | None:
        if not self._oldest <= since <= self._revision:
            return None
        up_to = min(since + limit, self._revision)
        room, tasks = Room(most_bytes), []
        for task in sorted(self._tasks.values(), key=lambda task: task.revision):
            if since < task.revision <= up_to:
                tasks.append(room.fit(task))
                up_to = task.revision if room.is_used_up else up_to
        return Changes(
            since=since,
            head=await self.head(),
            revision=up_to,
            transitions=[transition for transition in self._transitions if since < transition.revision <= up_to],
            tasks=tasks,
            deleted=[task_id for revision, task_id, _ in self._deletions if since < revision <= up_to],
        )

    async def head(self) -> Head:
        counts: dict[str, int] = dict.fromkeys(Status, 0)
        for task in self._tasks.values():
            counts[task.status] += 1
        pending = [task.percent for task in self._tasks.values() if task.is_pending]
        percent = sum(pending) // len(pending) if pending else 0
        return Head("memory", self._revision, self._oldest, counts, percent)

    async def forget_changes(self, before: int, limit: int = 1000) -> int:
        kept = [(transition.revision, transition.at) for transition in self._transitions]
        kept += [(revision, at) for revision, _, at in self._deletions]
        first = sorted(kept)[:limit]
        self._oldest = max((revision for revision, at in first if at < before), default=self._oldest)
        self._transitions = [transition for transition in self._transitions if transition.revision > self._oldest]
        self._deletions = [deletion for deletion in self._deletions if deletion[0] > self._oldest]
        return len(kept) - len(self._transitions) - len(self._deletions)

    def _check_available(self) -> None:
        if self.unavailable:
            raise StorageUnavailable

    def _task(self, task_id: int) -> Task:
        try:
            return self._tasks[task_id]
        except KeyError:
            raise NoSuchTask(task_id) from None

    def _create_one(self, draft: Draft) -> Created:
        for task in self._tasks.values():
            if task.is_pending and draft.unique_key is not None and task.unique_key == draft.unique_key:
                return Created(task, is_new=False)
        self._last_id += 1
        self._revision += 1
        task = draft.as_task(self._last_id, self._revision)
        self._tasks[task.id] = task
        self._transitions.append(Transition(task.id, None, task.status, task.created, task.revision))
        return Created(task, is_new=True)

    def _run_steps(self, task: Task, steps: Sequence[TaskUpdate]) -> list[Change | Removed]:
        """Returns all changes before the first is applied: a step that raises leaves nothing behind."""
        changes: list[Change | Removed] = []
        for step in steps:
            outcome = step(task)
            if isinstance(outcome, Removed):
                return [*changes, outcome]
            if outcome is not None:
                if task.is_final and outcome.task.status is not task.status:
                    raise IllegalTransition("a final status never changes")
                changes.append(outcome)
                task = outcome.task
        return changes

    def _apply(self, change: Change) -> None:
        self._revision += 1
        task = replace(change.task, revision=self._revision)
        before = self._tasks[task.id].status
        self._tasks[task.id] = task
        if task.status is not before:
            self._transitions.append(Transition(task.id, before, task.status, task.last_modified, task.revision))
        for done in change.rounds:
            self._rounds.setdefault(task.id, {})[done.number] = _stored_round(task, done)
        if change.checkpoint is not None:
            self._checkpoints[task.id] = change.checkpoint
        if task.is_final:
            self._checkpoints.pop(task.id, None)

    def _remove(self, task_id: int, at: int) -> None:
        self._revision += 1
        del self._tasks[task_id]
        self._deletions.append((self._revision, task_id, at))
        self._rounds.pop(task_id, None)
        self._checkpoints.pop(task_id, None)


def _stored_round(task: Task, done: RoundRecord) -> StoredRound:
    percent = task.percent if done.percent is None else done.percent
    return StoredRound(
        number=done.number,
        at=done.at,
        seconds=done.seconds,
        percent=percent,
        message=done.message,
        output=done.output,
        revision=task.revision,
    )
