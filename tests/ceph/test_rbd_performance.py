"""RBD performance data, by a real server on a real cluster: with load and without, interrupted, in silence."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest

from ceph.images.samples import FIGURES
from tests.support.ceph_service import SECONDS, options_for
from tests.support.cluster import wait_until
from tests.support.image_load import written_to
from tests.support.measurements import FINAL, begin, ended, failed, finished, message_with
from tests.support.service import Client, Service

PATIENCE_SECONDS = 180
ZERO = {"mean": 0, "p50": 0, "p95": 0, "max": 0}
LAYERING = 1
SLOW = pytest.mark.slow

pytestmark = pytest.mark.gen_test(timeout=PATIENCE_SECONDS)


def options(cluster, **changed):
    return options_for({"main": cluster.conf}, **changed)


@pytest.fixture
def own_service(cluster, tmp_path):
    """A server of the test's own, not started yet."""
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def client(shared_service):
    return Client(shared_service)


@pytest.fixture
def pool_with(cluster, new_pool):
    """Makes a pool with images: `pool_with("a", "b", data_mb=20)` is its name."""

    def make(*names, **image):
        pool = new_pool()
        for name in names:
            cluster.create_image(pool, name, features=LAYERING, **image)
        return pool

    return make


@pytest.fixture(scope="module")
def many(cluster):
    """A pool with 70 images, of which an answer of the manager holds 64."""
    cluster.create_pool("many")
    names = [f"disk{number:02}" for number in range(70)]
    cluster.create_images("many", names, features=LAYERING)
    yield "many", names
    cluster.recover()
    cluster.delete_pool("many")


async def rounds_of(client, task_id):
    return (await client.get(f"taskqueue/{task_id}/rounds"))["results"]


async def samples_of(client, task_id):
    """The figures of each image, sample by sample, as the rounds had them."""
    rounds = await rounds_of(client, task_id)
    return [done["output"]["images"] for done in rounds if done["message"].startswith("sample ")]


async def worker_of(client, task_id):
    workers = (await client.get("workers"))["results"]
    return next(worker["pid"] for worker in workers if worker["task"] == task_id)


def kept_of(service, cluster):
    """What is kept at hand of each image, as it is in the database."""
    connection = sqlite3.connect(service.directory / "data" / "hourglass.db")
    try:
        rows = connection.execute(
            "SELECT pool || '/' || image, task, figures, sparkline FROM image_results WHERE fsid = ?", [cluster.fsid]
        ).fetchall()
    finally:
        connection.close()
    return {path: (task, json.loads(figures), json.loads(sparkline)) for path, task, figures, sparkline in rows}


# What it finds


@SLOW
async def test_idle_images_have_their_sizes_and_zeros(cluster, client, shared_service, pool_with):
    pool = pool_with("empty", "filled", data_mb=0)
    cluster.create_image(pool, "mapped", size_bytes=1 << 30, data_mb=40)
    task_id = await begin(client, cluster, seconds=3)
    result = await finished(client, task_id)

    images = {path: image for path, image in result["images"].items() if path.startswith(f"{pool}/")}
    assert [image["size_bytes"] for image in images.values()] == [1 << 30] * 3
    assert images[f"{pool}/empty"]["used_bytes"] == 0
    assert 40_000_000 <= images[f"{pool}/mapped"]["used_bytes"] < 50_000_000, "by its map of objects"
    assert all(image[name] == ZERO for image in images.values() for name in FIGURES)
    assert all(
        (image["measured"], image["samples"], image["samples_measured"]) == (True, 3, 3) for image in images.values()
    )
    assert (len(result["series"]["at"]), result["series"]["images"], result["removed"]) == (3, {}, [])
    wait_until(lambda: kept_of(shared_service, cluster).get(f"{pool}/empty", [0])[0] == task_id)


