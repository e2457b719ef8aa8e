"""How a task ends, and what its outcome says then: every one of the contract."""

from __future__ import annotations

import json

import pytest

from jobs.clock import iso_time, parse_time
from jobs.errors import StatusChanged
from jobs.model import lifecycle
from jobs.model.lifecycle import Removed
from jobs.model.task import RoundRecord, Status
from tests.support.made import a_task

NEW = a_task()


def after(*steps, task=NEW):
    for step in steps:
        change = step(task)
        task = change.task if change is not None else task
    return task


def rounds(last, of=None, first=1):
    done = [
        RoundRecord(number=number, at=2000, seconds=1, of=of, percent=number * 100 // of if of else None)
        for number in range(first, last + 1)
    ]
    return lifecycle.reported(done, 2000)


TAKEN = lifecycle.taken(1500)
ABORTED = lifecycle.aborted("admin", 3000)
FORCED = lifecycle.aborted("admin", 3000, force=True)
ERROR = lifecycle.error_text("ValueError", "no such pool\nsecond line", "Traceback …")
LOST = "its host ceph3 did not answer for 18 s"
DIED = "killed by signal 9 (out of memory?)"


CONTINUES = lifecycle.reported(
    [RoundRecord(number=7, at=2000, seconds=1, if_aborted="the cluster goes on by itself")], 2000
)


@pytest.mark.parametrize(
    ("steps", "status", "outcome"),
    [
        ([TAKEN, rounds(20, 20), lifecycle.returned("20", 3000)], "Finished", "Finished after 20 rounds"),
        ([TAKEN, rounds(1), lifecycle.returned("1", 3000)], "Finished", "Finished after 1 round"),
        (
            [TAKEN, rounds(6, 20), lifecycle.raised(ERROR, 3000)],
            "Exception",
            "Failed in round 7 of 20: ValueError: no such pool",
        ),
        ([TAKEN, rounds(6), lifecycle.raised(ERROR, 3000)], "Exception", "Failed in round 7: ValueError: no such pool"),
        (
            [TAKEN, rounds(5, 5), lifecycle.raised(ERROR, 3000)],
            "Exception",
            "Failed after round 5 of 5: ValueError: no such pool",
        ),
        ([ABORTED], "Aborted", "Aborted by admin before it started"),
        ([TAKEN, CONTINUES, ABORTED], "Aborted", "Aborted by admin after round 7; the cluster goes on by itself"),
        ([TAKEN, CONTINUES, rounds(9, first=8), ABORTED], "Aborted", "Aborted by admin after round 9"),
        (
            [TAKEN, rounds(6), ABORTED, CONTINUES, lifecycle.stopped(4000)],
            "Aborted",
            "Aborted by admin after round 7; the cluster goes on by itself",
        ),
        (
            [TAKEN, CONTINUES, FORCED, lifecycle.died(4000, DIED, True, 3)],
            "Aborted",
            "Aborted by admin; its worker was killed in round 8; the cluster goes on by itself",
        ),
        ([TAKEN, CONTINUES, lifecycle.returned("1", 3000)], "Finished", "Finished after 7 rounds"),
        ([TAKEN, rounds(6, 20), ABORTED], "Aborted", "Aborted by admin after round 6 of 20"),
        (
            [TAKEN, rounds(6, 20), ABORTED, rounds(7, 20, 7), lifecycle.stopped(4000)],
            "Aborted",
            "Aborted by admin after round 7 of 20",
        ),
        ([TAKEN, rounds(6), ABORTED, lifecycle.stopped(4000)], "Aborted", "Aborted by admin after round 6"),
        (
            [TAKEN, rounds(19, 20), ABORTED, rounds(20, 20, 20), lifecycle.stopped(4000)],
            "Aborted",
            "Aborted by admin; all rounds were done",
        ),
        (
            [TAKEN, rounds(7), ABORTED, lifecycle.returned("7", 4000)],
            "Aborted",
            "Aborted by admin; all rounds were done",
        ),
        (
            [TAKEN, rounds(7, 20), FORCED, lifecycle.died(4000, DIED, True, 3)],
            "Aborted",
            "Aborted by admin; its worker was killed in round 8 of 20",
        ),
        (
            [TAKEN, rounds(7), FORCED, lifecycle.died(4000, DIED, True, 3)],
            "Aborted",
            "Aborted by admin; its worker was killed in round 8",
        ),
        (
            [TAKEN, rounds(7, 20), ABORTED, lifecycle.died(4000, DIED, True, 3)],
            "Aborted",
            "Aborted by admin; its worker died in round 8 of 20",
        ),
        (
            [TAKEN, rounds(7, 20), ABORTED, lifecycle.place_lost(4000, LOST, True)],
            "Aborted",
            "Aborted by admin; its host was lost in round 8 of 20",
        ),
        (
            [TAKEN, rounds(7, 20), lifecycle.place_lost(4000, LOST, False)],
            "Exception",
            f"Failed in round 8 of 20: Interrupted: {LOST}, and its job does not resume after an interruption",
        ),
        ([lifecycle.job_gone(2000, "plain")], "Exception", "Failed: its job plain is no longer there"),
        ([TAKEN, lifecycle.died(4000, DIED, True, 0)], "Exception", f"Failed: its worker died 1 time, last {DIED}"),
        (
            [*[TAKEN, lifecycle.died(4000, DIED, True, 3)] * 4],
            "Exception",
            f"Failed: its worker died 4 times, last {DIED}",
        ),
    ],
)
def test_the_outcome_says_how_it_ended(steps, status, outcome):
    task = after(*steps)

    assert (task.status, task.outcome) == (status, outcome)
    assert not task.stopping or " after round " in task.outcome


def test_an_aborted_task_is_stopping_until_its_round_has_ended():
    task = after(TAKEN, rounds(1), ABORTED)
    assert (task.status, task.stopping, task.ended, task.ended_by) == (Status.ABORTED, True, 3000, "admin")

    task = after(rounds(2, first=2), lifecycle.stopped(5000), task=task)
    assert (task.stopping, task.round, task.ended) == (False, 2, 3000)


def test_a_failed_task_keeps_the_percent_that_it_got_to():
    assert after(TAKEN, rounds(7, 20), lifecycle.raised(ERROR, 3000)).percent == 35
    assert after(TAKEN, rounds(7, 20), ABORTED).percent == 35


def test_an_interrupted_task_resumes_from_its_checkpoint():
    done = [
        RoundRecord(number=1, at=2000, seconds=1, checkpoint='{"done": 1}'),
        RoundRecord(number=2, at=2000, seconds=1),
    ]
    task = after(TAKEN, lifecycle.reported(done, 2000), lifecycle.interrupted(3000, "the server stopped", True))

    assert (task.status, task.round, task.interruptions, task.deaths) == (Status.NOT_STARTED, 1, 1, 0)
    assert task.started == 1500


def test_only_deaths_of_its_worker_count_against_a_task():
    stop = lifecycle.interrupted(3000, "the server stopped", True)
    task = after(*[TAKEN, stop] * 20)

    assert (task.status, task.interruptions, task.deaths) == (Status.NOT_STARTED, 20, 0)


def test_a_lost_place_never_counts_as_a_death():
    task = after(*[TAKEN, lifecycle.place_lost(3000, LOST, True)] * 20)

    assert (task.status, task.interruptions, task.deaths) == (Status.NOT_STARTED, 20, 0)


def test_a_place_that_is_lost_before_a_worker_took_the_task_changes_nothing():
    assert lifecycle.place_lost(3000, LOST, False)(NEW) is None


def test_each_start_is_an_attempt_of_its_own_on_its_place():
    task = after(lifecycle.taken(1500, "ceph3"))
    assert (task.status, task.attempt, task.place) == (Status.RUNNING, 1, "ceph3")
    assert lifecycle.taken(1600, "ceph3")(task) is None, "the claim was repeated"

    task = after(lifecycle.place_lost(3000, LOST, True), task=task)
    assert (task.attempt, task.place) == (1, "ceph3"), "where it ran last"
    task = after(lifecycle.taken(4000), task=task)
    assert (task.attempt, task.place) == (2, None)


def test_a_job_that_must_not_resume_fails_at_its_first_interruption():
    task = after(TAKEN, lifecycle.interrupted(3000, "the server stopped", False))

    assert task.status is Status.EXCEPTION
    assert json.loads(task.error)["message"] == "the server stopped, and its job does not resume after an interruption"


def test_a_started_time_is_the_first_one():
    task = after(TAKEN, lifecycle.died(2000, DIED, True, 3), lifecycle.taken(9000))

    assert task.started == 1500


@pytest.mark.parametrize(
    "late",
    [
        rounds(9),
        lifecycle.raised(ERROR, 9000),
        lifecycle.returned("9", 9000),
        lifecycle.died(9000, DIED, True, 3),
        lifecycle.interrupted(9000, "x", True),
        lifecycle.place_lost(9000, "x", True),
        lifecycle.stopped(9000),
        ABORTED,
        lifecycle.job_gone(9000, "plain"),
        TAKEN,
    ],
)
def test_a_late_write_changes_nothing(late):
    task = after(TAKEN, rounds(5), lifecycle.returned("5", 3000))

    assert late(task) is None


def test_delete_aborts_what_is_pending_and_removes_what_is_final():
    delete = lifecycle.deleted("admin", 3000, None, False)

    assert delete(NEW).task.status is Status.ABORTED
    assert delete(after(ABORTED)) == Removed(3000)
    assert delete(after(TAKEN, ABORTED)) == Removed(3000)


def test_force_kills_what_is_stopping_instead_of_removing_it():
    change = lifecycle.deleted("admin", 4000, None, True)(after(TAKEN, ABORTED))

    assert (change.task.forced, change.task.stopping) == (True, True)


@pytest.mark.parametrize(("expected", "task"), [("pending", after(ABORTED)), ("final", NEW), ("final", after(TAKEN))])
def test_a_guarded_delete_refuses_what_has_changed(expected, task):
    with pytest.raises(StatusChanged):
        lifecycle.deleted("admin", 3000, expected, False)(task)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.000Z", "0876-08-22T17:40:24.400Z", "9999-12-31T23:59:59.999Z"])
def test_a_time_that_was_parsed_is_shown_as_it_was(text):
    assert iso_time(parse_time(text)) == text


def test_a_time_that_could_not_be_shown_is_refused():
    assert iso_time(parse_time("9999-12-31T23:59:59.9999Z")) == "9999-12-31T23:59:59.999Z"
    for text in ("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"):
        with pytest.raises(OverflowError):
            parse_time(text)


def test_times_are_utc_with_milliseconds():
    assert iso_time(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert parse_time("2023-11-14T22:13:20.007Z") == parse_time("2023-11-15T00:13:20.007+02:00") == 1_700_000_000_007
    with pytest.raises(ValueError, match="time zone"):
        parse_time("2023-11-14T22:13:20")


@pytest.mark.parametrize(
    "end", [lifecycle.returned("1", 1000), lifecycle.raised(ERROR, 1000), lifecycle.aborted("admin", 1000)]
)
def test_a_task_never_ends_before_it_started_though_the_clock_was_set_back(end):
    task = after(TAKEN, rounds(1), end)

    assert (task.started, task.ended, task.last_modified) == (1500, 1500, 1000)


def test_a_task_that_never_started_ends_when_it_was_aborted():
    assert after(lifecycle.aborted("admin", 500)).ended == 500
