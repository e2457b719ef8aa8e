"""What a change of a pool depends on, read from a cluster's answers."""

from __future__ import annotations

import pytest

from ceph.pool_changes.facts import flags_of, inactive_pgs_of, osds_down_of, osds_of_rules


def bucket(number, *items):
    return {"id": number, "items": [{"id": item} for item in items]}


def rule(number, *roots):
    taken = [{"op": "take", "item": root} for root in roots]
    return {"rule_id": number, "steps": [*taken, {"op": "chooseleaf_firstn", "num": 0}, {"op": "emit"}]}


CRUSH = {
    "buckets": [
        bucket(-1, -3, -4), bucket(-3, 0, 1), bucket(-4, 2, 3, 4), bucket(-2, -13, -14), bucket(-13, 0), bucket(-14, 4),
    ],
    "rules": [rule(0, -1), rule(1, -2), rule(2, -3, -2), rule(3, 2), rule(4, -99), rule(5)],
}  # fmt: skip


def test_a_rule_may_choose_from_the_osds_below_all_that_it_takes():
    assert osds_of_rules(CRUSH) == {0: 5, 1: 2, 2: 3, 3: 1, 4: 0, 5: 0}


def test_buckets_that_hold_one_another_are_counted_once():
    assert osds_of_rules({"buckets": [bucket(-1, -2, 0), bucket(-2, -1, 1)], "rules": [rule(0, -1)]}) == {0: 2}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", []),
        ("sortbitwise,norecover", ["sortbitwise", "norecover"]),
        ("pauserd,pausewr,noup", ["pause", "noup"]),
        ("pausewr,noup", ["pausewr", "noup"]),
    ],
)
def test_the_flags_that_pause_reading_and_writing_are_one(flags, expected):
    assert flags_of({"flags": flags}) == expected


def test_an_osd_that_is_out_is_missed_by_nobody():
    osds = [{"osd": 0, "up": 1, "in": 1}, {"osd": 1, "up": 0, "in": 1}, {"osd": 2, "up": 0, "in": 0}]
    assert osds_down_of({"osds": osds}) == [1]


def test_inactive_pgs_are_counted_by_their_pool():
    stuck = {"pg_ready": True, "stuck_pg_stats": [{"pgid": "3.1f"}, {"pgid": "3.0"}, {"pgid": "12.0"}]}
    assert inactive_pgs_of(stuck) == {3: 2, 12: 1}
    assert inactive_pgs_of({"pg_ready": True}) == {}
