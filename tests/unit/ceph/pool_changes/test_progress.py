"""How far a pool is on its way, when it has arrived, what is said of it."""

from __future__ import annotations

from functools import partial
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ceph.errors import ClusterRefused, TargetChanged
from ceph.jobs.following import checkpoint_of
from ceph.pool_changes.progress import (
    LONGEST_PAUSE_SECONDS,
    Observation,
    Pg,
    PgStates,
    PgTarget,
    Progress,
    check_target,
    pause_seconds,
    percent,
    pool_of,
    settle_seconds,
    states_of,
)
from ceph.pool_changes.progress_text import MOST_CAUSE_CHARACTERS, cause, message
from ceph.state import Check, objects_away
from jobs.definition.params import check
from tests.support.pools import a_pool as made_up_pool

NUMBERS = st.integers(1, 300)
MANAGER_DOWN = Check("MGR_DOWN", "HEALTH_WARN", "no active mgr")
OSD_DOWN = Check("OSD_DOWN", "HEALTH_WARN", "1 osds down")
SLOW = Check("SLOW_OPS", "HEALTH_WARN", "3 slow ops")
ODD = Check("POOL_PG_NUM_NOT_POWER_OF_TWO", "HEALTH_WARN", "1 pool has a number that is not a power of two")


a_pool = partial(made_up_pool, name="rbd")


def states(clean, **others):
    return PgStates({"active+clean": clean, **others})


def a_target(begin=8, target=64, **changed):
    target = PgTarget(pool_id=3, pool="rbd", pg_num_from=begin, pgp_num_from=begin, pg_num=target, began_at=0)
    return replace(target, **changed)


def observed(at=0.0, pool=None, reported=None, **changed):
    pool = pool or a_pool()
    return Observation(
        at_seconds=at, pool=pool, states=states(pool.pg_num) if reported is None else reported, **changed
    )


def in_place(at=0.0, **changed):
    return observed(at, a_pool(64), states(64), **changed)


def progress_after(*observations, target=None):
    """Returns the progress of a pool after these observations."""
    return list(
        accumulate(observations[1:], Progress.advance, initial=Progress.start(target or a_target(), observations[0]))
    )[-1]


@st.composite
def observations(draw, target=64):
    """Any observations of a pool, one a second, wilder than any cluster would make them."""
    pools = st.builds(lambda pg, pgp: a_pool(pg, pgp, target), NUMBERS, NUMBERS)
    told = st.none() | st.builds(lambda clean, others: states(clean, peering=others), NUMBERS, NUMBERS)
    seen = draw(st.lists(st.tuples(pools, told, st.booleans()), min_size=1, max_size=30))
    return [
        Observation(at_seconds=float(at), pool=pool, states=told, is_fresh=fresh)
        for at, (pool, told, fresh) in enumerate(seen)
    ]


# Percent


@given(begin=NUMBERS, seen=observations())
def test_the_percent_never_falls_and_is_never_100(begin, seen):
    percents = [
        one.target.best_percent
        for one in accumulate(seen[1:], Progress.advance, initial=Progress.start(a_target(begin), seen[0]))
    ]

    assert percents == sorted(percents)
    assert 0 <= percents[0] <= percents[-1] < 100


@given(begin=NUMBERS, target=NUMBERS)
def test_a_pool_that_has_all_behind_it_is_at_99(begin, target):
    assert percent(a_target(begin, target), observed(pool=a_pool(target, target=target))) == 99


@given(begin=NUMBERS, target=NUMBERS)
def test_a_pool_with_a_way_to_go_begins_at_0(begin, target):
    way_to_go = begin != target
    assert (percent(a_target(begin, target), observed(pool=a_pool(begin, target=target))) == 0) is way_to_go


@pytest.mark.parametrize(
    ("begin", "target", "pool", "told", "expected"),
    [
        (8, 64, a_pool(36, 8), states(36), 20),
        (8, 64, a_pool(64, 8), states(30, unknown=34), 40),
        (8, 64, a_pool(64, 36), states(64), 60),
        (8, 64, a_pool(64, 64), states(32, peering=32), 90),
        (8, 64, a_pool(64, 64), None, 80),
        (64, 16, a_pool(40, 28, 16), states(40), 50),
        (8, 8, a_pool(8, 8, 8), states(2, unknown=6), 25),
        (8, 8, a_pool(4, 4, 8), states(4), 0),
    ],
    ids=["split", "all split", "placed", "clean", "no manager", "merged", "new", "not yet there"],
)
def test_the_percent_is_what_has_moved(begin, target, pool, told, expected):
    assert percent(a_target(begin, target), Observation(at_seconds=0, pool=pool, states=told)) == expected


def test_a_course_that_goes_on_keeps_the_percent_it_had():
    assert Progress.start(a_target(best_percent=70), observed()).target.best_percent == 70


