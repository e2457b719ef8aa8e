"""What a job yields, as its worker reports it."""

from __future__ import annotations

from enum import StrEnum

import pytest

from jobs.definition.limits import checked_round
from jobs.definition.rounds import Round
from jobs.engines.local.messages import Reported
from jobs.errors import LimitExceeded
from processes.framing import encode


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
def test_the_declared_number_of_rounds_holds_if_a_round_gives_none(
    given: Round, declared: int | None, of: int | None, percent: int | None
) -> None:
    done = checked_round(given, 1, 0.0, declared)
    assert (done.number, done.of, done.percent) == (2, of, percent)


class State(StrEnum):
    """A text of a kind of its own."""

    CLEAN = "all is clean"


def test_what_is_derived_from_text_is_sent_as_text() -> None:
    done = checked_round(Round(message=State.CLEAN, if_aborted=State.CLEAN), 0, 0.0)
    assert encode(Reported(1, 1, [done]))
    assert (done.message, done.if_aborted) == ("all is clean", "all is clean")


@pytest.mark.parametrize("name", ["number", "of", "percent"])
def test_a_number_that_is_too_large_to_be_shown_is_refused_with_its_bound(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} of a Round must be a whole number from"):
        Round(**{name: 10**5000})


def test_locks_of_a_round_are_few_and_short_texts():
    assert checked_round(Round(locks=["pool 5"]), 0, 0.0).locks == ("pool 5",)
    for locks in (["a"] * 11, ["a" * 1001]):
        with pytest.raises(LimitExceeded, match="a round can have at most 10 locks of 1,000 characters each"):
            checked_round(Round(locks=locks), 0, 0.0)
    for locks in ("pool 5", [5], [""]):
        with pytest.raises(TypeError, match="the locks of a Round must be texts, not"):
            Round(locks=locks)
