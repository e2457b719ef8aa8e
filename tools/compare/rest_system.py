"""The part of the walk that is about all but tasks: who asks, jobs, clusters, HTTP itself, files, monitoring."""

from __future__ import annotations

from typing import Any

from tools.compare.bad_calls import FSID
from tools.compare.normal import normal, normal_metrics, normal_minutes, normal_page
from tools.compare.recorder import Recorder
from tools.compare.serving import API, PASSWORD, Answer, basic

NOBODY: dict[str, str] = {}


def signing_in(r: Recorder) -> None:
    given = {"username": "admin", "password": PASSWORD}
    signed_in = r.call("POST", "auth", given, sign_in=NOBODY)
    session = {"Cookie": signed_in.header("Set-Cookie").partition(";")[0]}
    r.call("POST", "auth", {**given, "stay_signed_in": True}, sign_in=NOBODY)
    form = f"username=admin&password={PASSWORD}".encode()
    r.call("POST", "auth", raw=form, kind="application/x-www-form-urlencoded", sign_in=NOBODY)
    r.call("POST", "auth", {**given, "password": "wrong"}, sign_in=NOBODY)
    r.call("POST", "auth", {**given, "username": "nobody"}, sign_in=NOBODY)
    r.call("POST", "auth", {"username": 5, "colour": "red"}, sign_in=NOBODY)
    r.call("POST", "auth", {}, sign_in=NOBODY)
    r.call("POST", "auth", raw=b"<xml/>", kind="text/xml", sign_in=NOBODY)
    r.call("POST", "auth", given, sign_in=NOBODY, Origin="http://elsewhere.example")
    r.call("GET", "jobs/choices?job=form&parameter=house", sign_in=session)
    r.call("POST", "taskqueue/test_task", raw=b'{"times": 1}', kind="text/plain", sign_in=session)
    r.call("POST", "taskqueue/test_task", {"times": 1}, sign_in=session, Origin="http://elsewhere.example")
    r.call("POST", "taskqueue/test_task", {"times": 1}, sign_in=session, Sec_Fetch_Site="cross-site")
    r.call("DELETE", "auth", sign_in=session, Sec_Fetch_Site="cross-site")
    r.call("DELETE", "auth?everywhere=perhaps", sign_in=session)
    r.call("DELETE", "auth", sign_in=session)
    r.call("GET", "workers", sign_in=session, shown=workers_shown)
    again = r.call("POST", "auth", given, sign_in=NOBODY)
    r.call("DELETE", "auth?everywhere=true", sign_in={"Cookie": again.header("Set-Cookie").partition(";")[0]})
    r.call("DELETE", "auth", sign_in=NOBODY)
    token = r.call("POST", "api-token-auth", given, sign_in=NOBODY).json["token"]
    same = r.call("POST", "api-token-auth", raw=form, kind="application/x-www-form-urlencoded", sign_in=NOBODY)
    r.note({"the token is the same each time": same.json["token"] == token})
    r.call("POST", "api-token-auth", {**given, "password": "wrong"}, sign_in=NOBODY)
    r.call("POST", "api-token-auth", {"password": PASSWORD, "more": 1}, sign_in=NOBODY)
    for scheme in ("Token", "Bearer"):
        r.call("GET", "retention", sign_in={"Authorization": f"{scheme} {token}"})
    for authorization in ("Token wrong", "Basic !", basic("admin", "wrong")["Authorization"], "Digest x"):
        r.call("GET", "ceph", sign_in={"Authorization": authorization})
    r.call("GET", "ceph", sign_in=NOBODY)
    r.call("GET", "ceph", sign_in=basic("vera"))
    for method, path in (
        ("POST", "taskqueue/test_task"),
        ("POST", "taskqueue"),
        ("DELETE", "taskqueue?id=1"),
        ("DELETE", "taskqueue/1"),
        ("PUT", "taskqueue/1"),
        ("POST", "taskqueue/1/retry"),
        ("POST", "taskqueue/delete"),
        ("GET", "jobs/choices?job=form&parameter=house"),
        ("POST", f"ceph/{FSID}/pools"),
    ):
        r.call(method, path, sign_in=basic("vera"))
    for _ in range(11):
        locked_out = r.server.request("POST", f"{API}/auth", b'{"username":"guess","password":"x"}', _json())
    r.note({"after wrong passwords": locked_out.status, "Retry-After": bool(locked_out.header("Retry-After"))})
    r.call("POST", "auth", {"username": "guess", "password": "x"}, sign_in=NOBODY, shown=_without_seconds)


