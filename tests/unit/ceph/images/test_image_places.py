"""Where images are: namespaces in what is stored of them, odd names, and what a task could not read of them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from ceph.images.result_store import Unread
from ceph.images.results import results_of
from jobs.model.task import Status
from storage.sqlite import opening
from storage.sqlite.images import SqliteImageResults
from storage.sqlite.opening import MIGRATIONS, open_database, prepare_database
from tests.unit.ceph.images.test_results import FSID, NOW, finished, keeping, opened, result, task_result

OF_A_VERSION_BEFORE = """
INSERT INTO image_results (fsid, pool, image, task, at, size_bytes, used_bytes, figures, sparkline)
VALUES ('a3f0', 'rbd', 'disk1', 7, 1700000000000, 100, 10, '{"measured": true}', '[1.5, null]')
"""


async def test_results_of_a_version_before_stay_and_are_in_the_namespace_without_a_name(tmp_path, monkeypatch):
    older = tmp_path / "migrations"
    older.mkdir()
    for step in sorted(MIGRATIONS.glob("*.sql")):
        if step.name < "0012":
            (older / step.name).write_text(step.read_text())
    with monkeypatch.context() as before:
        before.setattr(opening, "MIGRATIONS", older)
        prepare_database(tmp_path / "hourglass.db")
    with closing(sqlite3.connect(tmp_path / "hourglass.db", isolation_level=None)) as connection:
        connection.execute(OF_A_VERSION_BEFORE)

    database = await open_database(tmp_path)
    results = SqliteImageResults(database)
    kept = await results.newest(FSID)
    assert kept == {
        ("rbd", "", "disk1"): result(task=7, used_bytes=10, figures={"measured": True}, sparkline=[1.5, None])
    }
    await results.store(FSID, [result(namespace="team", used_bytes=20)])
    assert {place: one.used_bytes for place, one in (await results.newest(FSID)).items()} == {
        ("rbd", "", "disk1"): 10,
        ("rbd", "team", "disk1"): 20,
    }
    assert await results.forget(NOW + 1, limit=10) == 2
    await database.close()


async def test_images_of_the_same_name_in_two_namespaces_are_two(tmp_path):
    async with opened(tmp_path) as (_, _, results):
        await results.store(FSID, [result(used_bytes=1), result(namespace="a", used_bytes=2)])
        await results.store(FSID, [result(namespace="a", used_bytes=3, task=2, at=NOW + 1)], ["rbd"])

        assert {place: one.used_bytes for place, one in (await results.newest(FSID)).items()} == {
            ("rbd", "a", "disk1"): 3,
        }


async def test_what_a_task_could_not_read_is_not_forgotten(tmp_path):
    before = [
        result(image="failed"),
        result(namespace="n", image="failed"),
        result(image="gone"),
        result(pool="sick", image="disk"),
    ]
    unread = Unread(pools=["sick"], images=[("rbd", "", "failed"), ("rbd", "n", "failed")])
    async with opened(tmp_path) as (_, _, results):
        for whole_pools in (["rbd", "sick"], None):
            await results.store(FSID, before)
            await results.store(FSID, [result(task=2, at=NOW + 1)], whole_pools, unread)

            assert [*await results.newest(FSID)] == [
                ("rbd", "", "disk1"),
                ("rbd", "", "failed"),
                ("rbd", "n", "failed"),
                ("sick", "", "disk"),
            ]


async def test_paths_in_a_result_name_the_pool_the_namespace_and_the_image(tmp_path):
    found = task_result()
    image = found["images"]["rbd/disk1"]
    found["images"] = {
        "we%2Fird/per%25cent": image,
        "rbd/team/a%2Fb": image,
        "rbd/broken": {"error": {"errno": 2, "text": "no such file"}},
    }
    found["unreadable"] = [{"pool": "sick", "state": "inactive", "text": "8 of 8 PGs are inactive"}]
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        task = await finished(store, found=found)
        images.task_ended(task)

        assert [*await images.newest(FSID)] == [("rbd", "team", "a/b"), ("we/ird", "", "per%cent")]
        assert results_of(task)[1] == Unread(pools=["sick"], images=[("rbd", "", "broken")])


async def test_a_result_without_a_single_image_that_could_be_read_is_one(tmp_path):
    found = {**task_result(), "images": {"rbd/broken": {"error": {"errno": 110, "text": "timed out"}}}}
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        await results.store(FSID, [result(image="broken"), result(image="other")])
        images.task_ended(task := await finished(store, at=NOW + 5, found=found))

        assert task.status is Status.FINISHED
        assert json.loads(task.result)["images"].keys() == {"rbd/broken"}
        assert [*await images.newest(FSID)] == [("rbd", "", "broken"), ("rbd", "", "other")]
