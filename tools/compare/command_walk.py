"""The command line: help, wrong settings, users, and what is logged meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.compare.normal import normal_text
from tools.compare.serving import Checkout, Server, serving

HELPS = ((), *((one,) for one in ("add", "password", "role", "renew-token", "remove", "list")))
WRONG_OPTIONS = (
    "workers.count=two",
    "workers.count=0",
    "workers.cuont=2",
    "wrokers.count=2",
    "server.host=",
    "server.grace_seconds=nan",
    "server.trusted_proxies=1.2.3.4.5",
    "server.behind_proxy=perhaps",
    "server.trusted_origins=elsewhere.example",
    "jobs.modules=no_such_module",
    "jobs.modules=shop-jobs",
    "auth.session_days=-1",
    "retention.finished_days=x",
    "retention.rounds_per_task=1.5",
    "monitoring.sign_in=health, mood",
    "limits.websockets=many",
    "limits.read_seconds=0",
    "log.level=loud",
    "log.format=xml",
    "test_task.round_seconds=-1",
    "test_task.enabled=perhaps",
    "rbd_performance.image_timeout_seconds=x",
    "pool_pgs.colour=red",
    'ceph "main".mon_timeout_seconds=0',
    'ceph "main".client=a b',
    "ceph.conf=x",
    "nonsense",
    ".count=3",
    "workers=3",
)
WRONG_ARGUMENTS = (
    ("--port=x",),
    ("--port",),
    ("--data-dir=",),
    ("--colour=red",),
    ("--config=/nowhere/config.ini",),
    ("word",),
    ("user",),
    ("user", "sing"),
    ("user", "add"),
    ("user", "role", "vera", "king"),
)
WRONG_FILES = (
    "[workers]\ncount = two\n",
    "[workers]\ncount =\n",
    "[server]\nport: 1\n",
    "[server]\nport = 1\nport = 2\n",
    "[log]\n[server]\n[log]\n",
    "[server\nport = 1\n",
    "[log]\nkey\n  continued\n",
    "[wrokers]\ncount = 1\n",
    "[log]\nlevle = info\n",
    '[ceph "main"]\nnamespaces = rbd\n',
    "[ceph main]\n",
    "[test_task]\nround_seconds = -1\nenabled = perhaps\n",
    "[workers]\ncount = 0\n[log]\nlevel = loud\n",
)


class Commands:
    """Runs commands of a checkout and notes what they say."""

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self.checkout = checkout
        self.folder = folder
        self.notes: list[Any] = []

    def run(self, *arguments: str, given: str = "", name: str = "") -> None:
        done = subprocess.run(
            self.checkout.command(*arguments),
            cwd=self.checkout.folder,
            env=self.checkout.environment(self.folder),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        self.notes.append(
            {
                "command": self.shown(name or " ".join(arguments)),
                "exit code": done.returncode,
                "output": self.shown(done.stdout).splitlines(),
                "errors": self.shown(done.stderr).splitlines(),
            }
        )

    def shown(self, text: str) -> str:
        return normal_text(text, (str(self.folder), "<folder>"), (str(self.checkout.folder), "<checkout>"))


def walk_commands(checkout: Checkout, folder: Path) -> dict[str, Any]:
    """Returns what commands said by subject."""
    folder.mkdir(parents=True)
    return {
        "help": _of(checkout, folder, _help),
        "settings": _of(checkout, folder, _settings),
        "users": _of(checkout, folder, _users),
        "log": list(_logged(checkout, folder / "logged")),
        "log-json": list(_logged(checkout, folder / "logged-json", "log.format=json")),
    }


def _of(checkout: Checkout, folder: Path, walk: Any) -> list[Any]:
    commands = Commands(checkout, folder)
    walk(commands)
    return commands.notes


def _help(commands: Commands) -> None:
    commands.run("--help")
    for words in HELPS:
        commands.run("user", *words, "--help")


def _settings(commands: Commands) -> None:
    nothing = (f"--data-dir={commands.folder / 'none'}", "--port=0")
    for option in WRONG_OPTIONS:
        commands.run(*nothing, "--set", option, name=f"--set {option}")
    for arguments in WRONG_ARGUMENTS:
        commands.run(*arguments)
    for content in WRONG_FILES:
        (commands.folder / "config.ini").write_text(content)
        commands.run(f"--config={commands.folder / 'config.ini'}", *nothing, name=f"config.ini: {content}")
    commands.run("--port=0", "--data-dir=/proc/nowhere")
    (commands.folder / "file").touch()
    commands.run("--port=0", f"--data-dir={commands.folder / 'file'}")
    broken = commands.folder / "broken"
    broken.mkdir(mode=0o700)
    (broken / "hourglass.db").write_text("this is no database, but it is long enough to look like one" * 99)
    commands.run("--port=0", f"--data-dir={broken}")


def _users(commands: Commands) -> None:
    data = f"--data-dir={commands.folder / 'users'}"
    for words, given in (
        (("list",), ""),
        (("add", "root", "--role", "admin"), "first\n"),
        (("add", "ann"), "second\n"),
        (("add", "ann"), "second\n"),
        (("add", "a name"), "second\n"),
        (("add", "bob"), ""),
        (("list",), ""),
        (("password", "ann"), "third\n"),
        (("password", "nobody"), "third\n"),
        (("role", "ann", "admin"), ""),
        (("role", "root", "viewer"), ""),
        (("role", "ann", "viewer"), ""),
        (("renew-token", "ann"), ""),
        (("renew-token", "nobody"), ""),
        (("remove", "nobody"), ""),
        (("remove", "ann"), ""),
        (("remove", "root"), ""),
        (("list",), ""),
    ):
        commands.run("user", *words, data, given=given)


def _logged(checkout: Checkout, folder: Path, *settings: str) -> Iterator[str]:
    """Yields what a server logs that runs a few tasks, with debug messages, and is stopped while one runs."""
    with serving(checkout, folder, "log.level=debug", "workers.count=1", *settings) as server:
        walking = _run(server, "walk", name="logged", steps=3)
        server.open_gates("logged", 1)
        server.at_round(walking, 1)
        server.call("POST", "taskqueue", {"job": "test_task", "params": {"times": 2}})
        server.call("DELETE", f"taskqueue/{walking}")
        server.workers_are_idle()
        for job, params in (("stumble", {"stone": "a stone"}), ("die", {"step": 1}), ("misbehave", {"kind": "nan"})):
            server.ended(server.call("POST", "taskqueue", {"job": job, "params": params})["id"])
            server.workers_are_idle()
        for path in ("/openattic/api/nothing", "/openattic/api/taskqueue?secret=1"):
            server.request("GET", path)
        once = _run(server, "once", name="never")
        server.call("PUT", f"taskqueue/{once}", {"pinned": True})
        server.stop()
    text = normal_text(server.log.read_text(), (str(folder), "<folder>"), (str(checkout.folder), "<checkout>"))
    lines = sorted({line for line in text.splitlines() if not _is_poll(line)})
    yield from lines


def _is_poll(line: str) -> bool:
    """Returns whether a line is of a poll: how often the walk looks is chance."""
    return "hourglass.http" in line and ("GET /openattic/api/taskqueue/" in line or "/workers" in line)


def _run(server: Server, job: str, **params: object) -> int:
    task = int(server.call("POST", "taskqueue", {"job": job, "params": params})["id"])
    server.until(task, lambda now: bool(now["status"] == "Running"))
    return task
