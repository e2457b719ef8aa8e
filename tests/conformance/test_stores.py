"""What every store promises: jobs/store.py, sentence by sentence."""

from __future__ import annotations

import asyncio
import json
from itertools import chain

import pytest
from msgspec.structs import asdict, replace

from jobs.errors import Conflict, IllegalTransition, NoSuchTask, StatusChanged, StorageUnavailable
from jobs.model import lifecycle
from jobs.model.answer_size import LARGEST_INLINE_BYTES
from jobs.model.lifecycle import Change
from jobs.model.task import RoundsCursor, Status
from jobs.store import KEYS_LAST_MS
from tests.support.made import create, done, draft, finished, key, running


def explode(task):
    raise RuntimeError("a defect in a step")


async def test_a_created_task_is_what_was_asked_for(store):
    task = await create(
        store,
        params='{"times": 5}',
        priority=3,
        not_before=9000,
        created_by="ann",
        retry_of=7,
        locks=("a", "b"),
        needs=("ceph:main", "rack1"),
        rounds=5,
    )

    kept = await store.task(task.id)

    assert kept == task
    assert (kept.status, kept.params, kept.priority, kept.not_before) == (Status.NOT_STARTED, '{"times": 5}', 3, 9000)
    assert (kept.created, kept.last_modified, kept.created_by, kept.retry_of) == (1000, 1000, "ann", 7)
    assert (kept.locks, kept.needs, kept.rounds) == (("a", "b"), ("ceph:main", "rack1"), 5)
    assert (kept.attempt, kept.place) == (0, None)


async def test_where_a_task_runs_and_which_attempt_it_is_are_stored(store):
    task = await create(store)
    await store.change(task.id, lifecycle.taken(2000, "ceph3"))
    await store.change(task.id, lifecycle.place_lost(3000, "its host was lost", True))

    lost = await store.task(task.id)
    await store.change(task.id, lifecycle.taken(4000))
    again = await store.task(task.id)

    assert (lost.status, lost.attempt, lost.place) == (Status.NOT_STARTED, 1, "ceph3")
    assert (again.status, again.attempt, again.place) == (Status.RUNNING, 2, None)
    assert await store.tasks([task.id]) == [again]


ODD_DRAFTS = [
    draft(description="Über 😀 \\ \" ' [1]", params='{"text": "[\\"\\u0000"}', metadata='{"pool": null}'),
    draft(
        description="", created_by="ann", priority=-100, not_before=9000, retry_of=7, locks=("a", 'b"]'), rounds=2**53
    ),
    draft(description="with a zero \0 inside", priority=100),
    draft(description="and no zero"),
    draft(unique_key="same"),
    draft(description="plain", locks=("[]",), needs=("ceph:main", 'r"]')),
    draft(unique_key="same"),
    draft(created=2**53),
]


async def test_many_tasks_at_once_are_each_what_was_asked_for(store):
    created = [one.task for one in await store.create(ODD_DRAFTS)]

    for task, asked in zip(created, ODD_DRAFTS, strict=True):
        assert await store.task(task.id) == task
        assert {name: getattr(task, name) for name in asked.__struct_fields__} == asdict(asked)
    assert [task.id for task in created] == [1, 2, 3, 4, 5, 6, 5, 7]
    moves = (await store.changes(0)).transitions
    assert [(move.task, move.before, move.after, move.revision) for move in moves] == [
        (number, None, "Not Started", number) for number in range(1, 8)
    ]


async def test_calls_that_share_a_transaction_get_their_own_tasks_in_order(store):
    calls = [[one] for one in ODD_DRAFTS] + [[], [draft(), draft(description="last")]]

    created = await asyncio.gather(*(store.create(drafts) for drafts in calls))

    assert [[one.task.id for one in call] for call in created] == [[1], [2], [3], [4], [5], [6], [5], [7], [], [8, 9]]
    for one, asked in zip(chain.from_iterable(created), chain.from_iterable(calls), strict=True):
        assert await store.task(one.task.id) == one.task
        assert {name: getattr(one.task, name) for name in asked.__struct_fields__} == asdict(asked)
    assert (await store.head()).counts["Not Started"] == 9