@contextmanager
def bench(cluster, pool, image):
    """`rbd bench` writing 4 KiB at a time; inside, the list grows of when it told of how many operations."""
    words = [
        "--io-type",
        "write",
        "--io-size",
        "4096",
        "--io-threads",
        "2",
        "--io-total",
        "100G",
        "--io-pattern",
        "rand",
    ]
    command = ["rbd", "-c", str(cluster.conf), "--rbd-cache=false", "bench", f"{pool}/{image}", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = []

    def read():
        for line in process.stdout:
            fields = line.split()
            if len(fields) > 2 and fields[0].isdigit():
                told.append((time.time(), int(fields[1])))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield told
    finally:
        process.terminate()
        reader.join()
        process.communicate()


def operations_until(told, at):
    """How many there were by then, along a line between two of its reports."""
    for (before, first), (after, second) in pairwise(told):
        if before <= at <= after:
            return first + (second - first) * (at - before) / (after - before)
    raise AssertionError(f"the bench told nothing about {at}: {told}")


async def test_a_busy_image_has_figures_and_an_idle_one_zeros(cluster, client, pool_with):
    pool = pool_with("disk", "other")
    with written_to(cluster, pool, ["disk"]):
        result = await finished(client, await begin(client, cluster, pools=[pool], seconds=2))
    disk = result["images"][f"{pool}/disk"]

    assert disk["write_ops"]["max"] > 0
    assert disk["write_bytes"]["mean"] == pytest.approx(4096 * disk["write_ops"]["mean"], rel=0.01)
    assert disk["write_latency_seconds"]["max"] > 0
    assert disk["read_ops"] == ZERO
    assert result["images"][f"{pool}/other"]["write_ops"] == ZERO
    assert list(result["series"]["images"]) == [f"{pool}/disk"]


@SLOW
async def test_figures_agree_with_what_rbd_bench_reports(cluster, client, shared_service, pool_with):
    """A third more or less: the windows of the bench, of the manager and of the samples lie a second apart, and what
    the machine does in a second varies. Bytes of an operation vary with nothing."""
    pool = pool_with("disk", "other", size_bytes=64 << 20)
    with bench(cluster, pool, "disk") as told_by_bench:
        wait_until(lambda: len(told_by_bench) > 2, what="two reports of the bench")
        task_id = await begin(client, cluster, pools=[pool], seconds=7)
        result = await finished(client, task_id)
        rounds = [done for done in await rounds_of(client, task_id) if done["message"].startswith("sample ")]
        until = wall_seconds(rounds[-1]["at"])
        wait_until(lambda: told_by_bench[-1][0] > until, what="another report of the bench")
    since = wall_seconds(rounds[0]["at"]) - 1.5
    expected = (operations_until(told_by_bench, until) - operations_until(told_by_bench, since)) / (until - since)
    disk = result["images"][f"{pool}/disk"]

    assert disk["write_ops"]["mean"] == pytest.approx(expected, rel=0.33)
    assert disk["write_bytes"]["mean"] == pytest.approx(4096 * disk["write_ops"]["mean"], rel=0.01)
    assert 0 < disk["write_latency_seconds"]["mean"] < 2 / disk["write_ops"]["mean"] * 1.33, "of two threads"
    assert disk["read_ops"] == ZERO
    assert result["images"][f"{pool}/other"]["write_ops"] == ZERO
    assert list(result["series"]["images"]) == [f"{pool}/disk"]
    assert "1 of 2 images busy" in rounds[-1]["message"]
    wait_until(lambda: f"{pool}/disk" in kept_of(shared_service, cluster))
    task, figures, sparkline = kept_of(shared_service, cluster)[f"{pool}/disk"]
    assert (task, figures["write_ops"], len(sparkline)) == (task_id, disk["write_ops"], 7)


def wall_seconds(text):
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


@SLOW
async def test_of_70_busy_images_those_that_no_answer_holds_are_not_measured_and_never_zero(cluster, client, many):
    """On a machine that is busy itself there are moments in which fewer than 64 of them get to write."""
    pool, names = many
    with written_to(cluster, pool, names, rate=5):
        task_id = await begin(client, cluster, pools=[pool], seconds=8)
        result = await finished(client, task_id)
    rounds = [done for done in await rounds_of(client, task_id) if done["message"].startswith("sample ")]
    samples = [done["output"]["images"] for done in rounds]
    unknown = [{path for path, image in sample.items() if not image["measured"]} for sample in samples]
    crowded = [number for number, paths in enumerate(unknown) if paths]

    assert crowded, "an answer holds 64"
    for number in crowded:
        sample, paths = samples[number], unknown[number]
        assert len(paths) <= 6, "an answer holds 64 at least"
        assert all(sample[path][name] is None for path in paths for name in FIGURES)
        assert all(image["write_ops"] > 0 for path, image in sample.items() if path not in paths)
        assert f"{len(paths)} not measured" in rounds[number]["message"]
    for path, image in result["images"].items():
        assert image["samples"] - image["samples_measured"] == sum(path in paths for paths in unknown)
        assert (image["write_ops"] is None) == (not image["measured"])


@SLOW
async def test_images_are_chosen_by_name_by_pool_or_all_together(cluster, client, pool_with):
    first, second = pool_with("a", "b"), pool_with("c")

    async def paths(**params):
        task = await client.create("rbd_performance", fsid=cluster.fsid, seconds=1, **params)
        return task["description"].partition(" of ")[2], list((await finished(client, task["id"]))["images"])

    by_name, together, (description, everything) = await asyncio.gather(
        paths(images=[f"{first}/b"]), paths(pools=[second], images=[f"{first}/a", f"{second}/c"]), paths()
    )

    assert by_name == (f"image {first}/b", [f"{first}/b"])
    assert together == (f"pool {second} and 2 images", [f"{first}/a", f"{second}/c"])
    assert description == "all images"
    assert {f"{first}/a", f"{first}/b", f"{second}/c"} <= set(everything)


# What is refused


async def test_what_is_not_there_ends_it_in_the_clusters_words(cluster, client, pool_with):
    pool = pool_with("disk")
    empty = pool_with()

    async def words(**params):
        return await failed(client, await begin(client, cluster, **params))

    no_pool, no_image, no_images = await asyncio.gather(
        words(pools=["nosuchpool"]), words(images=[f"{pool}/nosuch"]), words(pools=[empty])
    )
    assert re.search("nosuchpool.*errno 2, ENOENT", no_pool)
    assert re.search("RBD image not found.*nosuch.*errno 2, ENOENT", no_image)
    assert no_images == f"there are no images in pool {empty}"


async def test_what_cannot_be_is_refused_with_all_mistakes_at_once(cluster, client):
    params = {"fsid": cluster.fsid, "images": ["disk"], "seconds": 0, "interval_seconds": 61}
    answer = await client.call("POST", "taskqueue", {"job": "rbd_performance", "params": params})

    assert answer.status == 400
    assert set(answer.json["errors"]) == {"images", "seconds", "interval_seconds"}
    assert "an image of a pool, like rbd/disk1" in answer.json["errors"]["images"][0]


@pytest.fixture
def as_somebody(cluster, own_service):
    """A client of a server whose key has these capabilities and no others."""

    def start(name, **caps):
        own_service.start(*options(cluster, client=name, keyring=cluster.auth_key(name, **caps)))
        return Client(own_service)

    return start


async def test_a_key_without_manager_capabilities_ends_it_in_the_clusters_words(cluster, as_somebody, pool_with):
    pool = pool_with("disk")
    client = as_somebody("without-mgr", mon="allow r", osd="allow *")

    words = await failed(client, await begin(client, cluster, pools=[pool], seconds=2))
    assert "does your client key have mgr caps?" in words


async def test_a_key_without_osd_capabilities_is_said_to_be_one(cluster, as_somebody, pool_with):
    """Newer OSDs do not answer to such a key, and nobody can know why they are silent."""
    pool = pool_with("disk")
    client = as_somebody("without-osd", mon="allow r", mgr="allow *")
    task_id = await begin(client, cluster, pools=[pool], seconds=2)

    if cluster.release == "pacific":
        assert "errno 1, EPERM" in await failed(client, task_id)
    else:
        await message_with(client, task_id, "May client.without-osd read the pool (its osd caps)?")
        await client.call("DELETE", f"taskqueue/{task_id}")


@SLOW
async def test_a_wrong_key_is_said_to_be_one(cluster, own_service, pool_with, tmp_path):
    pool = pool_with("disk")
    wrong = tmp_path / "keyring"
    wrong.write_text("[client.admin]\n\tkey = AQDdZ2Vh7KkLGRAAk5T8Gkz4ZzO7ki1hXYZmZg==\n")
    own_service.start(*options(cluster, keyring=wrong))
    client = Client(own_service)

    assert "refuses the key of client.admin" in await failed(client, await begin(client, cluster, pools=[pool]))


# Interrupted


@pytest.mark.slow
async def test_an_abort_takes_effect_between_two_images(cluster, client, many):
    task_id = await begin(client, cluster, pools=[many[0]])
    await message_with(client, task_id, "size of ")
    await client.call("DELETE", f"taskqueue/{task_id}")
    task = await ended(client, task_id)

    assert task["outcome"].startswith(f"Aborted by admin after round {task['round']}")
    assert 1 <= task["round"] < 70
    assert (await rounds_of(client, task_id))[-1]["message"].endswith(f"({task['round']} of 70 images)")


@SLOW
async def test_after_the_death_of_worker_and_server_no_sample_is_missing_and_no_percent_falls(
    cluster, own_service, pool_with
):
    pool = pool_with("disk", "idle")
    own_service.start(*options(cluster))
    client = Client(own_service)
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=8)
        task = await message_with(client, task_id, "sample 3 of 8")
        assert task["estimated"] is not None
        os.kill(await worker_of(client, task_id), signal.SIGKILL)
        await message_with(client, task_id, "sample 5 of 8")
        own_service.kill()
        own_service.start(*options(cluster))
        result = await finished(client, task_id)
    samples, rounds = await samples_of(client, task_id), await rounds_of(client, task_id)
    task, series = await client.get(f"taskqueue/{task_id}"), result["series"]

    assert task["interruptions"] == 2
    assert task["rounds"] == task["round"] == len(rounds)
    assert all(before["percent"] <= after["percent"] < 100 for before, after in pairwise(rounds))
    assert len(samples) == len(series["at"]) == 8
    assert series["at"] == sorted(set(series["at"]))
    for name in FIGURES:
        assert series["images"][f"{pool}/disk"][name] == [sample[f"{pool}/disk"][name] for sample in samples]
    assert all(writes > 0 for writes in series["images"][f"{pool}/disk"]["write_ops"])
    wait_until(lambda: kept_of(own_service, cluster).get(f"{pool}/idle", [0])[0] == task_id)


