"""A manager that cannot use the module that measures images: what REST and the job say, on a real cluster."""

from __future__ import annotations

import pytest

from tests.support.broken_manager import IS_BROKEN_AS_PACKAGED, assert_explains, broken_manager
from tests.support.ceph_service import options_for
from tests.support.service import Client, Service

FINAL = ("Finished", "Exception", "Aborted")
AS_PACKAGED = pytest.param(True, id="as packaged")

pytestmark = [pytest.mark.gen_test(timeout=180), pytest.mark.slow]


@pytest.fixture(scope="module", params=[pytest.param(False, id="broken"), *([AS_PACKAGED] * IS_BROKEN_AS_PACKAGED)])
def broken(request, tmp_path_factory):
    with broken_manager(tmp_path_factory.mktemp("modules"), as_packaged=request.param) as found:
        yield found


@pytest.fixture(scope="module")
def client(broken, tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service")).start(*options_for({"main": broken[0].conf}))
    yield Client(service)
    service.close()


async def test_the_job_says_which_module_fails_and_why(broken, client):
    cluster, said = broken
    task = await client.create("rbd_performance", fsid=cluster.fsid, seconds=1)
    task = await client.until(task["id"], lambda task: task["status"] in FINAL)

    assert (task["status"], task["error"]["type"]) == ("Exception", "ClusterRefused")
    assert_explains(task["error"]["message"], said)
    assert task["error"]["message"].endswith("(errno 22, EINVAL)")


async def test_the_cluster_is_reachable_and_says_so_and_its_images_are_listed(broken, client):
    cluster, said = broken
    images = await client.get(f"ceph/{cluster.fsid}/rbds")
    (seen,) = (await client.get("ceph"))["results"]

    assert [(image["pool"], image["name"]) for image in images["results"]] == [("rbd", "disk")]
    assert seen["reachable"] is True
    assert_explains(seen["error"], said)
