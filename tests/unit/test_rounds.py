"""What a job yields, as its worker reports it."""

from __future__ import annotations

import pytest

from jobs.registry import Round
from jobs.rounds import checked_round


@pytest.mark.parametrize(
    ("given", "declared", "of", "percent"),
    [
        (Round(), 4, 4, 50),
        (Round(of=8), 4, 8, 25),
        (Round(percent=10), 4, 4, 10),
        (Round(), 1, None, None),
        (Round(), None, None, None),
        (Round(), 2**62, None, None),
    ],
)
def test_the_rounds_that_were_declared_hold_where_a_round_does_not_say(
    given: Round, declared: int | None, of: int | None, percent: int | None
) -> None:
    done = checked_round(given, 1, 0.0, declared)
    assert (done.number, done.of, done.percent) == (2, of, percent)
