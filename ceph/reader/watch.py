"""The server's side of the readers: starts, watches and replaces one process for each cluster, and caches its readings.

Only this module, `cached` and what the server itself runs use the event loop; none of them imports rados.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from ceph.clusters import unidentified
from ceph.connection import bindings
from ceph.errors import ClusterError, ClusterUnavailable
from ceph.pool_changes.changes import ObservedChanges, observe
from ceph.pool_changes.facts import Facts
from ceph.reader.cached import MOMENT_SECONDS, CachedReading
from ceph.reader.messages import (
    Answer,
    CreatePool,
    FactsRead,
    Failed,
    Identified,
    ImagesRead,
    Order,
    Read,
    Report,
    StateRead,
    decode_report,
)
from ceph.reader.reader import ReaderSettings, main
from ceph.state import ClusterState, Images, Pool
from concurrency.backoff import Backoff
from jobs.errors import Conflict, NotFound
from processes.child_process import LONGEST_BOOT_DELAY_SECONDS, SHORTEST_BOOT_DELAY_SECONDS, ChildProcess

log = logging.getLogger("hourglass.ceph")

OVERRUN_SECONDS = 5.0
"""Added to the time limits: a read waits for the connection and a few commands, which librados usually ends in time."""
STATE_LASTS_SECONDS = 1.0
LOOK_SECONDS = 3.0
"""How long a caller that reads all clusters waits for one of them."""
IMAGES_LAST_SECONDS = 5.0
IMAGES_LIMIT_SECONDS = 120.0


class ReaderProcess:
    """The reader of one cluster. If it dies, it is replaced when somebody asks again, but not before a delay."""

    def __init__(self, name: str, settings: ReaderSettings, on_found: Callable[[str | None], None]) -> None:
        self._name = name
        self._settings = settings
        self._on_found = on_found
        self._process: ChildProcess[Report] | None = None
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._number = 0
        self._delays = Backoff(SHORTEST_BOOT_DELAY_SECONDS, LONGEST_BOOT_DELAY_SECONDS)
        self._not_before = 0.0
        self._last_end = ""
        self._ends_in_a_row = 0
        self._stopping = False

    def boot(self) -> None:
        """Starts the process. Raises ClusterUnavailable if that fails."""
        try:
            self._process = ChildProcess(
                main,
                self._settings,
                name=f"reader of {self._name}",
                decode=decode_report,
                on_message=self._take,
                on_end=self._ended,
            )
        except OSError as error:
            raise ClusterUnavailable(f"no process can be started to read the cluster: {error}") from error

    async def ask(self, order: Callable[[int], Order], limit_seconds: float) -> Answer:
        """Sends an order and returns its answer. Raises ClusterUnavailable if there is none in time, and replaces the
        process."""
        self._ensure_process()
        self._number += 1
        number = self._number
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        assert self._process
        self._process.send(order(number))
        try:
            async with asyncio.timeout(limit_seconds):
                return await answer
        except TimeoutError:
            reason = f"did not answer within {limit_seconds:g} s"
            if self._process:
                self._process.kill(reason)
            raise ClusterUnavailable(f"the reader of the cluster {reason} and is being replaced; try again") from None
        finally:
            self._asked.pop(number, None)

    async def stop(self) -> None:
        self._stopping = True
        if self._process:
            ended = self._process.ended
            self._process.kill("the server stopped")
            await ended.wait()

    def _ensure_process(self) -> None:
        if self._process is None:
            if self._stopping or time.monotonic() < self._not_before:
                raise ClusterUnavailable(f"the reader of the cluster {self._last_end}; it will be restarted shortly")
            self.boot()

    def _take(self, report: Report) -> None:
        match report:
            case Identified(fsid):
                self._on_found(fsid)
            case _:
                self._delays.reset()
                self._ends_in_a_row = 0
                answer = self._asked.get(report.number)
                if answer is not None and not answer.done():
                    answer.set_result(report)

    def _ended(self, reason: str) -> None:
        self._process = None
        self._ends_in_a_row += 1
        self._last_end = f"has ended ({reason})"
        if self._ends_in_a_row > 1:
            self._last_end = f"has ended {self._ends_in_a_row} times in a row (the last time: {reason}; see the log)"
        if self._stopping:
            return
        log.warning("The reader of the cluster %s has ended: %s", self._name, reason)
        self._not_before = time.monotonic() + self._delays.next_seconds()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ClusterUnavailable(f"the reader of the cluster {self._last_end}; try again"))


class ClusterWatch:
    """One configured cluster: its reader, and what was last read."""

    def __init__(self, name: str, settings: ReaderSettings) -> None:
        self.name = name
        self.fsid: str | None = None
        """The fsid that the conf file names, until the cluster itself has reported it."""
        self._has_reported = False
        self._reader = ReaderProcess(name, settings, self._found)
        limits = settings.cluster
        self._limit_seconds = limits.connect_timeout_seconds + limits.mon_timeout_seconds + OVERRUN_SECONDS
        self._images_limit_seconds = self._limit_seconds + max(IMAGES_LIMIT_SECONDS, limits.osd_timeout_seconds)
        self._creating: dict[str, asyncio.Event] = {}
        self.deciding = asyncio.Lock()
        """Held while the tasks on a pool are examined to decide whether another one is needed."""
        self.observed = ObservedChanges()
        """The changes observed up to the last reading."""
        self.state: CachedReading[ClusterState] = CachedReading(self._read_state, STATE_LASTS_SECONDS)
        self.images: CachedReading[Images] = CachedReading(self._read_images, IMAGES_LAST_SECONDS)

    @property
    def is_identified(self) -> bool:
        """Returns whether asking again would not identify it any better: it has reported its fsid, or does not
        answer."""
        return self._has_reported or (self.fsid is not None and self.state.error is not None)

    def start(self) -> None:
        if bindings.missing() is None:
            try:
                self._reader.boot()
            except ClusterUnavailable as error:
                log.warning("%s", error)

    async def stop(self) -> None:
        self.state.cancel()
        self.images.cancel()
        await self._reader.stop()

    async def look(self) -> None:
        """Reads the state; `state.error` is why that failed. Waits only briefly if it failed before."""
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(MOMENT_SECONDS if self.state.error else LOOK_SECONDS):
                await self.state.get()

    async def pool(self, pool_id: int, *, fresh: bool = False, stale: bool = False) -> tuple[ClusterState, Pool]:
        """Returns a pool and its cluster; `stale` accepts the last reading. Raises ClusterError, NotFound."""
        reading = await (self.state.get_or_last() if stale else self.state.get(fresh=fresh))
        if reading.value.pool(pool_id) is None and not stale:
            reading = await self.state.get(fresh=True)
        pool = reading.value.pool(pool_id)
        if pool is None:
            raise self._no_pool(pool_id)
        return reading.value, pool

    async def facts(self, pool_id: int) -> tuple[ClusterState, Facts, Pool]:
        """Reads a pool, its cluster, and what a change of it depends on. Raises ClusterError, NotFound."""
        answer = await self._ask(lambda number: Read(number, "facts"), self._limit_seconds)
        assert isinstance(answer, FactsRead)
        self.state.know(answer.state)
        pool = answer.state.pool(pool_id)
        if pool is None:
            raise self._no_pool(pool_id)
        return answer.state, answer.facts, pool

    def _no_pool(self, pool_id: int) -> NotFound:
        return NotFound(f"There is no pool {pool_id} in cluster {self.name}: it was removed, or it never existed.")

    def is_creating(self, name: str) -> bool:
        return name in self._creating

    @contextmanager
    def creating(self, name: str) -> Iterator[None]:
        """Keeps others here from creating a pool of this name meanwhile. Raises Conflict if somebody already is."""
        if name in self._creating:
            raise Conflict(f"Another request is creating pool {name} at the moment.")
        over = self._creating[name] = asyncio.Event()
        try:
            yield
        finally:
            del self._creating[name]
            over.set()

    async def no_longer_creating(self, name: str) -> None:
        """Returns when nobody here is creating a pool of this name."""
        while (over := self._creating.get(name)) is not None:
            await over.wait()

    async def create_pool(self, name: str, pg_num: int, application: str | None) -> Pool:
        """Creates a pool and returns it; an existing one stays as it is. Raises ClusterError."""
        state = await self._ask_state(
            lambda number: CreatePool(number=number, name=name, pg_num=pg_num, application=application)
        )
        self.state.know(state)
        pool = state.pool_named(name)
        if pool is None:
            raise ClusterUnavailable(f"the pool {name} was created, but no longer exists")
        return pool

    async def _read_state(self) -> ClusterState:
        return await self._ask_state(lambda number: Read(number, "state"))

    async def _ask_state(self, order: Callable[[int], Order]) -> ClusterState:
        answer = await self._ask(order, self._limit_seconds)
        assert isinstance(answer, StateRead)
        self._identify(answer.state.fsid)
        self.observed = observe(self.observed, answer.state, time.monotonic(), time.time())
        return answer.state

    def _identify(self, fsid: str) -> None:
        """Stores the fsid that the cluster reports, and logs it if the conf file names another one."""
        if self.fsid not in (None, fsid):
            log.warning("The cluster %s is %s, not %s as before or in its conf file.", self.name, fsid, self.fsid)
        self.fsid = fsid
        self._has_reported = True

    async def _read_images(self) -> Images:
        answer = await self._ask(lambda number: Read(number, "images"), self._images_limit_seconds)
        assert isinstance(answer, ImagesRead)
        return answer.images

    async def _ask(self, order: Callable[[int], Order], limit_seconds: float) -> Answer:
        reason = bindings.missing()
        if reason:
            raise ClusterUnavailable(reason)
        answer = await self._reader.ask(order, limit_seconds)
        if isinstance(answer, Failed):
            raise answer.error()
        return answer

    def _found(self, fsid: str | None) -> None:
        if not self._has_reported:
            self.fsid = fsid or self.fsid


class ClusterWatches:
    """All configured clusters."""

    def __init__(self, settings: Mapping[str, ReaderSettings]) -> None:
        self.all = [ClusterWatch(name, one) for name, one in settings.items()]

    def start(self) -> None:
        """Starts the readers, from the main thread."""
        for watch in self.all:
            watch.start()

    async def stop(self) -> None:
        for watch in self.all:
            await watch.stop()

    def find(self, fsid: str) -> ClusterWatch | None:
        """Returns a cluster; if several sections of config.ini name it, the first by which it answered last time."""
        found = [watch for watch in self.all if watch.fsid == fsid]
        return min(found, key=lambda watch: watch.state.error is not None, default=None)

    async def identified(self) -> list[ClusterWatch]:
        """Returns one watch for each cluster whose fsid is known; those that have not reported it get a moment."""
        unsure = [asyncio.create_task(watch.look()) for watch in self.all if not watch.is_identified]
        if unsure:
            _, late = await asyncio.wait(unsure, timeout=MOMENT_SECONDS)
            for look in late:
                look.cancel()
        fsids = dict.fromkeys(watch.fsid for watch in self.all if watch.fsid is not None)
        return [watch for fsid in fsids if (watch := self.find(fsid)) is not None]

    async def by_fsid(self, fsid: str) -> ClusterWatch:
        """Returns a cluster. Raises NotFound, which names the known ones; ClusterError if one cannot be identified."""
        found = self.find(fsid)
        if found is not None and not found.is_identified:
            await found.look()
            found = self.find(fsid)
        return found or await self._identified(fsid)

    async def _identified(self, fsid: str) -> ClusterWatch:
        """Asks all clusters that are not identified yet, at the same time, until one of them is it."""
        failures: list[ClusterError] = []

        async def ask(watch: ClusterWatch) -> None:
            try:
                await watch.state.get()
            except ClusterError as error:
                failures.append(unidentified(watch.name, error, len(self.all)))

        for asked in asyncio.as_completed([ask(watch) for watch in self.all if not watch.is_identified]):
            await asked
            found = self.find(fsid)
            if found is not None:
                return found
        if failures:
            raise failures[0]
        known = ", ".join(watch.fsid for watch in self.all if watch.fsid) or "none"
        raise NotFound(f"There is no cluster {fsid[:60]}; known: {known}.")
