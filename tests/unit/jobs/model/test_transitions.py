"""The table of transitions, over all pairs."""

from __future__ import annotations

from itertools import product

import pytest

from jobs.errors import IllegalTransition
from jobs.model.task import FINAL, PENDING, TRANSITIONS, Event, Status, next_status

ALL_PAIRS = list(product(Status, Event))


@pytest.mark.parametrize(("status", "event"), ALL_PAIRS)
def test_each_pair_is_listed_or_refused(status, event):
    if (status, event) in TRANSITIONS:
        assert next_status(status, event) is TRANSITIONS[status, event]
    else:
        with pytest.raises(IllegalTransition, match=status):
            next_status(status, event)


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize("event", Event)
def test_final_is_final(status, event):
    assert (status, event) not in TRANSITIONS


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.NOT_STARTED}))
def test_every_status_can_be_reached(status):
    assert status in reachable_from(Status.NOT_STARTED)


@pytest.mark.parametrize("status", sorted(PENDING))
def test_every_pending_status_can_end(status):
    assert reachable_from(status) & FINAL


def test_the_table_is_the_contract():
    assert {(before.value, after.value) for (before, _), after in TRANSITIONS.items()} == {
        ("Not Started", "Running"),
        ("Not Started", "Aborted"),
        ("Not Started", "Exception"),
        ("Running", "Finished"),
        ("Running", "Exception"),
        ("Running", "Aborted"),
        ("Running", "Not Started"),
    }


def reachable_from(status):
    reached, ahead = set(), {status}
    while ahead:
        ahead = {after for (before, _), after in TRANSITIONS.items() if before in ahead} - reached
        reached |= ahead
    return reached
