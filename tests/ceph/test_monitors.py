"""Several monitors, some of them dead; a cluster that comes up late; a dead cluster beside a good one."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from contextlib import contextmanager

import pytest

from ceph.clusters import Clusters
from ceph.settings import ClusterSettings
from tests.support.ceph_service import Checked, options_for
from tests.support.service import Service

OTHER = "11111111-6936-48af-b82b-e2cf81a7beed"


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    service.close()


def conf_with_monitors(cluster, path, monitors):
    lines = cluster.conf.read_text().splitlines(keepends=True)
    path.write_text("".join(f"mon host = {monitors}\n" if line.startswith("mon host") else line for line in lines))
    return path


def monitor_of(cluster):
    return next(line.partition("=")[2].strip() for line in cluster.conf.read_text().splitlines() if "mon host" in line)


@contextmanager
def black_hole():
    """The address of a monitor that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"[v2:127.0.0.1:{listener.getsockname()[1]}]"


async def test_the_first_of_the_monitors_may_be_dead_or_silent(service, cluster, tmp_path):
    with black_hole() as hole:
        conf = conf_with_monitors(cluster, tmp_path / "ceph.conf", f"[v2:127.0.0.1:1],{hole},{monitor_of(cluster)}")
        service.start(*options_for({"main": conf}, connect_timeout_seconds=30))
        client = Checked(service)

        assert (await client.until(lambda found: found["reachable"], client.cluster))["fsid"] == cluster.fsid
        answer = await client.call("POST", f"ceph/{cluster.fsid}/rbds/performance", {"seconds": 1}, Prefer="wait=60")

    task = await client.task_of(answer)
    assert task["status"] == "Finished" or "there are no images" in task["outcome"], task


async def test_a_dead_cluster_slows_no_call_and_no_task_of_a_good_one(service, cluster, tmp_path):
    """Both kinds of dead ones: one whose conf says which it is, and one whose conf does not."""
    with black_hole() as hole:
        named = conf_with_monitors(cluster, tmp_path / "named.conf", hole)
        named.write_text(named.read_text().replace(cluster.fsid, OTHER))
        nameless = conf_with_monitors(cluster, tmp_path / "nameless.conf", hole)
        nameless.write_text(nameless.read_text().replace("fsid", "# fsid"))
        lines = cluster.conf.read_text().replace("fsid", "# fsid", 1)
        (good := tmp_path / "good.conf").write_text(lines)
        service.start(*options_for({"a": named, "b": nameless, "main": good}, connect_timeout_seconds=120))
        client = Checked(service)
        dead = asyncio.create_task(client.call("GET", f"ceph/{OTHER}/pools"))

        pools = await client.get(f"ceph/{cluster.fsid}/pools")
        answer = await client.call("POST", f"ceph/{cluster.fsid}/rbds/performance", {"seconds": 1})
        listed = {one["name"]: one for one in (await client.get("ceph"))["results"]}
        assert not dead.done()
        dead.cancel()

    assert pools["count"] >= 0
    assert answer.status == 201
    assert listed["main"]["reachable"]
    assert not listed["a"]["reachable"]
    assert "not answered yet" in listed["a"]["error"]


async def test_a_task_is_not_held_up_by_a_dead_cluster_that_is_configured_before_its_own(cluster, tmp_path):
    with black_hole() as hole:
        named = conf_with_monitors(cluster, tmp_path / "named.conf", hole)
        named.write_text(named.read_text().replace(cluster.fsid, OTHER))
        dead = ClusterSettings(conf=str(named), connect_timeout_seconds=3600)
        good = ClusterSettings(conf=str(cluster.conf))

        with Clusters({"dead": dead, "good": good}).connect(cluster.fsid) as handle:
            assert handle.fsid == cluster.fsid


@pytest.mark.slow
async def test_a_cluster_that_comes_up_after_the_service_is_there_by_itself(service, own_cluster):
    own = own_cluster()
    own.kill_daemon("mon.a")
    service.start(*options_for({"main": own.conf}))
    client = Checked(service)

    down = await client.until(lambda found: "no mon" in str(found["error"]), client.cluster)
    answer = await client.call(
        "POST", "taskqueue", {"job": "rbd_performance", "params": {"fsid": own.fsid, "seconds": 1}}
    )
    task_id = answer.json["id"]
    await client.until(lambda task: "no mon" in task["message"], lambda: client.get(f"taskqueue/{task_id}"))
    own.start_daemon("mon.a")

    up = await client.until(lambda found: found["reachable"], client.cluster)
    task = await client.until(lambda task: task["outcome"], lambda: client.get(f"taskqueue/{task_id}"))
    assert down["fsid"] == up["fsid"] == own.fsid
    assert "there are no images" in task["outcome"]


@pytest.mark.slow
async def test_reads_and_tasks_go_on_when_one_of_three_monitors_dies(service, own_cluster, tmp_path):
    own = own_cluster()
    monitors = [monitor_of(own)]
    processes = []
    try:
        for name in "bc":
            address, process = added_monitor(own, name, tmp_path)
            monitors.append(address)
            processes.append(process)
        own.wait_until(lambda: len(own.command("quorum_status")["quorum"]) == 3, what="three monitors")
        conf = conf_with_monitors(own, tmp_path / "ceph.conf", ",".join(monitors))
        service.start(*options_for({"main": conf}, mon_timeout_seconds=20, connect_timeout_seconds=20))
        client = Checked(service)
        await client.until(lambda found: found["reachable"], client.cluster)
        own.kill_daemon("mon.a")

        pools = await client.get(f"ceph/{own.fsid}/pools")
        answer = await client.call("POST", f"ceph/{own.fsid}/rbds/performance", {"seconds": 1}, Prefer="wait=60")

        assert pools["count"] == len(own.pools())
        assert "there are no images" in (await client.task_of(answer))["outcome"]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def added_monitor(cluster, name, directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"[v2:127.0.0.1:{taken.getsockname()[1]}]"
    data, monmap = directory / f"mon.{name}", directory / f"monmap.{name}"
    cluster.ceph("mon", "getmap", "-o", str(monmap))
    common = ["-i", name, "-c", cluster.conf, f"--mon-data={data}", f"--log-file={directory}/{name}.log"]
    keyring = cluster.directory / "mkfs.keyring"
    mkfs = cluster.one_more("ceph-mon", "--mkfs", *common, f"--monmap={monmap}", f"--keyring={keyring}")
    subprocess.run(mkfs, check=True)
    cluster.command("mon add", name=name, addr=address.strip("[]"))
    run = [f"--public-addrv={address}", "--foreground", f"--keyring={data}/keyring"]
    return address, subprocess.Popen(cluster.one_more("ceph-mon", *common, *run), stderr=subprocess.DEVNULL)