async def test_ids_rise_and_are_never_used_again(store):
    first = await finished(store)
    await store.change(first.id, lifecycle.deleted("ann", 4000, None, False))

    assert (await create(store)).id > first.id


async def test_each_change_has_the_next_revision(store):
    before = (await store.head()).revision
    task = await create(store)
    taken = await store.change(task.id, lifecycle.taken(1500))

    assert (task.revision, taken.revision) == (before + 1, before + 2)
    assert (await store.head()).revision == before + 2


async def test_two_steps_at_once_are_two_transitions_with_revisions_of_their_own(store):
    task = await create(store)
    await store.change(task.id, lifecycle.taken(1500), lifecycle.returned("5", 2000))

    moves = (await store.changes(task.revision)).transitions

    assert [(move.before, move.after) for move in moves] == [("Not Started", "Running"), ("Running", "Finished")]
    assert [move.revision for move in moves] == [task.revision + 1, task.revision + 2]


async def test_a_step_without_a_change_takes_no_revision(store):
    task = await finished(store)

    assert (await store.change(task.id, lambda task: None)).revision == task.revision
    assert (await store.head()).revision == task.revision


async def test_if_one_step_is_refused_nothing_of_the_others_is_stored(store):
    task = await create(store)
    head = await store.head()

    with pytest.raises(RuntimeError, match="a defect"):
        await store.change(task.id, lifecycle.taken(1500), explode)

    assert await store.task(task.id) == task
    assert await store.head() == head


async def test_a_refused_write_does_not_touch_its_neighbours(store):
    task = await create(store)

    before, refused, taken, after = await asyncio.gather(
        store.create([draft(description="before")]),
        store.change(task.id, explode),
        store.change(task.id, lifecycle.taken(1500)),
        store.create([draft(description="after")]),
        return_exceptions=True,
    )

    assert isinstance(refused, RuntimeError)
    assert taken.status is Status.RUNNING
    kept = [await store.task(one[0].task.id) for one in (before, after)]
    assert [one.description for one in kept] == ["before", "after"]
    assert (await store.head()).counts == {"Not Started": 2, "Running": 1, "Finished": 0, "Exception": 0, "Aborted": 0}


async def test_a_step_that_is_not_in_the_table_is_refused(store):
    task = await create(store)

    with pytest.raises(IllegalTransition):
        await store.change(task.id, lifecycle.returned("5", 2000))


async def test_nobody_can_change_a_final_status(store):
    task = await finished(store)

    def overwrite(task):
        return Change(replace(task, status=Status.RUNNING, ended=None, outcome=""))

    with pytest.raises(Exception, match="final"):
        await store.change(task.id, overwrite)
    assert await store.task(task.id) == task


async def test_an_unknown_task_is_named(store):
    for ask in (store.task(4711), store.change(4711, explode), store.rounds(4711, 0)):
        with pytest.raises(NoSuchTask, match="4711"):
            await ask


async def test_a_unique_draft_is_created_once_while_one_is_pending(store):
    first = (await store.create([draft(unique_key="k")]))[0]
    second = (await store.create([draft(unique_key="k")]))[0]

    assert (first.is_new, second.is_new) == (True, False)
    assert second.task == first.task

    await store.change(first.task.id, lifecycle.aborted("ann", 2000))
    assert (await store.create([draft(unique_key="k")]))[0].is_new


async def test_unique_drafts_in_one_call_are_one_task(store):
    first, second = await store.create([draft(unique_key="k"), draft(unique_key="k")])

    assert first.task == second.task
    assert not second.is_new


async def test_a_key_stands_for_the_task_that_it_created_in_its_current_state(store):
    assert await store.created_with(key()) is None
    first = (await store.create([draft()], key()))[0]
    await store.change(first.task.id, lifecycle.taken(1500))

    again = (await store.create([draft(description="Something else")], key()))[0]

    assert (first.is_new, again.is_new) == (True, False)
    assert again.task == await store.created_with(key()) == await store.task(first.task.id)
    assert (await store.head()).counts["Not Started"] == 0


