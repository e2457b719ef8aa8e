"""RBD performance data of pools and images that are not well: what can be read is, and the rest is named."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from ceph.errors import ClusterUnavailable
from ceph.images.opener import Opener
from ceph.images.opener_messages import Measure
from ceph.settings import ClusterSettings
from tests.support.ceph_service import options_for
from tests.support.cluster import wait_until
from tests.support.image_load import written_to
from tests.support.measurements import begin, ended, failed, finished, message_with
from tests.support.processes import is_there
from tests.support.service import Client, Service
from tests.support.sick_images import damage

pytestmark = pytest.mark.gen_test(timeout=180)

LAYERING = 1
SLOW = pytest.mark.slow
ENOENT, EIO, ETIMEDOUT = 2, 5, 110


@pytest.fixture(scope="module")
def service(cluster, tmp_path_factory):
    """A server that waits for OSDs far longer than for an image, so that librbd does not come back by itself."""
    options = options_for({"main": cluster.conf}, osd_timeout_seconds=600)
    service = Service(tmp_path_factory.mktemp("service"))
    yield service.start(*options, "--set", "rbd_performance.image_timeout_seconds=4")
    service.close()


@pytest.fixture
def client(service):
    return Client(service)


@pytest.fixture
def own_service(tmp_path):
    """A server of the test's own, not started yet."""
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def pool_with(cluster, new_pool):
    """Makes a pool with images: `pool_with("a", "b")` is its name."""

    def make(*names, **image):
        pool = new_pool()
        for name in names:
            cluster.create_image(pool, name, features=LAYERING, **image)
        return pool

    return make


@pytest.fixture(scope="module")
def apart(cluster):
    """Two pools with images a and b, and an OSD: the first pool is on all others, the second one on that alone."""
    osd = f"osd.{cluster.osds - 1}"
    before = cluster.command("osd crush get-device-class", ids=[osd])[0]["device_class"]
    set_device_class(cluster, osd, "alone")
    pools = {"well": before, "sick": "alone"}
    for pool, device_class in pools.items():
        rule = {"name": pool, "root": "default", "type": "osd", "class": device_class}
        cluster.command("osd crush rule create-replicated", **rule)
        cluster.create_pool(pool, pg_num=4, rule=pool)
        cluster.create_images(pool, ["a", "b"], features=LAYERING)
    yield *pools, osd
    cluster.recover()
    for pool in pools:
        cluster.delete_pool(pool)
        cluster.command("osd crush rule rm", name=pool)
    set_device_class(cluster, osd, before)


def set_device_class(cluster, osd, device_class):
    cluster.command("osd crush rm-device-class", ids=[osd])
    cluster.command("osd crush set-device-class", **{"class": device_class}, ids=[osd])


def rbd(cluster, *words):
    subprocess.run(["rbd", "-c", cluster.conf, *words], check=True)


def errors_in(result):
    """The images that could not be read, each with the errno of that."""
    failures = {path: image for path, image in result["images"].items() if "error" in image}
    assert all(set(image) == {"error"} and set(image["error"]) == {"errno", "text"} for image in failures.values())
    assert all(image["error"]["text"] for image in failures.values())
    return {path: image["error"]["errno"] for path, image in failures.items()}


def openers(service):
    """The processes that open images: children of workers."""
    command_lines = Path("/proc").glob("[0-9]*/cmdline")
    found = []
    for path in command_lines:
        try:
            if b"ceph.images.opener_process" in path.read_bytes() and int(parent_of(path)) in service.workers():
                found.append(int(path.parent.name))
        except OSError:
            pass  # it has ended
    return found


def parent_of(path):
    return (path.parent / "stat").read_text().rpartition(")")[2].split()[1]


# Images