@pytest.mark.slow
async def test_a_worker_that_dies_among_the_sizes_leaves_none_out(cluster, client, many):
    task_id = await begin(client, cluster, pools=[many[0]], seconds=1)
    await message_with(client, task_id, "size of ")
    os.kill(await worker_of(client, task_id), signal.SIGKILL)
    result = await finished(client, task_id)

    assert len(result["images"]) == 70
    assert (await client.get(f"taskqueue/{task_id}"))["interruptions"] == 1


# Silence


@contextmanager
def all_stopped(cluster, daemons):
    with ExitStack() as stack:
        for daemon in daemons:
            stack.enter_context(cluster.stopped(daemon))
        yield


SILENT = {
    "mon": (["mon.a"], "no mon answered within 2 s"),
    "mgr": (["mgr.x"], "the mgr did not answer within 2 s"),
    "osds": (["osd.0", "osd.1", "osd.2"], f"the OSDs did not answer within {SECONDS['osd_timeout_seconds']} s"),
}


@SLOW
@pytest.mark.parametrize("who", ["mon", "mgr", "osds"])
async def test_a_daemon_silent_from_the_beginning_is_named_and_waited_for(cluster, client, pool_with, who):
    pool = pool_with("disk")
    daemons, words = SILENT[who]
    with written_to(cluster, pool, ["disk"]):
        with all_stopped(cluster, daemons):
            task_id = await begin(client, cluster, pools=[pool], seconds=1)
            task = await message_with(client, task_id, words)
            assert task["message"].endswith("; trying again")
        result = await finished(client, task_id)

    assert (result["images"][f"{pool}/disk"]["samples"], result["removed"]) == (1, [])


