"""The clusters of config.ini, for jobs: by their fsid."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import Protocol, TypeVar

from ceph.connection import bindings
from ceph.connection.answers import understood
from ceph.connection.cluster import Cluster, fsid_in_conf
from ceph.connection.query_budget import Questions, questions_path
from ceph.connection.trial import proven
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable
from ceph.pool_changes.progress import pause_seconds
from ceph.settings import ClusterSettings
from ceph.state import Pool
from jobs import Pause, Registry, Resource, Round
from jobs.errors import InvalidInput, NotFound

AGAIN_AFTER_SECONDS = 1.0
LONGEST_REFUSAL_SECONDS = 300.0
"""So long a task waits for a key or a conf file that is being replaced."""
Answer = TypeVar("Answer")


class PoolsOfServer(Protocol):
    """What the server knows of pools, and can ask for. A pool is named by its name (text) or by its id."""

    async def find_pool(self, fsid: str, pool: str | int) -> Pool | None:
        """Asks the cluster now; None if there is no such pool. Raises NotFound for a cluster that there is not, and
        ClusterError."""

    def last_read_pool(self, fsid: str, pool: str | int) -> Pool | None:
        """The pool as it was last read; None if it was not."""


class Clusters(Resource):
    """A job that has a parameter of this type gets the clusters that it may reach.

    `pools` is of the server alone, where tasks are created and described. In `data_dir` the workers of a server note
    what they have asked.
    """

    def __init__(
        self,
        settings: Mapping[str, ClusterSettings] | None = None,
        pools: PoolsOfServer | None = None,
        data_dir: str | None = None,
    ) -> None:
        self.settings = settings or {}
        self._pools = pools
        self._data_dir = data_dir

    def questions(self, fsid: str) -> Questions:
        """Returns what bounds the questions to the manager of a cluster, of all workers together."""
        return Questions(questions_path(self._data_dir, fsid) if self._data_dir else None)

    async def find_pool(self, fsid: str, pool: str | int) -> Pool:
        """The pool as it is now. Only in the server. Raises InvalidInput, by the parameters `fsid` and `pool`, if there
        is none, and ClusterUnavailable."""
        assert self._pools is not None
        try:
            found = await self._pools.find_pool(fsid, pool)
        except NotFound as error:
            raise InvalidInput(errors={"fsid": [str(error)]}) from error
        if found is None:
            hint = "; an id is a number without quotes" if isinstance(pool, str) and pool.isdecimal() else ""
            raise InvalidInput(errors={"pool": [f"there is no pool {pool} in cluster {fsid}{hint}"]})
        return found

    def last_read_pool(self, fsid: str, pool: str | int) -> Pool | None:
        """The pool as it was last read; None in a worker, and if it was not read."""
        return self._pools.last_read_pool(fsid, pool) if self._pools else None

    def unavailable_because(self) -> str | None:
        """Why no job can reach a cluster here; None where one may. Asks no cluster."""
        if self.settings:
            return bindings.missing()
        return 'no cluster is configured: name one in config.ini, as in [ceph "main"] conf = /etc/ceph/ceph.conf'

    def connect(self, fsid: str) -> Cluster:
        """Returns a connection, to be closed. Raises ClusterError if that cluster is not configured or not reached.

        A cluster is the one that it says it is. The conf files only say whom to ask first: those that name the fsid,
        then those that name none, then those that name another one, mistakenly perhaps. librados reads no file here
        by which no cluster was reached before, in another process.
        """
        failures: list[ClusterError] = []
        others: list[str] = []
        for name, settings, named in self._likeliest_first(fsid):
            if named not in (None, fsid) and failures:
                break
            try:
                found = proven(settings).fsid
                if found == fsid:
                    return Cluster(settings, fsid)
                others.append(f"{name} is {found}" + (", whatever its conf file says" if named == fsid else ""))
            except ClusterError as error:
                if named == fsid:
                    failures.append(error)
                elif named is None:
                    failures.append(unidentified(name, error, len(self.settings)))
                else:
                    others.append(f"{name} should be {named}: {error}")
        if failures:
            raise failures[0]
        raise ClusterRefused(f"There is no cluster {fsid}; configured: {', '.join(others) or 'none'}.")

    def _likeliest_first(self, fsid: str) -> list[tuple[str, ClusterSettings, str | None]]:
        named = [(name, one, fsid_in_conf(one)) for name, one in self.settings.items()]
        return sorted(named, key=lambda one: (one[2] != fsid, one[2] is not None))


def unidentified(name: str, error: ClusterError, configured: int) -> ClusterError:
    """The failure of a cluster of which nobody knows which it is, for whoever asks for one by its fsid."""
    if configured == 1 or not isinstance(error, ClusterUnavailable):
        return error
    return ClusterUnavailable(f"the cluster {name} of config.ini does not say which it is: {error.words}", error.errno)


def why_unavailable(registry: Registry) -> str | None:
    """For `@job(unavailable_because=…)` of jobs that need a cluster."""
    return registry.resource(Clusters).unavailable_because()


def trying_again(ask: Callable[[], Answer], last: Round | None = None) -> Generator[Round | Pause, None, Answer]:
    """Calls `ask` until the cluster answers, and returns its result: each silence is a round that says so, like `last`.

    A task outlives a monitor that hangs, and asks less often the longer that lasts. What the cluster refuses is raised.
    So is a key or a conf file that is wrong; if the cluster was reached before, five minutes later.
    """
    began_at = time.monotonic()
    while True:
        try:
            with understood():
                return ask()
        except ClusterUnavailable as error:
            if not may_pass(error, began_at):
                raise
            yield _silent(error, last or Round())
            yield Pause(pause_seconds(AGAIN_AFTER_SECONDS, time.monotonic() - began_at))


def may_pass(error: ClusterUnavailable, began_at: float) -> bool:
    """Whether a task that began to ask at `began_at` (monotonic) asks again after this."""
    return error.is_silence or (error.was_reached and time.monotonic() < began_at + LONGEST_REFUSAL_SECONDS)


def _silent(error: ClusterUnavailable, last: Round) -> Round:
    return Round(of=last.of, percent=last.percent, message=f"{error}; trying again", if_aborted=last.if_aborted)
