from __future__ import annotations

import itertools
from collections import deque

import pytest

from tests.browser.conftest import empty, fresh_tab, launched, tab  # noqa: F401  for the page with a real cluster
from tests.support.ceph_service import options_for
from tests.support.cluster import Cluster
from tests.support.service import Service

NAMES = (f"pool-{number:03}" for number in itertools.count(1))
STOCKED = {4: 2, 8: 8, 16: 3}
"""So many pools of 4, 8 and 16 PGs are made before a test asks for one."""


@pytest.fixture(scope="module")
def browser():
    """For a module only: other tests of Ceph run loops, which they could not beside playwright's."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def cluster():
    """The cluster that most tests share: three OSDs on disk, and changes of pg_num in small steps."""
    cluster = Cluster.start(osds=3, store="bluestore", max_misplaced=0.05)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def running_service(cluster, tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service")).start(*options_for({"main": cluster.conf}, workers=6))
    yield service
    service.close()


@pytest.fixture(scope="module")
def shared_service(running_service):
    """The server on that cluster, which it calls main, that most tests share; without the tasks of other files."""
    empty(running_service)
    return running_service


@pytest.fixture
def own_cluster():
    """Starts clusters that a test has for itself: `own_cluster(osds=2)`; by default one OSD in memory."""
    clusters = []

    def start(**options):
        clusters.append(Cluster.start(**options))
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.close()


@pytest.fixture(autouse=True)
def _daemons_run_again():
    """A daemon that a test has stopped or killed is no matter of the next test."""
    yield
    for cluster in list(Cluster.alive):
        cluster.recover()


@pytest.fixture(scope="session")
def still(cluster):
    """A pool of 8 PGs that no test leaves changed."""
    cluster.create_pool("still", pg_num=8)
    return "still"


class PoolStock:
    """Pools of the usual numbers of PGs that no test has had yet, so that a test need not wait for a new one."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._names = {pg_num: deque() for pg_num in STOCKED}

    def take(self, pg_num):
        """Returns the name of the oldest one, and creates the next."""
        names = self._names[pg_num]
        while len(names) <= STOCKED[pg_num]:
            names.append(next(NAMES))
            self._cluster.begin_pool(names[-1], pg_num)
        self._cluster.finish_pool(names[0])
        return names.popleft()


@pytest.fixture(scope="session")
def pool_stock(cluster):
    return PoolStock(cluster)


@pytest.fixture
def new_pool(cluster, pool_stock):
    """Makes pools of the shared cluster that end with the test: `new_pool(pg_num=8, megabytes=50)` is its name."""
    names = []

    def create(pg_num=8, megabytes=0, object_bytes=65_536, **options):
        if pg_num in STOCKED and not options:
            names.append(pool_stock.take(pg_num))
        else:
            names.append(next(NAMES))
            cluster.create_pool(names[-1], pg_num, **options)
        if megabytes:
            cluster.fill(names[-1], megabytes, object_bytes)
        return names[-1]

    yield create
    cluster.recover()
    for name in names:
        cluster.delete_pool(name)
