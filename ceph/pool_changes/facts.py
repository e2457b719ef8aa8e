"""What a change of a pool depends on besides pools: flags, OSDs, CRUSH rules, inactive PGs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Facts(Struct, frozen=True, kw_only=True):
    """What is read of a cluster only when somebody asks what a change would mean.

    `release` is that of the leading monitor, which judges the change. `osds_of_rule` is the number of OSDs from which
    each CRUSH rule may choose, in or out, up or down, by the rule's id. `inactive_pgs` counts them by the id of their
    pool; it is empty if the manager does not answer.
    """

    release: str
    flags: list[str]
    osds: int
    osds_down: list[int]
    osds_of_rule: dict[int, int]
    inactive_pgs: dict[int, int]
    most_pgs_per_osd: int


def flags_of(osd_dump: Mapping[str, Any]) -> list[str]:
    """Returns the flags of a cluster, named as in Ceph; `pauserd` and `pausewr` together become `pause`."""
    flags = list(filter(None, osd_dump["flags"].split(",")))
    if {"pauserd", "pausewr"} <= {*flags}:
        return ["pause", *(flag for flag in flags if flag not in ("pauserd", "pausewr"))]
    return flags


def osds_down_of(osd_dump: Mapping[str, Any]) -> list[int]:
    """Returns the OSDs that are in and not up."""
    return [osd["osd"] for osd in osd_dump["osds"] if osd["in"] and not osd["up"]]


def osds_of_rules(crush_dump: Mapping[str, Any]) -> dict[int, int]:
    """Returns how many OSDs are below the buckets that each rule takes."""
    inside = {bucket["id"]: [item["id"] for item in bucket["items"]] for bucket in crush_dump["buckets"]}
    taken = {
        rule["rule_id"]: {step["item"] for step in rule["steps"] if step["op"] == "take"}
        for rule in crush_dump["rules"]
    }
    return {rule: len(_leaves(inside, roots)) for rule, roots in taken.items()}


def _leaves(inside: Mapping[int, list[int]], roots: set[int]) -> set[int]:
    """Returns the OSDs, whose ids are not negative, in these buckets and all buckets inside them."""
    found, left, seen = set(), [*roots], set()
    while left:
        item = left.pop()
        if item >= 0:
            found.add(item)
        elif item not in seen:
            seen.add(item)
            left += inside.get(item, ())
    return found


def inactive_pgs_of(stuck: Mapping[str, Any]) -> dict[int, int]:
    """Counts the PGs of each pool in the answer to `pg dump_stuck inactive`."""
    return dict(Counter(int(pg["pgid"].partition(".")[0]) for pg in stuck.get("stuck_pg_stats", ())))
