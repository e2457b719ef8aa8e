"""Calls about a cluster in which nothing goes on; none of them changes anything in it, so that it stays the same."""

from __future__ import annotations

import json
from typing import Any

from tools.compare.normal import normal
from tools.compare.recorder import Recorder
from tools.compare.serving import Server, waited

MISSING = 999_999
FIGURES = frozenset({"used_bytes", "mean", "p50", "p95", "max", "samples", "samples_measured", "moves_bytes_at_most"})
"""What is measured in the cluster."""


def cluster_is_read(server: Server) -> str:
    """Returns the fsid of the only cluster, as soon as it is known."""
    seen = waited(lambda: server.get("ceph")["results"][0], lambda now: now["fsid"] and now["as_of"], "the cluster")
    return str(seen["fsid"])


def a_pool(server: Server, fsid: str) -> Any:
    """Returns the first pool that is not the cluster's own. Raises StopIteration if it has none."""
    pools = server.get(f"ceph/{fsid}/pools?ordering=name")["results"]
    return next(pool for pool in pools if not pool["internal"])


def walk_cluster(r: Recorder) -> None:
    fsid = cluster_is_read(r.server)
    pool = a_pool(r.server, fsid)

    def call(method: str, path: str, body: object = None, **more: Any) -> Any:
        return r.call(method, path, body, shown=lambda answer: _shown(answer, fsid), **more)

    _pools(call, f"ceph/{fsid}", pool)
    _images(call, f"ceph/{fsid}", pool, r.server)
    for query in (
        "pool_pgs&parameter=fsid",
        f"pool_pgs&parameter=pool&fsid={fsid}",
        f"rbd_performance&parameter=pools&fsid={fsid}",
    ):
        call("GET", f"jobs/choices?job={query}")
    call("GET", f"jobs/choices?job=rbd_performance&parameter=images&fsid={fsid}&pageSize=5")
    call("GET", "jobs/choices?job=rbd_performance&parameter=images&fsid=x")
    for entry in r.sections[r.section]:
        entry["call"] = entry["call"].replace(fsid, "<fsid>")


def _pools(call: Any, cluster: str, pool: Any) -> None:
    call("GET", "ceph")
    for query in (
        "",
        "?ordering=-name",
        "?search=r&pageSize=1",
        "?page=9",
        "?ordering=colour&pageSize=0&more=1",
        "?stale=true",
    ):
        call("GET", f"{cluster}/pools{query}")
    one = f"{cluster}/pools/{pool['id']}"
    call("GET", one)
    call("HEAD", one)
    call("GET", f"{cluster}/pools/{MISSING}")
    for number in (pool["pg_num"], pool["pg_num"] * 2, 12, 1, 65_536, 0, "many", None):
        call("PUT", f"{one}?dry_run=true", {"pg_num": number})
    call("PUT", one, {"pg_num": pool["pg_num_target"]})
    for body in ({}, {"pg_num": 0}, {"pg_num": "x", "more": 1}, {"pg_num": 10**9}):
        call("PUT", one, body)
    call("PUT", f"{cluster}/pools/{MISSING}", {"pg_num": 8})
    for body in (
        {},
        {"name": pool["name"], "pg_num": 8},
        {"name": "", "pg_num": 0},
        {"name": "a", "pg_num": 8, "more": 1},
    ):
        call("POST", f"{cluster}/pools", body)
    call("POST", f"{one}/follow")
    call("POST", f"{cluster}/pools/{MISSING}/follow")
    call("GET", f"{cluster}/changes")
    call("GET", f"{cluster}/changes?more=1")


def _images(call: Any, cluster: str, pool: Any, server: Server) -> None:
    for query in (
        "",
        f"?pool={pool['name']}",
        "?ordering=-size_bytes&pageSize=2",
        "?search=quagga",
        "?ordering=colour&page=x",
    ):
        call("GET", f"{cluster}/rbds{query}")
    for body in (
        {"seconds": 0},
        {"pools": "x", "images": [5]},
        {"images": ["no-slash"]},
        {"more": 1},
        {"pools": ["gone"]},
    ):
        call("POST", f"{cluster}/rbds/performance", body)
    asked = call("POST", f"{cluster}/rbds/performance", {"pools": [pool["name"]], "seconds": 1})
    if asked.status == 201:
        server.ended(asked.json["id"])
        call("GET", f"taskqueue/{asked.json['id']}")
        call("GET", f"{cluster}/rbds")


def _shown(answer: Any, fsid: str) -> Any:
    return json.loads(json.dumps(_without_figures(normal(answer))).replace(fsid, "<fsid>"))


def _without_figures(value: Any, is_measured: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _without_figures(one, key in FIGURES or key == "series") for key, one in value.items()}
    if isinstance(value, list):
        return (
            sorted({str(_without_figures(one, is_measured)) for one in value})
            if is_measured
            else list(map(_without_figures, value))
        )
    return "<number>" if is_measured and isinstance(value, int | float) else value
