"""Images of a cluster as administrators have it: what is sick, forbidden or damaged hides nothing else."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from errno import EILSEQ, EIO, ENOENT, EPERM, ETIMEDOUT
from queue import SimpleQueue

import pytest

from ceph.connection.cluster import Cluster
from ceph.errors import ClusterUnavailable
from ceph.images import listing, pool_reading, rbd_layout
from ceph.images.budget import ImageBudget
from ceph.images.listing import ImageListing
from ceph.images.pool_calls import PoolCalls
from ceph.images.pool_reading import Facts, PoolReading
from ceph.settings import ClusterSettings
from tests.support.ceph_service import Checked, options_for
from tests.support.service import Service

MIB = 1 << 20
ODD_NAMES = [
    "sl/ash",
    "per%cent",
    "per%2Fcent",
    "unié中",
    "tab\there",
    "new\nline",
    "esc\x1b[31m",
    "../up",
    " ",
    "@snap",
]


@pytest.fixture
def settings(cluster):
    """A time limit so long that nobody could overlook a call that was waited for."""
    return ClusterSettings(conf=str(cluster.conf), osd_timeout_seconds=600)


@pytest.fixture
def listed(settings):
    with Cluster(settings) as handle:
        yield ImageListing(handle)


@pytest.fixture(scope="module")
def lasting_pools(cluster):
    names = ["listing-one", "listing-other"]
    for name in names:
        cluster.create_pool(name)
    yield names
    for name in names:
        cluster.delete_pool(name)


@pytest.fixture
def pool(cluster, lasting_pools):
    """An empty one, which is quicker than a new one."""
    yield lasting_pools[0]
    cluster.empty_pool(lasting_pools[0])


@pytest.fixture
def other(cluster, lasting_pools):
    yield lasting_pools[1]
    cluster.empty_pool(lasting_pools[1])


@pytest.fixture
def patient(monkeypatch):
    """Who waits for a pool that is silent waits for ever."""
    monkeypatch.setattr(listing, "LONGEST_SECONDS", float("inf"))


def images_of(found, *pools):
    return {
        "/".join(filter(None, (image.namespace, image.name))): image.error.errno if image.error else image.size_bytes
        for image in found.images
        if image.pool in pools
    }


def osd_of(cluster, pool, object_name):
    """Returns the number of the OSD that answers for this object."""
    return cluster.command("osd map", pool=pool, object=object_name)["acting_primary"]


def states(found, *pools):
    return {one.pool: one.state for one in found.unreadable if one.pool in pools}


def rbd(cluster, *words, **environment):
    command = ["rbd", "-c", cluster.conf, *words]
    subprocess.run(command, check=True, env={**os.environ, **environment}, capture_output=True)


def rados(cluster, pool, *words, **options):
    return subprocess.run(
        ["rados", "-c", cluster.conf, "-p", pool, *words], check=True, capture_output=True, **options
    ).stdout


def image_id(cluster, pool, name):
    return rados(cluster, pool, "get", f"rbd_id.{name}", "-")[4:].decode()


def header(cluster, pool, name):
    return f"rbd_header.{image_id(cluster, pool, name)}"


@contextmanager
def inactive(cluster, pool):
    """A pool that wants more copies than there are OSDs, before it serves anybody."""
    cluster.command("osd pool set", pool=pool, var="size", val="5")
    cluster.command("osd pool set", pool=pool, var="min_size", val="5")
    cluster.wait_until(lambda: all("peered" in state for state in cluster.pg_states(pool)), what="inactive PGs")
    try:
        yield
    finally:
        cluster.command("osd pool set", pool=pool, var="min_size", val="1")
        cluster.command("osd pool set", pool=pool, var="size", val="1", yes_i_really_mean_it=True)


# What is listed


def test_images_are_listed_by_pool_namespace_and_name_with_the_size_they_have_now(cluster, listed, pool, other):
    for name in ("b", "a"):
        cluster.create_image(pool, name, size_bytes=5 * MIB)
    cluster.create_image(other, "c", size_bytes=(1 << 40) + 4096)
    for namespace in ("two", "one"):
        rbd(cluster, "namespace", "create", f"{pool}/{namespace}")
    rbd(cluster, "create", "--size=7M", f"{pool}/one/a")
    rbd(cluster, "resize", "--size=5G", f"{pool}/b")
    found = [image for image in listed.images().images if image.pool in (pool, other)]

    assert [(image.path, image.size_bytes, image.error) for image in found] == [
        (f"{pool}/a", 5 * MIB, None),
        (f"{pool}/b", 5 << 30, None),
        (f"{pool}/one/a", 7 * MIB, None),
        (f"{other}/c", (1 << 40) + 4096, None),
    ]


@pytest.mark.slow
def test_pools_of_several_applications_and_of_none_may_hold_images_and_others_do_not(cluster, listed, new_pool):
    both, none, foreign = new_pool(), new_pool(), new_pool(application="cephfs")
    cluster.command("osd pool application enable", pool=both, app="cephfs", yes_i_really_mean_it=True)
    cluster.command("osd pool application disable", pool=none, app="rbd", yes_i_really_mean_it=True)
    for pool in (both, none, foreign):
        cluster.create_image(pool, "disk", size_bytes=MIB)

    assert images_of(listed.images(), both) == {"disk": MIB}
    assert images_of(listed.images(), none) == {"disk": MIB}
    assert images_of(listed.images(), foreign) == {}


@pytest.mark.slow
def test_an_erasure_coded_pool_holds_the_data_of_images_and_is_not_looked_at(cluster, listed, pool):
    profile = {"name": "flat", "profile": ["k=2", "m=1", "crush-failure-domain=osd"]}
    cluster.command("osd erasure-code-profile set", **profile, force=True, yes_i_really_mean_it=True)
    cluster.command("osd pool create", pool="coded", pg_num=4, pool_type="erasure", erasure_code_profile="flat")
    try:
        cluster.command("osd pool set", pool="coded", var="allow_ec_overwrites", val="true")
        cluster.command("osd pool application enable", pool="coded", app="rbd")
        cluster.wait_settled("coded")
        rbd(cluster, "create", "--size=3M", "--data-pool=coded", f"{pool}/disk")
        found = listed.images()
    finally:
        cluster.delete_pool("coded")

    assert (images_of(found, pool), states(found, "coded")) == ({"disk": 3 * MIB}, {})
    lost = next(image for image in listed.images().images if image.pool == pool)
    assert (lost.size_bytes, lost.error.errno) == (None, ENOENT)
    assert "data pool" in lost.error.text


def test_a_clone_whose_parent_has_gone_with_its_pool_stays_in_the_list_with_that(cluster, listed, pool, new_pool):
    parents = new_pool()
    cluster.create_image(parents, "base", size_bytes=MIB)
    rbd(cluster, "snap", "create", f"{parents}/base@first")
    rbd(cluster, "snap", "protect", f"{parents}/base@first")
    rbd(cluster, "clone", f"{parents}/base@first", f"{pool}/clone")
    assert images_of(listed.images(), pool) == {"clone": MIB}
    cluster.delete_pool(parents)

    (clone,) = [image for image in listed.images().images if image.pool == pool]
    assert (clone.size_bytes, clone.error.errno) == (None, ENOENT)
    assert clone.error.text.startswith("the pool of the image that it is a clone of")


def test_names_that_nobody_would_choose_are_listed_as_they_are(cluster, listed, new_pool):
    pool = new_pool()
    cluster.create_images(pool, ODD_NAMES, size_bytes=MIB)
    rbd(cluster, "create", "--size=1M", os.fsencode(pool) + b"/bad\xff")
    found = images_of(listed.images(), pool)

    assert found == {**dict.fromkeys(ODD_NAMES, MIB), "bad\\xff": EILSEQ}


def test_images_of_the_old_format_are_listed_without_being_opened(cluster, listed, pool):
    for name in ("old", "torn"):
        rbd(cluster, "create", "--image-format=1", "--size=3M", f"{pool}/{name}", RBD_FORCE_ALLOW_V1="1")
    cluster.create_image(pool, "new", size_bytes=MIB)
    rados(cluster, pool, "put", "torn.rbd", "-", input=b"nothing of the kind")

    assert images_of(listed.images(), pool) == {"new": MIB, "old": 3 * MIB, "torn": EIO}
    rados(cluster, pool, "rm", "torn.rbd")
    assert images_of(listed.images(), pool) == {"new": MIB, "old": 3 * MIB, "torn": ENOENT}


# Damage


def remove_header(cluster, pool, name):
    rados(cluster, pool, "rm", header(cluster, pool, name))


def remove_size(cluster, pool, name):
    rados(cluster, pool, "rmomapkey", header(cluster, pool, name), "size")


def spoil_size(cluster, pool, name):
    rados(cluster, pool, "setomapval", header(cluster, pool, name), "size", "xx")


def remove_prefix(cluster, pool, name):
    rados(cluster, pool, "rmomapkey", header(cluster, pool, name), "object_prefix")


def spoil_features(cluster, pool, name):
    rados(cluster, pool, "setomapval", header(cluster, pool, name), "features", "x")


def clear_header(cluster, pool, name):
    rados(cluster, pool, "clearomap", header(cluster, pool, name))


def remove_id(cluster, pool, name):
    rados(cluster, pool, "rm", f"rbd_id.{name}")


def take_the_id_of_another(cluster, pool, name):
    rados(cluster, pool, "put", f"rbd_id.{name}", "-", input=rados(cluster, pool, "get", "rbd_id.whole", "-"))


DAMAGES = {
    remove_header: ENOENT,
    remove_size: ENOENT,
    spoil_size: EIO,
    remove_prefix: ENOENT,
    spoil_features: EIO,
    clear_header: ENOENT,
    remove_id: ENOENT,
    take_the_id_of_another: EIO,
}


def test_an_image_whose_objects_are_damaged_stays_in_the_list_with_what_the_cluster_says(cluster, listed, pool):
    names = {damage.__name__: errno for damage, errno in DAMAGES.items()}
    cluster.create_images(pool, ["whole", *names], size_bytes=MIB)
    for damage in DAMAGES:
        damage(cluster, pool, damage.__name__)
    found = listed.images()

    assert images_of(found, pool) == {"whole": MIB, **names}
    errors = {image.name: image.error.text for image in found.images if image.pool == pool and image.error}
    assert all(text.startswith("rbd_") for text in errors.values()), errors
    assert states(found, pool) == {}


@pytest.mark.parametrize(("damage", "sound_seconds"), [(remove_header, 600), (remove_id, 0)])
def test_an_image_that_was_sound_is_seen_to_be_damaged(cluster, listed, pool, monkeypatch, damage, sound_seconds):
    monkeypatch.setattr(pool_reading, "SOUND_SECONDS", sound_seconds)
    cluster.create_images(pool, ["disk", "whole"], size_bytes=MIB)
    assert images_of(listed.images(), pool) == {"disk": MIB, "whole": MIB}
    damage(cluster, pool, "disk")

    assert images_of(listed.images(), pool) == {"disk": ENOENT, "whole": MIB}


@pytest.fixture
def in_doubt(cluster, settings, pool, monkeypatch):
    """A look at a pool of which one image had no header at first, before the second look at it."""
    monkeypatch.setattr(pool_reading, "REREAD_SECONDS", 0)
    cluster.create_images(pool, ["odd", "whole"], size_bytes=MIB)
    replies = SimpleQueue()
    with Cluster(settings) as handle, handle.lent() as connection:
        calls = PoolCalls(connection, cluster.pool(pool)["pool_id"], replies, 8)
        facts = Facts(budget=ImageBudget(10, 10_000), pool_ids=frozenset(), known_features=0xFFF)

        def begin():
            reading = PoolReading(cluster.pool(pool)["pool_id"], pool, calls, facts)
            while not calls.is_idle:
                replies.get(timeout=60).take()
            return reading

        def end(reading):
            while not reading.is_done:
                reading.advance()
                while not calls.is_idle:
                    replies.get(timeout=60).take()
            return {image.name: image.error for image in reading.images()}

        yield pool, begin, end


def test_an_image_that_is_removed_while_it_is_read_is_left_out(cluster, in_doubt):
    pool, begin, end = in_doubt
    number = image_id(cluster, pool, "odd")
    remove_header(cluster, pool, "odd")
    reading = begin()
    assert not reading.is_done
    for key in ("name_odd", f"id_{number}"):
        rados(cluster, pool, "rmomapkey", "rbd_directory", key)

    assert end(reading) == {"whole": None}


def test_an_image_that_is_created_while_it_is_read_has_no_error(cluster, in_doubt):
    pool, begin, end = in_doubt
    stored = rados(cluster, pool, "get", "rbd_id.odd", "-")
    remove_id(cluster, pool, "odd")
    reading = begin()
    assert not reading.is_done
    rados(cluster, pool, "put", "rbd_id.odd", "-", input=stored)

    assert end(reading) == {"odd": None, "whole": None}


# Pools that are not well


@pytest.mark.slow
def test_a_pool_whose_pgs_are_inactive_is_named_and_hides_no_other(cluster, listed, pool, new_pool, patient):
    sick, well = new_pool(), pool
    for pool in (sick, well):
        cluster.create_image(pool, "disk", size_bytes=MIB)
    with inactive(cluster, sick):
        for _ in range(2):
            found = listed.images()
            assert (images_of(found, sick, well), states(found, sick, well)) == ({"disk": MIB}, {sick: "inactive"})
            assert [image.pool for image in found.images if image.pool in (sick, well)] == [well]
            text = next(one.text for one in found.unreadable if one.pool == sick)
            assert text.startswith("8 of 8 PGs are inactive (")
            assert "peered" in text

    cluster.wait_until(lambda: states(listed.images(), sick) == {}, what="the pool read again")
    assert images_of(listed.images(), sick) == {"disk": MIB}


@pytest.mark.slow
def test_an_inactive_pool_is_known_without_the_manager(cluster, listed, pool, new_pool, patient):
    sick, well = new_pool(), pool
    cluster.create_image(well, "disk", size_bytes=MIB)
    with inactive(cluster, sick), cluster.stopped("mgr.x"):
        found = listed.images()

    assert (images_of(found, well), states(found, sick, well)) == ({"disk": MIB}, {sick: "inactive"})
    assert "of the 5 copies that must be up" in next(one.text for one in found.unreadable if one.pool == sick)


def test_a_pool_that_no_osd_has_is_inactive_whatever_the_manager_says(cluster, listed, pool, new_pool, patient):
    sick, well = new_pool(), pool
    cluster.create_image(well, "disk", size_bytes=MIB)
    cluster.command("osd crush add-bucket", name="nowhere", type="root")
    cluster.command("osd crush rule create-replicated", name="nowhere", root="nowhere", type="osd")
    try:
        cluster.command("osd pool set", pool=sick, var="crush_rule", val="nowhere")
        listed.cluster._connection.handle.wait_for_latest_osdmap()  # by the map before, OSDs may still answer
        found = listed.images()
    finally:
        cluster.delete_pool(sick)
        cluster.command("osd crush rule rm", name="nowhere")
        cluster.command("osd crush rm", name="nowhere")

    assert (images_of(found, well), states(found, sick, well)) == ({"disk": MIB}, {sick: "inactive"})


@pytest.mark.slow
def test_if_no_pool_can_be_read_the_error_says_of_one_why(cluster, settings, new_pool, patient):
    pool = new_pool()
    words = f"no pool can be read: {pool}: 8 of 8 PGs are inactive"
    with Cluster(settings) as handle, inactive(cluster, pool), pytest.raises(ClusterUnavailable, match=words) as raised:
        ImageListing(handle, [pool]).images()

    assert raised.value.errno == ETIMEDOUT


@pytest.mark.slow
def test_an_osd_that_hangs_hides_only_what_it_has(cluster, listed, new_pool, patient):
    pools = {}
    while len(pools) < 2:  # with a single PG each, on an OSD of their own
        pool = new_pool(pg_num=1)
        cluster.create_image(pool, "disk", size_bytes=MIB)
        pools.setdefault(osd_of(cluster, pool, rbd_layout.DIRECTORY), pool)
    (hung, sick), (_, well) = pools.items()
    with cluster.stopped(f"osd.{hung}"):
        found = listed.images()

    assert (images_of(found, well), images_of(found, sick)) == ({"disk": MIB}, {})
    assert states(found, sick, well) == {sick: "failed"}
    assert "did not answer within" in next(one.text for one in found.unreadable if one.pool == sick)


@pytest.mark.slow
def test_of_a_pool_that_has_lost_some_pgs_all_names_are_listed_and_what_can_be_read(cluster, listed, new_pool, patient):
    pool = new_pool(pg_num=16)
    names = [f"disk{number}" for number in range(20)]
    cluster.create_images(pool, names, size_bytes=MIB)
    has_images = {osd_of(cluster, pool, rbd_layout.id_object_of(name)) for name in names}
    lost = f"osd.{min(has_images - {osd_of(cluster, pool, rbd_layout.DIRECTORY)})}"
    with cluster.stopped(lost):
        found = images_of(listed.images(), pool)
        assert [*found] == sorted(names)
        assert set(found.values()) == {MIB, ETIMEDOUT}
        cluster.command("osd set", key="noup")
        try:
            cluster.command("osd down", ids=[lost])
            cluster.wait_until(lambda: states(listed.images(), pool) == {pool: "inactive"}, what="inactive PGs")
            assert images_of(listed.images(), pool) == found
        finally:
            cluster.command("osd unset", key="noup")

    cluster.wait_until(lambda: images_of(listed.images(), pool) == dict.fromkeys(names, MIB), what="all images")


# Keys that may not see all


@pytest.fixture
def with_key(cluster, settings):
    """A listing with the key of a client that has these capabilities."""
    handles = []

    def make(name, namespaces=(), **caps):
        keyring = str(cluster.auth_key(name, **caps))
        handles.append(Cluster(replace(settings, client=name, keyring=keyring, namespaces=namespaces)))
        return ImageListing(handles[-1])

    yield make
    for handle in handles:
        handle.close()
        cluster.command("auth rm", entity=handle.settings.client_name)


@pytest.mark.parametrize(
    ("mon", "osd"), [("profile rbd", "profile rbd"), ("profile rbd", "profile rbd-read-only"), ("allow r", "allow rwx")]
)
def test_a_key_for_one_pool_lists_that_pool_and_names_the_others(cluster, with_key, pool, other, mon, osd):
    one = pool
    for name in (one, other):
        cluster.create_image(name, "disk", size_bytes=MIB)
    found = with_key("one-pool", mon=mon, osd=f"{osd} pool={one}").images()

    assert [(image.pool, image.size_bytes) for image in found.images if image.pool in (one, other)] == [(one, MIB)]
    assert states(found, one, other) == {other: "not permitted"}
    text = next(one.text for one in found.unreadable if one.pool == other)
    assert text == "client.one-pool may not read it (rbd_directory: Operation not permitted)"


def test_a_key_that_may_read_no_pool_is_an_error_that_says_so(cluster, with_key, pool):
    cluster.create_image(pool, "disk")
    blind = with_key("blind", mon="profile rbd", osd="profile rbd pool=nosuch")

    with pytest.raises(ClusterUnavailable, match=r"no pool can be read: .*client\.blind may not") as raised:
        blind.images()
    assert raised.value.errno == EPERM


def test_a_key_for_a_namespace_lists_its_images_if_config_ini_names_it(cluster, with_key, pool):
    for namespace in ("te am", "other"):
        rbd(cluster, "namespace", "create", f"{pool}/{namespace}")
        rbd(cluster, "create", "--size=1M", f"{pool}/{namespace}/disk")
    osd = f'profile rbd pool={pool} namespace="te am"'
    found = with_key("team", namespaces=(f"{pool}/te%20am",), mon="profile rbd", osd=osd).images()

    assert (images_of(found, pool), states(found, pool)) == ({"te am/disk": MIB}, {pool: "not permitted"})


def test_what_a_key_may_read_since_is_listed_with_the_next_connection(cluster, with_key, pool, other, monkeypatch):
    monkeypatch.setattr(listing, "PERMISSION_SECONDS", 0)
    one = pool
    cluster.create_image(other, "disk", size_bytes=MIB)
    key = with_key("growing", mon="profile rbd", osd=f"profile rbd pool={one}")
    assert states(key.images(), one, other) == {other: "not permitted"}
    cluster.command("auth caps", entity="client.growing", caps=["mon", "profile rbd", "osd", "profile rbd"])

    cluster.wait_until(lambda: images_of(key.images(), other) == {"disk": MIB}, what="the images of the other pool")


# Bounds


def test_directories_are_read_page_by_page(cluster, listed, pool, monkeypatch):
    monkeypatch.setattr(rbd_layout, "PAGE", 2)
    names = [f"disk{number}" for number in range(5)]
    cluster.create_images(pool, names, size_bytes=MIB)
    for namespace in ("a", "b", "c"):
        rbd(cluster, "namespace", "create", f"{pool}/{namespace}")
    rbd(cluster, "create", "--size=1M", f"{pool}/c/last")

    assert images_of(listed.images(), pool) == dict.fromkeys([*names, "c/last"], MIB)


@pytest.mark.parametrize(("bound", "value"), [("MOST_IMAGES", 3), ("MOST_BYTES", 500)])
def test_more_images_than_can_be_listed_are_reported(cluster, listed, pool, monkeypatch, bound, value):
    cluster.create_images(pool, [f"disk-number-{number}" for number in range(5)], size_bytes=MIB)
    monkeypatch.setattr(listing, bound, value)
    found = listed.images()

    assert len(found.images) <= 3
    assert states(found, pool) == {pool: "failed"}
    assert "not all of its images" in next(one.text for one in found.unreadable if one.pool == pool)


def test_more_namespaces_than_are_read_are_reported(cluster, listed, pool, monkeypatch):
    monkeypatch.setattr(pool_reading, "MOST_NAMESPACES", 1)
    for namespace in ("a", "b"):
        rbd(cluster, "namespace", "create", f"{pool}/{namespace}")
        rbd(cluster, "create", "--size=1M", f"{pool}/{namespace}/disk")
    found = listed.images()

    assert (images_of(found, pool), states(found, pool)) == ({"a/disk": MIB}, {pool: "failed"})


# By REST


@pytest.fixture
def client(shared_service):
    return Checked(shared_service)


async def page_of(client, cluster, query, holds):
    return await client.until(holds, lambda: client.get(f"ceph/{cluster.fsid}/rbds?{query}"))


async def test_rows_have_the_namespace_and_what_is_damaged_has_its_error(client, cluster, pool):
    cluster.create_images(pool, ["broken", "whole"], size_bytes=MIB)
    rbd(cluster, "namespace", "create", f"{pool}/team")
    rbd(cluster, "create", "--size=2M", f"{pool}/team/disk")
    remove_header(cluster, pool, "broken")
    page = await page_of(client, cluster, f"pool={pool}", lambda page: page["results"])
    rows = {(row["namespace"], row["name"]): row for row in page["results"]}

    assert [*rows] == [("", "broken"), ("", "whole"), ("team", "disk")]
    assert (rows["", "broken"]["size_bytes"], rows["", "broken"]["error"]["errno"]) == (None, ENOENT)
    assert (rows["team", "disk"]["size_bytes"], rows["team", "disk"]["error"]) == (2 * MIB, None)
    assert page["unreadable"] == []

    async def names(query):
        return [row["name"] for row in (await client.get(f"ceph/{cluster.fsid}/rbds?pool={pool}&{query}"))["results"]]

    assert await names(f"search={pool}/team/") == ["disk"]
    assert await names("ordering=-namespace") == ["disk", "whole", "broken"]
    assert await names("ordering=size_bytes") == ["whole", "disk", "broken"], "what is not known is last"


@pytest.mark.slow
async def test_an_image_that_is_damaged_after_it_was_measured_has_no_figures(client, cluster, pool):
    cluster.create_image(pool, "disk", size_bytes=MIB)
    body = {"images": [f"{pool}/disk"], "seconds": 1}
    done = await client.call("POST", f"ceph/{cluster.fsid}/rbds/performance", body, Prefer="wait=60")
    assert done.json["status"] == "Finished"
    remove_header(cluster, pool, "disk")
    page = await page_of(client, cluster, f"pool={pool}", lambda page: any(row["error"] for row in page["results"]))

    figures = ("size_bytes", "used_bytes", "used_as_of", "performance", "performance_as_of")
    assert [page["results"][0][name] for name in figures] == [None] * 5


@pytest.mark.slow
async def test_an_inactive_pool_is_named_beside_the_images_of_the_others(client, cluster, new_pool):
    sick, well = new_pool(), new_pool()
    for pool in (sick, well):
        cluster.create_image(pool, "disk", size_bytes=MIB)
    with inactive(cluster, sick):
        page = await page_of(client, cluster, "pageSize=500", lambda page: page["unreadable"])
        (named,) = page["unreadable"]
        assert (named["pool"], named["state"]) == (sick, "inactive")
        assert (well, "disk") in [(row["pool"], row["name"]) for row in page["results"]]
        only_well = await client.get(f"ceph/{cluster.fsid}/rbds?pool={well}")
        assert ([row["name"] for row in only_well["results"]], only_well["unreadable"]) == (["disk"], [])
        only_sick = await client.get(f"ceph/{cluster.fsid}/rbds?pool={sick}")
        assert only_sick["results"] == []
        assert [(one["pool"], one["state"]) for one in only_sick["unreadable"]] == [(sick, "inactive")]

    await page_of(client, cluster, f"pool={sick}", lambda page: page["results"])


@pytest.mark.slow
async def test_a_key_for_one_pool_is_good_for_its_images_by_rest(cluster, new_pool, tmp_path):
    one, other = new_pool(), new_pool()
    cluster.create_image(one, "disk", size_bytes=MIB)
    keyring = cluster.auth_key("rest-pool", mon="profile rbd", osd=f"profile rbd pool={one}")
    service = Service(tmp_path).start(*options_for({"main": cluster.conf}, client="rest-pool", keyring=keyring))
    try:
        client = Checked(service)
        page = await client.get(f"ceph/{cluster.fsid}/rbds")
        assert [row["pool"] for row in page["results"]] == [one]
        states = {named["pool"]: named["state"] for named in page["unreadable"]}
        assert states[other] == "not permitted"
        assert one not in states
    finally:
        service.close()
        cluster.command("auth rm", entity="client.rest-pool")
