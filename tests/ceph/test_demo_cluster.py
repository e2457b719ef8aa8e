"""`make ceph` and `make ceph-stop`, in checkouts of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.faults.support import wait_for_end
from tests.support.cluster import ROOT, wait_until
from tests.support.processes import processes_of
from tools.demo_images import IMAGES
from tools.demo_load import LOADS, operations_due

CHECKED_OUT = ["Makefile", "tools", "requirements", "package.json", "package-lock.json", ".venv", "node_modules"]


class Checkout:
    """The project at another place."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        for name in CHECKED_OUT:
            (directory / name).symlink_to(ROOT / name)
        self.place = directory / "build" / "ceph"

    def make(self, *words: str) -> str:
        """What it says; it succeeds."""
        done = subprocess.run(["make", *words], cwd=self.directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def ask(self, program: str, *words: str) -> str:
        command = [program, "-c", self.place / "ceph.conf", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def busy_images(self) -> set[str]:
        """Those that the manager has just seen reads and writes of; none while it is not ready."""
        try:
            answer = self.ask("ceph", "rbd", "perf", "image", "stats", "rbd", "--format=json")
        except subprocess.CalledProcessError:
            return set()
        return {name.partition("/")[2] for entry in json.loads(answer)["stats"] for name in entry}

    def pid(self, daemon: str) -> int:
        return int((self.place / "run" / f"{daemon}.pid").read_text())

    @property
    def load_pid(self) -> int:
        return int((self.place / "load.pid").read_text())


KEEPER = "cat > /dev/null; tools/demo-cluster stop; rm -rf -- {parent}"


@pytest.fixture
def checkout(request):
    """By default at a short path; a deep one is a parameter. A pipe's end is its end, by a kill as well."""
    parent = tempfile.mkdtemp(prefix="hourglass-")
    checkout = Checkout(Path(parent) / getattr(request, "param", "checkout"))
    command = KEEPER.format(parent=parent)
    keeper = subprocess.Popen(
        command, shell=True, cwd=checkout.directory, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    yield checkout
    keeper.communicate()


def test_each_tide_comes_back_to_its_average():
    load = LOADS[0]
    spans = range(int(load.tide_seconds))
    total = sum(operations_due(load, at, 1) for at in spans)
    assert total == pytest.approx(load.per_second * load.tide_seconds)
    assert min(operations_due(load, at, 1) for at in spans) > 0


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.image)
def test_the_load_stays_within_what_was_written(load):
    written = {name: mib << 20 for name, _, mib in IMAGES}
    assert load.range_bytes <= written[load.image]


@pytest.mark.slow
def test_make_ceph_makes_images_under_load_that_make_run_finds_and_make_ceph_stop_ends_all(checkout):
    assert "--set" not in checkout.make("-n", "run")
    checkout.make("ceph")
    assert sorted(checkout.ask("rbd", "ls").split()) == sorted(name for name, _, _ in IMAGES)
    wait_until(lambda: checkout.busy_images() == {load.image for load in LOADS}, what="load on all of its images")
    assert f"""--set 'ceph "demo".conf={checkout.place}/ceph.conf'""" in checkout.make("-n", "run")
    load_pid, fsid = checkout.load_pid, checkout.ask("ceph", "fsid")
    assert "already runs" in checkout.make("ceph")
    assert (checkout.load_pid, checkout.ask("ceph", "fsid")) == (load_pid, fsid)
    checkout.make("ceph-stop")
    assert not checkout.place.exists()
    assert processes_of(checkout.place) == []
    wait_for_end(load_pid)


@pytest.mark.slow
@pytest.mark.parametrize("checkout", ["checkout" + "/deeper" * 10], indirect=True)
def test_a_checkout_with_a_long_path_has_its_cluster_in_the_temporary_directory(checkout):
    checkout.make("ceph")
    directory = checkout.place.resolve()
    assert len(str(directory)) <= 80 < len(str(checkout.place))
    assert "HEALTH_OK" in checkout.ask("ceph", "health")
    checkout.make("ceph-stop")
    assert not directory.exists()
    assert not checkout.place.is_symlink()
    assert processes_of(directory) == []


@pytest.mark.slow
def test_make_ceph_again_starts_what_has_died_or_was_stopped(checkout):
    checkout.make("ceph")
    fsid = checkout.ask("ceph", "fsid")
    os.kill(checkout.pid("mgr.x"), signal.SIGKILL)
    os.kill(checkout.pid("osd.1"), signal.SIGSTOP)
    wait_for_end(checkout.pid("mgr.x"))
    assert "these daemons do not run: mgr.x osd.1" in checkout.make("ceph")
    assert checkout.ask("ceph", "fsid") == fsid
    wait_until(lambda: checkout.busy_images() == {load.image for load in LOADS}, what="load on all of its images")


@pytest.mark.slow
def test_the_load_goes_on_after_a_death_of_the_monitor_and_ends_with_its_cluster(checkout):
    checkout.make("ceph")
    load = checkout.load_pid
    os.kill(checkout.pid("mon.a"), signal.SIGKILL)
    wait_for_end(checkout.pid("mon.a"))
    subprocess.run(["tools/ceph-cluster", "up", checkout.place, "mon.a"], cwd=checkout.directory, check=True)
    wait_until(lambda: checkout.busy_images() == {load.image for load in LOADS}, what="load on all of its images")
    assert checkout.load_pid == load
    subprocess.run(["tools/ceph-cluster", "stop", checkout.place], cwd=checkout.directory, check=True)
    wait_for_end(load)


@pytest.mark.slow
def test_what_an_interrupted_start_has_left_is_made_anew(checkout):
    starting = subprocess.Popen(["tools/demo-cluster", "start"], cwd=checkout.directory)
    wait_until((checkout.place / "run" / "mon.a.pid").exists, what="a monitor")
    starting.terminate()
    starting.wait()
    checkout.make("ceph")
    assert "database" in checkout.ask("rbd", "ls")
