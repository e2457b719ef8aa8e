"""What every store of results of images promises: ceph/images/result_store.py."""

from __future__ import annotations

import pytest

from tests.support.stores import SEARCHABLE
from tests.unit.ceph.images.test_results import DISK1, FSID, NOW, result


@pytest.fixture(params=SEARCHABLE)
def kind(request):
    return SEARCHABLE[request.param]


async def test_stored_results_are_returned_by_image_and_for_their_cluster_alone(kind, tmp_path):
    async with kind.opened(tmp_path) as stores:
        results = stores.image_results
        await results.store(FSID, [result(image="disk2"), result(image="disk1")])

        assert await results.newest(FSID) == {
            ("rbd", "", "disk1"): result(image="disk1"),
            ("rbd", "", "disk2"): result(image="disk2"),
        }
        assert await results.newest("another") == {}


@pytest.mark.parametrize("late", [{"at": NOW - 1, "task": 9}, {"at": NOW, "task": 1}])
async def test_results_of_an_older_task_never_replace_those_of_a_newer_one(kind, tmp_path, late):
    async with kind.opened(tmp_path) as stores:
        results = stores.image_results
        await results.store(FSID, [result(task=2, used_bytes=20)])
        await results.store(FSID, [result(**late, used_bytes=10)])

        assert (await results.newest(FSID))[DISK1].used_bytes == 20


async def test_images_that_a_task_for_a_whole_pool_did_not_find_are_forgotten(kind, tmp_path):
    async with kind.opened(tmp_path) as stores:
        results = stores.image_results
        await results.store(FSID, [result(image="gone"), result(image="there"), result(pool="other", image="disk")])
        await results.store(FSID, [result(image="there", task=2, at=NOW + 1)], ["rbd"])
        assert [*await results.newest(FSID)] == [("other", "", "disk"), ("rbd", "", "there")]

        await results.store(FSID, [result(image="there", task=3, at=NOW + 2)], None)
        assert [*await results.newest(FSID)] == [("rbd", "", "there")]


async def test_old_results_are_forgotten_a_few_at_a_time(kind, tmp_path):
    async with kind.opened(tmp_path) as stores:
        results = stores.image_results
        await results.store(FSID, [result(image=f"disk{number}", at=NOW + number) for number in range(5)])

        assert [await results.forget(NOW + 3, limit=2) for _ in range(3)] == [2, 1, 0]
        assert [*await results.newest(FSID)] == [("rbd", "", "disk3"), ("rbd", "", "disk4")]
