"""The clusters of config.ini, for jobs: by their fsid."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import Protocol, TypeVar

from ceph import bindings
from ceph.cluster import Cluster, fsid_in_conf
from ceph.placement import pause_seconds
from ceph.settings import ClusterSettings
from ceph.state import Pool
from jobs.errors import ClusterError, ClusterRefused, ClusterUnavailable, InvalidInput, NotFound
from jobs.registry import Pause, Provided, Registry, Round

AGAIN_AFTER_SECONDS = 1.0
Answer = TypeVar("Answer")


class PoolsOfServer(Protocol):
    """What the server knows of pools, and can ask for. A pool is named by its name (text) or by its id."""

    async def find_pool(self, fsid: str, pool: str | int) -> Pool | None:
        """Asks the cluster now; None if there is no such pool. Raises NotFound for a cluster that there is not, and
        ClusterError."""

    def last_read_pool(self, fsid: str, pool: str | int) -> Pool | None:
        """The pool as it was last read; None if it was not."""


class Clusters(Provided):
    """A job that has a parameter of this type gets the clusters that it may reach.

    `pools` is of the server alone, where tasks are created and described.
    """

    def __init__(
        self, settings: Mapping[str, ClusterSettings] | None = None, pools: PoolsOfServer | None = None
    ) -> None:
        self.settings = settings or {}
        self._pools = pools

    async def find_pool(self, fsid: str, pool: str | int) -> Pool:
        """The pool as it is now. Only in the server. Raises InvalidInput, by the parameters `fsid` and `pool`, if there
        is none, and ClusterUnavailable."""
        assert self._pools is not None
        try:
            found = await self._pools.find_pool(fsid, pool)
        except NotFound as error:
            raise InvalidInput(errors={"fsid": [str(error)]}) from error
        if found is None:
            raise InvalidInput(errors={"pool": [f"there is no pool {pool} in cluster {fsid}"]})
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
        """A handle of the cluster, to be closed. Raises ClusterError where it is not configured or not reached."""
        failures: list[ClusterError] = []
        for settings in self.settings.values():
            try:
                found = _connected_if(settings, fsid)
            except ClusterError as error:
                failures.append(error)
            else:
                if found is not None:
                    return found
        if failures:
            raise failures[0]
        raise ClusterRefused(f"There is no cluster {fsid}; configured: {', '.join(self.settings) or 'none'}.")


def _connected_if(settings: ClusterSettings, fsid: str) -> Cluster | None:
    """Where the conf file names no fsid, only the cluster itself can say which it is."""
    named = fsid_in_conf(settings)
    if named not in (None, fsid):
        return None
    cluster = Cluster(settings)
    if named is None and cluster.fsid != fsid:
        cluster.close()
        return None
    return cluster


def why_unavailable(registry: Registry) -> str | None:
    """For `@job(unavailable_because=…)` of jobs that need a cluster."""
    return registry.provided(Clusters).unavailable_because()


def trying_again(ask: Callable[[], Answer], last: Round | None = None) -> Generator[Round | Pause, None, Answer]:
    """What `ask` returns, as soon as the cluster answers: each silence is a round that says so, as `last` was else.

    A task outlives a monitor that hangs, and asks less often the longer that lasts. What the cluster refuses, the key
    too, is raised.
    """
    began_at = time.monotonic()
    while True:
        try:
            return ask()
        except ClusterUnavailable as error:
            if not error.is_silence:
                raise
            yield _silent(error, last or Round())
            yield Pause(pause_seconds(AGAIN_AFTER_SECONDS, time.monotonic() - began_at))


def _silent(error: ClusterUnavailable, last: Round) -> Round:
    return Round(of=last.of, percent=last.percent, message=f"{error}; trying again", if_aborted=last.if_aborted)
