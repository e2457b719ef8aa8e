"""Measures RBD images, round by round: their sizes first, then samples of what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import ENOENT
from itertools import groupby

from ceph.clusters import RETRY_AFTER_SECONDS
from ceph.connection.cluster import Cluster
from ceph.connection.query_budget import QueryBudget
from ceph.errors import ClusterError, ClusterRefused
from ceph.images.findings import Findings, as_given, shown
from ceph.images.listing import FAILED, NOT_PERMITTED
from ceph.images.opener_messages import FindMissing, Listed, ListImages, Measure, Missing, Piece
from ceph.images.performance import KEEP_ALIVE_SECONDS, Group, PerformanceQuery
from ceph.images.samples import Answer, group_of, sample_of
from ceph.images.summary import error_of, in_bytes, message_of, output_of
from ceph.jobs.retrying import RetryingClient, Rounds, is_worth_asking_again
from ceph.state import Unreadable, parts_of_path
from jobs import Pause, Round
from jobs.clock import wall_clock
from jobs.model.task import MOST_MESSAGE_CHARACTERS
from jobs.text import counted, cut

MOST_IMAGES = 5000
MOST_PATHS_CHARACTERS = 600_000
"""The limit for all images together, since outputs of rounds and checkpoints name them and are limited."""
MOST_SAMPLES = 720
SIZE_SECONDS = 0.03
"""How long the size of an image takes, to estimate the percentage."""
CHECKPOINT_SECONDS = 1.0
"""The interval of checkpoints while sizes are found, many in a second: each checkpoint repeats all of them."""
MOST_LISTINGS = 3
"""How often pools that do not answer while others do are asked for their images."""


class Measuring:
    """A measurement: what it has found so far, and the connections with which it continues."""

    def __init__(
        self,
        connect: Callable[[], Cluster],
        pools: Sequence[str],
        images: Sequence[str],
        seconds: float,
        interval_seconds: float,
        image_timeout_seconds: float = 30.0,
        budget: QueryBudget | None = None,
    ) -> None:
        self.found = Findings()
        self._budget = budget
        self._client = RetryingClient(connect, image_timeout_seconds, self._round)
        self._pools = pools
        self._images = list(map(as_given, images))
        self._interval_seconds = max(interval_seconds, seconds / MOST_SAMPLES)
        self._image_timeout_seconds = image_timeout_seconds
        self._wanted = max(1, round(seconds / self._interval_seconds))
        self._listed: list[str] = []
        self._in_all = 0
        self._query: PerformanceQuery | None = None
        self._pool_names: dict[str, str] = {}
        self._began = self._next_at = self._saved_at = self._image_began = time.monotonic()
        self._incomplete: str | None = None

    def disconnect(self) -> None:
        self._client.close()

    def rounds(self) -> Rounds[dict[str, object]]:
        """Does what is left, and returns the result. Raises ClusterError if nothing can be read, or the cluster stops
        answering before anything was measured."""
        if not self.found.series.taken:
            yield from self.sizes_of_all()
        try:
            yield from self._sample_all()
        except ClusterError as error:
            if not self.found.series.taken:
                raise
            self._check_there()
            self._incomplete = str(error)
            taken = self.found.series.taken
            yield self._round(f"ended after {taken} of {counted(self._wanted, 'sample')}: {error}", saved=True)
        return self.found.result(self._interval_seconds, self._incomplete, self._pool_names)

    def _check_there(self) -> None:
        """Raises ClusterError if no image is left that can be read."""
        if not self.found.there:
            raise self.found.nothing_there()

    # Lists

    def sizes_of_all(self) -> Rounds[None]:
        """Finds all sizes: one round for each image, more for images that are large or do not answer."""
        paths = yield from self._list()
        self._in_all = len(paths)
        settled = self.found.sizes.keys() | self.found.errors.keys() | self.found.removed
        left = [path for path in paths if path not in settled]
        yield from self._client.each(left, self._measure, self._image_failed)
        self._client.close_opener()
        self._check_there()

    def _list(self) -> Rounds[list[str]]:
        """Returns the images to measure. Raises ClusterError if there are none, too many, or none can be listed."""
        yield from self._client.ask(self._look_at_pools)
        failures = yield from self._client.ask(self._refusals_of_pools)
        everything = not self._pools and not self._images
        pools = [pool for pool in self._pools if pool not in failures]
        if pools or everything:
            try:
                yield from self._list_pools(None if everything else pools)
            except ClusterError as error:
                if not self._images and not failures:
                    raise
                failures |= dict.fromkeys(pools, error)
        self.found.unreadable += [Unreadable(pool, FAILED, str(error)) for pool, error in failures.items()]
        paths = sorted({*self._listed, *self._images})
        self._check_number(paths, failures)
        return paths

    def _refusals_of_pools(self, cluster: Cluster) -> dict[str, ClusterError]:
        """Returns why named pools cannot even be opened, mostly because they do not exist."""
        refusals: dict[str, ClusterError] = {}
        for pool in self._pools:
            try:
                with cluster.pool(pool):
                    pass
            except ClusterRefused as error:
                refusals[pool] = error
        return refusals

    def _list_pools(self, pools: list[str] | None) -> Rounds[None]:
        """Retries pools that do not answer: a few times while others do, longer if none does."""
        began = time.monotonic()
        attempts = 0
        while True:
            try:
                listed = yield from self._client.request(ListImages(pools, MOST_IMAGES + 1))
                assert isinstance(listed, Listed)
                self._listed, self.found.unreadable = listed.paths, listed.unreadable
                self.found.errors |= listed.beyond_reach
                is_silent = any(one.state != NOT_PERMITTED for one in listed.unreadable)
                attempts += 1
                if not is_silent or attempts == MOST_LISTINGS:
                    return
                words = f"pool {shown(listed.unreadable[0].pool)}: {listed.unreadable[0].text}"
            except ClusterError as error:
                if not is_worth_asking_again(error, began):
                    raise
                words = str(error)
            yield from self._client.pause_before_retry(words)

    def _check_number(self, paths: Sequence[str], failures: dict[str, ClusterError]) -> None:
        """Raises ClusterError if there are no images, or too many to be measured at a time."""
        if not paths and failures:
            raise _together(failures)
        if not paths:
            named = f"pool {self._pools[0]}" if len(self._pools) == 1 else counted(len(self._pools), "pool")
            silent = self.found.unreadable
            besides = f", and pool {shown(silent[0].pool)} cannot be read: {silent[0].text}" if silent else ""
            raise ClusterRefused(f"there are no images in {named if self._pools else 'this cluster'}{besides}")
        if len(paths) > MOST_IMAGES:
            raise ClusterRefused(
                f"there are more than {MOST_IMAGES:,} images, the most that one task can measure: select some pools"
            )
        if sum(map(len, paths)) > MOST_PATHS_CHARACTERS:
            raise ClusterRefused(
                f"the names of the images take more than {MOST_PATHS_CHARACTERS:,} characters: select some pools"
            )

    def _look_at_pools(self, cluster: Cluster) -> None:
        """Looks up the present names of the pools; removed pools have none."""
        present = {pool["poolnum"]: pool["poolname"] for pool in cluster.ask("osd lspools")}
        numbers = {name: number for number, name in present.items()}
        self.found.pool_ids = {**numbers, **self.found.pool_ids}
        self._pool_names = {name: present[number] for name, number in self.found.pool_ids.items() if number in present}

    def _name_now(self, pool: str) -> str:
        return self._pool_names.get(pool, pool)

    # Sizes

    def _measure(self, path: str) -> Rounds[None]:
        """Finds the size of an image, a second time if it is missing only because its pool was renamed. Raises
        ClusterError."""
        before = self._name_now(parts_of_path(path)[0])
        try:
            yield from self._measure_once(path)
        except ClusterRefused as error:
            if error.errno != ENOENT:
                raise
            yield from self._client.ask(self._look_at_pools)
            if self._name_now(parts_of_path(path)[0]) == before:
                raise
            yield from self._measure_once(path)

    def _measure_once(self, path: str) -> Rounds[None]:
        pool, namespace, name = parts_of_path(path)
        offset, used_bytes = self.found.begun.get(path, (0, 0))
        order = Measure(pool=self._name_now(pool), namespace=namespace, name=name, offset=offset, used_bytes=used_bytes)
        piece = yield from self._client.request(order)
        while isinstance(piece, Piece) and not piece.is_last:
            self.found.begun[path] = (piece.offset, piece.used_bytes)
            examined = f"{in_bytes(piece.offset)} of {in_bytes(piece.size_bytes)} examined"
            yield self._size_round(f"size of {shown(path)}: {examined}", part=piece.offset / piece.size_bytes)
            piece = yield from self._client.answer()
        assert isinstance(piece, Piece)
        self.found.begun.pop(path, None)
        sizes = self.found.sizes[path] = piece.sizes
        message = f"size of {shown(path)}: {in_bytes(sizes.used_bytes)} of {in_bytes(sizes.size_bytes)} used"
        output = {"images": {path: {"size_bytes": sizes.size_bytes, "used_bytes": sizes.used_bytes}}}
        yield self._size_round(message, output)

    def _image_failed(self, path: str, error: ClusterError) -> Rounds[None]:
        """Records why an image cannot be read; one that was listed and no longer is was removed."""
        self.found.begun.pop(path, None)
        if error.errno == ENOENT and path in self._listed and path in (yield from self._missing_of([path])):
            self.found.removed.add(path)
            yield self._size_round(f"{shown(path)} was removed meanwhile")
            return
        trouble = self.found.fail(path, error.errno, error.text)
        yield self._size_round(f"{shown(path)} cannot be read: {error}", {"images": {path: error_of(trouble)}})

    def _missing_of(self, paths: Sequence[str]) -> Rounds[set[str]]:
        """Returns which of these images their pools no longer list; none if the cluster does not answer at once.

        A silent cluster must not cost what was measured.
        """
        missing: set[str] = set()
        with suppress(ClusterError):
            yield from self._client.ask(self._look_at_pools, patience_seconds=0)
            for pool, of_pool in groupby(sorted(paths), lambda path: parts_of_path(path)[0]):
                names = {parts_of_path(path)[1:]: path for path in of_pool}
                if pool not in self._pool_names:
                    missing |= set(names.values())
                    continue
                request = FindMissing(self._name_now(pool), list(names))
                with suppress(ClusterRefused):
                    answer = yield from self._client.request(request, patience_seconds=0)
                    assert isinstance(answer, Missing)
                    missing |= {names[name] for name in answer.names}
        return missing

    def _size_round(self, message: str, output: object = None, part: float = 0) -> Round:
        found = self.found
        settled = len(found.sizes) + len(found.errors) + len(found.removed)
        now = time.monotonic()
        found.sizes_percent = max(found.sizes_percent, self._percent_of_sizes(self._in_all - settled, part, now))
        if not part:
            self._image_began = now
        is_due = settled == self._in_all or now > self._saved_at + CHECKPOINT_SECONDS
        self._saved_at = now if is_due else self._saved_at
        counts = f" ({settled} of {counted(self._in_all, 'image')})"
        return self._round(message, output, tail=counts, saved=is_due)

    def _percent_of_sizes(self, images_left: int, part: float, now: float) -> float:
        """Estimates the percentage from the time spent and the time left: most images take hardly any time.

        `part` is how much of the present image is done, if it is large.
        """
        left = images_left * SIZE_SECONDS + self._wanted * self._interval_seconds
        if part:
            left += (now - self._image_began) * (1 - part) / part
        spent = now - self._began
        return 100 * spent / (spent + left)

    # Samples

    def _sample_all(self) -> Rounds[None]:
        """Takes all samples: one round for each, and others while the cluster has no figures yet."""
        self.found.begin_samples()
        while self.found.series.taken < self._wanted:
            yield from self._wait()
            answers = yield from self._client.ask(self._ask)
            if answers is None:
                yield self._round("waiting for the cluster's first figures")
                self._next_at = time.monotonic() + RETRY_AFTER_SECONDS
            else:
                yield from self._take(answers)

    def _ask(self, cluster: Cluster) -> list[Answer] | None:
        if self._query is None or self._query.cluster is not cluster:
            self._query = PerformanceQuery(cluster, self._budget)
        self._look_at_pools(cluster)
        self.found.remove_pools(self.found.pool_ids.keys() - self._pool_names.keys())
        self._check_there()
        groups = sorted({group_of(path) for path in self.found.there})
        return self._query.ask(list(map(self._group, groups)), self._pool_names.values())

    def _group(self, path: str) -> Group:
        pool, namespace, _ = parts_of_path(f"{path}/")
        return Group(path, self._name_now(pool), namespace)

    def _wait(self) -> Rounds[None]:
        """Waits until the next sample is due, and asks the manager in between, so that it does not stop collecting."""
        while (left := self._next_at - time.monotonic()) > KEEP_ALIVE_SECONDS:
            yield Pause(KEEP_ALIVE_SECONDS)
            yield from self._client.ask(self._ask)
        yield Pause(max(0.0, left))

    def _take(self, answers: Sequence[Answer]) -> Rounds[None]:
        found = self.found
        self._next_at = self._after_this()
        sample = sample_of(answers, set(found.there), wall_clock())
        found.series.add(sample)
        taken = found.series.taken
        if taken == self._wanted:
            found.removed |= yield from self._missing_of(found.there)
            self._check_there()
        message = message_of(sample, found.there, taken, self._wanted)
        tail = f"{self._refusals_text()}{found.shortcomings()}"
        yield self._round(message, output_of(sample, found.there), tail=tail, saved=True)

    def _refusals_text(self) -> str:
        refusals = list(self._query.refusals.items()) if self._query else []
        if not refusals:
            return ""
        path, error = refusals[0]
        others = f" and {counted(len(refusals) - 1, 'other')}" if len(refusals) > 1 else ""
        return f"; the manager refuses figures of {shown(path)}{others}: {cut(str(error), 300)}"

    def _after_this(self) -> float:
        """Returns when the next sample is due. Missed samples stay missing: no burst makes up for them."""
        now = time.monotonic()
        is_late = now > self._next_at + self._interval_seconds
        return (now if is_late else self._next_at) + self._interval_seconds

    def _round(self, message: str, output: object = None, *, tail: str = "", saved: bool = False) -> Round:
        """Makes a round. The number of rounds is known once samples are taken; each timeout then adds one."""
        self.found.rounds += 1
        taken, sizes_percent = self.found.series.taken, self.found.sizes_percent
        tail = cut(tail, MOST_MESSAGE_CHARACTERS)
        return Round(
            of=self.found.rounds + self._wanted - taken if taken else None,
            percent=min(round(sizes_percent + (100 - sizes_percent) * taken / self._wanted), 99),
            message=cut(message, MOST_MESSAGE_CHARACTERS - len(tail)) + tail,
            output=output,
            checkpoint=self.found.checkpoint() if saved else None,
            expected_seconds=self._interval_seconds if taken else self._image_timeout_seconds,
        )


def _together(failures: dict[str, ClusterError]) -> ClusterError:
    """Returns the first error, with the number of the others."""
    first, *others = failures.values()
    more = f"; neither can {counted(len(others), 'other pool')} be read" if others else ""
    return type(first)(f"{first.text}{more}", first.errno)