@SLOW
@pytest.mark.parametrize("who", ["mon", "mgr"])
async def test_samples_that_a_silence_hides_are_missing_and_not_zero(cluster, client, pool_with, who):
    pool = pool_with("disk")
    daemons, words = SILENT[who]
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=5)
        await message_with(client, task_id, "sample 2 of 5")
        with all_stopped(cluster, daemons):
            task = await message_with(client, task_id, words)
            assert task["round"] < task["rounds"]
        result = await finished(client, task_id)
    disk = result["images"][f"{pool}/disk"]

    assert (disk["samples"], disk["samples_measured"]) == (5, 5)
    assert all(writes > 0 for writes in result["series"]["images"][f"{pool}/disk"]["write_ops"])


@SLOW
async def test_osds_that_hang_while_samples_are_taken_do_not_end_it(cluster, client, pool_with):
    pool = pool_with("disk")
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=6)
        await message_with(client, task_id, "sample 2 of 6")
        with all_stopped(cluster, SILENT["osds"][0]):
            await message_with(client, task_id, "sample 4 of 6")
        result = await finished(client, task_id)

    assert (result["images"][f"{pool}/disk"]["samples"], result["removed"]) == (6, [])


@SLOW
async def test_a_manager_that_begins_anew_is_not_taken_for_idle_images(cluster, client, pool_with):
    pool = pool_with("disk")
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=6)
        await message_with(client, task_id, "sample 3 of 6")
        cluster.kill_daemon("mgr.x")
        await message_with(client, task_id, "the mgr did not answer")
        cluster.recover()
        result = await finished(client, task_id)

    assert all(writes > 0 for writes in result["series"]["images"][f"{pool}/disk"]["write_ops"])


