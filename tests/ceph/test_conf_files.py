"""Conf files and keyrings as they should not be: each is said in words, kills nothing, and hurts no other cluster."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from ceph.clusters import Clusters
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.reader.reader import ReaderSettings
from ceph.reader.watch import ClusterWatch
from ceph.settings import ClusterSettings
from tests.support.ceph_service import Checked, options_for
from tests.support.service import Service

HASTY = {"connect_timeout_seconds": 1, "mon_timeout_seconds": 1, "osd_timeout_seconds": 1}
OTHER = "11111111-6936-48af-b82b-e2cf81a7beed"
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def conf_with(cluster, tmp_path):
    """Settings with a conf file that is made of the cluster's own one."""

    def write(change, name="ceph.conf"):
        path = tmp_path / name
        path.write_bytes(change(cluster.conf.read_bytes()))
        return ClusterSettings(conf=str(path), **HASTY)

    return write


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


def in_client(line):
    return lambda text: text + b"\n[client]\n" + line.encode() + b"\n"


def without(word):
    return lambda text: b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(word))


def other_fsid(text):
    return without(b"fsid")(text).replace(b"[global]\n", f"[global]\nfsid = {OTHER}\n".encode())


def words_of(settings):
    with pytest.raises(ClusterUnavailable) as unavailable:
        Cluster(settings)
    assert not unavailable.value.is_silence
    return unavailable.value.text


# Each of these has ended the process that read it, in one release of librados at least


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: BOM + text, "byte order mark"),
        (in_client("ms type = simple"), "ceph.conf or "),
        (in_client("log max recent = 99999999"), "librados crashes on it (signal 6 (SIGABRT))"),
    ],
)
def test_a_conf_that_librados_dies_of_is_said_in_words(conf_with, change, words):
    settings = conf_with(change)

    found = words_of(settings)

    assert settings.conf in found
    assert words in found


@pytest.mark.parametrize("line", ["foo = é", "foo\u00a0= 1", "foo = “x”", "[client.é]"])
def test_a_letter_that_is_not_ascii_is_read_or_said_in_words(conf_with, cluster, line):
    """librados 16 dies of it, 18 takes it."""
    try:
        with Cluster(conf_with(in_client(line))) as handle:
            found = handle.fsid
    except ClusterUnavailable as error:
        found = error.text

    assert found == cluster.fsid or "outside of a comment or quotes" in found


def test_a_keyring_that_librados_dies_of_is_said_in_words(conf_with, cluster, tmp_path):
    keyring = tmp_path / "keyring"
    keyring.write_bytes(BOM + (cluster.directory / "keyring").read_bytes())

    found = words_of(conf_with(lambda text: text + f"\n[client]\nkeyring = {keyring}\n".encode()))

    assert found == f"{keyring} cannot be used: it begins with a byte order mark: save it as UTF-8 without one"


def test_a_process_that_cannot_try_a_file_says_why(conf_with, monkeypatch):
    monkeypatch.setattr("ceph.connection.trial.COMMAND", (sys.executable, "-c", "raise ImportError('no module')"))

    assert words_of(conf_with(lambda text: text)).endswith("ceph.conf could not be tried: ImportError: no module")


# What librados only calls an invalid argument, or waits for


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text + b"garbage\n", "is neither [section] nor name = value, got 'garbage'"),
        (lambda text: b"fsid = 1\n" + text, "line 1 stands before the first [section]"),
        (lambda text: text + b"foo = 'x\n", "has a quote without its end"),
        (lambda text: text.decode().encode("utf-16"), "it is UTF-16"),
        (lambda text: b"\x7fELF\0\1" * 100, "NUL byte"),
        (lambda text: b"<html>", "line 1 is neither"),
    ],
)
def test_a_conf_that_cannot_be_parsed_is_said_with_its_line(conf_with, change, words):
    found = words_of(conf_with(change))

    assert "ceph.conf cannot be used" in found
    assert words in found


