"""Keys that are rotated, refused, or allowed more while the service runs, and what else makes a connection useless."""

from __future__ import annotations

import os
from errno import EACCES, ESHUTDOWN

import pytest

from ceph.clusters import Clusters, may_pass, retry_while_silent
from ceph.connection.cluster import Cluster, causes_of_silence
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable
from ceph.images.listing import ImageListing
from ceph.jobs.retrying import RetryingClient
from ceph.settings import ClusterSettings
from jobs import Round
from tests.support.ceph_service import Checked, options_for
from tests.support.service import Service

HASTY = {"connect_timeout_seconds": 1, "mon_timeout_seconds": 1, "osd_timeout_seconds": 1}
ALL = {"mon": "allow *", "mgr": "allow *", "osd": "allow *"}
WRONG_KEY = "[client.{name}]\n\tkey = AQDZNxlnAAAAABAAr8Knh2tmJ0ckUYPuqmpYrA==\n"


def names_in(handle, pool):
    """The names of the images of a pool, which the OSDs are asked for."""
    import rbd

    with handle.pool(pool) as context:
        return rbd.RBD().list(context)


@pytest.fixture
def client_of(cluster, request, tmp_path):
    """Makes a client with a keyring of its own, which a test may write: `client_of(mon="allow r")`."""

    def make(**caps):
        name = f"c{abs(hash(request.node.name)) % 10**8}"
        path = tmp_path / "keyring"
        path.write_text(cluster.auth_key(name, **(caps or ALL)).read_text())
        return ClusterSettings(conf=str(cluster.conf), keyring=str(path), client=name, **HASTY), path

    return make


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


def test_a_keyring_that_was_replaced_is_taken_at_the_next_call(cluster, client_of):
    settings, keyring = client_of()
    with Cluster(settings) as handle:
        before = handle._connection
        keyring.write_text(cluster.rotate_key(settings.client))

        assert handle.ask("status")["fsid"] == cluster.fsid
        assert handle._connection is not before


def test_a_key_that_is_refused_by_now_is_called_refused_until_the_new_one_is_there(cluster, client_of):
    settings, keyring = client_of()
    threads = len(os.listdir("/proc/self/task"))
    with Cluster(settings) as handle:
        rotated = cluster.rotate_key(settings.client)
        assert handle.ask("status")["fsid"] == cluster.fsid  # the session holds on
        cluster.restart_monitor()

        with pytest.raises(ClusterUnavailable, match=r"no mon answered|refuses the key"):
            handle.ask("status")
        with pytest.raises(ClusterUnavailable, match=f"refuses the key of client.{settings.client}") as refused:
            handle.ask("status")
        keyring.write_text(rotated)

        assert handle.ask("status")["fsid"] == cluster.fsid
    assert len(os.listdir("/proc/self/task")) == threads
    assert refused.value.errno == EACCES
    assert refused.value.was_reached
    assert may_pass(refused.value, began_at=float("inf"))
    assert not may_pass(refused.value, began_at=0)


def test_a_key_that_was_refused_from_the_beginning_does_not_pass(cluster, client_of):
    settings, keyring = client_of()
    keyring.write_text(WRONG_KEY.format(name=settings.client))

    with pytest.raises(ClusterUnavailable, match="refuses the key") as refused:
        next(retry_while_silent(lambda: Clusters({"main": settings}).connect(cluster.fsid)))

    assert not may_pass(refused.value, began_at=float("inf"))


def test_a_task_keeps_its_connection_while_a_new_keyring_is_wrong_and_others_report_it(cluster, client_of):
    settings, keyring = client_of()
    good = keyring.read_text()
    with Cluster(settings, cluster.fsid) as of_task, Cluster(settings) as of_reader:
        keyring.write_text(WRONG_KEY.format(name=settings.client))

        assert of_task.ask("status")["fsid"] == cluster.fsid
        with pytest.raises(ClusterUnavailable, match="refuses the key"):
            of_reader.ask("status")
        keyring.write_text(good)

        assert of_reader.ask("status")["fsid"] == cluster.fsid


def test_what_a_key_is_allowed_by_now_is_taken_after_a_refusal(cluster, client_of, new_pool):
    pool = new_pool()
    settings, _ = client_of(mon="allow r")
    with Cluster(settings) as handle:
        with pytest.raises(ClusterRefused, match="access denied"):
            handle.command("osd pool application set", pool=pool, app="rbd", key="a", value="b")
        cluster.command("auth caps", entity=settings.client_name, caps=["mon", "allow *", "osd", "allow *"])

        handle.command("osd pool application set", pool=pool, app="rbd", key="a", value="b")
        assert names_in(handle, pool) == []


