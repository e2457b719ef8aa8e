"""The state of a cluster at one moment: plain data, parsed from its answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

REPLICATED, ERASURE = 1, 3


class Pool(Struct, frozen=True, kw_only=True):
    """A pool. The targets are the numbers that were set; the manager reaches them step by step.

    `size` is how many copies of each object there are (or chunks, if it is erasure coded), `min_size` how many of them
    must be up, `used_bytes` what they occupy on all OSDs together. `flags` are named as in Ceph, like `nopgchange`. A
    `pg_num_min` or `pg_num_max` of 0 means that there is none.
    """

    id: int
    name: str
    size: int
    applications: list[str]
    pg_num: int
    pg_num_target: int
    pg_num_pending: int
    pgp_num: int
    pgp_num_target: int
    pg_num_min: int = 0
    min_size: int = 1
    pg_num_max: int = 0
    crush_rule: int = 0
    flags: list[str] = []
    cache_mode: str = "none"
    autoscale: str
    used_bytes: int

    @property
    def application(self) -> str | None:
        """Returns the first of its applications; None if it has none."""
        return next(iter(self.applications), None)

    @property
    def internal(self) -> bool:
        """Returns whether it belongs to the cluster itself, like `.mgr` and `.rgw.root`: such names begin with a
        dot."""
        return self.name.startswith(".") or self.name == "device_health_metrics"

    @property
    def has_arrived(self) -> bool:
        """Returns whether it has the numbers that were set, wherever its data is."""
        numbers = {self.pg_num, self.pg_num_target, self.pg_num_pending, self.pgp_num, self.pgp_num_target}
        return len(numbers) == 1


class Check(Struct, frozen=True):
    """A health check that fails: `OSD_DOWN`, `HEALTH_WARN`, `1 osds down`."""

    code: str
    severity: str
    summary: str


class ProgressEvent(Struct, frozen=True, kw_only=True):
    """Something whose progress the cluster itself reports, like the removal of an image.

    `percent` and `began_at` (milliseconds since 1970) are None if the cluster does not report them, `pool_id` if it
    concerns no pool. `is_of_pgs` marks the autoscaler's events about a pool's number of PGs.
    """

    id: str
    text: str
    percent: int | None = None
    pool_id: int | None = None
    is_of_pgs: bool = False
    began_at: int | None = None


class ClusterState(Struct, frozen=True, kw_only=True):
    """A cluster as its monitors know it. `manager_error` is why its manager does not answer, None if it does;
    `module_error` why the manager cannot measure images, None if it can.

    `objects_away` counts objects that are misplaced or lack copies.
    """

    fsid: str
    health: str
    checks: list[Check]
    pools: list[Pool]
    osds_up: int
    osds_in: int
    release: str
    manager_error: str | None = None
    module_error: str | None = None
    objects_away: int = 0
    events: list[ProgressEvent] = []

    @property
    def health_text(self) -> str:
        """Returns the checks in one line; empty if all pass."""
        return "; ".join(check.summary for check in self.checks)

    def pool(self, pool_id: int) -> Pool | None:
        return next((pool for pool in self.pools if pool.id == pool_id), None)

    def pool_named(self, name: str) -> Pool | None:
        return next((pool for pool in self.pools if pool.name == name), None)

    def find(self, pool: str | int) -> Pool | None:
        """Returns a pool by its name (text) or its id; None if there is none."""
        return self.pool(pool) if isinstance(pool, int) else self.pool_named(pool)


class Trouble(Struct, frozen=True):
    """Why something cannot be read: the cluster's error number and message."""

    errno: int
    text: str


class Image(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RBD image; `size_bytes` is its provisioned size, None if `error` says why that cannot be read."""

    pool: str
    namespace: str = ""
    name: str
    size_bytes: int | None = None
    error: Trouble | None = None

    @property
    def path(self) -> str:
        """Returns its path, as `image_path` does."""
        return image_path(self.pool, self.namespace, self.name)


class Unreadable(Struct, frozen=True):
    """A pool whose images cannot be read: `state` is `inactive`, `not permitted` or `failed`, `text` says why."""

    pool: str
    state: str
    text: str


class Images(Struct, frozen=True):
    """The images that could be listed, by pool, namespace and name, and the pools whose images could not."""

    images: list[Image]
    unreadable: list[Unreadable] = []


def image_path(pool: str, namespace: str, name: str) -> str:
    """Returns `rbd/disk1` or `rbd/team/disk1`. A `/` in a name is written as `%2F`, a `%` as `%25`."""
    return "/".join(map(encoded, filter(None, (pool, namespace, name))))


def encoded(name: str) -> str:
    """Returns a name as it is written in a path."""
    return name.replace("%", "%25").replace("/", "%2F")


def parts_of_path(path: str) -> tuple[str, str, str]:
    """Returns the pool, the namespace ("" by default) and the name in a path of `image_path`."""
    first, *middle, last = path.split("/")
    return unquote(first), unquote("/".join(middle)), unquote(last)


def parse_pools(listed: Sequence[Mapping[str, Any]], used: Mapping[str, Any]) -> list[Pool]:
    """Parses the answers to `osd pool ls detail` and `df`."""
    used_bytes = {pool["id"]: pool["stats"].get("bytes_used", 0) for pool in used.get("pools", [])}
    return [parse_pool(pool, used_bytes.get(pool["pool_id"], 0)) for pool in listed]


def parse_pool(listed: Mapping[str, Any], used_bytes: int = 0) -> Pool:
    """Parses one pool of `osd pool ls detail`."""
    return Pool(
        id=listed["pool_id"],
        name=listed["pool_name"],
        size=listed["size"],
        applications=list(listed.get("application_metadata", {})),
        pg_num=listed["pg_num"],
        pg_num_target=listed["pg_num_target"],
        pg_num_pending=listed["pg_num_pending"],
        pgp_num=listed["pg_placement_num"],
        pgp_num_target=listed["pg_placement_num_target"],
        pg_num_min=int(listed.get("options", {}).get("pg_num_min", 0)),
        pg_num_max=int(listed.get("options", {}).get("pg_num_max", 0)),
        min_size=listed.get("min_size", 1),
        crush_rule=listed.get("crush_rule", 0),
        flags=list(filter(None, listed.get("flags_names", "").split(","))),
        cache_mode=listed.get("cache_mode", "none"),
        autoscale=listed.get("pg_autoscale_mode", "off"),
        used_bytes=used_bytes,
    )


def objects_away(pgmap: Mapping[str, Any]) -> int:
    """Returns how many objects are misplaced or lack copies, by the `pgmap` of a status, which only names what there
    is."""
    return sum(pgmap.get(f"{what}_objects", 0) for what in ("misplaced", "degraded", "unfound"))


def parse_checks(health: Mapping[str, Any]) -> list[Check]:
    """Parses the answer to `health`; checks that were muted are left out."""
    return [
        Check(code, check["severity"], check["summary"]["message"])
        for code, check in health.get("checks", {}).items()
        if not check.get("muted", False)
    ]
