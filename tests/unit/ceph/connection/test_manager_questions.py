"""What a manager is asked about images: as little as may be, and never of more pools than it survives."""

from __future__ import annotations

from errno import EACCES, EAGAIN

import pytest

from ceph.connection.query_budget import MOST_ASKED, QueryBudget
from ceph.errors import ClusterRefused
from ceph.images import performance
from ceph.images.performance import MOST_APART, Group, PerformanceQuery
from ceph.images.samples import ANSWERED_AS
from tests.unit.ceph.images.test_performance_query import listed

BUSY = [5.0, 5.0, 4096.0, 4096.0, 1e6, 1e6]
PERIOD_SECONDS = 1
WARM_AFTER_SECONDS = 2 * PERIOD_SECONDS + 2
DEADLY = 15
"""So many pools or namespaces asked for apart are the death of a manager."""


class Clock:
    """Stands in for the module `time`."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


class Manager:
    """A stand-in for a cluster whose manager answers at once, as `rbd perf image stats` does: no real one can be made
    to have so many busy images at will."""

    def __init__(self, busy, without_application=()):
        self.busy = busy
        self.without_application = without_application
        self.refuses = {}
        self.epoch = 1
        self.asked = []

    def ask(self, prefix, **_):
        if prefix == "mgr stat":
            return {"epoch": self.epoch, "active_name": "x"}
        assert prefix == "osd pool ls"
        return [listed(pool, [] if pool in self.without_application else ["rbd"]) for pool in self.busy]

    def command(self, _prefix, **_):
        return str(PERIOD_SECONDS).encode()

    def ask_manager(self, _prefix, *, pool_spec, sort_by):
        assert sort_by in ANSWERED_AS
        self.asked.append(pool_spec)
        if pool_spec in self.refuses:
            raise ClusterRefused("access denied", self.refuses[pool_spec])
        pools = [pool_spec] if pool_spec else [pool for pool in self.busy if pool not in self.without_application]
        rows = [(place, f"disk{number}") for place, pool in enumerate(pools) for number in range(self.busy[pool])]
        return {
            "stat_descriptors": ANSWERED_AS,
            "pool_descriptors": {str(place): pool for place, pool in enumerate(pools)},
            "stats": [{f"{place}/{name}": BUSY} for place, name in rows[:64]],
        }


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(performance, "time", clock)
    return clock


def groups_of(manager):
    return [Group(pool, pool) for pool in manager.busy]


def ask(query, manager):
    answers = query.ask(groups_of(manager), list(manager.busy))
    return None if answers is None else {answer.group: answer for answer in answers}


def test_one_pool_is_asked_for_by_itself():
    manager = Manager({"rbd": 3})

    answers = ask(PerformanceQuery(manager), manager)

    assert set(manager.asked) == {"rbd"}
    assert len(answers["rbd"].rows) == 3


def test_many_pools_are_one_question():
    manager = Manager({f"pool{number}": 1 for number in range(40)})

    answers = ask(PerformanceQuery(manager), manager)

    assert set(manager.asked) == {""}
    assert {len(answer.rows) for answer in answers.values()} == {1}
    assert not any(answer.is_full for answer in answers.values())


def test_what_a_full_answer_leaves_out_is_asked_for_apart_the_busiest_pools_first(clock):
    manager = Manager({"quiet": 0, **{f"pool{number}": number for number in range(1, 31)}})
    query = PerformanceQuery(manager)
    ask(query, manager)
    clock.now += WARM_AFTER_SECONDS

    answers = ask(query, manager)

    apart = set(manager.asked) - {""}
    assert len(apart) == MOST_APART < DEADLY - 1
    assert all(not answers[pool].is_full for pool in apart)
    assert answers["quiet"].is_full, "nobody knows whether its images are idle"


def test_the_pools_that_are_asked_for_apart_never_become_more(clock):
    manager = Manager({f"pool{number}": 10 for number in range(30)})
    query = PerformanceQuery(manager)
    for number in range(30):
        manager.busy = {pool: 60 if pool == f"pool{number}" else 10 for pool in manager.busy}
        ask(query, manager)
        clock.now += 1

    assert len(set(manager.asked) - {""}) == MOST_APART


def test_an_answer_that_is_cold_does_not_make_images_idle(clock):
    manager = Manager({"first": 40, "second": 0})
    query = PerformanceQuery(manager)
    clock.now += WARM_AFTER_SECONDS
    ask(query, manager)
    clock.now += WARM_AFTER_SECONDS
    assert not ask(query, manager)["second"].is_full
    manager.busy["first"] = 70

    full = ask(query, manager)["second"]
    clock.now += WARM_AFTER_SECONDS
    later = ask(query, manager)["second"]

    assert full.is_full
    assert not later.is_full
    assert not later.rows


def test_a_pool_without_the_application_is_asked_for_apart(clock):
    manager = Manager({"rbd": 2, "plain": 3}, without_application=["plain"])

    answers = ask(PerformanceQuery(manager), manager)

    assert set(manager.asked) == {"", "plain"}
    assert len(answers["plain"].rows) == 3


def test_a_key_that_may_not_ask_about_everything_asks_about_pools():
    manager = Manager({"rbd": 2, "other": 3, "forbidden": 1})
    manager.refuses = {"": EACCES, "forbidden": EACCES}
    query = PerformanceQuery(manager)

    ask(query, manager)

    assert set(query.refusals) == {"forbidden"}


def test_a_manager_that_refuses_everything_is_an_error():
    manager = Manager({"rbd": 2, "other": 3})
    manager.refuses = dict.fromkeys(["", "rbd", "other"], EACCES)

    with pytest.raises(ClusterRefused, match="access denied"):
        ask(PerformanceQuery(manager), manager)


def test_a_manager_that_is_not_ready_yet_is_not_taken_for_one_that_refuses():
    manager = Manager({"rbd": 2, "other": 3})
    manager.refuses = {"": EAGAIN}

    with pytest.raises(ClusterRefused) as refused:
        ask(PerformanceQuery(manager), manager)

    assert refused.value.errno == EAGAIN


def test_a_pool_too_many_is_asked_about_with_all_others(clock):
    manager = Manager({"rbd": 3, "other": 2})
    questions = QueryBudget()
    for number in range(MOST_ASKED):
        questions.may_ask(f"pool{number}")
    query = PerformanceQuery(manager, questions)

    answers = {answer.group: answer for answer in query.ask([Group("rbd", "rbd")], ["rbd", "other"])}

    assert set(manager.asked) == {""}
    assert len(answers["rbd"].rows) == 3


def test_one_pool_too_many_with_a_key_for_it_alone_is_not_known_and_no_refusal(clock):
    manager = Manager({"rbd": 3})
    manager.refuses = {"": EACCES}
    questions = QueryBudget()
    for number in range(MOST_ASKED):
        questions.may_ask(f"pool{number}")
    query = PerformanceQuery(manager, questions)
    query.ask([Group("rbd", "rbd")], ["rbd"])
    clock.now += WARM_AFTER_SECONDS

    (answer,) = query.ask([Group("rbd", "rbd")], ["rbd"])

    assert answer.is_full
    assert not answer.rows
