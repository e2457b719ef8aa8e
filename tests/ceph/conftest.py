from __future__ import annotations

import itertools

import pytest

from tests.browser.conftest import launched, tab  # noqa: F401  for the page with a real cluster
from tests.support.ceph_service import options_for
from tests.support.cluster import Cluster
from tests.support.service import Service

NUMBERS = itertools.count(1)


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


@pytest.fixture(scope="module")
def shared_service(cluster, tmp_path_factory):
    """A server on that cluster, which it calls main, for the tests of a file."""
    service = Service(tmp_path_factory.mktemp("service")).start(*options_for({"main": cluster.conf}))
    yield service
    service.close()


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


@pytest.fixture
def new_pool(cluster):
    """Makes pools of the shared cluster that end with the test: `new_pool(pg_num=8, megabytes=50)` is its name."""
    names = []

    def create(pg_num=8, megabytes=0, object_bytes=65_536, **options):
        names.append(f"pool-{next(NUMBERS)}")
        cluster.create_pool(names[-1], pg_num, **options)
        if megabytes:
            cluster.fill(names[-1], megabytes, object_bytes)
        return names[-1]

    yield create
    cluster.recover()
    for name in names:
        cluster.delete_pool(name)
