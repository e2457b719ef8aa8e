"""What RBD images do: their sizes, then samples of reads, writes and latencies, in one task."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate
from typing import Annotated, TypeVar

from msgspec import Meta
from msgspec.json import encode

from ceph import choices
from ceph.cluster import Cluster
from ceph.clusters import AGAIN_AFTER_SECONDS, Clusters, why_unavailable
from ceph.images import image_pools, names_in, opened, sizes_of
from ceph.performance import KEEP_ALIVE_SECONDS, PerformanceQuery
from ceph.pools import Fsid
from ceph.samples import Answer, Series, Sizes, packed_sizes, pool_in, sample_of, unpacked_sizes
from ceph.summary import counted, in_bytes, message_of, output_of, result_of
from jobs.errors import ClusterError, ClusterRefused, ClusterUnavailable
from jobs.registry import Pause, Round, job

MOST_IMAGES = 5000
MOST_SAMPLES = 720
SIZE_SECONDS = 0.03
"""What the size of an image takes, for a guess at how far a task is."""
LONGEST_SILENCE_SECONDS = 300.0
CHECKPOINT_SECONDS = 1.0
"""Between the sizes of so many images in a second the same ones need not be written down again and again."""
GONE_ERRNO = 2
MOST_NAMES_BYTES = 6000
"""For the pools in metadata, and again for the images: 16 KiB are allowed in all."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Path = Annotated[
    str, Meta(pattern=r"^[^/]+/[^/]+$", max_length=400, extra={"words": "an image of a pool, like rbd/disk1"})
]
Found = TypeVar("Found")
Rounds = Generator[Round | Pause, None, Found]


def describe(pools: Sequence[str], images: Sequence[str], **_: object) -> str:
    parts = [_named(pools, "pool"), _named(images, "image")]
    return f"Getting RBD performance data of {' and '.join(filter(None, parts)) or 'all images'}"


def _named(names: Sequence[str], noun: str) -> str:
    return f"{noun} {names[0]}" if len(names) == 1 else counted(len(names), noun) if names else ""


def metadata(fsid: str, pools: Sequence[str], images: Sequence[str], **_: object) -> dict[str, object]:
    """Names what it concerns, the first of very many: metadata are bounded, and the parameters have them all."""
    names = {"pools": _first(pools), "images": _first(images)}
    left_out = len(pools) + len(images) - sum(map(len, names.values()))
    return {"fsid": fsid, **names, **({"and_more": left_out} if left_out else {})}


def _first(names: Sequence[str]) -> list[str]:
    """Returns as many of the first names as fit into metadata, whatever their characters take as JSON."""
    sizes = accumulate(len(encode(name)) + 1 for name in names)
    return [name for name, size in zip(names, sizes, strict=True) if size <= MOST_NAMES_BYTES]


@job(description=describe, metadata=metadata, unavailable_because=why_unavailable)
def rbd_performance(
    fsid: Fsid,
    pools: Annotated[tuple[Name, ...], Meta(extra={"choices": choices.image_pools})] = (),
    images: Annotated[tuple[Path, ...], Meta(extra={"choices": choices.images})] = (),
    seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0,
    interval_seconds: Annotated[float, Meta(ge=1, le=60)] = 1.0,
    *,
    sizes: str = "",
    sampled: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
    rounds: int = 0,
    clusters: Clusters,
) -> Rounds[dict[str, object]]:
    """Gets sizes, reads, writes and latencies of RBD images.

    Of the images of some pools, of some images, or of all. At most 720 samples are taken: where the interval would make
    more, it is longer. What was found before an interruption, in `rounds` rounds: `sizes`, `sampled`, and the images
    that were `removed`.
    """
    measuring = Measuring(lambda: clusters.connect(fsid), pools, images, seconds, interval_seconds)
    measuring.recall(sizes, sampled, removed, rounds)
    try:
        if not sampled:
            yield from measuring.sizes_of_all()
        yield from measuring.sample_all()
        return measuring.result()
    finally:
        measuring.disconnect()


