"""What is asked of a manager about images, by answers that a real one gives rarely: it is not ready, or another one."""

from __future__ import annotations

from errno import EACCES, EAGAIN, ENOENT

import pytest

from ceph.errors import ClusterRefused
from ceph.images import performance
from ceph.images.performance import Group, PerformanceQuery
from ceph.images.samples import ANSWERED_AS

ROW = [3.0, 0.0, 4096.0, 0.0, 1e6, 0.0]
RBD = Group("rbd", "rbd")


class Clock:
    """In place of the module `time`."""

    now = 0.0

    def monotonic(self):
        return self.now


class Manager:
    """In place of a cluster: answers by the name of the group, None for all."""

    def __init__(self, tells_epoch=True, **stats):
        self.stats = stats
        self.tells_epoch = tells_epoch
        self.epoch = 1
        self.asked = []

    def ask(self, prefix, **_):
        if not self.tells_epoch:
            raise ClusterRefused("access denied", EACCES)
        if prefix == "osd pool ls":
            return [listed("we/ird", ["rbd"])]  # so that the others are asked for apart
        return {"epoch": self.epoch, "active_name": "x"}

    def command(self, *_, **__):
        return b"5"

    def ask_manager(self, _prefix, pool_spec, sort_by):
        self.asked.append(pool_spec)
        found = self.stats.get(pool_spec or "everything", {})
        if isinstance(found, Exception):
            raise found
        groups = list(dict.fromkeys(group for group, _ in found))
        return {
            "stat_descriptors": list(ANSWERED_AS),
            "pool_descriptors": {str(number): group for number, group in enumerate(groups)},
            "stats": [{f"{groups.index(group)}/{name}": row} for (group, name), row in found.items()],
        }


def listed(name, applications):
    numbers = ("pool_id", "size", "pg_num", "pg_num_target", "pg_num_pending", "pg_placement_num")
    return {
        **dict.fromkeys((*numbers, "pg_placement_num_target"), 1),
        "pool_name": name,
        "application_metadata": {application: {} for application in applications},
    }


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(performance, "time", clock)
    return clock


def test_a_pool_with_a_slash_in_its_name_is_found_among_all():
    weird = Group("we%2Fird", "we/ird")
    manager = Manager(everything={("we/ird", "a/b"): ROW, ("other", "disk"): ROW})
    (answer,) = PerformanceQuery(manager).ask([weird], ["we/ird", "other"])

    assert list(answer.rows) == ["we%2Fird/a%2Fb"]
    assert not answer.is_full


def test_where_another_pool_may_be_meant_by_the_same_words_nothing_is_known(clock):
    weird = Group("we%2Fird", "we/ird")
    query = PerformanceQuery(Manager(everything={("we/ird", "disk"): ROW}, rbd={("rbd", "disk"): ROW}))
    query.ask([RBD, weird], ["rbd", "we", "we/ird"])
    clock.now = 60
    answers = query.ask([RBD, weird], ["rbd", "we", "we/ird"])

    assert [(list(answer.rows), answer.is_full) for answer in answers] == [(["rbd/disk"], False), ([], True)]


def test_what_is_refused_of_one_pool_hides_no_other_and_all_refused_is_raised(clock):
    refusal = ClusterRefused("access denied", EACCES)
    query = PerformanceQuery(Manager(rbd={("rbd", "disk"): ROW}, hidden=refusal))
    hidden = Group("hidden", "hidden")
    query.ask([RBD, hidden], [])
    clock.now = 60
    answers = query.ask([RBD, hidden], [])

    assert [(list(answer.rows), answer.is_full) for answer in answers] == [(["rbd/disk"], False), ([], True)]
    assert query.refusals == {"hidden": refusal}
    with pytest.raises(ClusterRefused, match="access denied"):
        query.ask([hidden], [])


def test_a_manager_that_is_not_ready_yet_is_no_refusal_of_a_pool():
    not_ready = ClusterRefused("rbd_support module is not ready, try again", EAGAIN)
    query = PerformanceQuery(Manager(rbd={("rbd", "disk"): ROW}, other=not_ready))

    with pytest.raises(ClusterRefused, match="not ready"):
        query.ask([RBD, Group("other", "other")], [])


def test_a_pool_that_was_removed_just_now_is_one_of_which_nothing_is_known(clock):
    gone = ClusterRefused("Pool 'gone' not found", ENOENT)
    query = PerformanceQuery(Manager(rbd={("rbd", "disk"): ROW}, gone=gone))
    query.ask([RBD, Group("gone", "gone")], [])
    clock.now = 60

    assert [answer.is_full for answer in query.ask([RBD, Group("gone", "gone")], [])] == [False, True]


def test_another_manager_makes_it_cold_and_so_does_a_new_name_of_a_pool(clock):
    manager = Manager(rbd={("rbd", "disk"): ROW})
    query = PerformanceQuery(manager)
    assert query.ask([RBD], []) is not None
    manager.stats = {}
    assert [answer.rows for answer in query.ask([RBD], [])] == [{}], "it is idle"

    manager.epoch = 2
    assert query.ask([RBD], []) is None
    clock.now = 12
    assert query.ask([RBD], []) is not None
    assert query.ask([Group("rbd", "renamed")], []) is None


def test_where_nobody_says_which_manager_it_is_figures_that_vanish_all_at_once_make_it_cold(clock):
    manager = Manager(tells_epoch=False, rbd={("rbd", "disk"): ROW})
    query = PerformanceQuery(manager)
    assert query.ask([RBD], []) is not None
    manager.stats = {}

    assert query.ask([RBD], []) is None
    clock.now = 12
    assert [answer.rows for answer in query.ask([RBD], [])] == [{}]


def test_pools_in_which_nothing_goes_on_become_warm_together(clock):
    groups = [Group(name, name) for name in ("a", "b", "c")]
    query = PerformanceQuery(Manager())
    assert query.ask(groups, []) is None
    clock.now = 12

    assert [answer.rows for answer in query.ask(groups, [])] == [{}, {}, {}]