@pytest.mark.parametrize("other", [{"text": "l"}, {"user": "bob"}, {"path": "/taskqueue/test_task"}])
async def test_another_key_user_or_path_creates_another_task(store, other):
    first = (await store.create([draft()], key()))[0]

    second = (await store.create([draft()], key(**other)))[0]

    assert second.is_new
    assert second.task.id > first.task.id


async def test_a_key_with_another_body_or_a_removed_task_is_a_conflict_and_creates_nothing(store):
    task = await finished(store)
    first = (await store.create([draft()], key()))[0].task
    await store.change(first.id, lifecycle.aborted("ann", 2000), lifecycle.deleted("ann", 3000, None, False))
    head = await store.head()

    for one in (key(), key(body_hash="other")):
        with pytest.raises(Conflict, match="Idempotency-Key k"):
            await store.created_with(one)
        with pytest.raises(Conflict, match="Idempotency-Key k"):
            await store.create([draft()], one)

    assert await store.head() == head
    assert await store.task(task.id) == task


async def test_a_key_is_forgotten_after_a_day_and_may_then_stand_for_another_task(store):
    first = (await store.create([draft()], key()))[0].task
    assert await store.created_with(key(at=1000 + KEYS_LAST_MS - 1)) == first

    second = (await store.create([draft()], key(at=1000 + KEYS_LAST_MS, body_hash="other")))[0]

    assert second.is_new
    assert await store.created_with(key(at=1000 + KEYS_LAST_MS, body_hash="other")) == second.task


async def test_a_refused_creation_leaves_no_key(store):
    store.full = True
    with pytest.raises(StorageUnavailable):
        await store.create([draft()], key())
    store.full = False

    assert await store.created_with(key()) is None


async def test_equal_requests_at_once_create_one_task(store):
    created = [one for (one,) in await asyncio.gather(*(store.create([draft()], key()) for _ in range(20)))]

    assert sorted(one.is_new for one in created) == [False] * 19 + [True]
    assert len({one.task.id for one in created}) == 1


async def test_a_key_may_stand_for_the_pending_task_of_a_unique_draft(store):
    pending = (await store.create([draft(unique_key="u")]))[0].task

    created = (await store.create([draft(unique_key="u")], key()))[0]

    assert (created.is_new, created.task) == (False, pending)
    assert await store.created_with(key()) == pending


async def test_a_pin_is_a_change_that_leaves_the_time_of_the_last_one(store):
    large = json.dumps("x" * 20_000)
    task = await finished(store, result=large)

    pinned = await store.change(task.id, lifecycle.pinned(True))

    assert (pinned.pinned, pinned.last_modified, pinned.revision) == (True, task.last_modified, task.revision + 1)
    assert (await store.task(task.id)).result == large
    assert await store.change(task.id, lifecycle.pinned(True)) == pinned
    assert (await store.change(task.id, lifecycle.pinned(False))).pinned is False


async def test_what_continues_without_a_task_is_stored_with_it(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1, if_aborted="the cluster goes on by itself")], 2000))

    assert (await store.task(task.id)).if_aborted == "the cluster goes on by itself"


async def test_locks_that_a_round_takes_stay_with_the_task(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1, locks=("pool 5", "a")), done(2)], 2000))
    await store.change(task.id, lifecycle.reported([done(3)], 2500))
    await store.change(task.id, lifecycle.interrupted(3000, "the server stopped", True))

    assert (await store.task(task.id)).locks == tuple(sorted({*task.locks, "a", "pool 5"}))


async def test_rounds_are_stored_in_order_and_read_after_a_number(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1, percent=10), done(2, percent=20)], 2000))
    await store.change(task.id, lifecycle.reported([done(3, percent=30, output='{"found": 1}')], 2500))

    rounds = (await store.rounds(task.id, 1)).rounds

    assert [(one.number, one.percent, one.message) for one in rounds] == [(2, 20, "round 2"), (3, 30, "round 3")]
    assert rounds[1].output == '{"found": 1}'
    assert len((await store.rounds(task.id, 0, limit=2)).rounds) == 2