def test_a_target_survives_its_checkpoint():
    target = a_target(is_set=True, best_percent=7)

    assert check(checkpoint_of(target)["course"], PgTarget | None) == target


def test_the_checkpoint_of_a_task_that_an_earlier_version_has_stored_can_be_read():
    stored = {
        "pool_id": 3,
        "pool": "rbd",
        "pg_num_from": 8,
        "pgp_num_from": 8,
        "target": 64,
        "began_at": 1700000000.5,
        "is_set": True,
        "best_percent": 7,
    }

    assert check(stored, PgTarget | None) == a_target(began_at=1700000000.5, is_set=True, best_percent=7)
    assert checkpoint_of(check(stored, PgTarget | None)) == {"course": stored}


# Arrival


def test_a_pool_has_settled_once_it_has_been_in_place_for_long_enough():
    assert not progress_after(in_place(10), in_place(14.9)).has_settled(5)
    assert progress_after(in_place(10), in_place(14.9), in_place(15)).has_settled(5)


def test_a_moment_out_of_place_begins_the_time_anew():
    seen = progress_after(in_place(10), observed(12, a_pool(64), states(63, peering=1)), in_place(14), in_place(16))

    assert (seen.arrived_at, seen.has_settled(5)) == (14, False)


@pytest.mark.parametrize(
    "look",
    [
        observed(pool=a_pool(64, pgp_num=63), reported=states(64)),
        observed(pool=a_pool(64, pg_num_pending=63), reported=states(64)),
        observed(pool=a_pool(64, pgp_num_target=60), reported=states(64)),
        observed(pool=a_pool(32, target=32)),
        observed(pool=a_pool(64), reported=states(63)),
        observed(pool=a_pool(64), reported=states(64, unknown=1)),
        observed(pool=a_pool(64), reported=states(63, unknown=1)),
        Observation(at_seconds=0, pool=a_pool(64), states=None),
    ],
)
def test_a_pool_is_not_in_place_while_anything_is_not(look):
    assert not look.has_arrived(64)


def test_a_pg_that_is_scrubbed_is_clean():
    assert observed(
        pool=a_pool(64), reported=PgStates({"active+clean": 63, "active+clean+scrubbing+deep": 1})
    ).has_arrived(64)


def test_old_states_begin_no_arrival_and_end_no_wait():
    assert progress_after(in_place(10, is_fresh=False)).arrived_at is None
    assert not progress_after(in_place(10), in_place(20, is_fresh=False)).has_settled(5)
    assert progress_after(in_place(10), in_place(20, is_fresh=False), in_place(21)).has_settled(5)


@given(seen=observations())
def test_only_a_fresh_look_at_a_pool_in_place_settles_it(seen):
    assert not progress_after(*seen).has_settled(0) or (seen[-1].is_fresh and seen[-1].has_arrived(64))


@pytest.mark.parametrize(("tick", "stats", "expected"), [(1, 1, 5), (2, 5, 10), (0.1, 0.1, 5)])
def test_the_time_to_settle_follows_the_periods_of_the_manager(tick, stats, expected):
    assert settle_seconds(tick, stats) == expected


def test_a_pg_whose_new_osds_have_not_spoken_yet_is_not_clean():
    pgs = [Pg("3.0", "active+clean", ((1,), (1,))), Pg("3.1", "active+clean", ((2,), (2,)))]

    told = states_of(pgs, {"3.0": ((1,), (1,)), "3.1": ((0,), (0,))})

    assert (states_of(pgs).clean, told.clean, told.count) == (2, 1, 2)
    assert told.not_clean == "1 PG waiting for new OSDs"


def test_a_pg_that_was_not_asked_for_is_where_it_is_told_to_be():
    assert states_of([Pg("3.0", "active+clean", ((1,), (1,)))], {}).clean == 1


# Standing still


def test_a_pool_stands_still_while_no_look_differs():
    assert progress_after(observed(0), observed(10), observed(17)).still_seconds() == 17


@pytest.mark.parametrize(
    "moved",
    [
        observed(10, a_pool(9), states(8)),
        observed(10, a_pool(8, pgp_num=7)),
        observed(10, a_pool(8, pg_num_pending=7)),
        observed(10, a_pool(8), states(7, peering=1)),
        observed(10, a_pool(8), objects_away=40),
    ],
    ids=["split", "placed", "to be merged", "another state", "data"],
)
def test_whatever_moves_is_no_standstill(moved):
    assert progress_after(observed(0), moved, replace(moved, at_seconds=17)).still_seconds() == 7


def test_a_manager_that_falls_silent_and_comes_back_has_moved_nothing():
    silent = Observation(at_seconds=10, pool=a_pool(), states=None)

    assert progress_after(observed(0), silent, observed(20)).still_seconds() == 20
    assert progress_after(observed(0), silent, observed(20, reported=states(7))).still_seconds() == 0