class Measuring:
    """A task on its way: what it has found, and the handle with which it goes on."""

    def __init__(
        self,
        connect: Callable[[], Cluster],
        pools: Sequence[str],
        images: Sequence[str],
        seconds: float,
        interval_seconds: float,
    ) -> None:
        self._connect = connect
        self._pools = pools
        self._images = images
        self._interval_seconds = max(interval_seconds, seconds / MOST_SAMPLES)
        self._wanted = max(1, round(seconds / self._interval_seconds))
        self._sizes: dict[str, Sizes] = {}
        self._sizes_text = ""
        self._series = Series([])
        self._removed: set[str] = set()
        self._rounds = 0
        self._percent = 0.0
        self._cluster: Cluster | None = None
        self._query: PerformanceQuery | None = None
        self._next_at = time.monotonic()

    def recall(self, sizes: str, sampled: Sequence[str], removed: Sequence[str], rounds: int) -> None:
        """Goes on from what was found before."""
        self._sizes = unpacked_sizes(sizes)
        self._series = Series(list(self._sizes), sampled)
        self._removed = set(removed)
        self._rounds = rounds

    def disconnect(self) -> None:
        self._query = None
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def result(self) -> dict[str, object]:
        sizes = {path: self._sizes[path] for path in self._there()}
        return result_of(sizes, self._series.samples, self._interval_seconds, self._removed)

    def _there(self) -> list[str]:
        """The images that are still there, as far as is known. Raises ClusterRefused where all have been removed."""
        there = [path for path in self._sizes if path not in self._removed]
        if not there:
            raise ClusterRefused(f"{_listed(sorted(self._removed))} removed meanwhile", GONE_ERRNO)
        return there

    # Sizes

    def sizes_of_all(self) -> Rounds[None]:
        """One round for each image."""
        paths = yield from self._patiently(self._list)
        saved_at = time.monotonic()
        for number, path in enumerate(paths, 1):
            if path in self._sizes:
                continue
            message, output = yield from self._patiently(partial(self._size, path))
            is_due = number == len(paths) or time.monotonic() > saved_at + CHECKPOINT_SECONDS
            saved_at = time.monotonic() if is_due else saved_at
            self._percent = self._share_of_sizes(len(paths)) * number / len(paths)
            yield self._round(f"{message} ({number} of {counted(len(paths), 'image')})", output, saved=is_due)

    def _list(self, cluster: Cluster) -> list[str]:
        """The images to be looked at. Raises ClusterRefused where one is not there, or there are none or too many."""
        everything = not self._pools and not self._images
        pools = image_pools(cluster) if everything else self._pools
        paths = [f"{pool}/{name}" for pool in pools for name in names_in(cluster, pool)]
        for path in set(self._images) - set(self._sizes):
            with opened(cluster, *path.split("/")):
                pass  # an image that was never there is told of in the cluster's words
        found = sorted({*paths, *self._images})
        if not found:
            raise ClusterRefused(f"there are no images in {_named(pools, 'pool') or 'this cluster'}")
        if len(found) > MOST_IMAGES:
            raise ClusterRefused(
                f"there are {len(found):,} images, at most {MOST_IMAGES:,} are measured at a time: name some pools"
            )
        return found

    def _size(self, path: str, cluster: Cluster) -> tuple[str, object]:
        try:
            found = self._sizes[path] = sizes_of(cluster, *path.split("/"))
        except ClusterRefused as error:
            if error.errno != GONE_ERRNO:
                raise
            self._removed.add(path)
            return f"{path} was removed meanwhile", None
        message = f"size of {path}: {in_bytes(found.used_bytes)} of {in_bytes(found.size_bytes)} used"
        return message, {"images": {path: {"size_bytes": found.size_bytes, "used_bytes": found.used_bytes}}}

    def _share_of_sizes(self, images: int) -> float:
        """What the sizes take of the whole, in percent."""
        seconds = images * SIZE_SECONDS
        return 100 * seconds / (seconds + self._wanted * self._interval_seconds)

    # Samples

    def sample_all(self) -> Rounds[None]:
        """One round for each sample, and others while there is none to be had."""
        self._sizes_text = packed_sizes(self._sizes)
        if not self._series.taken:
            self._series = Series(list(self._sizes))
        while self._series.taken < self._wanted:
            yield from self._wait()
            answers = yield from self._patiently(self._ask)
            if answers is None:
                yield self._round("waiting for the cluster's first figures")
                self._next_at = time.monotonic() + AGAIN_AFTER_SECONDS
            else:
                yield self._take(answers)

    def _ask(self, cluster: Cluster) -> list[Answer] | None:
        if self._query is None:
            self._query = PerformanceQuery(cluster)
        pools = {pool_in(path) for path in self._there()}
        self._remove_all_of(pools - set(cluster.ask("osd pool ls")))
        return self._query.ask(sorted({pool_in(path) for path in self._there()}))

    def _remove_all_of(self, pools: Collection[str]) -> None:
        self._removed |= {path for path in self._sizes if pool_in(path) in pools}

    def _wait(self) -> Rounds[None]:
        """Until the next sample is due. The manager must not forget meanwhile that somebody asks."""
        while (left := self._next_at - time.monotonic()) > KEEP_ALIVE_SECONDS:
            yield Pause(KEEP_ALIVE_SECONDS)
            yield from self._patiently(self._ask)
        yield Pause(max(0.0, left))

    def _take(self, answers: Sequence[Answer]) -> Round:
        self._next_at = self._after_this()
        sample = sample_of(answers, set(self._there()), time.time_ns() // 1_000_000)
        self._series.add(sample)
        taken = self._series.taken
        if taken == self._wanted:
            self._look_for_removed()
        share = self._share_of_sizes(len(self._sizes))
        self._percent = share + (100 - share) * taken / self._wanted
        gone = f"; {_listed(sorted(self._removed))} removed meanwhile" if self._removed else ""
        message = message_of(sample, self._there(), taken, self._wanted) + gone
        output = output_of(sample, self._there())
        return self._round(message, output, saved=True, expected_seconds=self._interval_seconds)

    def _after_this(self) -> float:
        """Samples that were missed are missing: they are not made up for by a burst."""
        now = time.monotonic()
        is_late = now > self._next_at + self._interval_seconds
        return (now if is_late else self._next_at) + self._interval_seconds

    def _look_for_removed(self) -> None:
        """Where the cluster does not tell just now, none is: the result is worth more."""
        assert self._cluster
        with suppress(ClusterError):
            for pool in {pool_in(path) for path in self._there()}:
                names = names_in(self._cluster, pool)
                gone = {path for path in self._sizes if pool_in(path) == pool} - {f"{pool}/{name}" for name in names}
                self._removed |= gone

    # Both

    def _patiently(self, ask: Callable[[Cluster], Found]) -> Rounds[Found]:
        """What `ask` returns as soon as the cluster answers; each silence is a round that says so.

        Raises ClusterError: what the cluster refuses, and a silence of five minutes.
        """
        began = time.monotonic()
        while True:
            try:
                self._cluster = self._cluster or self._connect()
                return ask(self._cluster)
            except ClusterUnavailable as error:
                self.disconnect()  # after a silence of the manager it is of no use
                if not error.is_silence or time.monotonic() > began + LONGEST_SILENCE_SECONDS:
                    raise
                yield self._round(f"{error}; trying again")
                yield Pause(AGAIN_AFTER_SECONDS)

    def _round(
        self, message: str, output: object = None, *, saved: bool = False, expected_seconds: float | None = None
    ) -> Round:
        """How many rounds there will be is known once samples are taken; then silence makes them more."""
        self._rounds += 1
        taken = self._series.taken
        return Round(
            of=self._rounds + self._wanted - taken if taken else None,
            percent=min(round(self._percent), 99),
            message=message,
            output=output,
            checkpoint=self._checkpoint() if saved else None,
            expected_seconds=expected_seconds,
        )

    def _checkpoint(self) -> dict[str, object]:
        return {
            "sizes": self._sizes_text or packed_sizes(self._sizes),
            "sampled": self._series.packed(),
            "removed": sorted(self._removed),
            "rounds": self._rounds,
        }


def _listed(paths: Sequence[str]) -> str:
    """`rbd/disk1 was`, `rbd/disk1 and 3 other images were`."""
    others = counted(len(paths) - 1, "other image")
    return f"{paths[0]} was" if len(paths) == 1 else f"{paths[0]} and {others} were"