async def test_a_repeated_round_replaces_the_one_of_its_number(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1, at=2000)], 2000))
    await store.change(task.id, lifecycle.reported([done(1, at=9000)], 9000))

    assert [one.at for one in (await store.rounds(task.id, 0)).rounds] == [9000]


async def test_the_checkpoint_is_that_of_the_last_round_that_left_one(store):
    task = await running(store)
    rounds = [done(1, checkpoint='{"done": 1}'), done(2, checkpoint='{"done": 2}'), done(3)]
    await store.change(task.id, lifecycle.reported(rounds, 2000))

    checkpoint = await store.checkpoint(task.id)

    assert (checkpoint.round, json.loads(checkpoint.data)) == (2, {"done": 2})


async def test_a_final_task_has_no_checkpoint(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1, checkpoint="{}")], 2000), lifecycle.returned("1", 2000))

    assert await store.checkpoint(task.id) is None


async def test_a_watch_reads_each_round_once_in_order_of_commit(store):
    task = await running(store)
    for number in range(1, 8):
        await store.change(task.id, lifecycle.reported([done(number)], 2000))
    watch, seen = RoundsCursor(task=task.id, after=2, began=(await store.head()).revision), []

    while rounds := (await store.watched_rounds(watch, (await store.head()).revision, limit=2)).rounds:
        seen += [one.number for one in rounds]
        watch = replace(watch, revision=rounds[-1].revision, number=rounds[-1].number)

    assert seen == [3, 4, 5, 6, 7]


async def test_a_watch_gets_a_repeated_round_although_it_has_had_its_number(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1), done(2)], 2000))
    watch = RoundsCursor(task=task.id, after=2, began=(await store.head()).revision)
    await store.change(task.id, lifecycle.reported([done(1)], 3000))

    rounds = (await store.watched_rounds(watch, (await store.head()).revision)).rounds

    assert [one.number for one in rounds] == [1]


async def test_changes_are_what_was_committed_between_two_revisions(store):
    task = await create(store)
    other = await finished(store)
    await store.change(other.id, lifecycle.deleted("ann", 4000, None, False))
    head = await store.head()

    changes = await store.changes(0)

    assert changes.revision == head.revision
    assert changes.head == head
    assert [one.id for one in changes.tasks] == [task.id]
    assert changes.deleted == [other.id]
    assert [(move.task, move.after) for move in changes.transitions] == [
        (task.id, "Not Started"),
        (other.id, "Not Started"),
        (other.id, "Running"),
        (other.id, "Finished"),
    ]


async def test_changes_cover_a_bounded_number_of_revisions_and_continue_from_there(store):
    for _ in range(5):
        await create(store)
    since, transitions = 0, []

    while (changes := await store.changes(since, limit=2)).transitions:
        assert changes.revision - since <= 2
        transitions += [move.task for move in changes.transitions]
        since = changes.revision

    assert transitions == sorted(set(transitions))
    assert len(transitions) == 5


async def test_a_task_appears_at_its_last_change(store):
    task = await create(store)
    await create(store)
    await store.change(task.id, lifecycle.taken(1500))

    assert task.id not in [one.id for one in (await store.changes(0, limit=2)).tasks]
    assert task.id in [one.id for one in (await store.changes(2)).tasks]


