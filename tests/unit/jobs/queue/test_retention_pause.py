"""When the clock is believed, and for how long it is not: time is played."""

from __future__ import annotations

import pytest

from jobs.clock import DAY_MS
from jobs.queue.retention_pause import RetentionPause

NOW = 1000 * DAY_MS
HOUR_MS = DAY_MS // 24


class Played:
    """A pause with clocks of its own. `at` is what the wall clock shows."""

    def __init__(self, newest_change, left_ms=0):
        self.at = NOW
        self.steady = 77
        self.pause = RetentionPause(newest_change, left_ms, lambda: self.at, lambda: self.steady)

    def later(self, milliseconds):
        self.at += milliseconds
        self.steady += milliseconds
        return self.pause.left_ms()

    def set_clock(self, milliseconds):
        self.at += milliseconds
        return self.pause.left_ms()


@pytest.mark.parametrize("newest_change", [None, NOW, NOW - DAY_MS, NOW + 400 * DAY_MS])
def test_a_clock_that_is_at_most_a_day_ahead_of_the_newest_change_is_believed(newest_change):
    played = Played(newest_change)

    assert (played.later(0), played.later(500 * DAY_MS)) == (0, 0)
    assert (played.pause.ends, played.pause.reason) == (None, None)


@pytest.mark.parametrize("ahead_ms", [DAY_MS + 1, 400 * DAY_MS])
def test_beyond_that_it_pauses_for_a_day_of_running(ahead_ms):
    played = Played(NOW - ahead_ms)

    assert played.later(0) == DAY_MS
    assert played.later(23 * HOUR_MS) == HOUR_MS
    assert played.pause.ends == played.at + HOUR_MS
    assert played.later(HOUR_MS) == 0
    assert played.later(DAY_MS) == 0, "it is believed from then on"


def test_it_says_why_and_for_how_long():
    assert Played(NOW - 400 * DAY_MS).pause.reason == (
        "Retention is paused until the server has run for another 24 hours, because the clock is 400 days ahead of the "
        "last change: correct the clock if it is wrong."
    )


def test_a_clock_that_is_set_ahead_while_the_server_runs_is_not_believed_either():
    played = Played(NOW)
    played.later(50 * DAY_MS)

    assert played.set_clock(DAY_MS) == 0
    assert played.set_clock(1) == DAY_MS
    assert played.later(HOUR_MS) == 23 * HOUR_MS


def test_a_pause_is_over_when_the_clock_has_been_set_right():
    played = Played(NOW)
    assert played.set_clock(400 * DAY_MS) == DAY_MS
    assert played.set_clock(-400 * DAY_MS) == 0
    assert played.set_clock(400 * DAY_MS) == DAY_MS, "the next one is a whole one"


def test_a_clock_that_was_set_back_may_not_be_set_ahead_again_unnoticed():
    played = Played(NOW)

    assert played.set_clock(-400 * DAY_MS) == 0
    assert played.set_clock(400 * DAY_MS) == DAY_MS


def test_a_restart_does_not_end_a_pause_even_with_new_changes():
    played = Played(NOW, left_ms=5 * HOUR_MS)

    assert played.later(HOUR_MS) == 4 * HOUR_MS
    assert "was more than a day ahead" in played.pause.reason
    assert played.later(4 * HOUR_MS) == 0
    assert played.later(DAY_MS) == 0
