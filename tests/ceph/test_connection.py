"""A handle of a real cluster: what it is told, how long it waits, and what it makes of errors."""

from __future__ import annotations

import os
from dataclasses import replace
from errno import EACCES, ENOENT, ERANGE, ETIMEDOUT

import pytest

from ceph.clusters import Clusters, retry_while_silent
from ceph.connection.cluster import Cluster, fsid_in_conf
from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.images.listing import ImageListing
from ceph.settings import ClusterSettings
from jobs import Pause, Round

HASTY = {"connect_timeout_seconds": 1, "mon_timeout_seconds": 1, "osd_timeout_seconds": 1}


@pytest.fixture
def settings(cluster):
    return ClusterSettings(conf=str(cluster.conf))


@pytest.fixture
def connected(settings):
    with Cluster(settings) as handle:
        yield handle


def conf_with(tmp_path, text):
    (tmp_path / "ceph.conf").write_text(text)
    return ClusterSettings(conf=str(tmp_path / "ceph.conf"), **HASTY)


def test_the_conf_and_the_cluster_say_the_same_fsid(cluster, settings, connected):
    assert connected.fsid == fsid_in_conf(settings) == cluster.fsid


def test_monitor_and_manager_answer(connected):
    assert connected.ask("status")["osdmap"]["num_osds"] == 3
    assert connected.ask("pg stat", passed_on=True)["pg_ready"] is True
    assert connected.ask_manager("rbd perf image stats", sort_by="write_ops")["stats"] == []


@pytest.mark.parametrize(
    ("arguments", "errno", "words"),
    [
        ({"pool": "nosuch", "var": "pg_num", "val": "8"}, ENOENT, "unrecognized pool 'nosuch' (errno 2, ENOENT)"),
        ({"pool": "{pool}", "var": "pg_num", "val": "65537"}, ERANGE, "'pg_num' must be greater than 0"),
        ({"pool": "{pool}", "var": "pg_num", "val": "2000"}, ERANGE, "mon_max_pg_per_osd"),
    ],
)
def test_a_refusal_has_the_errno_and_the_words_of_the_cluster(connected, still, arguments, errno, words):
    arguments = {key: value.format(pool=still) for key, value in arguments.items()}

    with pytest.raises(ClusterRefused) as refused:
        connected.command("osd pool set", **arguments)

    assert refused.value.errno == errno
    assert words in str(refused.value)


def test_a_client_that_may_only_read_is_refused_in_the_words_of_the_cluster(cluster, settings, still):
    keyring = str(cluster.auth_key("reader", mon="allow r"))

    with Cluster(replace(settings, client="reader", keyring=keyring)) as reader, pytest.raises(ClusterRefused) as no:
        reader.command("osd pool set", pool=still, var="pg_num", val="16")

    assert str(no.value) == "access denied (errno 13, EACCES)"


def test_a_pool_or_an_image_that_is_not_there_is_refused(connected):
    with pytest.raises(ClusterRefused, match=r"nosuch.*ENOENT"), connected.pool("nosuch"):
        pass


@pytest.mark.parametrize(
    ("changed", "errno", "words"),
    [
        ({"conf": "/nonexistent/ceph.conf"}, ENOENT, "/nonexistent/ceph.conf cannot be used"),
        ({"client": "nobody"}, EACCES, "the cluster refuses the key of client.nobody: is it the right keyring"),
        ({"keyring": "/nonexistent/keyring"}, ENOENT, "is the keyring there? None of /nonexistent/keyring is there."),
    ],
)
def test_what_is_wrong_with_the_configuration_is_said_in_words(settings, changed, errno, words):
    with pytest.raises(ClusterUnavailable) as unavailable:
        Cluster(replace(settings, **changed))

    assert unavailable.value.errno == errno
    assert words in str(unavailable.value)
    assert not unavailable.value.is_silence


def test_a_wrong_key_is_refused(cluster, settings, tmp_path):
    keyring = tmp_path / "keyring"
    keyring.write_text("[client.admin]\n\tkey = AQDZNxlnAAAAABAAr8Knh2tmJ0ckUYPuqmpYrA==\n")

    with pytest.raises(ClusterUnavailable, match=r"refuses the key of client\.admin"):
        Cluster(replace(settings, keyring=str(keyring)))


@pytest.mark.parametrize("text", ["garbage\n[[[", "[global]\nmon host = \n"])
def test_an_empty_conf_is_reported(tmp_path, text):
    with pytest.raises(ClusterUnavailable, match=r"ceph\.conf"):
        Cluster(conf_with(tmp_path, text))


def test_a_missing_cluster_is_reported_in_time(cluster, tmp_path):
    text = f"[global]\nmon host = [v2:127.0.0.1:1]\nkeyring = {cluster.directory}/keyring\n"

    with pytest.raises(ClusterUnavailable, match="no mon answered within 1 s") as unavailable:
        Cluster(conf_with(tmp_path, text))

    assert unavailable.value.errno == ETIMEDOUT
    assert unavailable.value.is_silence


