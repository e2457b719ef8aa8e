"""The server's side of the readers: one process a cluster, started, watched, replaced; and what was last read.

Here, in `kept` and in `creations` alone the event loop is known; rados is not.
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
from jobs.errors import Conflict, NotFound
from processes.child_process import LONGEST_BOOT_DELAY_SECONDS, SHORTEST_BOOT_DELAY_SECONDS, ChildProcess

log = logging.getLogger("hourglass.ceph")

# A read may wait for the connection and for each of a few commands; librados gives up in time, as a rule.
OVERRUN_SECONDS = 5.0
STATE_LASTS_SECONDS = 1.0
# So long who looks at all clusters waits for one of them.
LOOK_SECONDS = 3.0
IMAGES_LAST_SECONDS = 5.0
IMAGES_LIMIT_SECONDS = 120.0


class ReaderProcess:
    """The reader of one cluster. One that dies is replaced when somebody asks again, at the earliest after a delay."""

    def __init__(self, name: str, settings: ReaderSettings, on_found: Callable[[str | None], None]) -> None:
        self._name = name
        self._settings = settings
        self._on_found = on_found
        self._process: ChildProcess[Report] | None = None
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._number = 0
        self._delay_seconds = SHORTEST_BOOT_DELAY_SECONDS
        self._not_before = 0.0
        self._last_end = ""
        self._ends_in_a_row = 0
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def boot(self) -> None:
        """Raises ClusterUnavailable where a process cannot be started."""
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
        """Raises ClusterUnavailable where there is no answer in time; then the process is replaced."""
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
            raise ClusterUnavailable(f"what reads the cluster {reason} and is replaced; try again") from None
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
                raise ClusterUnavailable(f"what reads the cluster {self._last_end}; it is started again shortly")
            self.boot()

    def _take(self, report: Report) -> None:
        match report:
            case Identified(fsid):
                self._on_found(fsid)
            case _:
                self._delay_seconds = SHORTEST_BOOT_DELAY_SECONDS
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
        self._not_before = time.monotonic() + self._delay_seconds
        self._delay_seconds = min(2 * self._delay_seconds, LONGEST_BOOT_DELAY_SECONDS)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ClusterUnavailable(f"what reads the cluster {self._last_end}; try again"))


class ClusterWatch:
    """One configured cluster: its reader, and what was last read of it."""

    def __init__(self, name: str, settings: ReaderSettings) -> None:
        self.name = name
        self.fsid: str | None = None
        """Which cluster it is: what the conf file names, until the cluster itself was asked."""
        self._has_told = False
        self._reader = ReaderProcess(name, settings, self._found)
        limits = settings.cluster
        self._limit_seconds = limits.connect_timeout_seconds + limits.mon_timeout_seconds + OVERRUN_SECONDS
        self._images_limit_seconds = self._limit_seconds + max(IMAGES_LIMIT_SECONDS, limits.osd_timeout_seconds)
        self._creating: dict[str, asyncio.Event] = {}
        self.deciding = asyncio.Lock()
        """Whoever looks at the tasks on a pool to decide whether another one is needed has this meanwhile."""
        self.observed = ObservedChanges()
        """What was seen to go on in it until the last look."""
        self.state: CachedReading[ClusterState] = CachedReading(self._read_state, STATE_LASTS_SECONDS)
        self.images: CachedReading[Images] = CachedReading(self._read_images, IMAGES_LAST_SECONDS)

    @property
    def is_identified(self) -> bool:
        """Whether nothing more can be known of which cluster this is: it has said so, or does not answer now."""
        return self._has_told or (self.fsid is not None and self.state.error is not None)

    @property
    def reader_pid(self) -> int | None:
        return self._reader.pid

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
        """Reads the state; `state.error` says why it could not be read. Waits a moment only if that was so before."""
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(MOMENT_SECONDS if self.state.error else LOOK_SECONDS):
                await self.state.get()

    async def pool(self, pool_id: int, *, fresh: bool = False, stale: bool = False) -> tuple[ClusterState, Pool]:
        """A pool, and the cluster that it is in; `stale` takes what was last read. Raises ClusterError, NotFound."""
        reading = await (self.state.get_or_last() if stale else self.state.get(fresh=fresh))
        if reading.value.pool(pool_id) is None and not stale:
            reading = await self.state.get(fresh=True)
        pool = reading.value.pool(pool_id)
        if pool is None:
            raise self._no_pool(pool_id)
        return reading.value, pool

    async def facts(self, pool_id: int) -> tuple[ClusterState, Facts, Pool]:
        """A pool, its cluster, and what a change of it depends on, read now. Raises ClusterError, NotFound."""
        answer = await self._ask(lambda number: Read(number, "facts"), self._limit_seconds)
        assert isinstance(answer, FactsRead)
        self.state.know(answer.state)
        pool = answer.state.pool(pool_id)
        if pool is None:
            raise self._no_pool(pool_id)
        return answer.state, answer.facts, pool

    def _no_pool(self, pool_id: int) -> NotFound:
        return NotFound(f"There is no pool {pool_id} in cluster {self.name}: it was removed, or it never was.")

    def is_creating(self, name: str) -> bool:
        return name in self._creating

    @contextmanager
    def creating(self, name: str) -> Iterator[None]:
        """Meanwhile nobody else here creates a pool of this name. Raises Conflict if somebody does."""
        if name in self._creating:
            raise Conflict(f"Another request creates pool {name} at the moment.")
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
        """The pool as it is then; one that is there already stays as it is. Raises ClusterError."""
        state = await self._ask_state(
            lambda number: CreatePool(number=number, name=name, pg_num=pg_num, application=application)
        )
        self.state.know(state)
        pool = state.pool_named(name)
        if pool is None:
            raise ClusterUnavailable(f"the pool {name} was created, but is not there any more")
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
        """Takes what the cluster says for its fsid, and logs if the conf file names another one."""
        if self.fsid not in (None, fsid):
            log.warning("The cluster %s is %s, not %s as before or in its conf file.", self.name, fsid, self.fsid)
        self.fsid = fsid
        self._has_told = True

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
        if not self._has_told:
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
        """Of several sections of config.ini for one cluster, the first by which it answered the last time."""
        found = [watch for watch in self.all if watch.fsid == fsid]
        return min(found, key=lambda watch: watch.state.error is not None, default=None)

    async def identified(self) -> list[ClusterWatch]:
        """One for each cluster whose fsid is known. Those that have not said it have a moment for that, all at once."""
        unsure = [asyncio.create_task(watch.look()) for watch in self.all if not watch.is_identified]
        if unsure:
            _, late = await asyncio.wait(unsure, timeout=MOMENT_SECONDS)
            for look in late:
                look.cancel()
        fsids = dict.fromkeys(watch.fsid for watch in self.all if watch.fsid is not None)
        return [watch for fsid in fsids if (watch := self.find(fsid)) is not None]

    async def by_fsid(self, fsid: str) -> ClusterWatch:
        """Raises NotFound, which names those that there are; ClusterError where one does not say which it is."""
        found = self.find(fsid)
        if found is not None and not found.is_identified:
            await found.look()
            found = self.find(fsid)
        return found or await self._identified(fsid)

    async def _identified(self, fsid: str) -> ClusterWatch:
        """Asks those of which nobody knows yet which they are, all at once, until one of them is it."""
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