def _json() -> dict[str, str]:
    return {"Content-Type": "application/json"}


def _without_seconds(problem: Any) -> Any:
    """Leaves out how long a lock-out still takes: that depends on how long the walk has taken."""
    digits = str.maketrans("123456789", "000000000")
    return {**problem, "detail": problem["detail"].translate(digits)}


def jobs(r: Recorder) -> None:
    r.call("GET", "jobs")
    r.call("GET", "jobs?more=1")
    for query in (
        "job=form&parameter=house",
        "job=form&parameter=house&search=am",
        "job=form&parameter=room&house=h-1&page=2&pageSize=50",
        "job=form&parameter=room&house=broken",
        "job=form&parameter=room",
        "job=form&parameter=room&values=x",
        "job=form&parameter=text",
        "job=gone&parameter=text",
        "job=form&parameter=gone&page=0&pageSize=x",
        "",
        "job=pool_pgs&parameter=fsid",
        "job=pool_pgs&parameter=pool",
        "job=chain&parameter=steps",
    ):
        r.call("GET", f"jobs/choices?{query}")
    r.call("GET", "workers", shown=workers_shown)
    r.call("GET", "statistics", shown=normal_minutes)
    for query in ("", "?within_days=400", "?within_days=400&limit=2", "?within_days=-1&limit=x&more=1", "?limit=0"):
        r.call("GET", f"retention{query}")
    r.call("GET", "openapi.json", shown=sorted)
    r.call("HEAD", "openapi.json")


def workers_shown(answer: Any) -> Any:
    """Leaves out which worker took a task: that is chance."""
    if "results" not in answer:
        return normal(answer)
    shown = [{**worker, "tasks_done": type(worker["tasks_done"]).__name__} for worker in normal(answer)["results"]]
    return {**answer, "results": sorted(shown, key=str)}


def clusters(r: Recorder) -> None:
    """Without a cluster: each call is refused in words."""
    r.call("GET", "ceph")
    r.call("GET", "ceph/")
    for path in ("pools", "pools/1", "changes", "rbds"):
        r.call("GET", f"ceph/{FSID}/{path}")
    r.call("POST", f"ceph/{FSID}/pools", {"name": "new", "pg_num": 8})
    r.call("POST", f"ceph/{FSID}/pools", {"name": "", "pg_num": "x", "more": 1})
    r.call("PUT", f"ceph/{FSID}/pools/1", {"pg_num": 8})
    r.call("PUT", f"ceph/{FSID}/pools/1?dry_run=true", {"pg_num": 8})
    r.call("POST", f"ceph/{FSID}/pools/1/follow")
    r.call("POST", f"ceph/{FSID}/rbds/performance", {"seconds": 2})
    r.call("POST", f"ceph/{FSID}/rbds/performance")