def test_a_monitor_that_hangs_is_reported_and_the_handle_works_again_afterwards(cluster, settings):
    with Cluster(replace(settings, **HASTY)) as handle:
        with cluster.stopped("mon.a"), pytest.raises(ClusterUnavailable, match="no mon answered within 1 s: is the"):
            handle.ask("status")

        assert cluster.wait_until(lambda: answers(handle))


def test_a_monitor_that_hangs_refuses_no_new_handle_for_ever(cluster, settings):
    with cluster.stopped("mon.a"), pytest.raises(ClusterUnavailable, match="no mon answered within 1 s"):
        Cluster(replace(settings, **HASTY))


def test_a_manager_that_hangs_is_distinguished_from_the_monitor(cluster, settings):
    with cluster.stopped("mgr.x"), Cluster(replace(settings, **HASTY)) as handle:
        assert handle.ask("status")["osdmap"]["num_osds"] == 3
        with pytest.raises(ClusterUnavailable, match="the mgr did not answer within 1 s") as unavailable:
            handle.ask("pg stat", passed_on=True)

    assert unavailable.value.is_silence


def test_the_late_answer_of_a_manager_does_not_kill_the_process(cluster, settings):
    """The handle is closed at once after the time-out: with it open, the late answer is a SIGSEGV. In a process of its
    own, since it would be the end of the tests."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _ask_a_hung_manager(cluster, replace(settings, **HASTY), write)
    os.close(write)
    assert os.read(read, 100) == b"the mgr did not answer"
    os.close(read)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _ask_a_hung_manager(cluster, settings, write):
    handle = Cluster(settings)
    cluster.stop_daemon("mgr.x")
    try:
        handle.ask_manager("rbd perf image stats")
    except ClusterUnavailable as error:
        cluster.continue_daemon("mgr.x")
        with Cluster(settings) as another:
            cluster.wait_until(lambda: answers(another, "pg stat", passed_on=True))
        os.write(write, str(error)[:22].encode())
        os._exit(0)
    os._exit(1)


def test_osds_that_hang_are_distinguished_as_well(cluster, settings, still):
    with Cluster(replace(settings, **HASTY)) as handle:
        for osd in ("osd.0", "osd.1", "osd.2"):
            cluster.stop_daemon(osd)
        with pytest.raises(ClusterUnavailable, match="the OSDs did not answer within 1 s"):
            ImageListing(handle).images()


# Clusters, as jobs get them


def test_a_cluster_is_found_by_its_fsid_among_several(cluster, settings, tmp_path):
    dead = replace(conf_with(tmp_path, "[global]\nmon host = [v2:127.0.0.1:1]\n"), connect_timeout_seconds=1)

    with Clusters({"dead": dead, "test": settings}).connect(cluster.fsid) as handle:
        assert handle.fsid == cluster.fsid


def test_a_cluster_whose_conf_names_no_fsid_is_asked_for_it(cluster, tmp_path):
    lines = cluster.conf.read_text().splitlines(keepends=True)
    nameless = conf_with(tmp_path, "".join(line for line in lines if not line.startswith("fsid")))
    assert fsid_in_conf(nameless) is None

    with Clusters({"test": nameless}).connect(cluster.fsid) as handle:
        assert handle.fsid == cluster.fsid
    with pytest.raises(ClusterRefused, match="There is no cluster 0815; configured: test"):
        Clusters({"test": nameless}).connect("0815")


def test_without_clusters_it_is_said_how_to_name_one():
    assert "[ceph " in Clusters().unavailable_because()
    with pytest.raises(ClusterRefused, match="configured: none"):
        Clusters().connect("0815")


def test_a_silence_is_a_round_that_says_so_and_then_it_goes_on():
    answers = iter([ClusterUnavailable("no mon answered", ETIMEDOUT), "here"])

    def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rounds = retry_while_silent(ask, Round(percent=40, message="before", if_aborted="it goes on"))
    silent, pause = next(rounds), next(rounds)
    with pytest.raises(StopIteration) as end:
        next(rounds)

    assert silent == Round(
        percent=40, message="no mon answered (errno 110, ETIMEDOUT); trying again", if_aborted="it goes on"
    )
    assert (pause, end.value.value) == (Pause(1.0), "here")


def test_a_key_that_is_refused_is_no_silence():
    def ask():
        raise ClusterUnavailable("the cluster refuses the key", EACCES)

    with pytest.raises(ClusterUnavailable, match="refuses the key"):
        next(retry_while_silent(ask))


def answers(handle, prefix="status", **arguments):
    try:
        return handle.ask(prefix, **arguments)
    except ClusterUnavailable:
        return None
