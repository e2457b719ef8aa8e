"""The server's side of a cluster: what its reader reads, and what becomes of a reader that dies or hangs."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.known_clusters import KnownClusters
from ceph.reader.reader import ReaderSettings
from ceph.reader.watch import ClusterWatches
from ceph.settings import ClusterSettings
from jobs.errors import NotFound


@asynccontextmanager
async def watched(cluster, **changed):
    hasty = ClusterSettings(conf=str(cluster.conf), connect_timeout_seconds=2, mon_timeout_seconds=2)
    watches = ClusterWatches({"test": ReaderSettings(cluster=replace(hasty, **changed))})
    watches.start()
    try:
        yield watches.all[0]
    finally:
        await watches.stop()


async def until(watch, holds):
    """Returns the first reading for which `holds` is true."""
    while True:
        try:
            reading = await watch.state.get(fresh=True)
        except ClusterUnavailable:
            reading = None
        if reading is not None and holds(reading.value):
            return reading
        await asyncio.sleep(0.1)


async def answered(watch):
    return await until(watch, lambda _state: True)


def reader_pid():
    """Returns the process id of the one reader that this process has started, None without one."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    readers = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(readers) <= 1
    return readers[0] if readers else None


def is_there(pid):
    return Path(f"/proc/{pid}").exists()


async def test_a_reader_reads_pools_health_and_images(cluster, new_pool):
    name = new_pool(pg_num=16)
    cluster.create_image(name, "disk", size_bytes=1 << 30)

    async with watched(cluster) as watch:
        state = (await watch.state.get()).value
        pool = state.pool_named(name)
        images = (await watch.images.get()).value.images

        assert (watch.fsid, state.fsid) == (cluster.fsid, cluster.fsid)
        assert (state.osds_up, state.osds_in, state.release) == (3, 3, cluster.release)
        assert state.manager_error is None
        assert (pool.pg_num, pool.pg_num_target, pool.application, pool.has_arrived) == (16, 16, "rbd", True)
        assert [image.path for image in images if image.pool == name] == [f"{name}/disk"]


async def test_a_pool_is_created_and_known_at_once(cluster):
    try:
        async with watched(cluster) as watch:
            pool = await watch.create_pool("fresh", 8, "rbd")
            known = watch.state.last.value

            assert (pool.name, pool.pg_num_target, pool.application) == ("fresh", 8, "rbd")
            assert known.pool(pool.id) == pool
            with pytest.raises(ClusterRefused, match="ERANGE"):
                await watch.create_pool("too-large", 60_000, "rbd")
    finally:
        cluster.delete_pool("fresh")


async def test_recent_data_is_not_read_again_and_many_requests_share_a_read(cluster):
    async with watched(cluster) as watch:
        first, second = await asyncio.gather(watch.state.get(), watch.state.get())

        assert first is second
        assert await watch.state.get() is first
        assert await watch.state.get(fresh=True) is not first


async def test_a_monitor_that_hangs_is_reported_and_the_last_data_stays(cluster):
    async with watched(cluster) as watch:
        before = await watch.state.get()
        with cluster.stopped("mon.a"):
            with pytest.raises(ClusterUnavailable, match="no mon answered within 2 s"):
                await watch.state.get(fresh=True)
            with pytest.raises(ClusterUnavailable, match="no mon answered within 2 s"):
                await watch.state.get()
            assert watch.state.last is before
            pid = reader_pid()
        after = await answered(watch)

        assert after.as_of > before.as_of
        assert reader_pid() == pid, "a silence of the cluster is no reason to replace its reader"
        assert watch.state.error is None


async def test_a_manager_that_hangs_is_reported_and_the_rest_is_read(cluster):
    async with watched(cluster) as watch:
        await watch.state.get()
        with cluster.stopped("mgr.x"):
            state = (await until(watch, lambda state: state.manager_error)).value
            assert state.manager_error == "the mgr did not answer within 2 s: is a ceph-mgr running, does it hang?"
            assert state.osds_up == 3
        await until(watch, lambda state: state.manager_error is None)


async def test_osds_that_hang_hold_up_images_alone(cluster, still):
    async with watched(cluster, osd_timeout_seconds=1) as watch:
        await watch.state.get()
        for osd in ("osd.0", "osd.1", "osd.2"):
            cluster.stop_daemon(osd)
        images = asyncio.create_task(watch.images.get())
        await watch.state.get(fresh=True)

        assert not images.done()
        with pytest.raises(ClusterUnavailable, match="the OSDs did not answer within 1 s"):
            await images


async def test_a_reader_that_dies_is_replaced(cluster):
    async with watched(cluster) as watch:
        await watch.state.get()
        pid = reader_pid()
        os.kill(pid, signal.SIGSTOP)
        asked = asyncio.create_task(watch.state.get(fresh=True))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ClusterUnavailable, match="killed by signal 9"):
            await asked

        assert (await answered(watch)).value.fsid == cluster.fsid
        assert reader_pid() != pid


async def test_a_reader_that_takes_too_long_is_killed_and_replaced(cluster):
    async with watched(cluster) as watch:
        await watch.state.get()
        pid = reader_pid()
        watch._limit_seconds = 0.5
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(ClusterUnavailable, match=r"did not answer within 0\.5 s and is being replaced"):
            await watch.state.get(fresh=True)
        watch._limit_seconds = 30

        assert (await answered(watch)).value.fsid == cluster.fsid
        assert not is_there(pid)


async def test_a_stop_leaves_no_reader_behind(cluster):
    async with watched(cluster) as watch:
        await watch.state.get()
        pid = reader_pid()
        assert is_there(pid)
    assert not is_there(pid)


async def test_an_unknown_cluster_is_not_found_and_the_known_ones_are_named(cluster):
    watches = ClusterWatches({"test": ReaderSettings(cluster=ClusterSettings(conf=str(cluster.conf)))})
    watches.start()
    await watches.all[0].state.get()

    assert await watches.by_fsid(cluster.fsid) is watches.all[0]
    with pytest.raises(NotFound, match=f"There is no cluster 0815; known: {cluster.fsid}"):
        await watches.by_fsid("0815")
    assert KnownClusters(watches).last_read_pool(cluster.fsid, "no such pool") is None
    await watches.stop()


async def test_without_bindings_the_packages_are_named_and_no_process_is_started(cluster, monkeypatch):
    monkeypatch.setattr("ceph.connection.bindings.find_spec", lambda _name: None)

    async with watched(cluster) as watch:
        assert reader_pid() is None
        with pytest.raises(ClusterUnavailable, match="install the packages python3-rados and python3-rbd"):
            await watch.state.get()
