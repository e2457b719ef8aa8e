"""What is kept of images: the newest, whatever comes late, and also what finished while nobody could keep it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager

from hypothesis import given
from hypothesis import strategies as st

from ceph.images.result_store import ImageResult
from ceph.images.results import ImageResults, sparkline
from jobs.errors import StorageUnavailable
from jobs.model import lifecycle
from storage.sqlite.images import SqliteImageResults
from storage.sqlite.opening import open_database
from storage.sqlite.store import SqliteStore
from tests.support.made import create

NOW = 1_700_000_000_000
FSID = "a3f0"
DISK1 = ("rbd", "", "disk1")
FIGURE = {"mean": 1.0, "p50": 1.0, "p95": 2.0, "max": 2.0}


def result(pool="rbd", image="disk1", task=1, at=NOW, **changes):
    values = {"size_bytes": 100, "used_bytes": 10, "figures": {"write_ops": FIGURE}, "sparkline": [1.5, None]}
    return ImageResult(pool=pool, image=image, task=task, at=at, **{**values, **changes})


@asynccontextmanager
async def opened(folder):
    """A database, the tasks and the results in it."""
    database = await open_database(folder)
    try:
        yield database, SqliteStore(database), SqliteImageResults(database)
    finally:
        await database.close()


# From tasks to results


def task_result(used_bytes=10, **figures):
    image = {"size_bytes": 100, "used_bytes": used_bytes, "measured": True, "write_ops": FIGURE, **figures}
    series = {"write_ops": [1.0, 2.0, None], "read_ops": [0.5, 0.0, None]}
    return {
        "images": {"rbd/disk1": image, "rbd/idle": image, "rbd/unknown": {**image, "measured": False}},
        "series": {"at": ["…"] * 3, "interval_seconds": 1.0, "images": {"rbd/disk1": series}},
    }


async def finished(store, at=NOW, job="rbd_performance", found=None, **params):
    """A task that has run and returned."""
    params = {"fsid": FSID, "pools": [], "images": [], **params}
    task = await create(store, job=job, params=json.dumps(params), created=at)
    steps = [lifecycle.taken(at), lifecycle.returned(json.dumps(task_result() if found is None else found), at)]
    return await store.change(task.id, *steps)


@asynccontextmanager
async def keeping(store, results):
    """What the server has, going."""
    images = ImageResults(store, results)
    images.start()
    try:
        yield images
    finally:
        await images.stop()


async def test_a_finished_task_is_kept_with_its_figures_and_a_sparkline(tmp_path):
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        task = await finished(store)
        images.task_ended(task)
        kept = await images.newest(FSID)

    disk = kept[DISK1]
    assert (disk.task, disk.at, disk.size_bytes, disk.used_bytes) == (task.id, NOW, 100, 10)
    assert disk.figures == {"measured": True, "write_ops": FIGURE}
    assert disk.sparkline == [1.5, 2.0, None]
    assert kept["rbd", "", "idle"].sparkline == [0, 0, 0]
    assert kept["rbd", "", "unknown"].sparkline == [None, None, None]


async def test_other_jobs_and_failed_tasks_are_none_of_its_business(tmp_path):
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        other = await finished(store, job="test_task")
        waiting = await create(store, job="rbd_performance", created=NOW)
        failed = await store.change(waiting.id, lifecycle.deleted("ann", NOW, None, False))
        for task in (other, failed):
            images.task_ended(task)

        assert await images.newest(FSID) == {}


async def test_what_finished_while_nobody_could_keep_it_is_kept_after_the_next_start(tmp_path):
    async with opened(tmp_path) as (_, store, results):
        for number in range(105):  # more than it reads at a time
            await finished(store, at=NOW + number, found=task_result(used_bytes=number))
        async with keeping(store, results) as images:
            last = await finished(store, at=NOW + 200, found=task_result(used_bytes=200))
            images.task_ended(last)
            kept = await images.newest(FSID)
        assert kept[DISK1].used_bytes == 200

        await finished(store, at=NOW + 300, found=task_result(used_bytes=300))
        async with keeping(store, results) as images:
            await until(lambda: used_bytes(images), 300)


async def test_a_task_that_was_deleted_before_it_was_kept_leaves_nothing_behind(tmp_path):
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        gone = await finished(store)
        await store.change(gone.id, lifecycle.deleted("ann", NOW, None, False))
        images.task_ended(gone)
        images.task_ended(await finished(store, at=NOW + 1, found=task_result(used_bytes=11)))

        assert (await images.newest(FSID))[DISK1].used_bytes == 11


async def test_a_result_that_cannot_be_read_does_not_stop_those_that_follow(tmp_path, caplog):
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        images.task_ended(await finished(store, found={"images": 7}))
        images.task_ended(await finished(store, at=NOW + 1))

        assert DISK1 in await images.newest(FSID)
    assert "a defect" in caplog.text


async def test_what_cannot_be_written_is_kept_when_that_is_over(tmp_path, caplog):
    async with opened(tmp_path) as (_, store, results), keeping(store, results) as images:
        keep, refused = results.store, []

        async def refuse_once(*arguments):
            if not refused:
                refused.append(arguments)
                raise StorageUnavailable from sqlite3.OperationalError("full")
            await keep(*arguments)

        results.store = refuse_once
        images.task_ended(await finished(store))
        await until(lambda: used_bytes(images), 10)

    assert refused
    assert "will be stored later" in caplog.text


async def used_bytes(images):
    kept = await images.newest(FSID)
    return kept[DISK1].used_bytes if kept else None


async def until(found, expected):
    while await found() != expected:  # noqa: ASYNC110  it is written in a thread, which tells nobody
        await asyncio.sleep(0.01)


# Sparklines


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=720))
def test_a_sparkline_has_at_most_60_points_within_the_bounds_of_what_it_draws(values):
    points = sparkline(values)
    known = [value for value in values if value is not None]

    assert len(points) == min(len(values), 60)
    assert all(min(known) - 0.1 <= point <= max(known) + 0.1 for point in points if point is not None)
    assert any(point is not None for point in points) == bool(known)


def test_a_sparkline_joins_neighbours():
    assert sparkline([1.0, 3.0] * 60) == [2.0] * 60
