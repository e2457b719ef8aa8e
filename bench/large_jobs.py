"""Jobs on a large cluster: checks of a pool of many PGs, and an hour of samples with a clock that jumps ahead."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from typing import Any
from unittest import mock

from bench.figures import Row
from bench.large_cluster import LARGE_POOL, Scale
from ceph.clusters import Clusters
from ceph.connection.cluster import Cluster
from ceph.images import performance
from ceph.images.samples import ANSWERED_AS, MOST_ANSWERED, Sample, Sizes, packed_samples, packed_sizes
from ceph.jobs import measuring, pool_pgs, rbd_performance
from ceph.jobs.following import Observer
from ceph.pools import PoolRef, get_pool
from ceph.settings import ClusterSettings
from jobs import Pause
from jobs.definition.limits import MOST_CHECKPOINT_BYTES, MOST_RESULT_BYTES, checked_result, checked_round

LOOKS = 30
LIMIT_SECONDS = 1.0
HOUR_SECONDS = 3600
COMPARED = 60
MOST_GROWTH = 2.0
SEED = 12
IMAGE_BYTES = 1 << 30
FSID = "11111111-2222-3333-4444-555555555555"


def measure_looks(conf: str) -> list[Row]:
    """Measures what a round of `pool_pgs` takes besides its pause."""
    with Cluster(ClusterSettings(conf=conf)) as cluster:
        pool = get_pool(cluster, PoolRef(None, LARGE_POOL))
        observer = Observer(cluster, pool_pgs.target_of(pool, pool.pg_num))
        taken = [_seconds_of_look(observer) for _ in range(LOOKS)]
    what = f"a check of a pool of {pool.pg_num:,} PGs by `pool_pgs`"
    return [
        _within_a_second(f"{what}, median of {LOOKS}", statistics.median(taken)),
        _within_a_second(f"{what}, the slowest, which asks where each PG belongs", max(taken)),
    ]


def _seconds_of_look(observer: Observer) -> float:
    began = time.perf_counter()
    observer.observe()
    return time.perf_counter() - began


# An hour of samples.


class Clock:
    """Stands in for the module `time`: it moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall_clock(self) -> int:
        return int(self.now * 1e3)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class ScriptedCluster:
    """Answers as a cluster would in which other images are busy each time, as many as its manager tells of."""

    settings = ClusterSettings(conf="/dev/null")

    def __init__(self, images: Mapping[str, Sequence[str]]) -> None:
        self._images = images
        self._chance = random.Random(SEED)

    def ask(self, prefix: str, **_: object) -> Any:
        answers = {
            "mgr stat": {"epoch": 1, "active_name": "x"},
            "osd lspools": [{"poolnum": number, "poolname": pool} for number, pool in enumerate(self._images)],
            "osd pool ls": [_listed(number, pool) for number, pool in enumerate(self._images)],
        }
        return answers[prefix]

    def command(self, _prefix: str, **_: object) -> bytes:
        return b"1"

    def ask_manager(self, _prefix: str, *, pool_spec: str = "", **_: object) -> Any:
        pools = [pool_spec] if pool_spec else list(self._images)
        paths = [(place, name) for place, pool in enumerate(pools) for name in self._images[pool]]
        busy = self._chance.sample(paths, min(MOST_ANSWERED, len(paths)))
        answer = {
            "stat_descriptors": ANSWERED_AS,
            "pool_descriptors": {str(place): pool for place, pool in enumerate(pools)},
            "stats": [{f"{place}/{name}": self._figures()} for place, name in busy],
        }
        return json.loads(json.dumps(answer))

    def close(self) -> None:
        """Does nothing: there is nothing to close."""

    def _figures(self) -> list[float]:
        return [self._chance.lognormvariate(4, 2) for _ in ANSWERED_AS]


def _listed(number: int, name: str) -> Mapping[str, object]:
    """Returns a pool as `osd pool ls detail` has it, as far as it matters."""
    numbers = ("size", "pg_num", "pg_num_target", "pg_num_pending", "pg_placement_num", "pg_placement_num_target")
    named = {"pool_id": number, "pool_name": name, "application_metadata": {"rbd": {}}}
    return {**dict.fromkeys(numbers, 1), **named}


def measure_hour(scale: Scale) -> list[Row]:
    """Measures all that a worker does for an hour of samples at one second, each of them full."""
    images = scale.image_names()
    taken, largest, result, result_seconds = _hour(images)
    first, last = (statistics.fmean(part) for part in (taken[:COMPARED], taken[-COMPARED:]))
    what = f"CPU time of a worker for a sample of {scale.images:,} images, {len(taken) + 1} samples in an hour"
    ratio = last / first
    return [
        Row("", f"{what}: the last {COMPARED} ÷ the first", _in_ms(last), _in_ms(first), ratio, f"≤ {MOST_GROWTH:.2f}"),
        _within_a_second(f"{what}, the slowest", max(taken)),
        _within_a_second("the same, for its result", result_seconds),
        _within("largest checkpoint of that hour", largest, MOST_CHECKPOINT_BYTES),
        _within("result of that hour", result, MOST_RESULT_BYTES),
    ]


def _hour(images: Mapping[str, Sequence[str]]) -> tuple[list[float], int, int, float]:
    """Returns the CPU seconds of each sample, bytes of the largest checkpoint and of the result, CPU seconds of the
    result."""
    clock = Clock()
    with ExitStack() as stack:
        for module in (measuring, performance):
            stack.enter_context(mock.patch.object(module, "time", clock))
        stack.enter_context(mock.patch.object(measuring, "wall_clock", clock.wall_clock))
        rounds = _job(images)
        taken: list[float] = []
        largest = 0
        for number in count(1):
            began = time.process_time()
            try:
                done = next(rounds)
            except StopIteration as ended:
                result = checked_result(ended.value)
                return taken, largest, len(result), time.process_time() - began
            if isinstance(done, Pause):
                clock.sleep(done.seconds)
                continue
            record = checked_round(done, number, 0.0)
            taken.append(time.process_time() - began)
            largest = max(largest, len(record.checkpoint or ""))
            clock.sleep(taken[-1])
    raise AssertionError("the job never ended")


def _job(images: Mapping[str, Sequence[str]]) -> Any:
    """Returns the job resumed after its first sample, so that it opens no images."""
    paths = [f"{pool}/{name}" for pool, names in images.items() for name in names]
    sizes = packed_sizes(dict.fromkeys(sorted(paths), Sizes(IMAGE_BYTES, IMAGE_BYTES // 2)))
    clusters = mock.create_autospec(Clusters, instance=True)
    clusters.connect.return_value = ScriptedCluster(images)
    return rbd_performance.rbd_performance(
        FSID,
        seconds=HOUR_SECONDS,
        sizes=sizes,
        sampled=(packed_samples([Sample(at=0, rows={})], paths),),
        settings=rbd_performance.Settings(),
        clusters=clusters,
    )


def _within_a_second(what: str, seconds: float) -> Row:
    return Row("", what, _in_ms(seconds), _in_ms(LIMIT_SECONDS), seconds / LIMIT_SECONDS, "≤ 1.00")


def _within(what: str, size: int, limit: int) -> Row:
    return Row("", what, f"{size / 1000:,.0f} kB", f"{limit / 1000:,.0f} kB", size / limit, "≤ 1.00")


def _in_ms(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms"
