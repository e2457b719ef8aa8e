"""The clusters of the tests themselves."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.support import wait_for_end
from tests.support.cluster import ROOT, SCRIPT, Cluster, ClusterError, wait_until
from tests.support.processes import processes_of


def test_the_shared_cluster_is_up_and_knows_itself(cluster):
    assert cluster.is_up()
    assert cluster.fsid == cluster.command("status")["fsid"]


def test_the_shared_cluster_is_of_the_ceph_that_was_asked_for(cluster):
    """Of the system's packages, or of those in another root."""
    root = os.environ.get("CEPH_ROOT", "/")
    query = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${Version}", "ceph-osd"]
    packaged = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    (version,) = cluster.ceph("versions")["overall"]
    assert version.split()[2] == packaged.partition("+")[0]


@pytest.mark.slow
def test_pools_are_made_filled_grown_and_removed(cluster, new_pool):
    name = new_pool(pg_num=8, megabytes=10)
    assert cluster.pool(name)["pg_num"] == 8
    assert set(cluster.pg_states(name)) == {"active+clean"}
    cluster.command("osd pool set", pool=name, var="pg_num", val="16")
    assert cluster.wait_settled(name)["pg_placement_num"] == 16
    cluster.delete_pool(name)
    assert name not in [pool["pool_name"] for pool in cluster.pools()]


def test_images_hold_what_was_written(cluster, new_pool):
    name = new_pool()
    cluster.create_image(name, "disk", size_bytes=1 << 30, data_mb=40)
    used = cluster.rbd("du", f"{name}/disk")["images"][0]["used_size"]
    assert 40_000_000 <= used < 50_000_000
    cluster.remove_image(name, "disk")
    assert cluster.rbd("ls", name) == []


def test_keys_have_their_capabilities_and_no_more(cluster, new_pool):
    name = new_pool()
    keyring = cluster.auth_key("onlooker", mon="allow r")
    as_onlooker = ["--id=onlooker", f"--keyring={keyring}"]
    assert cluster.ceph(*as_onlooker, "fsid")["fsid"] == cluster.fsid
    with pytest.raises(ClusterError) as refused:
        cluster.ceph(*as_onlooker, "osd", "pool", "set", name, "pg_num", "16")
    assert refused.value.errno == errno.EACCES


def test_a_refusal_has_the_clusters_errno_and_words(cluster):
    with pytest.raises(ClusterError, match="unrecognized pool 'nowhere'") as refused:
        cluster.command("osd pool set", pool="nowhere", var="pg_num", val="16")
    assert refused.value.errno == errno.ENOENT


def test_an_option_is_set_for_a_while(cluster):
    def ratio():
        return float(
            cluster.ceph("tell", "mgr.x", "config", "get", "target_max_misplaced_ratio")["target_max_misplaced_ratio"]
        )

    with cluster.configured("mgr.x", "target_max_misplaced_ratio", "0.5"):
        assert ratio() == 0.5
    assert ratio() == 0.05


@pytest.mark.parametrize("daemon", ["mon.a", "mgr.x", "osd.2"])
def test_a_stopped_daemon_goes_on_after_its_test(cluster, daemon):
    cluster.stop_daemon(daemon)
    assert cluster.state(daemon) == "T"
    cluster.recover()
    assert cluster.state(daemon) in "SR"
    assert cluster.is_up()


@pytest.mark.slow
@pytest.mark.parametrize("daemon", ["mon.a", "mgr.x", "osd.2"])
def test_a_killed_daemon_is_there_again_after_its_test(cluster, daemon):
    before = cluster.pid(daemon)
    cluster.kill_daemon(daemon)
    cluster.recover()
    assert cluster.pid(daemon) != before
    assert cluster.is_up()


def test_what_does_not_come_to_be_is_said(cluster):
    with pytest.raises(AssertionError, match="a pool of that name did not come to be within 0 s; last: False"):
        cluster.wait_until(
            lambda: "nowhere" in [pool["pool_name"] for pool in cluster.pools()], 0, "a pool of that name"
        )


@pytest.mark.slow
def test_a_closed_cluster_leaves_neither_process_nor_file(own_cluster):
    own = own_cluster()
    own.stop_daemon("osd.0")
    assert len(processes_of(own.directory)) >= len(own.daemons)
    own.close()
    assert not own.directory.exists()
    wait_until(lambda: not processes_of(own.directory), 10, "an end of all that work in the directory")


HOLDER = """
import signal
import sys
from pathlib import Path
from tests.support.cluster import Cluster

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
cluster = Cluster.start(Path(sys.argv[1]))
print(*(cluster.pid(daemon) for daemon in cluster.daemons), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(directory):
    """A process that starts a cluster in `directory`, as pytest does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, directory], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()
    # Before its directory goes: what is to end its daemons finds them there, also after a test that has failed.
    wait_until(lambda: not processes_of(directory), what="an end of all that work in the directory")


@pytest.fixture
def directory():
    """With a short path: that of a test is too long for the sockets of the daemons."""
    with tempfile.TemporaryDirectory(prefix="hourglass-ceph-") as parent:
        yield Path(parent) / "c"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_cluster_ends_with_the_process_that_started_it(holder, directory, number):
    pids = [int(pid) for pid in holder.stdout.readline().split()]
    assert len(pids) == 3
    holder.send_signal(number)
    for pid in pids:
        wait_for_end(pid)
    wait_until(lambda: not directory.exists(), what="the directory removed")


def test_a_cluster_whose_process_is_killed_during_its_start_does_not_come_to_be(holder, directory):
    mon = directory / "run" / "mon.a.pid"
    wait_until(lambda: mon.exists() and mon.read_text(), what="a monitor")
    pid = int(mon.read_text())
    holder.kill()
    wait_for_end(pid)
    wait_until(lambda: not directory.exists(), what="the directory removed")
    wait_until(lambda: not processes_of(directory), 10, "an end of all that work in the directory")


@pytest.mark.slow
def test_a_cluster_ends_even_if_its_keeper_was_killed(directory):
    cluster = Cluster.start(directory)
    pids = [cluster.pid(daemon) for daemon in cluster.daemons]
    cluster._keeper.kill()
    cluster.close()
    for pid in pids:
        wait_for_end(pid)
    wait_until(lambda: not directory.exists(), what="the directory removed")


@pytest.mark.slow
def test_a_cluster_on_disk_is_started_again_with_its_data(own_cluster):
    own = own_cluster(store="bluestore")
    own.create_pool("kept")
    own.create_image("kept", "disk", data_mb=4)
    script("stop", own.directory)
    assert script("check", own.directory).stdout.split() == ["mon.a", "mgr.x", "osd.0"]
    assert script("restart", own.directory).returncode == 0
    assert script("check", own.directory).stdout == ""
    assert own.rbd("ls", "kept") == ["disk"]


@pytest.mark.slow
def test_a_daemon_that_ends_at_once_ends_the_start_with_its_name(directory):
    taken = socket.create_server(("127.0.0.1", 0))
    done = script("start", directory, MON_PORT=str(taken.getsockname()[1]), START_TIMEOUT="30")
    taken.close()
    assert done.returncode != 0
    assert f"its logs are in {directory}/log" in done.stderr
    script("destroy", directory)


def script(*words, **settings):
    return subprocess.run([SCRIPT, *words], env={**os.environ, **settings}, capture_output=True, text=True, check=False)
