"""Delays before something is tried again."""

from __future__ import annotations

from concurrency.backoff import Backoff


def test_delays_double_up_to_the_longest_until_a_success():
    backoff = Backoff(0.25, 1.5)

    assert [backoff.next_seconds() for _ in range(5)] == [0.25, 0.5, 1.0, 1.5, 1.5]
    backoff.reset()
    assert [backoff.next_seconds() for _ in range(2)] == [0.25, 0.5]
