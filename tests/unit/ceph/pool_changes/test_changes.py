"""What is going on in a cluster: from where, since when, how far, and what of it is shown."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ceph.pool_changes.changes import LAST_SEEN_SECONDS, MOST_CHANGES, ObservedChanges, changes, observe
from ceph.pool_changes.changes import MOST_CHARACTERS as MOST_CHARACTERS_OF_A_CHANGE
from ceph.pool_changes.progress import STANDSTILL_SECONDS
from ceph.pool_changes.progress_events import MOST_CHARACTERS, MOST_EVENTS, events_of, read_details
from ceph.state import Check, ClusterState, ProgressEvent
from tests.support.pools import a_pool

BEGAN = 1_700_000_000
IMAGE = {"origin": "rbd_support", "action": "remove", "pool_name": "rbd", "image_name": "old"}


def a_state(*pools, **changed):
    state = ClusterState(
        fsid="one",
        health="HEALTH_OK",
        checks=[],
        pools=list(pools),
        osds_up=3,
        osds_in=3,
        release="pacific",
    )
    return replace(state, **changed)


def observed_after(*states, each_seconds=1.0):
    """Returns what is known after observing these states, one after the other."""
    times = [at * each_seconds for at in range(len(states))]
    steps = accumulate(
        zip(times, states, strict=True),
        lambda before, one: observe(before, one[1], one[0], BEGAN + one[0]),
        initial=ObservedChanges(),
    )
    return list(steps)[-1]


def shown(*states, tasks=(), each_seconds=1.0):
    """Returns the changes after the last of these states; `tasks` are the ids of pools that a task works on."""
    return changes(states[-1], observed_after(*states, each_seconds=each_seconds), lambda pool: pool.id in tasks)


def only(*states, **options):
    (change,) = shown(*states, **options)
    return change


def an_event(**changed):
    return replace(ProgressEvent(id="e1", text="Removing image rbd/old", percent=40), **changed)


# Pools


def test_a_pool_in_place_is_no_change():
    assert shown(a_state(a_pool(64))) == []


def test_a_pool_on_its_way_is_told_with_what_was_seen_first():
    change = only(a_state(a_pool(8)), a_state(a_pool(40, 22)))

    assert (change.pool, change.pool_id, change.before, change.after) == ("pool-3", 3, 8, 64)
    assert change.text == "PGs 40 of 64, placed 22 of 64"
    assert change.since == BEGAN * 1000
    assert change.percent == int(40 * 32 / 56 + 40 * 14 / 56)


def test_a_pool_that_shrinks_is_told_the_same_way():
    change = only(a_state(a_pool(64, 64, 8)), a_state(a_pool(40, 36, 8)))

    assert (change.before, change.after, change.text) == (64, 8, "PGs 40 down to 8, placed 36 down to 8")
    assert change.percent == int(40 * 24 / 56 + 40 * 28 / 56)


def test_one_whose_pgs_are_there_already_sets_out_from_those_that_are_placed():
    change = only(a_state(a_pool(64, 11)))

    assert (change.before, change.after, change.percent) == (11, 64, 40)


def test_one_that_was_seen_in_place_just_before_set_out_from_there():
    assert only(a_state(a_pool(8, target=8)), a_state(a_pool(64, 11))).before == 8


def test_one_that_was_in_place_long_ago_may_have_been_changed_since():
    seconds = LAST_SEEN_SECONDS + 1

    assert only(a_state(a_pool(8, target=8)), a_state(a_pool(64, 11)), each_seconds=seconds).before == 11


def test_another_target_is_another_change():
    change = only(a_state(a_pool(8)), a_state(a_pool(32, 20, 128)))

    assert (change.before, change.after, change.since) == (32, 128, (BEGAN + 1) * 1000)


def test_one_that_goes_by_another_number_for_placement_is_told_by_that_alone():
    placing = only(a_state(a_pool(64, 64, pg_num_target=64, pgp_num_target=32)))
    splitting = only(a_state(a_pool(8, 8, pg_num_target=64, pgp_num_target=8)))

    assert (placing.before, placing.after, placing.text) == (64, 32, "placed 64 down to 32")
    assert (splitting.before, splitting.after, splitting.text) == (8, 64, "PGs 8 of 64")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 63), st.integers(1, 63)), min_size=2, max_size=10))
def test_its_percent_never_falls(numbers):
    states = [a_state(a_pool(pg_num, pgp_num)) for pg_num, pgp_num in numbers]
    percents = [only(*states[: count + 1]).percent for count in range(len(states))]

    assert percents == sorted(percents)
    assert 0 <= percents[0] <= percents[-1] <= 100


def test_one_that_stands_still_says_what_stands_in_the_way():
    stuck = a_state(a_pool(8), checks=[Check("MGR_DOWN", "HEALTH_WARN", "no active mgr")])
    change = only(stuck, stuck, each_seconds=STANDSTILL_SECONDS)

    assert change.text.endswith("nothing has moved for 15 s: no active mgr (MGR_DOWN)")


def test_one_whose_objects_move_does_not_stand_still():
    before, after = (a_state(a_pool(64, 11), objects_away=away) for away in (900, 700))

    assert "nothing has moved" not in only(before, after, each_seconds=STANDSTILL_SECONDS).text


def test_one_that_a_task_works_on_is_not_told_until_the_task_has_gone():
    states = [a_state(a_pool(8)), a_state(a_pool(40))]

    assert shown(*states, tasks=[3]) == []
    assert only(*states).before == 8


# What the cluster reports


def test_an_event_that_concerns_no_pool_has_its_text_alone():
    change = only(a_state(events=[an_event(text="Rebalancing after osd.0 marked out")]))

    assert (change.pool, change.pool_id, change.before, change.after) == (None, None, None, None)
    assert (change.text, change.percent, change.since) == ("Rebalancing after osd.0 marked out", 40, BEGAN * 1000)


def test_an_event_within_a_pool_is_beside_what_becomes_of_its_pgs():
    moves, event = shown(a_state(a_pool(8), events=[an_event(pool_id=3, began_at=5)]))

    assert (moves.pool, moves.after) == ("pool-3", 64)
    assert (event.pool, event.pool_id, event.before, event.after, event.since) == ("pool-3", 3, None, None, 5)


def test_what_the_autoscaler_reports_is_part_of_what_becomes_of_the_pool():
    event = an_event(text="PG autoscaler increasing pool 3", pool_id=3, is_of_pgs=True, began_at=1000 * BEGAN - 5000)
    change = only(a_state(a_pool(8, autoscale="on"), events=[event]))

    assert change.text == "PGs 8 of 64, placed 8 of 64; PG autoscaler increasing pool 3"
    assert (change.percent, change.since) == (0, 1000 * BEGAN - 5000)


def test_what_the_autoscaler_still_reports_of_a_pool_in_place_is_over():
    event = an_event(pool_id=3, is_of_pgs=True)

    assert shown(a_state(a_pool(64, autoscale="on"), events=[event])) == []
    assert shown(a_state(a_pool(64), events=[event]), tasks=[3]) == []
    assert only(a_state(a_pool(64), events=[event])).pool_id == 3


@pytest.mark.parametrize(
    ("percents", "shown"), [((40, 10), 40), ((10, 40), 40), ((40, None), 40), ((None, None), None)]
)
def test_an_event_never_goes_back(percents, shown):
    assert only(*(a_state(events=[an_event(percent=percent)]) for percent in percents)).percent == shown


def test_there_is_a_bound_to_what_is_told():
    pools = [a_pool(number=number) for number in range(1, MOST_CHANGES + 2)]

    assert len(shown(a_state(*pools, events=[an_event()]))) == MOST_CHANGES


def test_there_is_a_bound_to_the_text_of_a_pool():
    events = [an_event(id=str(number), text="x" * 500, pool_id=3, is_of_pgs=True) for number in range(100)]

    assert len(only(a_state(a_pool(8), events=events)).text) == MOST_CHARACTERS_OF_A_CHANGE


def test_what_is_told_of_a_state_takes_no_notice_of_what_is_known_later():
    first = a_state(a_pool(8), events=[an_event()])

    assert changes(first, observed_after(first, a_state(a_pool(64))), lambda pool: False) == []


# What is read of the cluster's answers

BAR = "Removing image rbd/old (12s)\n      [====........................] (remaining: 8m)"
AUTOSCALER = {"message": "PG autoscaler increasing pool 3 PGs from 8 to 64", "refs": [["pool", 3]], "started_at": 5.5}


def read(told_by_monitors, detail=None):
    details = read_details({"events": [{"id": "e1", **detail}], "completed": []}) if detail else {}
    (event,) = events_of({"e1": told_by_monitors}, details, [a_pool(name="rbd")])
    return event


def test_the_manager_knows_more_of_an_event_than_the_monitors():
    detail = {"message": "Removing image rbd/old", "refs": IMAGE, "started_at": 1795819477.5750196}
    event = read({"message": BAR, "progress": 0.409}, detail)

    assert event == an_event(pool_id=3, began_at=1795819477575)


def test_without_the_manager_the_text_is_read_off_the_bar():
    assert read({"message": BAR, "progress": 0.4}) == an_event()


def test_what_is_about_a_pool_itself_is_about_its_pgs():
    event = read({"message": "…", "progress": 0.07142857}, AUTOSCALER)

    assert (event.pool_id, event.is_of_pgs, event.percent, event.began_at) == (3, True, 7, 5500)


@pytest.mark.parametrize(
    "refs", [[["osd", 3]], [["global", ""]], [["pool", 4]], [["pool"]], {"pool_name": "gone"}, {}, "x", None, 3]
)
def test_what_refers_to_no_pool_that_is_there_concerns_none(refs):
    event = read({"message": "Rebalancing", "progress": 0.5}, {"message": "Rebalancing", "refs": refs})

    assert (event.pool_id, event.is_of_pgs) == (None, False)


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        (0, 0),
        (1, 100),
        (1.5, 100),
        (-0.1, 0),
        (None, None),
        ("half", None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
    ],
)
def test_a_progress_that_is_none_is_unknown(progress, percent):
    assert read({"message": "x", "progress": progress}).percent == percent


@pytest.mark.parametrize("started_at", [None, "now", float("inf"), -1, 0, 1e300])
def test_a_beginning_that_is_no_time_is_unknown(started_at):
    assert read({"message": "x"}, {"message": "x", "started_at": started_at}).began_at is None


@pytest.mark.parametrize("told_by_monitors", [None, [], "x", 3, {"e1": None}, {"e1": []}])
def test_what_is_no_event_is_left_out(told_by_monitors):
    assert events_of(told_by_monitors, {}, []) == []


def test_texts_and_numbers_of_events_have_a_bound():
    events = events_of({str(number): {"message": "x " * 10_000} for number in range(1000)}, {}, [])

    assert len(events) == MOST_EVENTS
    assert {len(event.text) for event in events} == {MOST_CHARACTERS}


@pytest.mark.parametrize("message", [None, "", " \n ", 3])
def test_an_event_without_words_says_so(message):
    assert read({"message": message}).text == "The cluster does not say what it does"


@pytest.mark.parametrize(
    "told", [None, [], "", 3, {}, {"events": 3}, {"events": {"e1": {}}}, {"events": [None, 3, []]}]
)
def test_a_manager_that_tells_nothing_of_use_adds_nothing(told):
    assert read_details(told) == {}


def test_what_the_manager_tells_has_a_bound():
    event = {"message": "x" * 10_000, "refs": [["pool", "y" * 10_000]] * 10_000, "started_at": 1}
    details = read_details({"events": [{"id": f"{number}{'z' * 10_000}", **event} for number in range(1000)]})

    assert len(details) == MOST_EVENTS
    assert {len(text) for key, one in details.items() for text in (key, one.text, one.pool_id)} == {MOST_CHARACTERS}
