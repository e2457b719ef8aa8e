"""The parts of a recording."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.compare.browsing import chromium
from tools.compare.cluster_walk import a_pool, cluster_is_read, walk_cluster
from tools.compare.command_walk import walk_commands
from tools.compare.data import KEPT, unpacked
from tools.compare.live_walk import walk_live
from tools.compare.page_views import of_cluster, of_new_service, of_silent_cluster, of_tasks, signed_out, toasts
from tools.compare.page_walk import Visitor
from tools.compare.recorder import Recorder, write_json
from tools.compare.rest_walk import described, walk_rest
from tools.compare.serving import Checkout, add_viewer, serving, waited

WORKERS = 2


@dataclass(frozen=True)
class Recording:
    """What is recorded, from where and to where; `scratch` is a folder for what is not kept."""

    checkout: Checkout
    out: Path
    scratch: Path
    data: Path | None
    cluster: Path | None
    views: Sequence[str] = ()


def record(recording: Recording, parts: Sequence[str]) -> int:
    """Records the parts one after another; returns 1 if a walk was incomplete."""
    for part in parts:
        shutil.rmtree(recording.out / part, ignore_errors=True)
    problems = [problem for part in parts for problem in PARTS[part](recording)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _rest(recording: Recording) -> list[str]:
    with serving(recording.checkout, recording.scratch / "rest") as server:
        add_viewer(server)
        recorder = Recorder(server)
        try:
            walk_rest(recorder)
        finally:  # what was seen until then says where it went wrong
            recorder.save(recording.out / "rest")
        document = described(recorder)
    write_json(recording.out / "openapi" / "openapi.json", document)
    return [f"the walk has no call of {operation}" for operation in recorder.uncalled(document)]


def _live(recording: Recording) -> list[str]:
    with serving(recording.checkout, recording.scratch / "live") as server:
        add_viewer(server)
        write_json(recording.out / "live" / "frames.json", asyncio.run(walk_live(server)))
    return []


def _commands(recording: Recording) -> list[str]:
    for subject, told in walk_commands(recording.checkout, recording.scratch / "commands").items():
        write_json(recording.out / "commands" / f"{subject}.json", told)
    return []


SILENT = """[global]
mon host = 127.0.0.1:1
auth client required = none
"""
"""The conf file of a cluster that is not there."""


def _page(recording: Recording) -> list[str]:
    """Every view without a cluster, and those of one that does not answer."""
    scratch = recording.scratch / "page"
    unpacked(recording.data or KEPT, scratch)
    out = recording.out / "page"
    with chromium() as browser:
        with serving(recording.checkout, scratch) as server:
            waited(lambda: server.get("statistics")["counts"]["Running"], lambda count: count == WORKERS, "workers")
            visitor = Visitor(browser, server, out, recording.views)
            failed = visitor.visit([*signed_out(), *of_tasks(server)])
        with serving(recording.checkout, scratch / "new") as server:
            failed += Visitor(browser, server, out, recording.views).visit(of_new_service())
        with serving(recording.checkout, scratch / "toasts") as server:
            failed += Visitor(browser, server, out, recording.views).visit(toasts(server))
        (scratch / "silent.conf").write_text(SILENT)
        conf = f'ceph "silent".conf={scratch / "silent.conf"}'
        waits = [f'ceph "silent".{name}_timeout_seconds=1' for name in ("connect", "mon")]
        with serving(recording.checkout, scratch / "silent", conf, *waits) as server:
            waited(lambda: server.get("ceph")["results"][0]["error"], bool, "the silence")
            failed += Visitor(browser, server, out, recording.views).visit(of_silent_cluster())
    return [f"not recorded: {line}" for line in failed]


def _cluster(recording: Recording) -> list[str]:
    """Calls about a cluster and its views; nothing if none was named."""
    if recording.cluster is None:
        return []
    conf = f'ceph "still".conf={recording.cluster.resolve()}'
    scratch = recording.scratch / "cluster"
    with serving(recording.checkout, scratch, conf) as server, chromium() as browser:
        add_viewer(server)
        fsid = cluster_is_read(server)
        visitor = Visitor(browser, server, recording.out / "cluster", recording.views)
        failed = visitor.visit(of_cluster(a_pool(server, fsid)["id"]))
        recorder = Recorder(server)
        recorder.begin("calls")
        walk_cluster(recorder)
    recorder.save(recording.out / "cluster")
    return [f"not recorded: {line}" for line in failed]


PARTS: dict[str, Callable[[Recording], list[str]]] = {
    "rest": _rest,
    "live": _live,
    "commands": _commands,
    "page": _page,
    "cluster": _cluster,
}