async def test_changes_of_a_future_or_a_forgotten_past_are_unknown(store):
    task = await finished(store)
    await create(store, created=10_000)

    assert await store.changes((await store.head()).revision + 1) is None
    assert await store.forget_changes(5000) == 3
    assert await store.changes(0) is None
    assert (await store.head()).oldest == task.revision
    assert [move.after for move in (await store.changes(task.revision)).transitions] == ["Not Started"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_changes_are_forgotten_in_small_steps_and_oldest_first(store, limit):
    for number in range(4):
        task = await finished(store, created=1000 + number)
        await store.change(task.id, lifecycle.deleted("ann", 4000, None, False))
    young = await create(store, created=10_000)
    forgotten = []

    while number := await store.forget_changes(5000, limit):
        forgotten.append(number)
        assert (await store.head()).oldest == sum(forgotten)
        assert await store.changes(sum(forgotten) - 1) is None

    assert sum(forgotten) == 16
    assert max(forgotten) <= limit
    assert [move.task for move in (await store.changes(16)).transitions] == [young.id]


async def test_forgetting_nothing_changes_nothing(store):
    await create(store)

    assert await store.forget_changes(1000) == 0
    assert await store.changes(0) is not None


async def test_counts_and_the_mean_percent_of_pending_tasks_are_maintained(store):
    first, second = await running(store), await running(store)
    await create(store)
    await finished(store)
    await store.change(first.id, lifecycle.reported([done(1, percent=60)], 2000))
    await store.change(second.id, lifecycle.reported([done(1, percent=30)], 2000))

    head = await store.head()

    assert head.counts == {"Not Started": 1, "Running": 2, "Finished": 1, "Exception": 0, "Aborted": 0}
    assert head.pending_percent == 30


async def test_the_mean_percent_is_zero_without_pending_tasks(store):
    await finished(store)

    assert (await store.head()).pending_percent == 0


async def test_a_large_result_is_whole_for_one_task_and_left_out_of_changes(store):
    large = json.dumps("x" * 20_000)
    task = await finished(store, result=large)

    assert (await store.task(task.id)).result == large
    (changed,) = (await store.changes(0)).tasks
    assert (changed.result, changed.result_bytes) == (None, len(large))


async def test_a_small_result_is_everywhere(store):
    await finished(store, result='"π"')

    (changed,) = (await store.changes(0)).tasks
    assert (changed.result, changed.result_bytes) == ('"π"', 4)


async def test_unfinished_tasks_are_those_pending_or_stopping(store):
    waits, runs, stops = await create(store), await running(store), await running(store)
    await finished(store)
    await store.change(stops.id, lifecycle.aborted("ann", 2000))

    assert await store.unfinished() == [waits.id, runs.id, stops.id]


async def test_tasks_are_read_in_the_order_of_their_ids_without_large_fields_and_without_removed_ones(store):
    large = json.dumps({"text": "x" * LARGEST_INLINE_BYTES})
    first = await create(store, params=large)
    second = await finished(store, result=large)

    assert await store.tasks([second.id, 99, first.id]) == [replace(second, result=None), replace(first, params="")]
    assert (await store.task(first.id)).params == large
    assert await store.tasks([]) == []


async def test_removing_a_task_removes_its_rounds_and_leaves_its_transitions(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1)], 2000), lifecycle.returned("1", 2000))

    assert await store.change(task.id, lifecycle.deleted("ann", 3000, "final", False)) is None

    with pytest.raises(NoSuchTask):
        await store.task(task.id)
    assert [move.task for move in (await store.changes(0)).transitions] == [task.id] * 3


async def test_a_guarded_delete_does_nothing_to_a_task_that_has_changed(store):
    task = await finished(store)

    with pytest.raises(StatusChanged) as refusal:
        await store.change(task.id, lifecycle.deleted("ann", 3000, "pending", False))

    assert refusal.value.task == task
    assert await store.task(task.id) == task


async def test_each_commit_is_announced_with_its_revision(store):
    announced = []
    store.report_to(announced.append)

    task = await create(store)
    await store.change(task.id, lifecycle.taken(1500))

    assert announced[0] == task.revision
    assert announced[-1] == task.revision + 1


async def test_everything_is_there_after_a_restart(store):
    task = await running(store)
    await store.change(task.id, lifecycle.reported([done(1, checkpoint="{}")], 2000))
    task, head = await store.task(task.id), await store.head()

    again = await store.reopen()

    assert await again.task(task.id) == task
    assert await again.head() == head
    assert [one.number for one in (await again.rounds(task.id, 0)).rounds] == [1]
    await again.close()
    store.close = again.close