def test_a_pipe_is_not_waited_for(conf_with, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    assert "a pipe" in words_of(ClusterSettings(conf=str(tmp_path / "pipe"), **HASTY))
    assert "a pipe" in words_of(conf_with(lambda text: text + f"\n[client]\nkeyring = {tmp_path}/pipe\n".encode()))


@pytest.mark.parametrize("keyring", [b"garbage", b"[client.admin]\nkey = nonsense\n", b"[client.admin\n"])
def test_a_damaged_keyring_is_said_with_its_name(conf_with, tmp_path, keyring):
    path = tmp_path / "keyring"
    path.write_bytes(keyring)

    assert str(path) in words_of(conf_with(lambda text: text + f"\n[client]\nkeyring = {path}\n".encode()))


@pytest.mark.parametrize("hosts", ["no.such.host.invalid", "127.0.0.1:1,no.such.host.invalid"])
def test_a_monitor_whose_name_does_not_resolve_is_named(conf_with, hosts):
    found = words_of(conf_with(lambda text: without(b"mon host")(text) + f"\n[global]\nmon host = {hosts}\n".encode()))

    assert "names the monitor no.such.host.invalid, which is neither an address nor a name that resolves" in found


# Which cluster it is


def test_the_fsid_that_counts_is_the_clusters_own(conf_with, cluster):
    clusters = Clusters({"main": conf_with(other_fsid)})

    with clusters.connect(cluster.fsid) as handle:
        assert handle.fsid == cluster.fsid
    with pytest.raises(ClusterRefused) as unknown:
        clusters.connect(OTHER)

    assert f"There is no cluster {OTHER}; configured: main is {cluster.fsid}" in str(unknown.value)


def test_the_first_of_several_monitors_may_be_dead(conf_with, cluster):
    settings = conf_with(lambda text: text.replace(b"mon host = ", b"mon host = [v2:127.0.0.1:1],"))

    with Clusters({"main": settings}).connect(cluster.fsid) as handle:
        assert handle.ask("status")["fsid"] == cluster.fsid


def test_a_second_section_for_the_same_cluster_helps_if_the_first_does_not(conf_with, cluster, tmp_path):
    (tmp_path / "keyring").write_text("")
    wrong = conf_with(lambda text: text + f"\n[client]\nkeyring = {tmp_path}/keyring\n".encode(), "wrong.conf")
    damaged = conf_with(lambda text: BOM + text, "damaged.conf")
    good = conf_with(lambda text: text)

    with Clusters({"wrong": wrong, "damaged": damaged, "good": good}).connect(cluster.fsid) as handle:
        assert handle.fsid == cluster.fsid


@pytest.mark.slow
def test_a_task_does_not_go_on_with_another_cluster_that_its_conf_leads_to_by_now(conf_with, cluster, own_cluster):
    settings = conf_with(lambda text: text)
    another = own_cluster()

    with Clusters({"main": settings}).connect(cluster.fsid) as handle:
        conf_with(lambda _: another.conf.read_bytes())
        assert handle.ask("status")["fsid"] == cluster.fsid
        handle._connection.is_stale = True
        with pytest.raises(
            ClusterRefused, match=f"now leads to the cluster {another.fsid}, no longer to {cluster.fsid}"
        ):
            handle.ask("status")


# With a server


@pytest.mark.slow
async def test_clusters_with_bad_confs_are_said_and_the_tasks_of_a_good_one_go_on(service, conf_with, cluster):
    bad = {
        "marked": conf_with(lambda text: BOM + text, "marked.conf"),
        "deadly": conf_with(in_client("ms type = simple"), "deadly.conf"),
        "nameless": conf_with(lambda text: BOM + without(b"fsid")(text), "nameless.conf"),
    }
    confs = {name: one.conf for name, one in bad.items()}
    service.start(*options_for({**confs, "main": cluster.conf}))
    client = Checked(service)

    for name in bad:
        found = await client.until(lambda found: found["error"], lambda name=name: client.cluster(name))
        assert f"{name}.conf" in found["error"]
        assert not found["reachable"]
    answer = await client.call("POST", f"ceph/{cluster.fsid}/rbds/performance", {"seconds": 1}, Prefer="wait=60")

    task = await client.task_of(answer)
    assert task["status"] == "Finished" or "there are no images" in task["outcome"], task
    assert (await client.cluster())["reachable"]


async def test_a_conf_with_another_fsid_is_shown_and_worked_on_as_what_the_cluster_is(service, conf_with, cluster):
    service.start(*options_for({"main": conf_with(other_fsid).conf}))
    client = Checked(service)

    found = await client.until(lambda found: found["reachable"], client.cluster)
    answer = await client.call("POST", f"ceph/{found['fsid']}/rbds/performance", {"seconds": 1}, Prefer="wait=60")

    assert found["fsid"] == cluster.fsid
    assert "There is no cluster" not in (await client.task_of(answer))["outcome"]
    assert (await client.call("GET", f"ceph/{OTHER}/pools")).status == 404


async def test_calls_go_by_the_section_that_works_if_several_name_the_same_cluster(
    service, conf_with, cluster, tmp_path
):
    (tmp_path / "keyring").write_text("")
    wrong = conf_with(in_client(f"keyring = {tmp_path}/keyring"), "wrong.conf")
    service.start(*options_for({"wrong": wrong.conf, "main": cluster.conf}))
    client = Checked(service)
    await client.until(lambda found: found["reachable"], client.cluster)

    pools = await client.get(f"ceph/{cluster.fsid}/pools")
    listed = {one["name"]: one for one in (await client.get("ceph"))["results"]}

    assert pools["count"] == len(cluster.pools())
    assert listed["main"]["reachable"]
    assert listed["wrong"]["fsid"] == cluster.fsid
    assert listed["wrong"]["error"].startswith("the cluster refuses the key of client.admin")


async def test_a_cluster_that_does_not_say_which_it_is_is_named_to_whoever_asks_for_an_unknown_one(
    service, conf_with, cluster
):
    nameless = conf_with(lambda text: BOM + without(b"fsid")(text), "nameless.conf")
    service.start(*options_for({"nameless": nameless.conf, "main": cluster.conf}))
    client = Checked(service)

    problem = await client.refused("GET", f"ceph/{OTHER}/pools")

    assert problem["status"] == 503
    assert problem["detail"].startswith("it is unknown which cluster nameless of config.ini is: ")
    assert "byte order mark" in problem["detail"]


def end_at_once(channel, settings):
    """In the place of a reader."""
    os._exit(3)


async def test_a_reader_that_ends_again_and_again_says_how_often(monkeypatch):
    monkeypatch.setattr("ceph.reader.watch.main", end_at_once)

    watch = ClusterWatch("test", ReaderSettings(cluster=ClusterSettings()))
    said = ""
    while "2 times in a row" not in said:
        with pytest.raises(ClusterUnavailable) as unavailable:
            await watch.state.get(fresh=True)
        said = str(unavailable.value)
        await asyncio.sleep(0.05)
    await watch.stop()
    assert "(the last time: exited with code 3; see the log)" in said
