"""Names that change hands in the very moment in which a pool is set: no cluster can be made to do that on cue."""

from __future__ import annotations

import pytest

from ceph.errors import ClusterRefused, TargetChanged
from ceph.pools import set_pg_num, set_pgp_num
from ceph.state import parse_pool


class Monitors:
    """Know pools by id, and carry out `before_set` between a look at them and the next command."""

    def __init__(self, **names):
        self.pools = {int(number.removeprefix("id")): name for number, name in names.items()}
        self.told = []
        self.before_set = []

    def ask(self, prefix, **_arguments):
        assert prefix == "osd pool ls"
        return [listed(number, name) for number, name in self.pools.items()]

    def command(self, prefix, *, pool, var, val):
        assert prefix == "osd pool set"
        if self.before_set:
            self.before_set.pop(0)(self.pools)
        found = next((number for number, name in self.pools.items() if name == pool), None)
        if found is None:
            raise ClusterRefused(f"unrecognized pool '{pool}'", 2)
        self.told.append((found, var, val))
        return b""


def listed(number, name):
    numbers = dict.fromkeys(("pg_num", "pg_num_target", "pg_num_pending"), 8)
    placed = {"pg_placement_num": 8, "pg_placement_num_target": 8}
    return {"pool_id": number, "pool_name": name, "size": 1, **numbers, **placed}


def pool(name="rbd"):
    return parse_pool(listed(5, name))


def test_a_pool_is_told_by_the_name_that_it_has():
    monitors = Monitors(id5="rbd", id6="other")

    assert set_pg_num(monitors, pool(), 16).id == 5
    set_pgp_num(monitors, pool(), 16)
    assert monitors.told == [(5, "pg_num", "16"), (5, "pgp_num", "16")]


def test_a_pool_that_is_renamed_in_between_is_told_by_its_new_name():
    monitors = Monitors(id5="rbd")
    monitors.before_set = [lambda pools: pools.update({5: "renamed"}), lambda pools: pools.update({5: "again"})]

    assert set_pg_num(monitors, pool(), 16).name == "again"
    assert monitors.told == [(5, "pg_num", "16")]


def test_a_pool_that_is_removed_in_between_is_not_looked_for_by_its_name():
    monitors = Monitors(id5="rbd", id6="other")
    monitors.before_set = [lambda pools: pools.pop(5)]

    with pytest.raises(ClusterRefused, match=r"pool 5 \(rbd\) was removed"):
        set_pg_num(monitors, pool(), 16)
    assert monitors.told == []


def test_a_name_that_went_to_another_pool_in_between_is_said():
    monitors = Monitors(id5="rbd", id6="other")
    monitors.before_set = [lambda pools: pools.update({5: "old", 6: "rbd"})]

    with pytest.raises(TargetChanged, match=r"pool 5 \(rbd\) lost its name to pool 6 .* set to 16: check both"):
        set_pg_num(monitors, pool(), 16)


def test_a_refusal_for_another_reason_is_raised():
    monitors = Monitors(id5="rbd")

    def refuse(_pools):
        raise ClusterRefused("pool pg_num change is disabled", 1)

    monitors.before_set = [refuse]
    with pytest.raises(ClusterRefused, match="is disabled"):
        set_pg_num(monitors, pool(), 16)