def protocol(r: Recorder) -> None:
    """Methods, ids of requests, addresses that are not there, conditions."""
    for path in (
        "taskqueue",
        "taskqueue/1",
        "taskqueue/test_task",
        "taskqueue/delete",
        "jobs",
        "auth",
        "ceph",
        "openapi.json",
    ):
        for method in ("PATCH", "OPTIONS", "TRACE", "PUT", "QUERY"):
            if (method, path) != ("PUT", "taskqueue/1"):
                r.call(method, path)
    r.call("POST", "jobs")
    r.call("GET", "taskqueue/test_task")
    r.call("DELETE", "jobs")
    for path in (
        "",
        "nothing",
        "taskqueue/1/nothing",
        "taskqueue/1/rounds/2",
        "/nothing",
        "/openattic/nothing",
        "/openattic/api",
    ):
        r.call("GET", path)
        r.call("POST", path)
    for given in ("walk-1", "a.b_c-D", "x" * 100, "x" * 101, "two words", "ü", ""):
        r.call("GET", "ceph", X_Request_Id=given.encode().decode("latin-1"))
    answer = r.call("GET", "ceph")
    r.call("GET", "ceph", If_None_Match=answer.header("Etag") or '"none"')
    r.call("GET", "ceph", If_None_Match="*")
    r.call("GET", "ceph", Accept="text/html")
    r.call("GET", "ceph", Connection="close")
    r.call("GET", "ceph", Origin="http://elsewhere.example")
    r.call("OPTIONS", "taskqueue", Origin="http://elsewhere.example", Access_Control_Request_Method="POST")
    r.call("GET", "ceph", X_Forwarded_For="10.0.0.1", X_Forwarded_Proto="https")
    r.call("GET", "ceph?more=1")
    r.call("GET", "workers?more=%FF")
    r.call("GET", "statistics?more=1")
    r.call("GET", "ceph", raw=b"x" * 17_000, kind="text/plain")


def files(r: Recorder) -> None:
    """Pages and files, by their headers; of the pages what is not the list of files that they load."""
    for path in ("/", "/openattic", "/openattic/", "/openattic/docs", "/openattic/docs/"):
        for method in ("GET", "HEAD", "POST"):
            _page(r, method, path)
    _page(r, "GET", "/openattic/", Accept_Encoding="gzip")
    _page(r, "GET", "/openattic/?tab=failed")
    for path in (
        "/openattic/static/js/main.js",
        "/openattic/static/css/page.css",
        "/openattic/static/img/hourglass.svg",
    ):
        answer = _file(r, "GET", path)
        _file(r, "HEAD", path)
        _file(r, "GET", path, Accept_Encoding="gzip")
        _file(r, "GET", path, If_None_Match=answer.header("Etag"))
        _file(r, "GET", path, If_Modified_Since=answer.header("Last-Modified"))
        _file(r, "GET", path, Range="bytes=0-9")
        _file(r, "POST", path)
    for path in (
        "static/",
        "static/nothing.js",
        "static/../server.py",
        "static/%2e%2e/server.py",
        "vendor/lit-html/lit-html.js",
    ):
        _file(r, "GET", f"/openattic/{path}")
    for path in ("/favicon.ico", "/robots.txt", "/static/js/main.js", "/openattic/vendor/nothing"):
        r.call("GET", path, sign_in=NOBODY)


def _page(r: Recorder, method: str, path: str, **headers: str) -> Answer:
    answer = r.call(method, path, sign_in=NOBODY, **headers)
    entry: Any = r.sections[r.section][-1]
    entry["body"] = normal_page(entry["body"]).splitlines() if isinstance(entry["body"], str) else entry["body"]
    return answer


def _file(r: Recorder, method: str, path: str, **headers: str) -> Answer:
    """Records a file without what is in it, which is the version's own affair."""
    answer = r.call(method, path, sign_in=NOBODY, **headers)
    entry: Any = r.sections[r.section][-1]
    for volatile in ("If-None-Match", "If-Modified-Since"):
        entry.get("with", {}).pop(volatile, None)
    entry["headers"] = {name: value for name, value in entry["headers"].items() if name != "Content-Range"}
    if answer.status in (200, 206):
        entry["body"] = "<file>" if answer.body else ""
    return answer


def monitoring(r: Recorder) -> None:
    for prefix in ("/", "/openattic/"):
        for name in ("health", "ready", "metrics"):
            for sign_in in (NOBODY, basic(), basic("vera")):
                _monitor(r, "GET", prefix + name, sign_in)
            _monitor(r, "HEAD", prefix + name, basic())
            _monitor(r, "POST", prefix + name, basic())
        r.call("GET", f"{prefix}health/", sign_in=NOBODY)


def _monitor(r: Recorder, method: str, path: str, sign_in: dict[str, str]) -> None:
    r.call(method, path, sign_in=sign_in)
    entry: Any = r.sections[r.section][-1]
    if isinstance(entry["body"], str) and entry["body"].startswith("# "):
        entry["body"] = normal_metrics(entry["body"])