async def test_images_that_cannot_be_opened_are_in_the_result_and_all_others_are_measured(cluster, client, pool_with):
    pool, data_pool = pool_with("good", "headless", "garbled"), pool_with()
    rbd(cluster, "create", f"{pool}/dataless", "--size=1G", f"--data-pool={data_pool}", "--image-feature=layering")
    damage(cluster, pool, "remove_header", "headless")
    damage(cluster, pool, "garble_size", "garbled")
    cluster.delete_pool(data_pool)
    task_id = await begin(client, cluster, pools=[pool], seconds=2)
    result = await finished(client, task_id)
    rounds = (await client.get(f"taskqueue/{task_id}/rounds"))["results"]

    errors = errors_in(result)
    assert set(errors) == {f"{pool}/{name}" for name in ("headless", "garbled", "dataless")}
    assert (errors[f"{pool}/headless"], errors[f"{pool}/garbled"]) == (ENOENT, EIO)
    assert result["images"][f"{pool}/good"]["samples_measured"] == 2
    assert (result["removed"], result["unreadable"], result["incomplete"]) == ([], [], None)
    assert rounds[-1]["message"].endswith("; 3 of 4 images cannot be read")
    of_headless = [done["output"]["images"] for done in rounds if "headless cannot be read" in done["message"]]
    assert of_headless == [{f"{pool}/headless": result["images"][f"{pool}/headless"]}]


@SLOW
async def test_names_of_any_kind_are_measured_under_encoded_paths(cluster, client, new_pool):
    """The manager cannot be asked for a pool with a slash in its name by that name."""
    cluster.create_pool("we/ird%")
    try:
        for name in ("a/b", "50%", "x@y", "ü ñ"):
            cluster.create_image("we/ird%", name, features=LAYERING)
        with written_to(cluster, "we/ird%", ["a/b"]):
            result = await finished(client, await begin(client, cluster, pools=["we/ird%"], seconds=4))
    finally:
        cluster.delete_pool("we/ird%")

    names = ("50%25", "a%2Fb", "x@y", "ü ñ")
    assert list(result["images"]) == [f"we%2Fird%25/{name}" for name in names]
    busy = result["images"]["we%2Fird%25/a%2Fb"]
    assert busy["measured"]
    assert busy["write_ops"]["max"] > 0
    assert result["images"]["we%2Fird%25/x@y"]["write_ops"]["max"] == 0
    assert list(result["series"]["images"]) == ["we%2Fird%25/a%2Fb"]


@SLOW
async def test_images_in_namespaces_are_measured_apart_from_those_of_the_same_name(cluster, client, pool_with):
    pool = pool_with("disk")
    rbd(cluster, "namespace", "create", f"{pool}/team")
    rbd(cluster, "create", f"{pool}/team/disk", "--size=1G", "--image-feature=layering")
    rbd(cluster, "create", f"{pool}/team/other", "--size=1G", "--image-feature=layering")
    with bench(cluster, f"{pool}/team/disk"):
        everything, chosen = [
            await finished(client, await begin(client, cluster, seconds=3, **params))
            for params in ({"pools": [pool]}, {"images": [f"{pool}/team/disk", f"{pool}/disk"]})
        ]

    assert list(everything["images"]) == [f"{pool}/disk", f"{pool}/team/disk", f"{pool}/team/other"]
    assert list(chosen["images"]) == [f"{pool}/disk", f"{pool}/team/disk"]
    for result in (everything, chosen):
        assert result["images"][f"{pool}/team/disk"]["write_ops"]["max"] > 0
        assert result["images"][f"{pool}/disk"]["write_ops"]["max"] == 0


