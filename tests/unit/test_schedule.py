"""Which task is next, and why another one waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.schedule import Entry, Schedule, WaitingFor


def scheduled(*entries, now=0):
    schedule = Schedule()
    for entry in entries:
        schedule.add(entry, now)
    return schedule


def order(schedule, now=0):
    """The tasks as they start, each ending before the next."""
    started = []
    while entry := schedule.take(now):
        started.append(entry.task)
        schedule.release(entry.task)
    return started


def test_higher_priority_goes_first_then_lower_id():
    assert order(scheduled(Entry(3), Entry(1), Entry(2, priority=5), Entry(4, priority=-1))) == [2, 1, 3, 4]


def test_one_with_a_lock_runs_at_a_time():
    schedule = scheduled(Entry(1, lock="a"), Entry(2, lock="a"), Entry(3))

    assert [schedule.take(0).task, schedule.take(0).task, schedule.take(0)] == [1, 3, None]
    schedule.release(1)
    assert schedule.take(0).task == 2


def test_a_higher_priority_overtakes_in_the_line_for_a_lock():
    schedule = scheduled(Entry(1, lock="a"), Entry(2, lock="a"))
    schedule.add(Entry(3, priority=9, lock="a"), 0)

    assert order(schedule) == [3, 1, 2]


def test_nothing_starts_before_its_time():
    schedule = scheduled(Entry(1, not_before=500), Entry(2))

    assert schedule.next_due() == 500
    assert schedule.take(0).task == 2
    assert schedule.take(499) is None
    assert schedule.take(500).task == 1
    assert schedule.next_due() is None


def test_the_reason_is_a_place_in_line_a_lock_or_a_time():
    schedule = scheduled(Entry(1), Entry(2), Entry(3, lock="a"), Entry(4, lock="a"), Entry(5, not_before=900))

    assert schedule.why(1, 0) == WaitingFor(reason="worker", position=1)
    assert schedule.why(3, 0) == WaitingFor(reason="worker", position=3)
    assert schedule.why(4, 0) == WaitingFor(reason="lock", position=2, task=3)
    assert schedule.why(5, 0) == WaitingFor(reason="schedule", until=900)
    assert schedule.why(6, 0) is None


def test_who_holds_the_lock_is_named():
    schedule = scheduled(Entry(1, lock="a"), Entry(2, lock="a"))
    schedule.take(0)

    assert schedule.why(2, 0) == WaitingFor(reason="lock", position=1, task=1)


def test_a_removed_task_frees_its_place():
    schedule = scheduled(Entry(1, lock="a"), Entry(2, lock="a"), Entry(3, not_before=500))

    assert schedule.remove(1) == Entry(1, lock="a")
    assert schedule.remove(1) is None
    assert schedule.remove(3).task == 3
    assert schedule.next_due() is None
    assert order(schedule) == [2]


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.integers(1, 30),
        priority=st.integers(-2, 2),
        lock=st.sampled_from([None, None, "a", "b"]),
        not_before=st.sampled_from([None, None, 100]),
    ),
    unique_by=lambda entry: entry.task,
    max_size=20,
)


@given(ENTRIES, st.data())
def test_everything_starts_once_whatever_is_taken_out(entries, data):
    schedule = scheduled(*entries)
    gone = set(data.draw(st.lists(st.sampled_from(entries), unique=True))) if entries else set()
    for entry in gone:
        schedule.remove(entry.task)

    left = [entry for entry in entries if entry not in gone]
    assert order(schedule, now=100) == [entry.task for entry in sorted(left, key=lambda entry: entry.key)]
    assert not schedule._lines
    assert not schedule._ready
