"""The clusters of config.ini, for jobs: by their fsid."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import TypeVar

from ceph.connection import bindings
from ceph.connection.answers import checked_answers
from ceph.connection.cluster import Cluster, fsid_in_conf
from ceph.connection.query_budget import QueryBudget, query_budget_path
from ceph.connection.trial import proven
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable
from ceph.pool_changes.progress import pause_seconds
from ceph.settings import ClusterSettings
from jobs import Pause, Registry, Resource, Round

RETRY_AFTER_SECONDS = 1.0
LONGEST_REFUSAL_SECONDS = 300.0
"""How long a task waits for a key or a conf file that is being replaced."""
Answer = TypeVar("Answer")


class Clusters(Resource):
    """The clusters that a job may reach.

    `data_dir` is the directory in which the workers of a server record what they have asked managers.
    """

    def __init__(self, settings: Mapping[str, ClusterSettings] | None = None, data_dir: str | None = None) -> None:
        self.settings = settings or {}
        self._data_dir = data_dir

    def query_budget(self, fsid: str) -> QueryBudget:
        """Returns the limit on what all workers together ask the manager of a cluster."""
        return QueryBudget(query_budget_path(self._data_dir, fsid) if self._data_dir else None)

    def unavailable_because(self) -> str | None:
        """Returns why no job can reach a cluster here, or None if one may. Asks no cluster."""
        if self.settings:
            return bindings.missing()
        return 'no cluster is configured: name one in config.ini, as in [ceph "main"] conf = /etc/ceph/ceph.conf'

    def connect(self, fsid: str) -> Cluster:
        """Returns a connection, to be closed. Raises ClusterError if that cluster is not configured or not reached.

        A cluster is the one that it says it is. The conf files only say whom to ask first: those that name the fsid,
        then those that name none, then those that name another one, perhaps by mistake. librados only reads files here
        by which another process has reached a cluster.
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
    """Returns the error for a caller who asked for a cluster by its fsid, if one that failed may be that cluster."""
    if configured == 1 or not isinstance(error, ClusterUnavailable):
        return error
    return ClusterUnavailable(f"it is unknown which cluster {name} of config.ini is: {error.text}", error.errno)


def why_unavailable(registry: Registry) -> str | None:
    """Returns why jobs that need a cluster cannot run, for `@job(unavailable_because=…)`."""
    return registry.resource(Clusters).unavailable_because()


def retry_while_silent(ask: Callable[[], Answer], last: Round | None = None) -> Generator[Round | Pause, None, Answer]:
    """Calls `ask` until the cluster answers, and returns its result.

    Each timeout yields a round like `last` whose message says that the cluster does not answer. So a task outlives a
    monitor that hangs, and asks less often the longer that lasts. Raises what the cluster refuses. A wrong key or conf
    file is raised as well, after five minutes if the cluster was reached before.
    """
    began_at = time.monotonic()
    while True:
        try:
            with checked_answers():
                return ask()
        except ClusterUnavailable as error:
            if not may_pass(error, began_at):
                raise
            yield _silent(error, last or Round())
            yield Pause(pause_seconds(RETRY_AFTER_SECONDS, time.monotonic() - began_at))


def may_pass(error: ClusterUnavailable, began_at: float) -> bool:
    """Returns whether a task that began to ask at `began_at` (monotonic) asks again after this error."""
    return error.is_silence or (error.was_reached and time.monotonic() < began_at + LONGEST_REFUSAL_SECONDS)


def _silent(error: ClusterUnavailable, last: Round) -> Round:
    return Round(of=last.of, percent=last.percent, message=f"{error}; trying again", if_aborted=last.if_aborted)
