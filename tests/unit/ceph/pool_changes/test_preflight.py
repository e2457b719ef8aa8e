"""What a change of a pool's number of PGs means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ceph.pool_changes.facts import Facts
from ceph.pool_changes.preflight import PoolTask, impossible_now, moved_bytes_at_most, needs_task, pool_task, preflight
from ceph.state import Check, ClusterState, Pool
from tests.support.made import a_task

POOL = Pool(
    id=1,
    name="rbd",
    size=2,
    applications=["rbd"],
    pg_num=8,
    pg_num_target=8,
    pg_num_pending=8,
    pgp_num=8,
    pgp_num_target=8,
    autoscale="off",
    used_bytes=1000,
)
STATE = ClusterState(
    fsid="4711",
    health="HEALTH_OK",
    checks=[],
    pools=[POOL],
    osds_up=3,
    osds_in=3,
    release="pacific",
)
FACTS = Facts(
    release="pacific",
    flags=["sortbitwise"],
    osds=3,
    osds_down=[],
    osds_of_rule={0: 3},
    inactive_pgs={},
    most_pgs_per_osd=100,
)
NUMBERS = st.integers(1, 65_536)


def codes(state=STATE, pool=POOL, pg_num=16, pending=(), facts=FACTS):
    return [one.code for one in preflight(state, facts, pool, pg_num, pending).warnings]


def text_of(code, **given):
    state, facts, pool = given.get("state", STATE), given.get("facts", FACTS), given.get("pool", POOL)
    found = preflight(state, facts, pool, given.get("pg_num", 16), given.get("pending", ()))
    return next(one.text for one in found.warnings if one.code == code)


# What moves


def test_doubling_moves_half_of_the_pool():
    assert moved_bytes_at_most(1000, 8, 16) == 500


def test_each_further_doubling_may_move_half_of_it_again():
    assert moved_bytes_at_most(1000, 8, 64) == 1500


def test_a_part_of_a_byte_counts_as_one():
    assert moved_bytes_at_most(1, 8, 9) == 1


@given(st.integers(0, 10**18), NUMBERS)
def test_nothing_moves_where_nothing_changes(used, number):
    assert moved_bytes_at_most(used, number, number) == 0


@given(st.integers(0, 10**18), NUMBERS, NUMBERS)
def test_merging_moves_what_splitting_has_moved(used, one, other):
    assert moved_bytes_at_most(used, one, other) == moved_bytes_at_most(used, other, one)


@given(st.integers(0, 10**18), NUMBERS, NUMBERS, NUMBERS)
def test_the_way_in_between_makes_no_difference_but_for_rounding(used, one, two, three):
    low, middle, high = sorted([one, two, three])
    whole = moved_bytes_at_most(used, low, high)

    assert whole <= moved_bytes_at_most(used, low, middle) + moved_bytes_at_most(used, middle, high) <= whole + 1


@given(st.integers(0, 10**18), NUMBERS, NUMBERS)
def test_what_moves_is_at_most_half_of_the_pool_for_each_doubling_that_is_begun(used, one, other):
    doublings = max(one, other).bit_length() - min(one, other).bit_length() + 1

    assert 0 <= moved_bytes_at_most(used, one, other) <= (used + 1) // 2 * doublings


def placed_anew(used, before, after):
    """What moves by definition: each object of a pool in turn, looked up as Ceph does before and after each split."""
    parts = 1 << (after - 1).bit_length()
    moves = sum(
        stable_mod(seed, number) != stable_mod(seed, number + 1)
        for number in range(before, after)
        for seed in range(parts)
    )
    return -(-used * moves // parts)


def stable_mod(seed, number):
    parts = 1 << (number - 1).bit_length()
    return seed % parts if seed % parts < number else seed % (parts // 2)


@given(st.integers(0, 10**6), st.integers(1, 70), st.integers(1, 70))
def test_the_formula_says_what_looking_up_each_object_says(used, one, other):
    before, after = sorted([one, other])

    assert moved_bytes_at_most(used, before, after) == placed_anew(used, before, after)


# What it says of a change


def test_a_change_within_reason_has_no_warnings():
    found = preflight(STATE, FACTS, POOL, 16, [])

    assert (found.before, found.after, found.moves_bytes_at_most) == (8, 16, 500)
    assert (found.reversible, found.warnings, found.refused) == (True, [], None)


def test_it_starts_from_what_the_pool_was_told_to_become():
    assert preflight(STATE, FACTS, replace(POOL, pg_num_target=32), 64, []).before == 32


@pytest.mark.parametrize(("pg_num", "even"), [(12, "8 or 16"), (3, "2 or 4"), (65_535, "32768 or 65536")])
def test_a_number_that_is_no_power_of_two_is_told_with_its_neighbours(pg_num, even):
    assert f"with {even} they all hold the same" in text_of("not_a_power_of_two", pg_num=pg_num)


@pytest.mark.parametrize("exponent", range(17))
def test_powers_of_two_are_even(exponent):
    assert "not_a_power_of_two" not in codes(pg_num=2**exponent)


@given(NUMBERS.filter(lambda number: number.bit_count() != 1))
def test_all_others_are_not(number):
    assert "not_a_power_of_two" in codes(pg_num=number)


def test_pgs_of_all_pools_count_with_their_copies():
    other = replace(POOL, id=2, name="other", pg_num_target=32, size=3)
    state = replace(STATE, pools=[POOL, other])

    assert "too_many_pgs_per_osd" not in codes(state, pg_num=102)
    assert text_of("too_many_pgs_per_osd", state=state, pg_num=103) == (
        "All pools together would have 302 PGs, copies included, and at most 300 are allowed (mon_max_pg_per_osd 100 "
        "for each of 3 OSDs): the cluster will refuse it."
    )


@pytest.mark.parametrize(("osds", "most"), [(1, 150), (3, 150), (4, 200)])
def test_a_cluster_of_fewer_than_three_osds_is_judged_as_if_it_had_three(osds, most):
    state = replace(STATE, osds_in=osds)

    assert "too_many_pgs_per_osd" not in codes(state, pg_num=most)
    assert "too_many_pgs_per_osd" in codes(state, pg_num=most + 1)


OF_RULE = [replace(POOL, id=2, name="other", pg_num_target=50), replace(POOL, id=3, name="else", crush_rule=1)]


@pytest.mark.parametrize("release", ["quincy", "reef", "squid", "tentacle"])
def test_later_releases_count_the_pools_and_osds_of_the_crush_rule_and_round_down(release):
    state = replace(STATE, pools=[POOL, *OF_RULE], osds_in=9)
    facts = replace(FACTS, release=release, osds_of_rule={0: 5, 1: 4})

    assert "too_many_pgs_per_osd" not in codes(state, facts=facts, pg_num=202), "504 on 5 are 100 for each"
    assert text_of("too_many_pgs_per_osd", state=state, facts=facts, pg_num=203) == (
        "All pools of its CRUSH rule together would have 506 PGs, copies included, on 5 OSDs: 101 for each, and at "
        "most 100 are allowed (mon_max_pg_per_osd): the cluster will refuse it."
    )


@pytest.mark.parametrize("osds", [{0: 1}, {0: 3}, {}])
def test_a_rule_of_fewer_than_three_osds_is_judged_as_if_it_had_three(osds):
    facts = replace(FACTS, release="reef", osds_of_rule=osds)

    assert "too_many_pgs_per_osd" not in codes(facts=facts, pg_num=151)
    assert "too_many_pgs_per_osd" in codes(facts=facts, pg_num=152)


def test_who_lowers_a_number_that_is_too_high_is_not_stopped():
    assert "too_many_pgs_per_osd" not in codes(pool=replace(POOL, pg_num_target=4096), pg_num=2048)


def test_shrinking_is_told_to_be_slow():
    assert text_of("shrinking_is_slow", pool=replace(POOL, pg_num_target=64), pg_num=16) == (
        "PGs are merged one after another: 48 of them take 48 s at least, and longer with data."
    )
    assert "shrinking_is_slow" not in codes(pg_num=16)


@pytest.mark.parametrize(("mode", "warned"), [("on", True), ("warn", False), ("off", False)])
def test_an_autoscaler_that_is_on_may_change_it_again(mode, warned):
    assert ("autoscaler_on" in codes(pool=replace(POOL, autoscale=mode))) is warned


@pytest.mark.parametrize(("health", "warned"), [("HEALTH_ERR", True), ("HEALTH_WARN", False), ("HEALTH_OK", False)])
def test_a_cluster_in_an_error_should_be_seen_to_first(health, warned):
    checks = [Check("OSD_DOWN", health, "1 osds down")]

    assert ("health_err" in codes(replace(STATE, health=health, checks=checks))) is warned


def test_the_error_is_told():
    state = replace(STATE, health="HEALTH_ERR", checks=[Check("PG_DAMAGED", "HEALTH_ERR", "1 pg inconsistent")])

    assert text_of("health_err", state=state, pg_num=16) == (
        "The cluster is in HEALTH_ERR (1 pg inconsistent): resolve that first."
    )


@pytest.mark.parametrize(
    ("code", "warned"),
    [
        *[(f"{what}_{how}", True) for what in ("OSD", "POOL") for how in ("NEARFULL", "BACKFILLFULL", "FULL")],
        ("POOL_NEAR_FULL", True),
        ("PG_BACKFILL_FULL", True),
        ("OSD_DOWN", False),
        ("OSD_SCRUB_ERRORS", False),
    ],
)
def test_space_that_is_short_is_told_in_the_clusters_words(code, warned):
    state = replace(STATE, health="HEALTH_WARN", checks=[Check(code, "HEALTH_WARN", "1 nearfull osd(s)")])

    assert ("nearfull" in codes(state)) is warned
    if warned:
        assert "(1 nearfull osd(s))" in text_of("nearfull", state=state, pg_num=16)


# What can keep it from its end


@pytest.mark.parametrize("flag", ["pause", "pauserd", "norecover", "nobackfill", "norebalance", "noup", "noin"])
def test_a_flag_that_can_hold_it_up_is_named(flag):
    text = text_of("flags_set", facts=replace(FACTS, flags=["sortbitwise", flag]))

    assert text.startswith(f"Flags of the cluster can make it wait forever: {flag} (")
    assert text.endswith(f"To remove one: ceph osd unset {flag}")


@pytest.mark.parametrize("flag", ["noout", "nodown", "noscrub", "nodeep-scrub", "sortbitwise", "pglog_hardlimit"])
def test_a_flag_that_holds_nothing_up_is_not_named(flag):
    assert "flags_set" not in codes(facts=replace(FACTS, flags=[flag]))


def test_osds_that_are_down_are_named_and_counted_beyond_ten():
    assert text_of("osds_down", facts=replace(FACTS, osds_down=[2])).startswith("1 of 3 OSDs is down (osd.2): ")
    many = replace(FACTS, osds=99, osds_down=[*range(12)])
    assert "12 of 99 OSDs are down (osd.0, " in text_of("osds_down", facts=many)
    assert "osd.9 and 2 more): " in text_of("osds_down", facts=many)


def test_inactive_pgs_count_if_they_are_of_this_pool():
    assert "pgs_inactive" not in codes(facts=replace(FACTS, inactive_pgs={2: 8}))
    assert text_of("pgs_inactive", facts=replace(FACTS, inactive_pgs={1: 8})) == (
        "8 PGs of the pool are not active: the manager changes nothing until all of them are."
    )


def test_a_manager_that_does_not_answer_is_told():
    text = text_of("manager_silent", state=replace(STATE, manager_error="the mgr did not answer within 5 s"))
    assert text == (
        "The cluster accepts the number, but changes nothing until its manager answers "
        "(the mgr did not answer within 5 s)."
    )


# Other tasks


GROWS = PoolTask(id=12, description="Setting number of PGs of pool rbd to 32", pg_num=32)
CREATES = PoolTask(id=11, description="Creating pool rbd with 8 PGs", pg_num=8, creates=True)
UNKNOWN = PoolTask(id=13, description="2 jobs")


def test_a_task_on_the_pool_is_named():
    assert text_of("task_on_pool", pg_num=16, pending=[GROWS, UNKNOWN]) == "This would wait for task 13, 2 jobs."


def test_a_pool_that_is_being_created_is_left_alone():
    refused = "Pool rbd is being created by task 11, Creating pool rbd with 8 PGs."
    found = preflight(STATE, FACTS, POOL, 16, [CREATES])

    assert (found.refused, found.warnings) == (refused, [])
    assert impossible_now(STATE, POOL, 16, [CREATES]) == refused


@pytest.mark.parametrize(
    ("pending", "pg_num", "needed"),
    [
        ([], 8, False),
        ([], 16, True),
        ([GROWS], 32, False),
        ([GROWS], 8, True),
        ([GROWS, UNKNOWN], 32, True),
        ([UNKNOWN, GROWS], 32, False),
    ],
)
def test_the_last_task_in_line_decides_whether_another_is_needed(pending, pg_num, needed):
    assert needs_task(POOL, pg_num, pending) is needed


@pytest.mark.parametrize(
    ("job", "params", "creates", "pg_num"),
    [
        ("pool_pgs", {"fsid": "4711", "pool": "rbd", "pg_num": 64}, False, 64),
        ("pool_create", {"fsid": "4711", "pool": "rbd", "pg_num": 8}, True, 8),
        ("chain", {"steps": [{"job": "pool_pgs", "params": {"pg_num": 64}}]}, False, None),
    ],
)
def test_what_a_task_makes_of_its_pool_is_read_from_it(job, params, creates, pg_num):
    task = a_task(id=7, job=job, params=json.dumps(params), description="something")

    assert pool_task(task) == PoolTask(id=7, description="something", creates=creates, pg_num=pg_num)


# What is impossible


@pytest.mark.parametrize("pg_num", [-1, 0, 65_537, 2**63])
def test_a_number_out_of_range_is_refused_and_nothing_else_is_said_of_it(pg_num):
    found = preflight(STATE, FACTS, POOL, pg_num, [GROWS])

    assert found.refused == f"A pool can have 1 to 65536 PGs, not {pg_num}."
    assert (found.moves_bytes_at_most, found.warnings) == (0, [])


def test_what_cannot_merge_cannot_take_it_back_either():
    state = replace(STATE, release="mimic")

    assert preflight(state, FACTS, POOL, 16, []).reversible is False
    assert preflight(state, FACTS, POOL, 16, []).refused is None
    assert preflight(state, FACTS, POOL, 4, []).refused == (
        "The cluster runs mimic, which cannot merge PGs: the 8 PGs of pool rbd cannot become 4."
    )


@pytest.mark.parametrize(
    ("changed", "pg_num", "words"),
    [
        ({"flags": ["hashpspool", "nopgchange"]}, 16, "has the flag nopgchange; to remove it: ceph osd pool set rbd "),
        ({"flags": ["nopgchange"]}, 4, "has the flag nopgchange"),
        ({"pg_num_min": 8}, 4, "has a pg_num_min of 8; to change that: ceph osd pool set rbd pg_num_min 4"),
        ({"pg_num_max": 16}, 17, "has a pg_num_max of 16; to change that: ceph osd pool set rbd pg_num_max 17"),
        ({"cache_mode": "writeback"}, 16, "is a cache (cache_mode writeback)"),
    ],
)
def test_what_was_set_for_the_pool_can_forbid_it(changed, pg_num, words):
    pool = replace(POOL, **changed)
    found = preflight(STATE, FACTS, pool, pg_num, [])

    assert words in found.refused
    assert impossible_now(STATE, pool, pg_num, []) == found.refused


@pytest.mark.parametrize(
    ("changed", "pg_num"),
    [
        ({"flags": ["nopgchange"]}, 8),
        ({"pg_num_min": 8, "pg_num_max": 16}, 16),
        ({"pg_num_min": 4, "pg_num_max": 16}, 4),
        ({"cache_mode": "writeback"}, 4),
        ({"flags": ["nodelete", "nosizechange"]}, 16),
    ],
)
def test_what_it_does_not_forbid_is_possible(changed, pg_num):
    assert preflight(STATE, FACTS, replace(POOL, **changed), pg_num, []).refused is None


@pytest.mark.parametrize("release", ["nautilus", "octopus", "pacific", "quincy", "reef", "squid", "tentacle"])
def test_later_releases_merge(release):
    assert preflight(replace(STATE, release=release), FACTS, POOL, 4, []).refused is None


@given(st.integers(-100, 70_000), st.integers(1, 65_536), st.integers(0, 10**15), st.booleans())
def test_whatever_is_asked_the_answer_is_whole(pg_num, target, used, busy):
    found = preflight(
        STATE, FACTS, replace(POOL, pg_num_target=target, used_bytes=used), pg_num, [GROWS] if busy else []
    )

    assert (found.before, found.after) == (target, pg_num)
    assert found.moves_bytes_at_most >= 0
    assert all((one.text and one.text.endswith(".")) or one.code == "autoscaler_on" for one in found.warnings)
    assert len({one.code for one in found.warnings}) == len(found.warnings)
