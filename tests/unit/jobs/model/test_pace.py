"""How fast, until when, and when it counts as stalled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.model.pace import Pace

START = 1_000_000


def paced(seconds, of=None, percents=None):
    pace, at = Pace(START), START
    for number, duration in enumerate(seconds, 1):
        at += round(duration * 1000)
        percent = percents[number - 1] if percents else (number * 100 // of if of else None)
        pace.round_done(at, duration, percent, number, of)
    return pace, at


def test_nothing_is_known_before_the_first_round():
    pace = Pace(START)

    assert (pace.seconds, pace.estimated(START)) == (None, None)
    assert pace.stalls_at == START + 30_000


def test_the_pace_is_the_median_of_the_recent_rounds():
    pace, _ = paced([1, 1, 1, 60, 1])

    assert pace.seconds == 1


def test_old_rounds_are_forgotten():
    pace, _ = paced([60] * 20 + [1] * 20)

    assert pace.seconds == 1


def test_the_end_follows_from_the_rounds_that_are_left():
    pace, at = paced([2, 2, 2], of=10)

    assert pace.estimated(at) == at + 7 * 2000


def test_a_round_that_takes_longer_moves_the_end_away():
    pace, at = paced([2, 2, 2], of=10)

    assert pace.estimated(at + 5000) == at + 5000 + 6 * 2000


def test_a_job_that_counts_by_more_than_one_gets_no_end_that_is_many_times_too_late():
    pace, at = Pace(START), START
    for number in (100, 200, 300):
        at += 2000
        pace.round_done(at, 2, None, number, 1000)

    assert pace.estimated(at) == at + 14_000
    assert pace.seconds == 2


def test_the_end_allows_for_rounds_that_take_long_now_and_then():
    durations = [20 if number % 10 == 9 else 1 for number in range(40)]
    pace, at = paced(durations, of=80)

    assert pace.seconds == 1
    assert pace.estimated(at) == at + 4 * 29_000


def test_the_end_allows_for_rounds_that_take_longer_and_longer():
    pace, at = paced([number / 10 for number in range(1, 41)], of=80)
    truth = sum(number * 100 for number in range(41, 81))

    assert abs(pace.estimated(at) - at - truth) < truth / 100


def test_rounds_that_get_faster_are_never_expected_to_take_no_time():
    pace, at = paced([10 - number / 5 for number in range(1, 41)], of=1000)

    assert pace.estimated(at) > at + 960 * 100


def test_without_a_number_of_rounds_the_end_follows_from_the_percents():
    pace, at = paced([1, 1, 1], percents=[10, 20, 30])

    assert pace.estimated(at) == at + 7000


def test_without_progress_the_end_is_unknown():
    pace, at = paced([1, 1, 1], percents=[10, 10, 10])

    assert pace.estimated(at) is None


def test_a_stalled_task_has_no_estimated_end():
    pace, at = paced([1, 1], of=5)

    assert pace.stalls_at == at + 30_000
    assert pace.estimated(at + 29_999) is not None
    assert pace.estimated(at + 30_000) is None


def test_a_slow_task_stalls_after_ten_times_its_pace():
    pace, at = paced([20, 20], of=5)

    assert pace.stalls_at == at + 200_000


def test_the_time_that_a_job_declares_counts_if_it_is_longer_than_its_pace():
    pace, at = paced([20, 20], of=5)
    pace.expected_seconds = 60
    assert pace.stalls_at == at + 600_000

    pace.expected_seconds = 2
    assert pace.stalls_at == at + 200_000


def test_rounds_from_before_an_interruption_count():
    pace = Pace(START)
    pace.recall([(1, 20), (2, 20), (3, 20)])

    assert pace.seconds == 20
    assert pace.stalls_at == START + 200_000


def test_rounds_from_before_their_number_was_known_say_nothing_about_the_others():
    pace, at = Pace(START), START
    for number in range(1, 21):
        at += 10
        pace.round_done(at, 0.01, 1, number, None)
    for number in (21, 22):
        at += 2000
        pace.round_done(at, 2, 5, number, 30)

    assert pace.seconds == 2
    assert pace.estimated(at) == at + 8 * 2000


def test_rounds_from_before_an_interruption_count_if_their_number_is_known_from_the_first():
    pace = Pace(START)
    pace.recall([(1, 20), (2, 20), (3, 20)])
    pace.round_done(START + 1000, 1, None, 4, 10)

    assert pace.seconds == 20


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50), st.integers(50, 100), st.integers(0, 100_000))
def test_an_estimated_end_never_lies_in_the_past(seconds, of, later):
    pace, at = paced(seconds, of=of)
    estimated = pace.estimated(at + later)

    assert estimated is None or estimated >= at + later