@contextmanager
def bench(cluster, image):
    """Something that writes to an image, wherever that is, and has written to it already."""
    words = ["--io-type=write", "--io-size=4096", "--io-threads=1", "--io-total=100G"]
    command = ["rbd", "-c", cluster.conf, "bench", image, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        next(line for line in process.stdout if line.strip()[:1].isdigit())  # each second it reports what it has done
        yield
    finally:
        process.terminate()
        process.communicate()


@SLOW
async def test_images_and_pools_that_were_never_there_are_named_and_hide_no_other(cluster, client, pool_with):
    pool, empty = pool_with("disk"), pool_with()
    images = [f"{pool}/disk", f"{pool}/nosuch", f"{pool}/nosuch/disk", "nosuchpool/disk"]
    task_id = await begin(client, cluster, pools=["nosuch", empty, empty], images=images, seconds=1)
    result = await finished(client, task_id)

    assert errors_in(result) == dict.fromkeys(images[1:], ENOENT)
    assert result["images"][images[0]]["measured"]
    assert result["removed"] == []
    assert [(one["pool"], one["state"]) for one in result["unreadable"]] == [("nosuch", "failed")]
    assert "nosuch" in result["unreadable"][0]["text"]
    assert "ENOENT" in result["unreadable"][0]["text"]


@SLOW
async def test_an_image_in_which_librbd_hangs_costs_no_worker_and_none_of_the_others(cluster, client, pool_with):
    pool = pool_with("before", "other")
    damage(cluster, pool, "make_its_own_parent", "hangs")
    workers = client.service.workers()
    result = await finished(client, task_id := await begin(client, cluster, pools=[pool], seconds=1))

    # release by release it hangs or crashes
    assert set(errors_in(result).items()) <= {(f"{pool}/hangs", ETIMEDOUT), (f"{pool}/hangs", EIO)}
    assert all(result["images"][f"{pool}/{name}"]["measured"] for name in ("before", "other", "hangs-parent"))
    assert (await client.get(f"taskqueue/{task_id}"))["interruptions"] == 0
    assert client.service.workers() == workers
    assert openers(client.service) == []


@SLOW
async def test_images_whose_osd_hangs_are_in_the_result_and_all_others_are_measured(cluster, client, apart):
    well, sick, osd = apart
    images = [f"{pool}/{name}" for pool in (sick, well) for name in ("a", "b")]
    with cluster.stopped(osd):
        result = await finished(client, await begin(client, cluster, images=images, seconds=1))

    assert errors_in(result) == dict.fromkeys(images[:2], ETIMEDOUT)
    assert all(result["images"][path]["measured"] for path in images[2:])


@pytest.mark.slow
async def test_an_abort_does_not_wait_for_an_image_that_hangs(cluster, own_service, apart):
    _, sick, osd = apart
    options = options_for({"main": cluster.conf}, osd_timeout_seconds=600)
    own_service.start(*options, "--set", "rbd_performance.image_timeout_seconds=600")
    client = Client(own_service)
    with cluster.stopped(osd):
        task_id = await begin(client, cluster, images=[f"{sick}/a"], seconds=1)
        wait_until(lambda: openers(own_service), what="a process that opens the image")
        await client.call("DELETE", f"taskqueue/{task_id}")
        task = await ended(client, task_id)

        assert task["outcome"].startswith("Aborted by admin")
        wait_until(lambda: not openers(own_service), what="the end of the process that opened it")
        assert "is replaced" not in (own_service.directory / "server.log").read_text()


@SLOW
async def test_the_process_that_opens_images_dies_with_its_worker(cluster, own_service, apart):
    _, sick, osd = apart
    options = options_for({"main": cluster.conf}, osd_timeout_seconds=600)
    own_service.start(*options, "--set", "rbd_performance.image_timeout_seconds=600")
    client = Client(own_service)
    with cluster.stopped(osd):
        await begin(client, cluster, images=[f"{sick}/a"], seconds=1)
        (opener,) = wait_until(lambda: openers(own_service), what="a process that opens the image")
        own_service.kill()
        wait_until(lambda: not is_there(opener), what="its end")


# Pools


@SLOW
async def test_a_pool_that_is_silent_hides_no_image_of_the_others(cluster, client, apart):
    well, sick, osd = apart
    with cluster.stopped(osd):
        task_id = await begin(client, cluster, pools=[sick, well], seconds=1)
        result = await finished(client, task_id)
    rounds = (await client.get(f"taskqueue/{task_id}/rounds"))["results"]

    assert list(result["images"]) == [f"{well}/a", f"{well}/b"]
    assert [one["pool"] for one in result["unreadable"]] == [sick]
    assert result["unreadable"][0]["state"] in ("inactive", "failed")
    assert f"; pool {sick} cannot be read (" in rounds[-1]["message"]


@SLOW
async def test_a_key_for_one_pool_gets_the_figures_of_that_one(cluster, own_service, pool_with):
    pool, other = pool_with("disk"), pool_with("disk")
    caps = {"mon": "profile rbd", "osd": f"profile rbd pool={pool}", "mgr": f"profile rbd pool={pool}"}
    own_service.start(
        *options_for({"main": cluster.conf}, client="one-pool", keyring=cluster.auth_key("one-pool", **caps))
    )
    client = Client(own_service)
    with written_to(cluster, pool, ["disk"]):
        result = await finished(client, await begin(client, cluster, seconds=3))

    assert list(result["images"]) == [f"{pool}/disk"]
    assert result["images"][f"{pool}/disk"]["write_ops"]["max"] > 0
    assert (other, "not permitted") in [(one["pool"], one["state"]) for one in result["unreadable"]]
    assert "EPERM" in await failed(client, await begin(client, cluster, pools=[other], seconds=1))


@SLOW
async def test_a_pool_that_is_renamed_meanwhile_is_measured_on_under_its_new_name(cluster, client, pool_with):
    pool = pool_with("disk", "idle")
    with written_to(cluster, pool, ["disk"]):
        task_id = await begin(client, cluster, pools=[pool], seconds=6)
        await message_with(client, task_id, "sample 2 of 6")
        cluster.command("osd pool rename", srcpool=pool, destpool=f"{pool}-renamed")
        try:
            result = await finished(client, task_id)
        finally:
            cluster.command("osd pool rename", srcpool=f"{pool}-renamed", destpool=pool)

    assert list(result["images"]) == [f"{pool}-renamed/disk", f"{pool}-renamed/idle"]
    assert result["removed"] == []
    assert all(writes > 0 for writes in result["series"]["images"][f"{pool}-renamed/disk"]["write_ops"])


# Large ones, and long waits


@SLOW
async def test_a_large_image_without_a_map_is_looked_through_in_pieces(cluster, client, pool_with):
    pool = pool_with("large", size_bytes=48 << 30, data_mb=8)
    result = await finished(client, task_id := await begin(client, cluster, pools=[pool], seconds=1))
    rounds = (await client.get(f"taskqueue/{task_id}/rounds"))["results"]

    assert "8 GiB of 48 GiB examined (0 of 1 image)" in rounds[0]["message"]
    assert result["images"][f"{pool}/large"]["used_bytes"] == 8_000_000
    assert all(before["percent"] <= after["percent"] for before, after in pairwise(rounds))


@pytest.mark.slow
async def test_an_abort_between_two_samples_a_minute_apart_takes_effect_at_once(cluster, client, pool_with):
    pool = pool_with("disk")
    task_id = await begin(client, cluster, pools=[pool], seconds=120, interval_seconds=60)
    await message_with(client, task_id, "sample 1 of 2")
    await client.call("DELETE", f"taskqueue/{task_id}")

    assert (await ended(client, task_id))["outcome"].startswith("Aborted by admin")


@SLOW
async def test_the_scan_of_a_large_image_resumes_after_the_death_of_its_worker(cluster, client, pool_with):
    pool = pool_with("large", size_bytes=640 << 30, data_mb=8)
    task_id = await begin(client, cluster, pools=[pool], seconds=1)
    before = (await client.until(task_id, lambda task: looked_at(task["message"]) > 200))["message"]
    workers = (await client.get("workers"))["results"]
    os.kill(next(worker["pid"] for worker in workers if worker["task"] == task_id), signal.SIGKILL)
    await client.until(task_id, lambda task: task["interruptions"] == 1)
    after = (await client.until(task_id, lambda task: task["message"] != before))["message"]
    result = await finished(client, task_id)

    assert looked_at(after) > 100, "it had been looked through up to 200 GiB, less a piece or two"
    assert result["images"][f"{pool}/large"]["used_bytes"] == 8_000_000


def looked_at(message):
    """`size of pool/large: 104 GiB of 640 GiB examined` has 104."""
    return int(message.partition(": ")[2].split()[0]) if "examined" in message else 0


# What changes meanwhile


@SLOW
async def test_a_pool_that_is_removed_and_made_again_meanwhile_is_another_one(cluster, client, pool_with):
    pool, other = pool_with("disk"), pool_with("disk")
    task_id = await begin(client, cluster, pools=[pool, other], seconds=4)
    await message_with(client, task_id, "sample 1 of 4")
    cluster.delete_pool(pool)
    cluster.command("osd pool create", pool=pool, pg_num=8, pgp_num=8)
    rbd(cluster, "create", f"{pool}/disk", "--size=1G")
    result = await finished(client, task_id)

    assert (list(result["images"]), result["removed"]) == ([f"{other}/disk"], [f"{pool}/disk"])


@SLOW
async def test_an_image_that_is_renamed_meanwhile_is_gone_under_its_old_name(cluster, client, pool_with):
    pool = pool_with("disk", "other")
    task_id = await begin(client, cluster, images=[f"{pool}/disk", f"{pool}/other"], seconds=2)
    await message_with(client, task_id, "sample 1 of 2")
    rbd(cluster, "rename", f"{pool}/disk", f"{pool}/renamed")
    result = await finished(client, task_id)

    assert (list(result["images"]), result["removed"]) == ([f"{pool}/other"], [f"{pool}/disk"])


# The process that opens images


def test_a_process_that_was_shut_out_of_the_cluster_says_so_and_the_next_one_goes_on(cluster, pool_with):
    pool = pool_with("disk")
    keyring = cluster.auth_key("shut-out", mon="allow *", osd="allow *")
    settings = ClusterSettings(conf=str(cluster.conf), keyring=str(keyring), client="shut-out")
    measure = Measure(pool=pool, namespace="", name="disk")
    opener = Opener(settings, 60)
    try:
        opener.connect()
        assert answer_of(opener, measure).is_last
        addresses = addresses_of(cluster, "client.shut-out")
        for address in addresses:
            cluster.command("osd blocklist", blocklistop="add", addr=address)
        with pytest.raises(ClusterUnavailable, match="blocklisted") as shut_out:
            wait_until(lambda: answer_of(opener, measure) is None, what="the end of its answers")
        opener.connect()
        assert answer_of(opener, measure).is_last
    finally:
        opener.close()
        for address in addresses:
            cluster.command("osd blocklist", blocklistop="rm", addr=address)
    assert shut_out.value.is_silence, "so that a task tries again"


def answer_of(opener, order):
    opener.order(order)
    return opener.reply(60)


def addresses_of(cluster, client):
    """Of the handles that a client has at the moment."""
    sessions = [one for one in cluster.ceph("tell", "mon.a", "sessions") if one["entity_name"] == client]
    addresses = [address for one in sessions for address in one["addrs"]["addrvec"]]
    return [f"{address['addr']}/{address['nonce']}" for address in addresses]


def test_a_process_that_cannot_connect_says_why_and_is_not_left_behind(cluster, tmp_path):
    conf = tmp_path / "ceph.conf"
    conf.write_text(cluster.conf.read_text().replace("keyring =", "no keyring ="))
    opener = Opener(ClusterSettings(conf=str(conf)), 60)

    with pytest.raises(ClusterUnavailable):
        opener.connect()
    assert not opener.is_connected
