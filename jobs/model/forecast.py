"""Predicts how long the remaining rounds take, from those that are done. Pure; bench/estimates.py measures how well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import sqrt
from statistics import fmean, median

RECENT_ROUNDS = 20
TREND_ROUNDS = 40
FEWEST_ROUNDS_WITH_TREND = 8
SIGNIFICANT_DEVIATIONS = 3.3
"""A trend by chance is this clear once in a thousand times."""
LEAST_SHARE_OF_MEAN = 0.2
"""However fast rounds get shorter, they are not expected to fall below this share of what they take now."""


def mean_seconds(durations: Sequence[float], rounds_ahead: int) -> float:
    """Returns how long each of the next `rounds_ahead` rounds will take on average, in seconds.

    It is the mean of the recent rounds, not their median: if every tenth round takes twenty times as long, so will
    every tenth of those to come. If rounds get steadily longer or shorter, that continues. `durations` are the last
    rounds in seconds, oldest first, at least one; more than TREND_ROUNDS are not looked at.
    """
    recent = durations[-RECENT_ROUNDS:]
    level = fmean(recent)
    rounds_from_middle = (len(recent) - 1) / 2 + (rounds_ahead + 1) / 2
    expected = level + trend_seconds(durations) * rounds_from_middle
    return max(expected, LEAST_SHARE_OF_MEAN * level)


def trend_seconds(durations: Sequence[float]) -> float:
    """Returns by how many seconds each round takes longer than the one before; 0 unless that is beyond chance.

    The test is that of Mann and Kendall, the slope that of Theil and Sen: both look at pairs of rounds, so that single
    long rounds neither make a trend nor hide one (Sen, Journal of the American Statistical Association 63, 1968).
    """
    durations = durations[-TREND_ROUNDS:]
    count = len(durations)
    if count < FEWEST_ROUNDS_WITH_TREND:
        return 0.0
    slopes = list(_slopes(durations))
    rising_surplus = sum(slope > 0 for slope in slopes) - sum(slope < 0 for slope in slopes)
    deviation = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    is_by_chance = abs(rising_surplus) <= SIGNIFICANT_DEVIATIONS * deviation
    return 0.0 if is_by_chance else median(slopes)


def _slopes(durations: Sequence[float]) -> Iterator[float]:
    """Yields the slope between each two rounds, in seconds a round."""
    for (one, first), (other, second) in combinations(enumerate(durations), 2):
        yield (second - first) / (other - one)