@given(round_seconds=st.floats(0.1, 60), still=st.floats(0, 1e6), longer=st.floats(0, 1e6))
def test_looks_become_rarer_the_longer_nothing_moves_and_never_rarer_than_that(round_seconds, still, longer):
    pause = pause_seconds(round_seconds, still)

    assert round_seconds <= pause <= max(round_seconds, LONGEST_PAUSE_SECONDS)
    assert pause <= pause_seconds(round_seconds, still + longer)


# Words


@pytest.mark.parametrize(
    ("target", "observation", "expected"),
    [
        (a_target(), observed(pool=a_pool(40, 22), reported=states(18)), "PGs 40 of 64, placed 22 of 64, clean 18"),
        (a_target(), Observation(at_seconds=0, pool=a_pool(40, 22)), "PGs 40 of 64, placed 22 of 64, clean unknown"),
        (
            a_target(64, 16),
            observed(pool=a_pool(41, 40, 16), reported=states(39)),
            "PGs 41 down to 16, placed 40 down to 16, clean 39",
        ),
        (a_target(8, 8), observed(pool=a_pool(8, target=8), reported=states(5, unknown=3)), "PGs 8 of 8, clean 5"),
        (a_target(8, 8), observed(pool=a_pool(8, 7, 8), reported=states(8)), "PGs 8 of 8, placed 7 of 8, clean 8"),
    ],
    ids=["grows", "no manager", "shrinks", "new", "placement apart"],
)
def test_the_message_says_what_is_going_on(target, observation, expected):
    assert message(progress_after(observation, target=target), 5) == expected


def test_the_message_says_that_it_looks_whether_all_stays_in_place():
    told = message(progress_after(in_place(0), in_place(60)), 5)

    assert told == "PGs 64 of 64, placed 64 of 64, clean 64; all in place, checking for 5 s whether it stays so"


def test_the_message_says_for_how_long_nothing_has_moved_and_why():
    still = replace(observed(20), states=None, checks=[MANAGER_DOWN], manager_error="the mgr did not answer within 5 s")

    assert message(progress_after(observed(0), still), 5) == (
        "PGs 8 of 64, placed 8 of 64, clean unknown; nothing has moved for 20 s: no active mgr (MGR_DOWN)"
    )
    assert "nothing has moved" not in message(progress_after(observed(0), replace(still, at_seconds=14.9)), 5)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (observed(), "the cluster does not say why"),
        (observed(manager_error="the mgr did not answer within 5 s"), "the mgr did not answer within 5 s"),
        (observed(reported=states(5, unknown=3, peering=1)), "3 PGs unknown, 1 PG peering"),
        (
            observed(checks=[SLOW, OSD_DOWN], reported=states(7, stale=1)),
            "1 osds down (OSD_DOWN); 1 PG stale; 3 slow ops (SLOW_OPS)",
        ),
        (observed(checks=[ODD]), "the cluster does not say why"),
    ],
    ids=["nothing", "mgr", "states", "osd", "advice"],
)
def test_the_cause_is_what_the_cluster_tells(look, expected):
    assert cause(look) == expected


@given(summaries=st.lists(st.text(max_size=400), max_size=20))
def test_a_cause_is_never_empty_and_never_long(summaries):
    checks = [Check(f"CHECK_{number}", "HEALTH_WARN", summary) for number, summary in enumerate(summaries)]

    assert 0 < len(cause(observed(checks=checks))) <= MOST_CAUSE_CHARACTERS


def test_objects_that_are_away_are_counted_where_the_status_names_them():
    assert objects_away({"misplaced_objects": 3, "degraded_objects": 4, "num_objects": 90}) == 7
    assert objects_away({"num_objects": 90}) == 0


# What must not have happened


def test_a_pool_is_followed_by_its_id_whatever_it_is_called():
    renamed = a_pool(name="other")

    assert pool_of([a_pool(id=2), renamed], a_target()) is renamed


def test_a_pool_that_is_gone_is_told_apart_from_another_of_its_name():
    with pytest.raises(ClusterRefused) as gone:
        pool_of([], a_target())
    with pytest.raises(ClusterRefused) as replaced:
        pool_of([a_pool(id=4)], a_target())

    assert str(gone.value) == "pool 3 (rbd) was removed (errno 2, ENOENT)"
    assert str(replaced.value).startswith("pool 3 (rbd) was removed, and the pool of that name now is another one, 4")


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (
            a_pool(target=128),
            "somebody else set the number of PGs of pool rbd to 128 meanwhile, this task wanted 64",
        ),
        (
            a_pool(pgp_num_target=32, autoscale="on"),
            "somebody else set the number of PGs for placement (pgp_num) of pool rbd to 32 meanwhile, "
            "this task wanted 64; its autoscaler is on",
        ),
    ],
)
def test_a_target_of_somebody_else_is_told(pool, expected):
    with pytest.raises(TargetChanged) as changed:
        check_target(pool, 64)

    assert str(changed.value) == expected


def test_the_target_that_was_set_is_no_change():
    check_target(a_pool(), 64)