def test_without_osd_capabilities_it_is_said_that_they_may_be_missing(cluster, client_of, new_pool):
    """Ceph 16 refuses, Ceph 18 is silent."""
    pool = new_pool()
    settings, _ = client_of(mon="allow r")
    with Cluster(settings) as handle, pytest.raises(ClusterError) as error:
        names_in(handle, pool)

    refused = isinstance(error.value, ClusterRefused) and error.value.errno == 1
    assert refused or f"May {settings.client_name} read the pool (its osd caps)?" in error.value.text


@pytest.mark.slow
def test_osds_that_are_silent_because_of_the_flag_pause_are_said_to_be(cluster, client_of, new_pool):
    pool = new_pool()
    settings, _ = client_of()
    cluster.command("osd set", key="pause")
    try:
        with Cluster(settings) as handle:
            cluster.wait_until(lambda: "pause" in str(handle.ask("status")["health"]))
            with pytest.raises(ClusterUnavailable) as silent:
                names_in(handle, pool)
    finally:
        cluster.command("osd unset", key="pause")

    assert silent.value.text.startswith("the OSDs did not answer within 1 s: pauserd,pausewr flag(s) set")


@pytest.mark.parametrize(
    ("up", "checks", "causes"),
    [
        (3, {}, []),
        (2, {}, ["1 of 3 OSDs are down"]),
        (3, {"OSDMAP_FLAGS": "noout flag(s) set"}, []),
        (3, {"OSDMAP_FLAGS": "pauserd flag(s) set"}, ["pauserd flag(s) set: `ceph osd unset pause` ends that"]),
        (
            0,
            {"PG_AVAILABILITY": "8 pgs inactive", "POOL_APP_NOT_ENABLED": "no application"},
            ["3 of 3 OSDs are down", "8 pgs inactive"],
        ),
    ],
)
def test_why_osds_may_be_silent_is_what_the_monitors_know(up, checks, causes):
    told = {code: {"summary": {"message": message}} for code, message in checks.items()}
    status = {"osdmap": {"num_osds": 3, "num_up_osds": up}, "health": {"checks": told}}

    assert causes_of_silence(status) == causes


def test_a_blocklisted_client_says_so_and_reconnects(cluster, client_of, new_pool):
    pool = new_pool()
    settings, _ = client_of()
    with Cluster(settings) as handle:
        assert names_in(handle, pool) == []
        address = handle._connection.handle.get_addrs().strip("[]").split("v2:")[-1].split(",")[0]
        cluster.command("osd blocklist", blocklistop="add", addr=address)
        handle._connection.handle.wait_for_latest_osdmap()
        try:
            error = cluster.wait_until(lambda: error_of(lambda: names_in(handle, pool)))
            assert names_in(handle, pool) == []
        finally:
            cluster.command("osd blocklist", blocklistop="rm", addr=address)

    assert error.errno == ESHUTDOWN
    assert error.is_silence  # so that a task tries again
    assert error.text.startswith(f"the cluster has blocklisted this client ({settings.client_name})")


def test_a_list_of_images_says_that_the_client_was_blocklisted_and_the_next_one_is_whole(cluster, client_of, new_pool):
    pool = new_pool()
    cluster.create_image(pool, "disk")
    settings, _ = client_of()
    with Cluster(settings) as handle:
        listing = ImageListing(handle)
        address = handle._connection.handle.get_addrs().strip("[]").split("v2:")[-1].split(",")[0]
        cluster.command("osd blocklist", blocklistop="add", addr=address)
        handle._connection.handle.wait_for_latest_osdmap()
        try:
            error = cluster.wait_until(lambda: error_of(listing.images))
            found = listing.images()
        finally:
            cluster.command("osd blocklist", blocklistop="rm", addr=address)

    assert error.text.startswith("the cluster has blocklisted this client")
    assert f"{pool}/disk" in [image.path for image in found.images]


def error_of(ask):
    try:
        ask()
    except ClusterUnavailable as error:
        return error
    return None


# With a server


