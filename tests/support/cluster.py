"""A real Ceph cluster for tests: throw-away, on loopback, gone when its process is, whatever becomes of pytest."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "ceph-cluster"
START_SECONDS = 120
PATIENCE_SECONDS = 120
Found = TypeVar("Found")


class ClusterError(Exception):
    """What the cluster answered instead: its `errno` (positive) and its own `words`."""

    def __init__(self, errno: int, words: str) -> None:
        super().__init__(errno, words)
        self.errno = errno
        self.words = words


def wait_until(predicate: Callable[[], Found], seconds: float = PATIENCE_SECONDS, what: str = "") -> Found:
    """What the predicate returns once that is true; looks ten times a second. Fails with `what` when the time is up."""
    end = time.monotonic() + seconds
    while not (found := predicate()):
        if time.monotonic() > end:
            raise AssertionError(f"{what or predicate} did not come to be within {seconds} s; last: {found!r}")
        time.sleep(0.1)
    return found


class Agent:
    """The process with the handle. One that died, by a late answer say, is replaced at the next request."""

    def __init__(self, conf: Path) -> None:
        self.conf = conf
        self.process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def ask(self, action: str, **arguments: Any) -> str:
        with self._lock:
            process = self._running()
            process.stdin.write(json.dumps([action, arguments]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            raise ClusterError(0, f"the process with the handle ended with {process.wait()} in {action}")
        return self._unpack(json.loads(line))

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = self._started()
        return self.process

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.support.ceph_agent", str(self.conf)]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def _unpack(reply: dict[str, Any]) -> str:
        if "errno" in reply:
            raise ClusterError(reply["errno"], reply["words"])
        return reply["answer"]


class Cluster:
    """A running cluster: `mon.a`, `mgr.x` and `osd.0` upward."""

    alive: ClassVar[set[Cluster]] = set()

    def __init__(self, directory: Path, keeper: subprocess.Popen[str], osds: int) -> None:
        self.directory = directory
        self.conf = directory / "ceph.conf"
        self.osds = osds
        self.daemons = ["mon.a", "mgr.x", *(f"osd.{number}" for number in range(osds))]
        self._keeper = keeper
        self._agent = Agent(self.conf)
        self._slow_agent = Agent(self.conf)  # for what takes long: the others need not wait
        self.fsid = self.command("fsid")["fsid"]

    @classmethod
    def start(
        cls,
        directory: Path | None = None,
        osds: int = 1,
        store: str = "memstore",
        max_misplaced: float = 1,
        max_pgs_per_osd: int = 500,
    ) -> Cluster:
        """A new cluster, in a directory of its own under the temporary one unless named (80 characters at most).

        Of the system's Ceph, or of that in the root file system that the environment names as CEPH_ROOT.

        It lives until `close`, or as long as this process: then its keeper, whose standard input ends, destroys it.
        """
        directory = directory or Path(tempfile.mkdtemp(prefix="hourglass-ceph-"))
        settings = {"OSDS": str(osds), "STORE": store, "MAX_MISPLACED": str(max_misplaced)}
        settings["MAX_PGS_PER_OSD"] = str(max_pgs_per_osd)
        keeper = subprocess.Popen(
            [SCRIPT, "run", directory],
            env={**os.environ, **settings, "START_TIMEOUT": str(START_SECONDS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for pytest
        )
        if keeper.stdout.readline() != "ready\n":
            keeper.communicate()
            raise ClusterError(0, f"the cluster in {directory} did not start; what it said is above")
        cluster = cls(directory, keeper, osds)
        cls.alive.add(cluster)
        return cluster

    def close(self) -> None:
        """Ends its daemons and removes its directory."""
        self.alive.discard(self)
        self._agent.close()
        self._slow_agent.close()
        self._keeper.communicate()

    @property
    def release(self) -> str:
        """`pacific` (16) or `reef` (18), as far as the tests know them."""
        return self.command("status")["monmap"]["min_mon_release_name"]

    # What to ask and tell it

    def ceph(self, *words: str) -> Any:
        """What the command `ceph` answers, from JSON where it is that. Slow (0.3 s), but all of the command line."""
        return self._run("ceph", "--connect-timeout=20", *words, "--format=json")

    def rbd(self, *words: str) -> Any:
        return self._run("rbd", *words, "--format=json")

    def command(self, prefix: str, **arguments: Any) -> Any:
        """The answer to a command of the monitor, or one that it passes on, in a millisecond."""
        return parsed(self._agent.ask("mon_command", prefix=prefix, format="json", **arguments))

    def mgr_command(self, prefix: str, **arguments: Any) -> Any:
        return parsed(self._agent.ask("mgr_command", prefix=prefix, format="json", **arguments))

    def daemon_command(self, daemon: str, prefix: str, **arguments: Any) -> Any:
        """What a daemon (`mgr.x`) answers on its own socket, in a millisecond, whatever the others do."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.directory / "run" / f"{daemon}.{self.pid(daemon)}.asok"))
            connection.sendall(json.dumps({"prefix": prefix, **arguments}).encode() + b"\0")
            with connection.makefile("rb") as stream:
                (length,) = struct.unpack(">I", stream.read(4))
                answer = parsed(stream.read(length).decode())
        if isinstance(answer, dict) and "error" in answer:
            raise ClusterError(0, answer["error"])
        return answer

    def set_config(self, daemon: str, option: str, value: str) -> None:
        """At once, for a running daemon, whatever ceph.conf says; gone when the daemon ends."""
        self.daemon_command(daemon, "config set", var=option, val=[value])

    @contextmanager
    def configured(self, daemon: str, option: str, value: str) -> Iterator[None]:
        before = self.daemon_command(daemon, "config get", var=option)[option]
        self.set_config(daemon, option, value)
        try:
            yield
        finally:
            self.set_config(daemon, option, before)

    @contextmanager
    def reporting(self, message: str, refs: dict[str, str]) -> Iterator[None]:
        """The manager reports a progress like this, as a module of its own would; from Ceph 17 on."""
        self.command("mgr module enable", module="selftest")
        code = f"mgr.remote('progress', 'update', 'of a test', {message!r}, 0.25, {refs!r})"
        self.wait_until(lambda: self._answers("mgr self-test eval", s=code), what="a manager that tests itself")
        try:
            yield
        finally:
            self.mgr_command("mgr self-test eval", s="mgr.remote('progress', 'complete', 'of a test')")
            self.command("mgr module disable", module="selftest")
            self.wait_until(lambda: not self._answers("mgr self-test eval", s=""), what="a manager without the module")
            self.wait_up()

    def _answers(self, prefix: str, **arguments: Any) -> bool:
        """Whether the manager takes this command."""
        try:
            self.mgr_command(prefix, **arguments)
        except ClusterError:
            return False
        return True

    def auth_key(self, name: str, **caps: str) -> Path:
        """The keyring of a client with these capabilities: `auth_key("reader", mon="allow r")` is for client.reader."""
        pairs = [word for pair in caps.items() for word in pair]
        keyring = self._agent.ask("mon_command", prefix="auth get-or-create", entity=f"client.{name}", caps=pairs)
        path = self.directory / f"client.{name}.keyring"
        path.write_text(keyring)
        return path

    def rotate_key(self, name: str) -> str:
        """Gives a client another key, as administrators do; returns the keyring that it needs from now on."""
        before = self.command("auth get-key", entity=f"client.{name}")
        key = before["key"] if isinstance(before, dict) else before
        made = subprocess.run(["ceph-authtool", "--gen-print-key"], check=True, capture_output=True, text=True).stdout
        keyring = self._agent.ask("mon_command", prefix="auth get", entity=f"client.{name}").replace(key, made.strip())
        path = self.directory / f"client.{name}.rotated"
        path.write_text(keyring)
        self.ceph("auth", "import", "-i", str(path))
        return keyring

    def restart_monitor(self) -> None:
        """Ends all sessions: whoever had one has to show its key again."""
        self.kill_daemon("mon.a")
        self.start_daemon("mon.a")
        self.wait_until(self._osds_seen, what="an answer of the monitor")

    # Pools and images

    def create_pool(self, name: str, pg_num: int = 8, application: str = "rbd", **options: Any) -> dict[str, Any]:
        """The new pool, once all its PGs are clean; ready for images."""
        self.begin_pool(name, pg_num, application, **options)
        return self.finish_pool(name)

    def begin_pool(self, name: str, pg_num: int = 8, application: str = "rbd", **options: Any) -> None:
        """Creates it, and waits for nothing: `finish_pool` does. The manager takes a second or two to know its PGs."""
        self.command("osd pool create", pool=name, pg_num=pg_num, pgp_num=pg_num, **options)
        self.command("osd pool application enable", pool=name, app=application)

    def finish_pool(self, name: str) -> dict[str, Any]:
        pool = self.wait_settled(name)
        if "rbd" in pool["application_metadata"]:
            self._agent.ask("pool_init", pool=name)
        return pool

    def delete_pool(self, name: str) -> None:
        """Also where there is none."""
        self.command("osd pool delete", pool=name, pool2=name, yes_i_really_really_mean_it=True)

    def fill(self, pool: str, megabytes: int, object_bytes: int = 65_536) -> None:
        """So much data in the pool, as objects of this size; a second time writes the same ones again."""
        self._slow_agent.ask("fill", pool=pool, megabytes=megabytes, object_bytes=object_bytes)

    def create_image(
        self, pool: str, name: str, size_bytes: int = 1 << 30, data_mb: int = 0, features: int | None = None
    ) -> None:
        """An image whose first `data_mb` megabytes are written."""
        arguments = {"size_bytes": size_bytes, "data_mb": data_mb, "features": features}
        self._slow_agent.ask("create_image", pool=pool, name=name, **arguments)

    def create_images(
        self, pool: str, names: Sequence[str], size_bytes: int = 1 << 30, features: int | None = None
    ) -> None:
        """Empty ones, 30 ms each."""
        self._slow_agent.ask("create_images", pool=pool, names=names, size_bytes=size_bytes, features=features)

    def remove_image(self, pool: str, name: str) -> None:
        self._slow_agent.ask("remove_image", pool=pool, name=name)

    def empty_pool(self, pool: str) -> None:
        """Removes all of its objects, in all namespaces: quicker than another pool."""
        self._agent.ask("empty_pool", pool=pool)

    def pools(self) -> list[dict[str, Any]]:
        """As `ceph osd pool ls detail` tells them."""
        return self.command("osd pool ls", detail="detail")

    def pool(self, name: str) -> dict[str, Any]:
        found = next((pool for pool in self.pools() if pool["pool_name"] == name), None)
        if found is None:
            raise LookupError(f"no pool {name}")
        return found

    def pg_states(self, name: str) -> list[str]:
        """The state of each of its PGs, as `active+clean`, without those that the manager does not know yet."""
        prefix = f"{self.pool(name)['pool_id']}."
        dump = self.command("pg dump", dumpcontents=["pgs_brief"])
        return [pg["state"] for pg in dump["pg_stats"] if pg["pgid"].startswith(prefix)]

    def is_settled(self, name: str) -> bool:
        """Whether its PGs are as many as they are to be, placed and clean. It may look so a second too early."""
        pool = self.pool(name)
        numbers = {pool[f"pg_{what}"] for what in ("num", "num_target", "num_pending", "placement_num")}
        numbers.add(pool["pg_placement_num_target"])
        states = self.pg_states(name)
        return numbers == {len(states)} and all(state.startswith("active+clean") for state in states)

    def wait_settled(self, name: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        self.wait_until(lambda: self.is_settled(name), seconds, f"pool {name} with all PGs clean")
        return self.pool(name)

    wait_until = staticmethod(wait_until)

    # Daemons

    def pid(self, daemon: str) -> int:
        return int((self.directory / "run" / f"{daemon}.pid").read_text())

    def state(self, daemon: str) -> str:
        """One letter, as in /proc: S sleeps, R runs, T is stopped, Z or none has ended."""
        try:
            return Path(f"/proc/{self.pid(daemon)}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return ""

    def stop_daemon(self, daemon: str) -> None:
        """SIGSTOP: it is there, takes connections and answers nothing."""
        os.kill(self.pid(daemon), signal.SIGSTOP)
        wait_until(lambda: self.state(daemon) == "T", what=f"{daemon} stopped")

    def continue_daemon(self, daemon: str) -> None:
        os.kill(self.pid(daemon), signal.SIGCONT)

    @contextmanager
    def stopped(self, daemon: str) -> Iterator[None]:
        self.stop_daemon(daemon)
        try:
            yield
        finally:
            self.continue_daemon(daemon)

    def kill_daemon(self, daemon: str) -> None:
        """SIGKILL. In memstore, an OSD's data is lost with it."""
        os.kill(self.pid(daemon), signal.SIGKILL)
        wait_until(lambda: self.has_ended(daemon), what=f"{daemon} ended")

    def one_more(self, program: str, *words: str | Path) -> list[str | Path]:
        """The command line of one more daemon of the same packages, like `ceph-mon`."""
        return [SCRIPT, "daemon", self.directory, program, *words]

    def start_daemon(self, daemon: str, **settings: str | Path) -> None:
        """With settings of `tools/ceph-cluster`, say `MGR_MODULES`."""
        subprocess.run([SCRIPT, "up", self.directory, daemon], env={**os.environ, **settings}, check=True)

    def has_ended(self, daemon: str) -> bool:
        """A zombie has not while one of its threads lives: it still holds its files, and an OSD its lock."""
        return self.state(daemon) in ("", "Z", "X") and len(self._threads(daemon)) < 2

    def _threads(self, daemon: str) -> list[str]:
        try:
            return os.listdir(f"/proc/{self.pid(daemon)}/task")
        except OSError:
            return []

    def recover(self) -> None:
        """Whatever a test did to its daemons: all of them run again, and the monitor knows it."""
        stopped = [daemon for daemon in self.daemons if self.state(daemon) == "T"]
        ended = [daemon for daemon in self.daemons if self.has_ended(daemon)]
        for daemon in stopped:
            self.continue_daemon(daemon)
        self._start_again(ended)
        if stopped or ended:
            self.wait_up()

    def _start_again(self, daemons: list[str]) -> None:
        """Waits until the monitor has seen the new ones: at first it takes them for those that have ended."""
        if "mon.a" in daemons:
            self.start_daemon("mon.a")
        before = self._lives() if daemons else {}
        for daemon in daemons:
            self.start_daemon(daemon)
        self.wait_until(
            lambda: all(before.get(daemon) != self._lives().get(daemon) for daemon in daemons if daemon != "mon.a"),
            what=f"new lives of {daemons}",
        )

    def _lives(self) -> dict[str, Any]:
        """What the monitor has that changes with each start of a manager or an OSD."""
        osds = self.wait_until(self._osds_seen, what="an answer of the monitor")
        lives = {f"osd.{osd['osd']}": (osd["up_from"], osd["up"]) for osd in osds}
        return lives | {"mgr.x": self.command("mgr dump")["active_gid"]}

    def _osds_seen(self) -> list[dict[str, Any]]:
        try:
            return self.command("osd dump")["osds"]
        except ClusterError:
            return []

    def wait_up(self) -> None:
        self.wait_until(self.is_up, what="all daemons up")

    def is_up(self) -> bool:
        """Whether the monitor answers and sees a manager and all OSDs."""
        try:
            status = self.command("status")
        except ClusterError:
            return False
        return status["mgrmap"]["available"] and status["osdmap"]["num_up_osds"] == self.osds

    def _run(self, program: str, *words: str) -> Any:
        done = subprocess.run([program, "-c", self.conf, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(done.returncode, done.stderr.strip())
        return parsed(done.stdout)


def parsed(text: str) -> Any:
    """Its meaning as JSON, or the text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()
