"""Writes a data directory with tasks in every status, some of them unfinished.

That of version 0.1.0 is kept as `tests/support/data_0.1.0.tar.xz`, written by
`python -m tools.compare data CHECKOUT tests/support/data_0.1.0.tar.xz`.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from tools.compare.serving import MODULES, PASSWORD, Checkout, Server, add_viewer, serving

KEPT = MODULES.parents[2] / "tests" / "support" / "data_0.1.0.tar.xz"
ANSWERS = "answers.json"
"""What the version that wrote a data directory answered last: it lies in the archive beside the data."""

FAR = "2099-01-01T02:00:00.000Z"
ENDED = 30
FORM = {
    "text": "every kind",
    "flag": True,
    "count": 55,
    "names": ["first", "second"],
    "sizes": {"small": 1},
    "address": {"street": "High Street", "number": 4},
}
STEPS = [{"job": "test_task", "params": {"times": 2}}, {"job": "stumble", "params": {"stone": "a chain"}}]


def write_data(checkout: Checkout, folder: Path) -> Path:
    """Returns the data directory that a server of this version has left behind, stopped in the middle of its work."""
    with serving(checkout, folder, "workers.count=2") as server:
        _ended(server)
        _running(server)
        add_viewer(server)
        (folder / ANSWERS).write_text(json.dumps(_answers(server)))
        server.stop()
    for name in ("server.lock", "workers.lock"):
        (server.data / name).unlink(missing_ok=True)
    return server.data


def write_archive(checkout: Checkout, folder: Path, archive: Path) -> None:
    """Packs such a directory with the answers about it."""
    data = write_data(checkout, folder)
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        packed.add(data, "data")
        packed.add(folder / ANSWERS, ANSWERS)


def unpacked(archive: Path, folder: Path) -> Path:
    """Returns the data directory of an archive."""
    with tarfile.open(archive) as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # the first releases of 3.11 have none
        packed.extractall(folder)  # noqa: S202  written by ourselves
    (folder / "data").chmod(0o700)
    return folder / "data"


def _answers(server: Server) -> dict[str, Any]:
    tasks = server.get("taskqueue?ordering=id&pageSize=500")["results"]
    return {
        "tasks": tasks,
        "rounds": {str(task["id"]): server.get(f"taskqueue/{task['id']}/rounds")["results"] for task in tasks},
        "token": server.call("POST", "api-token-auth", {"username": "admin", "password": PASSWORD})["token"],
    }


def _create(server: Server, job: str, *, more: dict[str, Any] | None = None, **params: object) -> int:
    return int(server.call("POST", "taskqueue", {"job": job, "params": params, **(more or {})})["id"])


def _ended(server: Server) -> None:
    """One after another, so that they end in the order of their numbers."""
    for number in range(1, ENDED + 1):
        server.ended(_create(server, "test_task", times=1 + number % 3))
    for job, params in (
        ("form", FORM),
        ("look", {"what": "sky"}),
        ("returns", {"kilobytes": 20}),
        ("form", {"text": "שלום <b>bold</b>"}),
        ("form", {"text": "a name that is long, yet allowed at all"}),
        ("chain", {"steps": STEPS[:1] * 3}),
        ("stumble", {"stone": "a stone"}),
        ("stumble", {"stone": "another stone"}),
        ("chain", {"steps": STEPS}),
        ("misbehave", {"kind": "nan"}),
        ("die", {"step": 2}),
    ):
        server.open_gate("look-sky")
        server.ended(_create(server, job, **params))
        server.workers_are_idle()
    server.call("DELETE", f"taskqueue/{_create(server, 'test_task', times=9, more={'not_before': FAR})}")
    aborted = _create(server, "walk", name="aborted", steps=4)
    server.open_gates("aborted", 1)
    server.at_round(aborted, 1)
    server.call("DELETE", f"taskqueue/{aborted}")
    server.ended(aborted)
    pinned = server.get("taskqueue?job=form&ordering=id")["results"][0]["id"]
    server.call("PUT", f"taskqueue/{pinned}", {"pinned": True})
    server.ended(server.call("POST", f"taskqueue/{pinned}/retry")["id"])
    server.workers_are_idle()


def _running(server: Server) -> None:
    for name, rounds in (("home", 3), ("away", 1)):
        task = _create(server, "walk", name=name, steps=8)
        for number in range(1, rounds + 1):
            server.open_gates(name, number)
            server.at_round(task, number)
    _create(server, "walk", name="home", steps=2)
    _create(server, "test_task", times=5, more={"priority": -10})
    _create(server, "test_task", times=20, more={"not_before": FAR})
    _create(server, "test_task", times=30, more={"not_before": FAR, "priority": -5})
