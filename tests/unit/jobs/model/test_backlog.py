"""Which task is next, and why another one waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.model.backlog import Backlog, WaitingFor
from jobs.model.backlog import WaitingTask as Task


def backlog_of(*entries, now=0):
    backlog = Backlog()
    for entry in entries:
        backlog.add(entry, now)
    return backlog


def take(backlog, now, offered=()):
    """The next task, if a worker is free at one place, which offers these labels."""
    return backlog.take(now, lambda needs: set(needs) <= set(offered))


def order(backlog, now=0):
    """The tasks as they start, each ending before the next."""
    started = []
    while entry := take(backlog, now, offered="ab"):
        started.append(entry.task)
        backlog.release(entry.task)
    return started


def test_higher_priority_goes_first_then_lower_id():
    assert order(backlog_of(Task(3), Task(1), Task(2, priority=5), Task(4, priority=-1))) == [2, 1, 3, 4]


def test_one_task_with_a_lock_runs_at_a_time():
    backlog = backlog_of(Task(1, locks=("a",)), Task(2, locks=("a",)), Task(3))

    assert [take(backlog, 0).task, take(backlog, 0).task, take(backlog, 0)] == [1, 3, None]
    backlog.release(1)
    assert take(backlog, 0).task == 2


def test_a_task_takes_further_locks_while_it_runs_unless_others_hold_them():
    backlog = backlog_of(
        Task(1, locks=("a",)),
        Task(2, locks=("b",)),
        Task(3, locks=("c",)),
        Task(4, locks=("d",)),
    )
    assert [take(backlog, 0).task, take(backlog, 0).task] == [1, 2]
    backlog.hold_also(1, ["c", "b", "a", "c", "e"])

    assert (backlog.line(0, "c"), backlog.line(0, "b"), backlog.line(0, "e")) == ([1, 3], [2], [1])
    assert take(backlog, 0).task == 4, "3 waits for the lock that 1 has taken"
    assert backlog.why(3, 0).task == 1
    backlog.add(Task(5, locks=("e",)), 0)
    backlog.release(1)
    assert [take(backlog, 0).task, take(backlog, 0).task] == [3, 5]


def test_a_task_without_locks_can_take_some():
    backlog = backlog_of(Task(1), Task(2, locks=("a",)))
    take(backlog, 0)
    backlog.hold_also(1, ["a"])
    assert take(backlog, 0) is None
    backlog.release(1)
    assert take(backlog, 0).task == 2


def test_a_higher_priority_overtakes_in_the_line_for_a_lock():
    backlog = backlog_of(Task(1, locks=("a",)), Task(2, locks=("a",)))
    backlog.add(Task(3, priority=9, locks=("a",)), 0)

    assert order(backlog) == [3, 1, 2]


def test_nothing_starts_before_its_time():
    backlog = backlog_of(Task(1, not_before=500), Task(2))

    assert backlog.next_due() == 500
    assert take(backlog, 0).task == 2
    assert take(backlog, 499) is None
    assert take(backlog, 500).task == 1
    assert backlog.next_due() is None


def test_the_line_of_a_lock_is_who_has_it_and_who_gets_it_next():
    backlog = backlog_of(Task(1, locks=("a", "b")), Task(2, locks=("a",)), Task(3, priority=1, locks=("b",)))
    backlog.add(Task(4, locks=("a",), not_before=500), 0)
    assert (backlog.line(0, "a"), backlog.line(0, "b"), backlog.line(0, "c")) == ([1, 2], [3, 1], [])

    take(backlog, 0)
    backlog.release(3)
    assert take(backlog, 0).task == 1
    backlog.add(Task(5, priority=9, locks=("a",)), 0)
    assert (backlog.line(499, "a"), backlog.line(499, "b")) == ([1, 5, 2], [1])
    assert backlog.line(500, "a") == [1, 5, 2, 4]


def test_the_reason_is_a_place_in_line_a_lock_or_a_time():
    backlog = backlog_of(
        Task(1),
        Task(2),
        Task(3, locks=("a",)),
        Task(4, locks=("a",)),
        Task(5, not_before=900),
    )

    assert backlog.why(1, 0) == WaitingFor(reason="worker", position=1)
    assert backlog.why(3, 0) == WaitingFor(reason="worker", position=3)
    assert backlog.why(4, 0) == WaitingFor(reason="lock", position=2, task=3)
    assert backlog.why(5, 0) == WaitingFor(reason="schedule", until=900)
    assert backlog.why(6, 0) is None


def test_who_holds_the_lock_is_named():
    backlog = backlog_of(Task(1, locks=("a",)), Task(2, locks=("a",)))
    take(backlog, 0)

    assert backlog.why(2, 0) == WaitingFor(reason="lock", position=1, task=1)


def test_a_task_that_needs_what_no_free_place_offers_lets_those_behind_it_pass():
    backlog = backlog_of(
        Task(1, needs=("a", "b")), Task(2, needs=("a",), locks=("x",)), Task(3, locks=("x",)), Task(4), Task(5)
    )
    assert take(backlog, 0).task == 4
    assert take(backlog, 0, offered="a").task == 2
    assert take(backlog, 0, offered="ab").task == 1
    assert take(backlog, 0).task == 5
    backlog.release(2)
    assert take(backlog, 0).task == 3


def test_a_lock_is_not_passed_over_for_what_its_first_task_needs():
    """Otherwise a task that waits for a place would wait for ever."""
    backlog = backlog_of(Task(1, needs=("a",), locks=("x",)), Task(2, locks=("x",)))
    assert take(backlog, 0) is None
    assert backlog.why(2, 0) == WaitingFor(reason="lock", position=2, task=1)


def test_who_waits_for_a_place_is_in_line_with_those_of_the_same_needs():
    backlog = backlog_of(Task(1), Task(2, needs=("a",)), Task(3, needs=("b",)), Task(4, needs=("a",)))
    assert backlog.why(4, 0) == WaitingFor(reason="place", position=2, needs=("a",))
    assert backlog.why(3, 0) == WaitingFor(reason="place", position=1, needs=("b",))
    assert backlog.why(1, 0) == WaitingFor(reason="worker", position=1)
    assert backlog.counts(0) == {"worker": 1, "place": 3, "lock": 0, "schedule": 0}


def test_a_removed_task_frees_its_place():
    backlog = backlog_of(Task(1, locks=("a",)), Task(2, locks=("a",)), Task(3, not_before=500))

    assert backlog.remove(1) == Task(1, locks=("a",))
    assert backlog.remove(1) is None
    assert backlog.remove(3).task == 3
    assert backlog.next_due() is None
    assert order(backlog) == [2]


def test_a_task_with_several_locks_starts_when_all_are_free_and_takes_all_at_once():
    backlog = backlog_of(Task(1, locks=("a",)), Task(2, locks=("b",)), Task(3, locks=("a", "b")))
    assert [take(backlog, 0).task, take(backlog, 0).task, take(backlog, 0)] == [1, 2, None]
    backlog.add(Task(4, locks=("b",)), 0)

    backlog.release(1)
    assert take(backlog, 0) is None, "one of its two locks is not free"
    backlog.release(2)
    assert take(backlog, 0).task == 3
    assert take(backlog, 0) is None, "who comes later must not take what the first one holds"
    backlog.release(3)
    assert take(backlog, 0).task == 4


def test_no_task_overtakes_one_with_several_locks_in_any_of_its_lines():
    backlog = backlog_of(Task(1, locks=("a",)), Task(2, locks=("a", "b")), Task(3, locks=("b",)))

    assert take(backlog, 0).task == 1
    assert take(backlog, 0) is None, "b is free, but task 2 is first in its line"
    assert backlog.why(3, 0) == WaitingFor(reason="lock", position=2, task=2)


def test_of_several_locks_the_first_that_is_missing_is_reported():
    backlog = backlog_of(Task(1, locks=("b",)), Task(2, locks=("a", "b")), Task(3, locks=("a", "b")))
    assert backlog.why(2, 0) == WaitingFor(reason="lock", position=2, task=1)
    assert backlog.why(3, 0) == WaitingFor(reason="lock", position=2, task=2)

    take(backlog, 0)
    assert backlog.why(2, 0) == WaitingFor(reason="lock", position=1, task=1)


ENTRIES = st.lists(
    st.builds(
        Task,
        st.integers(1, 30),
        priority=st.integers(-2, 2),
        locks=st.sampled_from([(), (), ("a",), ("b",), ("a", "b"), ("b", "c"), ("a", "b", "c")]),
        needs=st.sampled_from([(), (), ("a",), ("b",), ("a", "b")]),
        not_before=st.sampled_from([None, None, 100]),
    ),
    unique_by=lambda entry: entry.task,
    max_size=20,
)


@given(ENTRIES, st.data())
def test_everything_starts_once_whatever_is_removed(entries, data):
    backlog = backlog_of(*entries)
    gone = set(data.draw(st.lists(st.sampled_from(entries), unique=True))) if entries else set()
    for entry in gone:
        backlog.remove(entry.task)

    left = [entry for entry in entries if entry not in gone]
    assert order(backlog, now=100) == [entry.task for entry in sorted(left, key=lambda entry: entry.key)]
    assert not any((backlog._lines, backlog._ready, backlog._not_first, backlog._held, backlog._holders))


class Naive:
    """A model of a backlog, which works everything out anew each time from all that waits."""

    def __init__(self):
        self.waiting = {}
        self.held = {}

    def ready(self, now):
        taken = {lock for entry in self.held.values() for lock in entry.locks}
        found = []
        for entry in sorted(self.waiting.values(), key=lambda entry: entry.key):
            if entry.not_before is None or entry.not_before <= now:
                if not taken & set(entry.locks):
                    found.append(entry)
                taken |= set(entry.locks)
        return found

    def take(self, now, offered):
        ready = [entry for entry in self.ready(now) if set(entry.needs) <= set(offered)]
        if not ready:
            return None
        self.held[ready[0].task] = self.waiting.pop(ready[0].task)
        return ready[0]


STEPS = st.lists(st.tuples(st.sampled_from(["add", "add", "take", "take", "release", "remove"]), st.integers(0)))


@given(ENTRIES, STEPS)
def test_it_decides_like_a_model_that_looks_at_everything_each_time(entries, steps):
    backlog, naive, now = Backlog(), Naive(), 0
    for step, chance in steps:
        now += 10
        if step == "add" and entries:
            entry = entries.pop()
            naive.waiting[entry.task] = entry
            backlog.add(entry, now)
        elif step == "release" and naive.held:
            task = sorted(naive.held)[chance % len(naive.held)]
            backlog.release(task)
            del naive.held[task]
        elif step == "remove" and naive.waiting:
            task = sorted(naive.waiting)[chance % len(naive.waiting)]
            assert backlog.remove(task) == naive.waiting.pop(task)
        elif step == "take":
            offered = ["", "a", "b", "ab"][chance % 4]
            assert take(backlog, now, offered) == naive.take(now, offered)
        assert_the_same(backlog, naive, now)


def assert_the_same(backlog, naive, now):
    ready = naive.ready(now)
    for task, entry in naive.waiting.items():
        why = backlog.why(task, now)
        if why.reason in ("worker", "place"):
            assert (why.reason == "place", why.needs) == (bool(entry.needs), entry.needs)
            assert [other for other in ready if other.needs == entry.needs][why.position - 1] == entry
        elif why.reason == "lock":
            assert entry not in ready
            ahead = naive.waiting.get(why.task) or naive.held[why.task]
            assert set(ahead.locks) & set(entry.locks)
            assert why.task in naive.held or ahead.key < entry.key
        else:
            assert entry.not_before > now
    assert len(backlog) == len(naive.waiting)