@pytest.mark.slow
async def test_a_reader_takes_a_rotated_key_by_itself_and_says_meanwhile_that_the_old_one_is_refused(
    service, cluster, client_of
):
    settings, keyring = client_of()
    hasty = {"connect_timeout_seconds": 1, "mon_timeout_seconds": 1}
    service.start(*options_for({"main": cluster.conf}, client=settings.client, keyring=keyring, **hasty))
    client = Checked(service)
    await client.until(lambda found: found["reachable"], client.cluster)
    readers = await client.readers()
    rotated = cluster.rotate_key(settings.client)
    cluster.restart_monitor()

    refused = await client.until(lambda found: "refuses" in str(found["error"]), client.cluster)
    problem = await client.refused("GET", f"ceph/{cluster.fsid}/pools")
    keyring.write_text(rotated)
    await client.until(lambda found: found["reachable"], client.cluster)

    assert refused["error"].startswith(f"the cluster refuses the key of client.{settings.client}")
    assert problem["status"] == 503
    assert problem["detail"] == refused["error"]
    assert await client.readers() == readers


@pytest.mark.slow
async def test_a_running_task_takes_a_rotated_key_by_itself(service, cluster, client_of, new_pool):
    pool = new_pool(pg_num=8)
    settings, keyring = client_of()
    service.start(*options_for({"main": cluster.conf}, client=settings.client, keyring=keyring))
    client = Checked(service)
    needed = cluster.command("osd map", pool=pool, object="any")["acting_primary"]
    with cluster.stopped(f"osd.{needed}"):
        pool_id = cluster.pool(pool)["pool_id"]
        answer = await client.call("PUT", f"ceph/{cluster.fsid}/pools/{pool_id}", {"pg_num": 16})
        await client.until(lambda task: task["round"] > 2, lambda: client.task_of(answer))
        rotated = cluster.rotate_key(settings.client)
        cluster.restart_monitor()

        await client.until(lambda task: "refuses the key" in str(task["message"]), lambda: client.task_of(answer))
        keyring.write_text(rotated)

    task = await client.until(lambda task: task["outcome"], lambda: client.task_of(answer))
    assert task["status"] == "Finished", task


@pytest.mark.slow
@pytest.mark.gen_test(timeout=240)
async def test_a_measurement_takes_a_rotated_key_by_itself(service, cluster, client_of, new_pool):
    pool = new_pool()
    cluster.create_images(pool, ["a", "b"])
    settings, keyring = client_of()
    service.start(*options_for({"main": cluster.conf}, client=settings.client, keyring=keyring))
    client = Checked(service)
    answer = await client.call("POST", f"ceph/{cluster.fsid}/rbds/performance", {"pools": [pool], "seconds": 20})
    await client.until(lambda task: task["message"].startswith("sample"), lambda: client.task_of(answer))
    rotated = cluster.rotate_key(settings.client)
    cluster.restart_monitor()

    await client.until(lambda task: "refuses the key" in task["message"], lambda: client.task_of(answer))
    keyring.write_text(rotated)

    task = await client.until(lambda task: task["outcome"], lambda: client.task_of(answer))
    assert task["status"] == "Finished", task
    assert set(task["result"]["images"]) == {f"{pool}/a", f"{pool}/b"}


def test_images_are_asked_for_again_by_another_process_if_the_key_of_this_one_is_refused_by_now(
    cluster, client_of, new_pool
):
    pool = new_pool()
    settings, keyring = client_of()
    good = keyring.read_text()

    def say(text):
        return Round(message=text)

    client = RetryingClient(lambda: Clusters({"main": settings}).connect(cluster.fsid), 30, say)
    asked, failed = [], []

    def ask(path):
        asked.append(path)
        if len(asked) == 1:  # as a handle fails whose monitor asked for its key again
            keyring.write_text(WRONG_KEY.format(name=settings.client))
            raise ClusterUnavailable("the cluster refuses the key", EACCES)
        yield Round(message=f"asked for {path}")

    said = []
    for step in client.each([f"{pool}/a", f"{pool}/b"], ask, lambda path, error: failed.append((path, error)) or ()):
        if isinstance(step, Round):
            said.append(step.message)
            if "refuses the key" in step.message:
                keyring.write_text(good)
    client.close()

    assert asked == [f"{pool}/a", f"{pool}/a", f"{pool}/b"]
    assert failed == []
    assert said[0].startswith(f"the cluster refuses the key of {settings.client_name}")
    assert said[-2:] == [f"asked for {pool}/a", f"asked for {pool}/b"]
