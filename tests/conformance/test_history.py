"""What a searchable store knows of the past while it retains it: what has changed since, and interruptions."""

from __future__ import annotations

import pytest

from jobs.errors import NoSuchTask, RevisionUnknown
from jobs.model import lifecycle
from jobs.model.task import Status
from jobs.store import Interruption, ListQuery
from tests.conformance.test_stores import create, draft, finished, running
from tests.support.stores import SEARCHABLE

PENDING = (Status.NOT_STARTED, Status.RUNNING)


@pytest.fixture(params=SEARCHABLE)
def kind(request):
    return SEARCHABLE[request.param]


@pytest.fixture
def store(run, kind, tmp_path):
    opened = run(kind.open(tmp_path))
    yield opened
    run(opened.close())


def interrupted(run, store, task, at, resumed=None):
    run(store.change(task.id, lifecycle.interrupted(at, "the server stopped", True)))
    if resumed is not None:
        run(store.change(task.id, lifecycle.taken(resumed)))


def interruptions(run, store, task):
    return run(store.inner.interruptions(task.id))


def matching(run, store, as_of, limit=100, **fields):
    return run(store.inner.matching(ListQuery(as_of=as_of, **fields), limit))


# What has changed since a revision.


def test_a_million_go_in_calls_with_one_revision_while_others_come(run, store):
    """Each call matches what is left of those that were there, and at last nothing."""
    run(store.create([draft()] * 5))
    as_of = run(store.head()).revision
    seen = []
    for _ in range(4):
        found = matching(run, store, as_of, limit=2, statuses=PENDING).ids
        for task_id, _ in found:
            run(store.change(task_id, lifecycle.aborted("ann", 2000)))
            create(run, store)
        seen.append([task_id for task_id, _ in found])

    assert seen == [[1, 2], [3, 4], [5], []]
    assert matching(run, store, as_of).ids == []


def test_what_changed_since_is_known_from_the_oldest_revision_that_is_kept_to_the_present_one(run, store):
    for created in (1000, 2000, 3000):
        create(run, store, created=created)
    run(store.forget_changes(before=2500))

    assert matching(run, store, 2, statuses=PENDING).ids == [(1, False), (2, False)]
    assert matching(run, store, 3, statuses=PENDING).count == 3
    for unknown in (1, 4):
        with pytest.raises(RevisionUnknown, match=f"after revision {unknown} is not known"):
            matching(run, store, unknown, statuses=PENDING)
        with pytest.raises(RevisionUnknown):
            matching(run, store, unknown, search="%")


# Interruptions.


def test_each_interruption_says_when_the_task_went_on_oldest_first(run, store):
    task, other = running(run, store), running(run, store)
    interrupted(run, store, task, at=2000, resumed=2500)
    interrupted(run, store, other, at=2100, resumed=2200)
    interrupted(run, store, task, at=3000)

    assert interruptions(run, store, task) == [Interruption(2000, 2500), Interruption(3000, None)]
    assert interruptions(run, store, other) == [Interruption(2100, 2200)]


def test_a_task_that_ended_before_it_went_on_was_not_resumed(run, store):
    task = running(run, store)
    interrupted(run, store, task, at=2000)
    run(store.change(task.id, lifecycle.aborted("ann", 3000)))

    assert interruptions(run, store, task) == [Interruption(2000, None)]


def test_a_task_that_ran_through_was_never_interrupted(run, store):
    assert interruptions(run, store, finished(run, store)) == []
    assert interruptions(run, store, create(run, store)) == []


def test_a_task_that_is_gone_has_no_interruptions(run, store):
    task = running(run, store)
    interrupted(run, store, task, at=2000)
    for at in (3000, 4000):
        run(store.change(task.id, lifecycle.deleted("ann", at, None, False)))

    with pytest.raises(NoSuchTask):
        interruptions(run, store, task)
    with pytest.raises(NoSuchTask):
        run(store.inner.interruptions(4711))


def test_of_many_interruptions_the_newest_are_told(run, store, kind, monkeypatch):
    monkeypatch.setattr(*kind.most_interruptions, 2)
    task = running(run, store)
    for at in range(2000, 2500, 100):
        interrupted(run, store, task, at, resumed=at + 1)

    assert interruptions(run, store, task) == [Interruption(2300, 2301), Interruption(2400, 2401)]


def test_interruptions_are_told_as_long_as_changes_are_kept(run, store):
    task = running(run, store, created=1000)
    interrupted(run, store, task, at=2000, resumed=2500)
    interrupted(run, store, task, at=3000, resumed=3500)
    run(store.forget_changes(before=2600))

    assert interruptions(run, store, task) == [Interruption(3000, 3500)]
