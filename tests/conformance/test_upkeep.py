"""What a searchable store retains and forgets: keys, minutes, ended tasks, rounds beyond its bounds."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from jobs.model import lifecycle
from jobs.model.task import Status
from jobs.store import DueTask, Minute, RoundBounds
from tests.conformance.test_stores import create, done, draft, finished, key, running
from tests.support.stores import SEARCHABLE

FINISHED = (Status.FINISHED,)
FAILED = (Status.EXCEPTION, Status.ABORTED)


class Opened:
    """A store on a directory, which can be opened again with another number of rounds to keep."""

    def __init__(self, run, kind, directory):
        self.run, self.kind, self.directory = run, kind, directory
        self.door = None

    def __call__(self, most_rounds=0, most_bytes=0):
        self.close()
        self.door = self.run(self.kind.open(self.directory, RoundBounds(most_rounds, most_bytes)))
        return self.door.inner

    def close(self):
        if self.door is not None:
            self.run(self.door.close())


@pytest.fixture(params=SEARCHABLE)
def opened(request, run, tmp_path):
    opened = Opened(run, SEARCHABLE[request.param], tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def store(opened):
    return opened()


def ended(run, store, at, status=Status.FINISHED, **fields):
    task = running(run, store, **fields)
    if status is Status.FINISHED:
        return run(store.change(task.id, lifecycle.returned("1", at)))
    if status is Status.EXCEPTION:
        return run(store.change(task.id, lifecycle.raised(lifecycle.error_text("E", "m"), at)))
    return run(store.change(task.id, lifecycle.aborted("ann", at), lifecycle.stopped(at)))


def with_rounds(run, store, number, at_once=500):
    """A running task with so many rounds."""
    task = running(run, store)
    for first in range(1, number + 1, at_once):
        rounds = [done(one) for one in range(first, min(first + at_once, number + 1))]
        run(store.change(task.id, lifecycle.reported(rounds, 2000)))
    return task


def numbers(run, store, task_id):
    return [one.number for one in run(store.rounds(task_id, 0, 10_000)).rounds]


# Ended tasks.


def test_due_are_the_ended_tasks_of_these_statuses_that_nobody_pinned_oldest_first(run, store):
    young, old = ended(run, store, 4000), ended(run, store, 3000)
    pinned = ended(run, store, 2000)
    run(store.change(pinned.id, lifecycle.pinned(True)))
    failed, aborted = ended(run, store, 3600, Status.EXCEPTION), ended(run, store, 3500, Status.ABORTED)
    stopping = run(store.change(running(run, store).id, lifecycle.aborted("ann", 2000)))
    create(run, store)

    assert [task.id for task in run(store.due(FINISHED, 9000, 10)).tasks] == [old.id, young.id]
    assert [task.id for task in run(store.due(FAILED, 9000, 10)).tasks] == [aborted.id, failed.id]
    assert stopping.stopping
    assert run(store.due(FINISHED, 4000, 10)).tasks == [DueTask(old.id, old.description, old.status, old.last_modified)]
    only_first = run(store.due(FAILED, 9000, 1))
    assert ([task.id for task in only_first.tasks], only_first.count, only_first.count_exact) == ([aborted.id], 2, True)
    assert (run(store.first_due(FINISHED)), run(store.first_due(FAILED))) == (3000, 3500)


def test_nothing_is_due_where_nothing_has_ended(run, store):
    running(run, store)

    assert run(store.first_due(FINISHED)) is None
    assert run(store.due(FINISHED, 9000, 10)).count == 0
    assert run(store.remove_due(FINISHED, 9000, 9000, 10)) == 0


def test_what_is_due_is_removed_a_few_at_a_time_as_a_deletion_does(run, store):
    tasks = [ended(run, store, 3000 + number, status) for number, status in enumerate([*FAILED, *FAILED, *FAILED])]
    kept = [ended(run, store, 3000), ended(run, store, 9000, Status.ABORTED)]
    head = run(store.head())

    assert run(store.remove_due(FAILED, 9000, 9000, 4)) == 4

    changes = run(store.changes(head.revision))
    assert changes.deleted == [task.id for task in tasks[:4]]
    assert changes.revision == head.revision + 4
    assert [run(store.remove_due(FAILED, 9000, 9000, 4)) for _ in range(2)] == [2, 0]
    assert run(store.head()).counts == {"Not Started": 0, "Running": 0, "Finished": 1, "Exception": 0, "Aborted": 1}
    assert [run(store.task(task.id)) for task in kept] == kept


# Rounds.


def test_of_a_task_only_the_newest_rounds_are_kept(run, opened):
    store = opened(most_rounds=3)
    task = with_rounds(run, store, 7, at_once=1)

    assert numbers(run, store, task.id) == [5, 6, 7]


def test_of_a_flood_in_one_report_only_the_newest_rounds_are_kept(run, opened):
    store = opened(most_rounds=3)
    task = with_rounds(run, store, 2500, at_once=2500)

    assert numbers(run, store, task.id) == [2498, 2499, 2500]


def test_rounds_beyond_a_setting_that_was_lowered_are_found_and_forgotten(run, opened):
    store = opened()
    many, few = with_rounds(run, store, 1200), with_rounds(run, store, 10)
    store = opened(most_rounds=10)

    forgotten = [run(store.tidy(1000)) for _ in range(3)]

    assert forgotten == [1000, 190, 0]
    assert numbers(run, store, many.id) == list(range(1191, 1201))
    assert numbers(run, store, few.id) == list(range(1, 11))


def test_where_all_rounds_are_kept_nothing_is_left_over(run, store):
    with_rounds(run, store, 20)

    assert run(store.tidy(1000)) == 0


def with_outputs(run, store, sizes, first=1, at_once=1):
    """Reports rounds whose outputs take so many bytes, from number `first` on."""
    task = running(run, store)
    report(run, store, task.id, sizes, first, at_once)
    return task


def report(run, store, task_id, sizes, first=1, at_once=1):
    rounds = [done(first + place, output=json.dumps("x" * (size - 2))) for place, size in enumerate(sizes)]
    for place in range(0, len(rounds), at_once):
        run(store.change(task_id, lifecycle.reported(rounds[place : place + at_once], 2000)))


KIB = 1024


def test_of_a_task_only_so_many_bytes_of_the_newest_rounds_are_kept(run, opened):
    store = opened(most_bytes=5 * 2 * KIB)
    task = with_outputs(run, store, [2 * KIB - 200] * 20)

    assert numbers(run, store, task.id) == [16, 17, 18, 19, 20]


def test_rounds_beyond_a_setting_in_bytes_that_was_lowered_go_when_the_store_tidies_up(run, opened):
    task = with_outputs(run, opened(), [100 * KIB] * 20)
    store = opened(most_bytes=500 * KIB)
    while run(store.tidy(3)):
        pass

    assert numbers(run, store, task.id) == [17, 18, 19, 20]


def test_the_newest_round_is_kept_however_large_it_is(run, opened):
    store = opened(most_bytes=KIB)
    task = with_outputs(run, store, [10, 10, 100 * KIB])
    assert numbers(run, store, task.id) == [3]

    report(run, store, task.id, [10], first=4)
    assert numbers(run, store, task.id) == [4]


def test_both_bounds_hold_together_and_0_is_all(run, opened):
    store = opened(most_rounds=3, most_bytes=4 * KIB)
    task = with_outputs(run, store, [10, 10, 10, 10, 3 * KIB, 10, 2 * KIB])
    assert numbers(run, store, task.id) == [6, 7]

    all_kept = opened()
    task = with_outputs(run, all_kept, [10] * 50)
    assert numbers(run, all_kept, task.id) == list(range(1, 51))


# Keys.


def test_keys_are_forgotten_oldest_first_and_a_few_at_a_time(run, store):
    for number in range(5):
        run(store.create([draft()], key(str(number), at=1000 + number)))

    assert [run(store.forget_keys(1003, 3)) for _ in range(3)] == [3, 1, 0]
    assert run(store.created_with(key("3", at=1010))) is None
    assert run(store.created_with(key("4", at=1010))) is not None


# Minutes.


def test_each_minute_knows_what_happened_in_it(run, store):
    waits = running(run, store, created=0)
    run(store.change(waits.id, lifecycle.returned("1", 61_500)))
    failed = create(run, store, created=59_999)
    run(store.change(failed.id, lifecycle.taken(60_000)))
    run(store.change(failed.id, lifecycle.raised(lifecycle.error_text("E", "m"), 60_250)))
    never = create(run, store, created=61_000)
    run(store.change(never.id, lifecycle.aborted("ann", 61_001)))

    head, minutes = run(store.minutes(0))

    assert head == run(store.head())
    assert minutes == [
        Minute(minute=0, created=2, started=1, waiting_ms=1500),
        Minute(minute=1, created=1, started=1, finished=1, failed=2, ran=2, waiting_ms=1, running_ms=60_000 + 250),
    ]
    assert run(store.minutes(1))[1] == minutes[1:]


def test_waiting_begins_when_a_task_may_start(run, store):
    task = create(run, store, created=1000, not_before=60_000)
    run(store.change(task.id, lifecycle.taken(60_200)))

    assert run(store.minutes(1))[1] == [Minute(minute=1, started=1, waiting_ms=200)]


def test_a_task_that_goes_on_after_an_interruption_has_started_once(run, store):
    task = running(run, store)
    run(store.change(task.id, lifecycle.interrupted(1600, "the server stopped", True)))
    run(store.change(task.id, lifecycle.taken(1700)))
    run(store.change(task.id, lifecycle.returned("1", 2500)))

    (minute,) = run(store.minutes(0))[1]
    assert minute == Minute(minute=0, created=1, started=1, finished=1, ran=1, waiting_ms=500, running_ms=1000)


def test_a_refused_write_counts_nothing(run, store):
    task = create(run, store)

    def explode(task):
        raise RuntimeError("a defect in a step")

    with pytest.raises(RuntimeError):
        run(store.change(task.id, lifecycle.taken(1500), explode))

    assert run(store.minutes(0))[1] == [Minute(minute=0, created=1)]


def test_minutes_are_added_up_over_restarts_and_forgotten(run, opened):
    finished(run, opened(), created=1000)
    store = opened()
    finished(run, store, created=2000)
    create(run, store, created=60_000)

    first, second = run(store.minutes(0))[1]
    assert replace(first, waiting_ms=0, running_ms=0) == Minute(minute=0, created=2, started=2, finished=2, ran=2)

    assert run(store.forget_minutes(1)) == 1
    assert run(store.minutes(0))[1] == [second]
