"""When retention looks, what it forgets then, and what it does while nothing can be written: time is played."""

from __future__ import annotations

from collections import Counter

import pytest

from jobs.clock import DAY_MS
from jobs.errors import StorageUnavailable
from jobs.queue.retention import MINUTES_KEPT, ROWS_AT_ONCE, TASKS_AT_ONCE, Retention, RetentionSettings
from jobs.queue.retention_pause import RetentionPause
from jobs.store import KEYS_LAST_MS

NOW = 100 * DAY_MS
FOR_EVER = RetentionSettings(0, 0, 0)


class Night(BaseException):
    """Ends a test when retention has slept as often as it shall."""


class ForgettingStore:
    """Remembers what it was asked for. `rows` is how many each step still finds, `full` how often it cannot write."""

    def __init__(self, first_due=None, rows=0, full=0):
        self.asked = []
        self.full = full
        self._first_due = first_due or {}
        self._rows = Counter()
        self._rows_each = rows

    async def first_due(self, statuses):
        return self._first_due.get(statuses[0])

    async def store_pause(self, left_ms):
        self._ask("store_pause", left_ms)

    async def remove_due(self, statuses, before, at, limit):
        return self._take("remove_due", limit, *statuses, before, at)

    async def forget_changes(self, before, limit):
        return self._take("forget_changes", limit, before)

    async def tidy(self, limit):
        return self._take("tidy", limit)

    async def forget_keys(self, before, limit):
        return self._take("forget_keys", limit, before)

    async def forget(self, before, limit):
        return self._take("forget_results", limit, before)

    async def forget_minutes(self, before):
        self._ask("forget_minutes", before)

    def count(self, name):
        return sum(asked[0] == name for asked in self.asked)

    def _take(self, name, limit, *values):
        self._ask(name, limit, *values)
        taken = min(limit, self._rows_each - self._rows[name])
        self._rows[name] += taken
        return taken

    def _ask(self, *asked):
        self.asked.append(asked)
        if self.full:
            self.full -= 1
            raise StorageUnavailable


@pytest.fixture
def sleeps(monkeypatch):
    """How long retention sleeps between its looks; after the first few it ends. Rests between steps do not count."""
    seconds, rests = [], []

    async def sleep(duration):
        (seconds if duration >= 1 else rests).append(duration)
        if len(seconds) == 5 or len(rests) == 1000:
            raise Night

    monkeypatch.setattr("jobs.queue.retention.asyncio.sleep", sleep)
    return seconds


async def run(store, settings, pause=None):
    with pytest.raises(Night):
        await Retention(store, store, settings, pause or RetentionPause(None), clock=lambda: NOW).run()


@pytest.mark.parametrize(
    ("settings", "first_due", "seconds"),
    [
        (FOR_EVER, {}, 3600),
        (RetentionSettings(90, 365, 30), {}, 3600),
        (RetentionSettings(1, 0, 0), {"Finished": NOW - DAY_MS + 30_000}, 30),
        (RetentionSettings(1, 2, 0), {"Finished": NOW - DAY_MS + 30_000, "Exception": NOW - 2 * DAY_MS + 20_000}, 20),
        (RetentionSettings(0, 2, 0), {"Finished": NOW - 99 * DAY_MS, "Exception": NOW}, 3600),
        (RetentionSettings(1, 0, 0), {"Finished": NOW - 2 * DAY_MS}, 1),
        (RetentionSettings(1, 0, 0), {"Finished": NOW}, 3600),
        (RetentionSettings(100_000 / DAY_MS, 0, 0), {}, 100),
    ],
)
async def test_it_wakes_when_the_next_task_is_due_but_at_least_each_hour(sleeps, settings, first_due, seconds):
    await run(ForgettingStore(first_due), settings)

    assert sleeps == pytest.approx([seconds] * 5)


async def test_tasks_that_are_kept_for_ever_are_not_searched_for(sleeps):
    store = ForgettingStore()
    await Retention(store, store, FOR_EVER, RetentionPause(None), clock=lambda: NOW).forget()

    assert [asked[0] for asked in store.asked] == ["tidy", "forget_keys", "forget_minutes"]


async def test_each_kind_is_forgotten_by_its_own_time_in_small_steps_until_nothing_is_left(sleeps):
    store = ForgettingStore(rows=ROWS_AT_ONCE + 1)
    await Retention(store, store, RetentionSettings(1, 2, 3), RetentionPause(None), clock=lambda: NOW).forget()

    asked = dict.fromkeys(store.asked)
    assert list(asked) == [
        ("remove_due", TASKS_AT_ONCE, "Finished", NOW - DAY_MS, NOW),
        ("remove_due", TASKS_AT_ONCE, "Exception", "Aborted", NOW - 2 * DAY_MS, NOW),
        ("forget_changes", ROWS_AT_ONCE, NOW - 3 * DAY_MS),
        ("forget_results", ROWS_AT_ONCE, NOW - 2 * DAY_MS),
        ("tidy", ROWS_AT_ONCE),
        ("forget_keys", ROWS_AT_ONCE, NOW - KEYS_LAST_MS),
        ("forget_minutes", NOW // 60_000 - MINUTES_KEPT),
    ]
    assert store.count("forget_changes") == 3
    assert store.count("remove_due") == -(-(ROWS_AT_ONCE + 1) // TASKS_AT_ONCE) + 2


@pytest.mark.parametrize("settings", [RetentionSettings(0, 365, 30), RetentionSettings(90, 0, 30)])
async def test_results_are_kept_for_ever_if_some_ended_tasks_are(sleeps, settings):
    store = ForgettingStore()
    await Retention(store, store, settings, RetentionPause(None), clock=lambda: NOW).forget()

    assert store.count("forget_results") == 0


async def test_while_nothing_can_be_written_it_retries_later_and_later_and_then_continues(sleeps, caplog):
    store = ForgettingStore(full=3)
    await run(store, FOR_EVER)

    assert sleeps == [2, 4, 8, 3600, 3600]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3


async def test_the_store_tidies_up_as_soon_as_that_is_possible_and_each_hour(sleeps):
    store = ForgettingStore(full=1)
    await run(store, FOR_EVER)

    assert store.count("tidy") == 5


class SetPause(RetentionPause):
    """A pause of which less is left with each look."""

    def __init__(self, *left_ms):
        super().__init__(None)
        self._left = list(left_ms)

    def left_ms(self):
        return self._left[0] if len(self._left) == 1 else self._left.pop(0)


async def test_during_a_pause_nothing_is_removed_for_its_age_and_the_time_left_is_stored(sleeps):
    store = ForgettingStore(rows=1)
    await run(store, RetentionSettings(1, 2, 3), SetPause(5000))

    assert {asked[0] for asked in store.asked} == {"store_pause"}
    assert ("store_pause", 5000) in store.asked
    assert sleeps == [6] * 5


async def test_when_the_pause_is_over_it_continues(sleeps):
    store = ForgettingStore()
    await run(store, RetentionSettings(1, 2, 3), SetPause(5000, 5000, 5000, 0))

    assert [asked for asked in store.asked if asked[0] == "store_pause"] == [("store_pause", 5000), ("store_pause", 0)]
    assert store.count("remove_due") > 0
