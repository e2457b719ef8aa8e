"""How long the rounds to come will take, held against rounds of many kinds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.estimates import KINDS, median_error
from jobs.model.forecast import FEWEST_ROUNDS_WITH_TREND, mean_seconds, trend_seconds

MOST_ERROR = {"steady": 0.10, "lognormal": 0.20, "slowing down": 0.25, "every tenth 20 times as long": 0.25}
"""Of the time that was left, from half of 80 rounds on: the median."""


def test_the_estimated_time_left_is_within_the_promised_error():
    errors = {kind: median_error(mean_seconds, KINDS[kind]) for kind in MOST_ERROR}

    assert all(errors[kind] <= most for kind, most in MOST_ERROR.items()), errors


def test_a_single_long_round_makes_no_trend():
    assert trend_seconds([1.0] * 20 + [500.0] + [1.0] * 5) == 0


def test_a_few_rounds_make_no_trend():
    assert trend_seconds(list(range(1, FEWEST_ROUNDS_WITH_TREND))) == 0


def test_a_trend_is_the_seconds_by_which_each_round_takes_longer():
    assert trend_seconds([number / 4 for number in range(1, 30)]) == 0.25


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60), st.integers(1, 10**9))
def test_whatever_rounds_took_the_next_ones_take_a_possible_time(durations, ahead):
    assert 0 <= mean_seconds(durations, ahead) < float("inf")
