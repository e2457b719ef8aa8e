"""Lists the images of all pools of a cluster: a pool that refuses or does not answer only hides its own images.

All pools are read at the same time, with calls that do not block (`ceph.images.pool_reading`). A pool that has not
answered for a moment is given up for now; what it answers later counts the next time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from errno import EACCES, EPERM, ESHUTDOWN, ETIMEDOUT
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ceph.connection.answers import checked_answers
from ceph.connection.cluster import OSDS_SILENT, Cluster, Connection, blocklisted, no_answer
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable
from ceph.images.budget import ImageBudget
from ceph.images.pool_calls import PoolCalls, Reply
from ceph.images.pool_reading import (
    MOST_NAMESPACES,
    NOTHING_KNOWN,
    Facts,
    FoundImage,
    Place,
    PoolReading,
)
from ceph.images.rbd_layout import DIRECTORY
from ceph.state import ERASURE, Images, Pool, Trouble, Unreadable, parse_pool

RBD = "rbd"
MOST_IMAGES = 50_000
MOST_BYTES = 14_000_000
"""The limit for all images together in the message in which the reader sends them."""
LONGEST_TEXT = 300

PATIENCE_SECONDS = 1.0
"""A pool is silent after this time without an answer if others answer. If none does, the limit of OSDs applies."""
SHORT_PATIENCE_SECONDS = 0.2
"""The same for a pool that was silent the last time, or is known to have inactive PGs."""
DIAGNOSIS_SECONDS = 0.5
"""The extra time for a pool while the cluster is asked why it is silent."""
LONGEST_SECONDS = 60.0
TICK_SECONDS = 0.05
PERMISSION_SECONDS = 10.0
"""After this time a pool that was not permitted is tried again with a new connection, which may be permitted."""

MOST_UNDER_WAY = 768
"""librados allows 1024 calls under way per handle, and blocks the next caller."""
MOST_UNDER_WAY_OF_POOL = 64

NO_OSD = 2**31 - 1
"""Stands for a missing OSD if the order of OSDs matters."""

INACTIVE, NOT_PERMITTED, FAILED = "inactive", "not permitted", "failed"


class Pools(NamedTuple):
    """The pools that may hold images, and the ids of all pools."""

    with_images: Sequence[Pool]
    ids: frozenset[int]


class Failure(NamedTuple):
    """A pool whose images cannot all be listed, and the errno."""

    unreadable: Unreadable
    errno: int


def pools_with_images(cluster: Cluster, names: Collection[str] | None = None) -> Pools:
    """Finds the pools that have the application rbd or none; if `names` are given, the pools of these names.

    An erasure coded pool holds no images, only the data of images of other pools. Raises ClusterError.
    """
    listed = [(parse_pool(one), one["type"]) for one in cluster.ask("osd pool ls", detail="detail")]
    found = [pool for pool, kind in listed if kind != ERASURE and _is_wanted(pool, names)]
    return Pools(sorted(found, key=attrgetter("name")), frozenset(pool.id for pool, _ in listed))


def _is_wanted(pool: Pool, names: Collection[str] | None) -> bool:
    if names is not None:
        return pool.name in names
    return RBD in pool.applications or not pool.applications


class ImageListing:
    """Lists images repeatedly. It may be called from several threads of a process."""

    def __init__(self, cluster: Cluster, pools: Collection[str] | None = None) -> None:
        """Takes the names of the pools to list; None means all that may hold images."""
        self.cluster = cluster
        self._names = pools
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        self._connection: Connection | None = None
        self._connected_at = 0.0
        self._readings: dict[int, PoolReading] = {}
        """The readings that continue, since their pools were silent the last time."""
        self._silent: set[int] = set()
        self._sound: dict[int, Mapping[Place, FoundImage]] = {}
        self._lock = threading.Lock()

    def images(self) -> Images:
        """Returns the images of all pools. Raises ClusterError if there are pools, but none can be read."""
        with self._lock, self.cluster.lent() as connection:
            if connection is not self._connection:
                self._connection, self._readings, self._replies = connection, {}, SimpleQueue()
                self._connected_at = time.monotonic()
            pools = pools_with_images(self.cluster, self._names)
            readings = self._begin(connection, pools)
            inactive = self._wait(readings, pools)
            self._readings = {reading.pool_id: reading for reading in readings if not reading.is_done}
            self._sound = {reading.pool_id: reading.sound() for reading in readings}
            found = self._gathered(readings, inactive)
            if any(one.state == NOT_PERMITTED for one in found.unreadable):
                connection.is_stale |= time.monotonic() > self._connected_at + PERMISSION_SECONDS
            return found

    def _begin(self, connection: Connection, pools: Pools) -> list[PoolReading]:
        """Starts a reading for each pool, or continues the one that was given up the last time."""
        import rbd

        self._take_replies(0)
        budget = ImageBudget(MOST_IMAGES, MOST_BYTES)
        readings = {pool.id: self._left(pool) for pool in pools.with_images}
        for reading in filter(None, readings.values()):
            reading.take_from(budget)
        facts = Facts(budget=budget, pool_ids=pools.ids, known_features=rbd.RBD_FEATURES_ALL)
        window = max(1, min(MOST_UNDER_WAY_OF_POOL, MOST_UNDER_WAY // max(1, len(pools.with_images))))
        begun = (readings[pool.id] or self._new(connection, pool, window, facts) for pool in pools.with_images)
        return [reading for reading in begun if reading is not None]

    def _left(self, pool: Pool) -> PoolReading | None:
        last = self._readings.get(pool.id)
        if last is None or (last.is_done and (last.is_silent or not last.is_fresh)):
            return None
        return last

    def _new(self, connection: Connection, pool: Pool, window: int, facts: Facts) -> PoolReading | None:
        """Starts a reading; returns None if the pool was just removed. Raises ClusterUnavailable."""
        try:
            calls = PoolCalls(connection, pool.id, self._replies, window)
        except ClusterRefused:
            return None
        namespaces = self.cluster.settings.namespaces_of(pool.name)
        return PoolReading(pool.id, pool.name, calls, facts, namespaces, self._sound.get(pool.id, NOTHING_KNOWN))

    # Waiting

    def _wait(self, readings: Sequence[PoolReading], pools: Pools) -> Mapping[int, str]:
        """Waits until each pool is read or given up; returns messages about inactive PGs by pool."""
        began_at = time.monotonic()
        diagnosis = Diagnosis(self.cluster, pools.with_images)
        pending = [reading for reading in readings if not reading.is_done]
        while pending and time.monotonic() < began_at + LONGEST_SECONDS:
            self._take_replies(TICK_SECONDS)
            for reading in pending:
                reading.advance()
            pending = [reading for reading in pending if not reading.is_done]
            pending = self._not_given_up(pending, began_at, diagnosis, any(one.calls.has_answered for one in readings))
        self._silent = {reading.pool_id for reading in readings if not reading.is_done or reading.is_silent}
        if self._silent:
            diagnosis.begin(self._silent)
            diagnosis.wait()
        return diagnosis.inactive()

    def _not_given_up(
        self, pending: Sequence[PoolReading], began_at: float, diagnosis: Diagnosis, others_answer: bool
    ) -> list[PoolReading]:
        now = time.monotonic()
        quiet = {reading: now - max(reading.calls.answered_at, began_at) for reading in pending}
        if any(seconds > SHORT_PATIENCE_SECONDS for seconds in quiet.values()):
            diagnosis.begin({reading.pool_id for reading in pending})
        inactive = diagnosis.inactive()
        more = DIAGNOSIS_SECONDS if diagnosis.is_asking else 0.0

        def is_waited_for(reading: PoolReading) -> bool:
            is_known = reading.pool_id in inactive or reading.pool_id in self._silent
            patience = SHORT_PATIENCE_SECONDS if is_known else PATIENCE_SECONDS
            must_answer = not others_answer and reading.pool_id not in inactive
            return must_answer or quiet[reading] <= patience + more

        return [reading for reading in pending if is_waited_for(reading)]

    def _take_replies(self, seconds: float) -> None:
        """Takes the replies that are there and those that come within this time, or until a pool is complete."""
        end = time.monotonic() + seconds
        while True:
            try:
                reply = self._replies.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                return
            reply.take()
            if seconds and (reply.calls.is_closed or time.monotonic() > end):
                return

    # Results

    def _gathered(self, readings: Sequence[PoolReading], inactive: Mapping[int, str]) -> Images:
        failures = [self._failure_of(reading, inactive.get(reading.pool_id)) for reading in readings]
        failed = [failure for failure in failures if failure is not None]
        if any(failure.errno == ESHUTDOWN for failure in failed) or any(one.is_shut_out for one in readings):
            raise blocklisted(self.cluster.settings)
        if failed and not any(reading.has_listed for reading in readings):
            raise self._nothing(failed)
        images = [image for reading in readings for image in reading.images()]
        images.sort(key=attrgetter("pool", "namespace", "name"))
        return Images(images, [failure.unreadable for failure in failed])

    def _failure_of(self, reading: PoolReading, inactive: str | None) -> Failure | None:
        if inactive and reading.is_silent:
            return _failure(reading, INACTIVE, Trouble(ETIMEDOUT, inactive))
        troubles = reading.troubles()
        if troubles:
            return self._refusal(reading, troubles)
        if reading.is_cut:
            return _failure(reading, FAILED, Trouble(0, _TOO_MANY))
        return None

    def _refusal(self, reading: PoolReading, troubles: Mapping[str, Trouble]) -> Failure:
        namespace, trouble = min(troubles.items())
        where = f"namespace {namespace}: " if namespace else ""
        more = f" (and {len(troubles) - 1} more namespaces)" if len(troubles) > 1 else ""
        state, text = FAILED, trouble.text
        if trouble.errno in (EPERM, EACCES):
            state, text = (
                NOT_PERMITTED,
                f"{self.cluster.settings.client_name} may not read it ({text})",
            )
        if trouble.errno == ETIMEDOUT:
            text = no_answer(OSDS_SILENT, int(PATIENCE_SECONDS)).text
        return _failure(reading, state, Trouble(trouble.errno, where + text + more))

    def _nothing(self, failed: Sequence[Failure]) -> ClusterUnavailable:
        first = failed[0]
        if all(failure.unreadable.state == FAILED and failure.errno == ETIMEDOUT for failure in failed):
            silence = no_answer(OSDS_SILENT, int(min(self.cluster.settings.osd_timeout_seconds, LONGEST_SECONDS)))
            return ClusterUnavailable(self.cluster.why_osds_are_silent(silence.text), silence.errno)
        others = f"; {len(failed) - 1} more pools cannot be read either" if len(failed) > 1 else ""
        pool, text = first.unreadable.pool, first.unreadable.text
        return ClusterUnavailable(f"no pool can be read: {pool}: {text}{others}", first.errno)


_TOO_MANY = (
    f"not all of its images are listed: at most {MOST_IMAGES:,} images of all pools together are, "
    f"and {MOST_NAMESPACES:,} namespaces of a pool"
)


def _failure(reading: PoolReading, state: str, trouble: Trouble) -> Failure:
    return Failure(Unreadable(reading.pool, state, trouble.text[:LONGEST_TEXT]), trouble.errno)


class Diagnosis:
    """Asks, during a listing, why pools are silent: monitors and the manager know of inactive PGs."""

    def __init__(self, cluster: Cluster, pools: Sequence[Pool]) -> None:
        self._cluster = cluster
        self._pools = {pool.id: pool for pool in pools}
        self._thread: threading.Thread | None = None
        self._asked_at = 0.0
        self._unassigned: dict[int, str] = {}
        self._inactive: dict[int, str] = {}
        self._short_of_copies: dict[int, str] = {}

    def begin(self, pool_ids: set[int]) -> None:
        """Starts asking, once."""
        if self._thread is None:
            self._asked_at = time.monotonic()
            self._thread = threading.Thread(target=self._ask, args=(sorted(pool_ids),), daemon=True)
            self._thread.start()

    @property
    def is_asking(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Waits for the answers, but not for long."""
        if self._thread is not None:
            self._thread.join(max(0.0, self._asked_at + DIAGNOSIS_SECONDS - time.monotonic()))

    def inactive(self) -> dict[int, str]:
        """Returns why pools are inactive, as far as is known: the most informative reason."""
        return {**self._short_of_copies, **self._inactive, **self._unassigned}

    def _ask(self, pool_ids: Sequence[int]) -> None:
        """Asks monitors and the manager; without their answers the reason stays unknown."""
        with suppress(ClusterError), checked_answers():
            self._ask_monitors(pool_ids)
        with suppress(ClusterError), checked_answers():
            self._ask_manager()

    def _ask_monitors(self, pool_ids: Sequence[int]) -> None:
        """Asks the monitors: a manager may report a PG as active long after it has lost its last OSD, or be missing."""
        for pool in (self._pools[pool_id] for pool_id in pool_ids):
            placed = self._cluster.ask("osd map", pool=pool.name, object=DIRECTORY)
            copies = len([osd for osd in placed["acting"] if 0 <= osd < NO_OSD])
            if not copies:
                self._unassigned[pool.id] = f"no OSD has its PG {placed['pgid']}: does its CRUSH rule find any?"
            elif copies < pool.min_size:
                self._short_of_copies[pool.id] = (
                    f"its PG {placed['pgid']} has {copies} of the {pool.min_size} copies that must be up (min_size)"
                )

    def _ask_manager(self) -> None:
        dumped = self._cluster.ask("pg dump", passed_on=True, dumpcontents=["pgs_brief"])
        states: dict[int, Counter[str]] = {}
        for pg in dumped["pg_stats"]:
            words = pg["state"].split("+")
            if "active" not in words or "stale" in words:
                states.setdefault(int(pg["pgid"].partition(".")[0]), Counter())[pg["state"]] += 1
        for pool_id in states.keys() & self._pools.keys():
            named = ", ".join(state for state, _ in states[pool_id].most_common(3))
            count, of = states[pool_id].total(), self._pools[pool_id].pg_num
            self._inactive[pool_id] = f"{count} of {of} PGs are inactive ({named})"