@SLOW
async def test_a_manager_that_takes_over_in_time_is_not_taken_for_idle_images(cluster, own_service, pool_with):
    pool = pool_with("disk")
    own_service.start(*options(cluster, mon_timeout_seconds=120))
    client = Client(own_service)
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=6)
        sampled = await message_with(client, task_id, "sample 3 of 6")
        cluster.command("mgr fail", who="x")
        await message_with(client, task_id, "waiting for the cluster's first figures", after=sampled["round"])
        result = await finished(client, task_id)

    assert all(writes > 0 for writes in result["series"]["images"][f"{pool}/disk"]["write_ops"])
    assert not [done for done in await rounds_of(client, task_id) if "did not answer" in done["message"]]


@SLOW
async def test_between_two_samples_a_minute_apart_it_is_not_stalled_and_the_manager_does_not_forget_that_somebody_asks(
    cluster, client, pool_with
):
    pool = pool_with("disk")
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=120, interval_seconds=60)
        task = await client.until(task_id, lambda task: task["stalled"] or task["status"] in FINAL)
        assert not task["stalled"]
        result = await finished(client, task_id)

    assert len(result["series"]["at"]) == 2
    assert all(writes > 0 for writes in result["series"]["images"][f"{pool}/disk"]["write_ops"])


# Removed meanwhile


@SLOW
async def test_images_and_pools_that_are_removed_meanwhile_are_left_out_and_said_so(cluster, client, pool_with):
    pool, other = pool_with("stays", "goes"), pool_with("disk")
    with written_to(cluster, pool, ["stays"]), written_to(cluster, other, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool, other], seconds=6)
        await message_with(client, task_id, "sample 1 of 6")
        cluster.remove_image(pool, "goes")
    cluster.delete_pool(other)
    result = await finished(client, task_id)

    assert (list(result["images"]), result["removed"]) == ([f"{pool}/stays"], sorted([f"{other}/disk", f"{pool}/goes"]))
    last = (await rounds_of(client, task_id))[-1]
    assert last["message"].endswith(" and 1 other image were removed meanwhile")
    assert list(last["output"]["images"]) == [f"{pool}/stays"]


async def test_a_pool_that_is_removed_meanwhile_ends_it_with_that_word(cluster, client, pool_with):
    pool = pool_with("disk")
    task_id = await begin(client, cluster, pools=[pool])
    await message_with(client, task_id, "waiting for the cluster's first figures")
    cluster.delete_pool(pool)

    assert await failed(client, task_id) == f"{pool}/disk was removed meanwhile (errno 2, ENOENT)"
