"""A walk through every operation of the API, with good and with bad answers."""

from __future__ import annotations

from typing import Any

from tools.compare.normal import normal, normal_description, normal_metrics, normal_minutes, normal_page
from tools.compare.recorder import Recorder
from tools.compare.serving import API, PASSWORD, Answer, basic

FAR = "2099-01-01T02:00:00.000Z"
NOBODY: dict[str, str] = {}
FSID = "11111111-2222-3333-4444-555555555555"
MISSING = 999_999


def walk_rest(recorder: Recorder) -> None:
    """Makes all calls; they build on each other, so their order is part of the walk."""
    for section in (
        signing_in,
        creating,
        running,
        lists,
        following,
        deleting,
        ends,
        many,
        around_tasks,
        jobs,
        clusters,
        protocol,
        files,
        monitoring,
    ):
        recorder.begin(section.__name__)
        section(recorder)


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
    r.call("GET", "workers", sign_in=session, shown=_workers)
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
    """How long a lock-out still takes depends on how long the walk has taken."""
    digits = str.maketrans("123456789", "000000000")
    return {**problem, "detail": problem["detail"].translate(digits)}


def creating(r: Recorder) -> None:
    first = r.call("POST", "taskqueue/test_task", {"times": 2}, Prefer="wait=60", shown=_created)
    assert first.json["status"] == "Finished"
    r.call("POST", "taskqueue", {"job": "test_task", "params": {"times": 1}}, Prefer="wait=60", shown=_created)
    r.call("POST", "taskqueue", {"job": "test_task", "params": {"times": 1}}, Prefer="wait=61", shown=_created)
    r.server.workers_are_idle()
    later = {"job": "test_task", "params": {"times": 3}, "not_before": FAR}
    r.call("POST", "taskqueue", later)
    r.call("POST", "taskqueue", {**later, "priority": -100, "not_before": "2099-01-01T01:00:00+02:00"})
    r.call("POST", "taskqueue/", [{**later, "priority": 5}, {**later, "params": {"times": 4}}])
    key = "a-key-of-the-walk"
    r.call("POST", "taskqueue", later, Idempotency_Key=key)
    r.call("POST", "taskqueue", later, Idempotency_Key=key)
    r.call("POST", "taskqueue", {**later, "priority": 7}, Idempotency_Key=key)
    r.call("POST", "taskqueue", [later], Idempotency_Key=key)
    r.call("POST", "taskqueue", later, Idempotency_Key="")
    r.call("POST", "taskqueue", later, Idempotency_Key="k" * 300)
    for body in BAD_TASKS:
        r.call("POST", "taskqueue", body)
    for body in BAD_TEST_TASKS:
        r.call("POST", "taskqueue/test_task", body)
    for raw, kind in BAD_BODIES:
        r.call("POST", "taskqueue", raw=raw, kind=kind)
    r.call("POST", "taskqueue/test_task")
    r.call("POST", "taskqueue/test_task", {"times": 1}, Prefer="wait=soon", shown=_created)
    r.call("POST", "taskqueue/test_task", raw=b'{"times": 1, "x": "' + b"x" * 1_100_000 + b'"}')
    r.call("POST", "taskqueue", {"job": "form", "params": FORM}, Prefer="wait=60", shown=_created)
    r.call("POST", "taskqueue", {"job": "form", "params": {"text": "all defaults"}}, Prefer="wait=60", shown=_created)


def _created(answer: Any) -> Any:
    """If a task runs at the moment of the answer is chance, and so is whether a wait for nothing sees it end."""
    shown = normal(answer)
    if isinstance(shown, dict) and shown.get("status") in ("Not Started", "Running"):
        return {"pending task": sorted(shown)}
    return shown


FORM = {
    "text": "ünïcode – “quoted” & <b>bold</b>",
    "flag": True,
    "count": 55,
    "ratio": 0.25,
    "colour": "green",
    "optional": 7,
    "names": ["a", "b"],
    "sizes": {"x": 1},
    "address": {"street": "High Street", "number": 4},
    "code": "xyz",
    "house": "h-1",
    "room": "h-1:5",
}

BAD_TASKS: list[object] = [
    {},
    [],
    5,
    "text",
    {"job": "nothing_of_the_kind"},
    {"job": "nothing_of_the_kind", "params": {}, "priority": 1000, "not_before": "tomorrow", "colour": "red"},
    {"job": "test_task"},
    {"job": "test_task", "params": {}},
    {"job": "test_task", "params": []},
    {"job": "test_task", "params": {"times": 0}},
    {"job": "test_task", "params": {"times": 1_000_001, "done": 3}},
    {"job": "test_task", "params": {"times": "5"}, "priority": 1.5},
    {"job": "test_task", "params": {"times": True}, "priority": -101},
    {"job": "test_task", "params": {"times": 2.0}},
    {"job": 5, "params": {"times": 2}},
    {"job": "test_task", "params": {"times": 2}, "not_before": "2099-01-01"},
    {"job": "test_task", "params": {"times": 2}, "not_before": "2099-01-01T00:00:00"},
    {"job": "test_task", "params": {"times": 2}, "not_before": "9999-12-31T23:59:59-23:00"},
    {"job": "test_task", "params": {"times": 2}, "not_before": 5},
    [{"job": "test_task", "params": {"times": 2}}, {"job": "test_task", "params": {"times": 0}}, 5, {"job": "gone"}],
    [{"job": "test_task", "params": {"times": 2}}] * 1001,
    {"job": "form", "params": {}},
    {
        "job": "form",
        "params": {
            "text": "",
            "flag": 1,
            "count": 7,
            "ratio": 1,
            "colour": "blue",
            "optional": "no",
            "names": ["a", 5],
            "sizes": {"x": "y"},
            "address": {"street": 5, "zip": 1},
            "code": "TOO LONG",
            "house": 5,
            "unknown": None,
        },
    },
    {"job": "form", "params": {"text": "x" * 41, "names": ["a"] * 4, "address": {}, "count": -5, "ratio": 0}},
    {"job": "form", "params": {"text": "\ud800"}},
    {"job": "walk", "params": {"name": "n" * 20_000}},
    {"job": "misbehave", "params": {"kind": "none of them"}},
    {"job": "chain", "params": {"steps": []}},
    {"job": "chain", "params": {"steps": [{"job": "test_task", "params": {"times": 0}}, {"job": "gone", "params": {}}]}},
    {"job": "chain", "params": {"steps": [{"job": "test_task"}, 5, {"params": {}}]}},
    {"job": "chain", "params": {"steps": [{"job": "test_task", "params": {"times": 1}}] * 101}},
    {"job": "pool_pgs", "params": {"fsid": FSID, "pool": "rbd", "pg_num": 64}},
    {"job": "pool_create", "params": {"fsid": "", "pool": "", "pg_num": 0, "application": 5}},
    {"job": "rbd_performance", "params": {"fsid": FSID, "images": ["no-slash"], "seconds": 0, "interval_seconds": "x"}},
    {"job": "rbd_performance", "params": {"fsid": FSID}},
]
BAD_TEST_TASKS: list[object] = [{}, {"times": -1}, {"times": "many", "more": 1}, {"times": 5, "priority": 1}, [], {"times": None}]
BAD_BODIES: list[tuple[bytes, str | None]] = [
    (b"{", "application/json"),
    (b"\xff", "application/json"),
    (b"", "application/json"),
    (b"null", "application/json"),
    (b'{"job": "test_task", "params": {"times": NaN}}', "application/json"),
    (b'{"job": "test_task", "job": "form", "params": {}}', "application/json"),
    (b"[" * 500, "application/json"),
    (b"times=5", "application/x-www-form-urlencoded"),
    (b"{}", "text/plain"),
    (b"{}", None),
    (b"{}", "application/json; charset=latin-1"),
]


def running(r: Recorder) -> None:
    """Three on one lock and one more, with two workers: what each waits for."""
    walking = _started(r, {"job": "walk", "params": {"name": "one", "steps": 3}})
    r.server.until(walking, _runs)
    waiting = r.server.call("POST", "taskqueue", {"job": "walk", "params": {"name": "one", "steps": 1}})["id"]
    r.call("GET", f"taskqueue/{waiting}")
    other = r.server.call("POST", "taskqueue", {"job": "deaf", "params": {"name": "two"}})["id"]
    r.server.until(other, _runs)
    third = r.server.call("POST", "taskqueue", {"job": "look", "params": {"what": "sky"}})["id"]
    r.call("GET", f"taskqueue/{third}")
    r.call("POST", "taskqueue", {"job": "look", "params": {"what": "sky"}})
    r.call("POST", f"taskqueue/{third}/retry")
    r.call("GET", f"taskqueue/{walking}")
    r.call("GET", "workers", shown=_workers)
    r.server.open_gates("one", 1)
    r.server.at_round(walking, 1)
    r.call("GET", f"taskqueue/{walking}")
    r.call("GET", f"taskqueue/{walking}/rounds")
    r.call("GET", f"taskqueue/{walking}?wait=0")
    r.call("GET", f"taskqueue/{walking}/")
    r.call("HEAD", f"taskqueue/{walking}")
    r.call("GET", "taskqueue?status=Running&status=Not%20Started&ordering=id")
    r.call("DELETE", f"taskqueue/{walking}?if_status=final")
    r.call("POST", f"taskqueue/{walking}/retry")
    r.server.open_gates("two", 1)
    r.server.at_round(other, 1)
    r.call("DELETE", f"taskqueue/{other}?if_status=pending")
    r.call("GET", f"taskqueue/{other}")
    r.call("DELETE", f"taskqueue/{other}?if_status=pending")
    r.call("DELETE", f"taskqueue/{third}")
    r.server.open_gates("two", 2)
    r.server.ended(other)
    r.call("GET", f"taskqueue/{other}")
    third = _started(r, {"job": "look", "params": {"what": "sky"}})
    r.server.until(third, _runs)
    r.server.open_gates("one", 2)
    r.server.at_round(walking, 2)
    r.server.open_gates("one", 3)
    r.server.ended(walking)
    r.call("GET", f"taskqueue/{walking}?wait=60")
    r.server.ended(waiting)
    r.server.open_gate("look-sky")
    r.server.ended(third)
    r.call("GET", f"taskqueue/{third}")
    r.call("GET", f"taskqueue/{third}/rounds")
    r.server.workers_are_idle()


def _started(r: Recorder, body: object) -> int:
    return int(r.server.call("POST", "taskqueue", body)["id"])


def _runs(task: Any) -> bool:
    return bool(task["status"] == "Running")


def _workers(answer: Any) -> Any:
    """Which worker took a task is chance."""
    if "results" not in answer:
        return normal(answer)
    shown = [{**worker, "tasks_done": type(worker["tasks_done"]).__name__} for worker in normal(answer)["results"]]
    return {**answer, "results": sorted(shown, key=str)}


def lists(r: Recorder) -> None:
    for query in LISTS:
        r.call("GET", f"taskqueue?{query}" if query else "taskqueue")
    first = r.call("GET", "taskqueue?pageSize=3&ordering=id").json
    r.call("GET", first["next"])
    last = r.call("GET", "taskqueue?pageSize=5&page=2&ordering=-created").json
    r.call("GET", last["previous"])
    r.call("HEAD", "taskqueue")
    r.call("GET", "taskqueue/")
    r.call("GET", "taskqueue", Accept_Encoding="gzip", shown=lambda page: sorted(page))


LISTS = (
    "",
    *(f"ordering={sign}{field}" for field in ("id", "description", "status", "percent", "created") for sign in ("", "-")),
    "ordering=last_modified",
    "ordering=runtime&status=Aborted",
    "status=Finished&status=Aborted&ordering=id",
    "job=walk&ordering=id",
    "job=nothing_of_the_kind",
    "created_by=admin&pageSize=1&ordering=id",
    "created_by=nobody",
    "search=walking+one&ordering=id",
    "search=ROUNDS+tes&ordering=id",
    "search=%C3%BCn%C3%AFcode&ordering=id",
    "search=%21%21",
    "search=",
    "search=nothing+of+the+kind",
    "page=50",
    "page=0&pageSize=501&ordering=colour&status=Nice&colour=red",
    "page=x&pageSize=-1&after=zzz",
    "search=" + "+".join(f"w{number}" for number in range(21)),
    "status=",
    "job=",
    "page=1&page=2",
    "search=%FF",
    "ordering=estimated",
)


def following(r: Recorder) -> None:
    r.call("GET", "taskqueue/changes?since=0")
    newest = r.server.get("taskqueue?pageSize=1")["revision"]
    r.call("GET", f"taskqueue/changes?since={newest}")
    r.call("GET", f"taskqueue/changes?since={newest}&wait=0")
    r.call("GET", f"taskqueue/changes?since={newest}&wait=1")
    r.call("GET", f"taskqueue/changes?since={newest + 1000}")
    for query in ("", "?since=", "?since=-1", "?since=x&wait=61", "?since=1&wait=-1", "?since=1&wait=x&more=1", "?wait=1"):
        r.call("GET", f"taskqueue/changes{query}")
    r.call("HEAD", f"taskqueue/changes?since={newest}")
    r.call("GET", "taskqueue/events")
    r.call("GET", "taskqueue/events", sign_in=NOBODY)
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13"}
    key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    r.call("GET", "taskqueue/events", sign_in=NOBODY, **upgrade, **key)
    r.call("GET", "taskqueue/events", **upgrade, **key, Origin="http://elsewhere.example")
    r.call("GET", "taskqueue/events?since=x", **upgrade, **key)
    r.call("GET", "taskqueue/events", **upgrade)


def deleting(r: Recorder) -> None:
    task = _started(r, {"job": "test_task", "params": {"times": 5}, "not_before": FAR})
    r.call("DELETE", f"taskqueue/{task}?if_status=final")
    r.call("DELETE", f"taskqueue/{task}?if_status=stopping")
    r.call("DELETE", f"taskqueue/{task}")
    r.call("DELETE", f"taskqueue/{task}?if_status=pending")
    r.call("POST", f"taskqueue/{task}/retry", shown=_created)
    r.call("DELETE", f"taskqueue/{task}?if_status=final")
    r.call("DELETE", f"taskqueue/{task}")
    for path in (f"taskqueue/{MISSING}", "taskqueue/0", "taskqueue/x", "taskqueue/99999999999999999999"):
        r.call("GET", path)
        r.call("DELETE", path)
    r.call("DELETE", f"taskqueue/{task}?if_status=gone&force=perhaps&more=1")
    forced = _started(r, {"job": "deaf", "params": {"name": "forced"}})
    r.server.until(forced, _runs)
    r.call("DELETE", f"taskqueue/{forced}?force=true")
    r.server.ended(forced)
    r.call("GET", f"taskqueue/{forced}")
    r.server.workers_are_idle()
    stopping = _started(r, {"job": "deaf", "params": {"name": "stopping"}})
    r.server.until(stopping, _runs)
    r.call("DELETE", f"taskqueue/{stopping}")
    r.call("DELETE", f"taskqueue/{stopping}?if_status=stopping&force=true")
    r.server.ended(stopping)
    r.call("GET", f"taskqueue/{stopping}")
    r.call("DELETE", f"taskqueue/{stopping}?if_status=stopping&force=true")
    r.server.workers_are_idle()


def ends(r: Recorder) -> None:
    """Each way in which a task ends."""
    for body in (
        {"job": "stumble", "params": {"stone": "a stone"}},
        {"job": "misbehave", "params": {"kind": "message"}},
        {"job": "misbehave", "params": {"kind": "output"}},
        {"job": "misbehave", "params": {"kind": "nan"}},
        {"job": "misbehave", "params": {"kind": "result"}},
        {"job": "returns", "params": {"kilobytes": 20}},
        {"job": "die", "params": {"step": 2}},
        {"job": "chain", "params": {"steps": [{"job": "test_task", "params": {"times": 2}}, CHAINED]}},
        {"job": "chain", "params": {"steps": [CHAINED, {"job": "stumble", "params": {"stone": "chained"}}]}},
    ):
        task = _started(r, body)
        r.server.ended(task)
        r.call("GET", f"taskqueue/{task}", shown=_without_long)
        r.call("GET", f"taskqueue/{task}/rounds")
        r.call("GET", f"taskqueue/{task}/interruptions")
        r.call("GET", f"taskqueue?search={body['job']}&pageSize=1", shown=sorted)
        r.server.workers_are_idle()
    r.call("GET", "taskqueue?ordering=-id&pageSize=9", shown=_without_long_ones)


CHAINED = {"job": "test_task", "params": {"times": 3}}


def _without_long(task: Any) -> Any:
    shown = normal(task)
    if isinstance(shown.get("result"), str) and len(shown["result"]) > 1000:
        shown["result"] = f"<{len(shown['result'])} characters>"
    return shown


def _without_long_ones(page: Any) -> Any:
    return {**normal(page), "results": [_without_long(task) for task in page["results"]]}


def many(r: Recorder) -> None:
    later = {"job": "test_task", "params": {"times": 8}, "not_before": FAR}
    tasks = [task["id"] for task in r.server.call("POST", "taskqueue", [later] * 6)["results"]]
    one, two, three, four, five, six = tasks
    r.call("DELETE", f"taskqueue?id={one}&id={two}&id={MISSING}")
    r.call("DELETE", f"taskqueue?id={one}&if_status=pending")
    r.call("POST", "taskqueue/delete", {"ids": [one, three, three], "if_status": "pending"})
    r.call("POST", "taskqueue/delete", {"ids": [one], "if_status": "final", "force": True})
    for body in ({}, {"ids": []}, {"ids": "all"}, {"ids": [0, "x"], "if_status": "gone", "force": 1, "more": 2}, [], None):
        r.call("POST", "taskqueue/delete", body)
    r.call("POST", "taskqueue/delete", {"ids": list(range(1, 1002))})
    for query in ("", "?status=", "?search=", "?id=", "?id=x", "?id=1&search=x", "?status=Nice", "?colour=red", "?count=5"):
        r.call("DELETE", f"taskqueue{query}")
    revision = r.server.get("taskqueue?pageSize=1")["revision"]
    r.call("DELETE", "taskqueue?search=8+rounds&status=Not+Started&count=99")
    r.call("DELETE", f"taskqueue?search=8+rounds&status=Not+Started&as_of={revision + 1000}")
    r.call("DELETE", f"taskqueue?search=8+rounds&status=Not+Started&as_of={revision}&count=3")
    r.call("DELETE", f"taskqueue?search=8+rounds&as_of={revision}")
    r.call("DELETE", "taskqueue?search=8+rounds&job=test_task&created_by=admin&if_status=final")
    r.note({"tasks": [four - one, five - one, six - one]})


def around_tasks(r: Recorder) -> None:
    task = r.server.get("taskqueue?job=walk&ordering=id&pageSize=1")["results"][0]["id"]
    for body in ({"pinned": True}, {"pinned": False}, {}, {"pinned": 1, "more": 2}, [], {"pinned": None}):
        r.call("PUT", f"taskqueue/{task}", body)
    r.call("PUT", f"taskqueue/{MISSING}", {"pinned": True})
    r.call("PUT", f"taskqueue/{task}")
    for query in ("", "?after=1", "?after=99", "?after=-1", "?after=x&more=1"):
        r.call("GET", f"taskqueue/{task}/rounds{query}")
    for path in ("rounds", "interruptions"):
        r.call("GET", f"taskqueue/{MISSING}/{path}")
        r.call("HEAD", f"taskqueue/{task}/{path}")
    r.call("GET", f"taskqueue/{task}/interruptions?more=1")
    again = r.call("POST", f"taskqueue/{task}/retry", Prefer="wait=60", Idempotency_Key="retry-key", shown=_created)
    r.call("POST", f"taskqueue/{task}/retry", Idempotency_Key="retry-key", shown=_created)
    r.call("POST", f"taskqueue/{MISSING}/retry")
    r.call("POST", f"taskqueue/{task}/retry", {"more": 1}, Idempotency_Key="retry-key", shown=_created)
    r.call("GET", f"taskqueue/{again.json['id']}")
    for query in ("?wait=61", "?wait=x", "?wait=-1", "?more=1"):
        r.call("GET", f"taskqueue/{task}{query}")
    r.server.workers_are_idle()


def jobs(r: Recorder) -> None:
    r.call("GET", "jobs")
    r.call("GET", "jobs?more=1")
    for query in (
        "job=form&parameter=house",
        "job=form&parameter=house&search=am",
        "job=form&parameter=room&values=%7B%22house%22%3A%22h-1%22%7D&page=2&pageSize=50",
        "job=form&parameter=room&values=%7B%22house%22%3A%22broken%22%7D",
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
    r.call("GET", "workers", shown=_workers)
    r.call("GET", "statistics", shown=normal_minutes)
    for query in ("", "?within_days=400", "?within_days=400&limit=2", "?within_days=-1&limit=x&more=1", "?limit=0"):
        r.call("GET", f"retention{query}")
    r.call("GET", "openapi.json", shown=lambda document: sorted(document))
    r.call("HEAD", "openapi.json")


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
    for path in ("taskqueue", "taskqueue/1", "taskqueue/test_task", "taskqueue/delete", "jobs", "auth", "ceph", "openapi.json"):
        for method in ("PATCH", "OPTIONS", "TRACE", "PUT", "QUERY"):
            if (method, path) != ("PUT", "taskqueue/1"):
                r.call(method, path)
    r.call("POST", "jobs")
    r.call("GET", "taskqueue/test_task")
    r.call("DELETE", "jobs")
    for path in ("", "nothing", "taskqueue/1/nothing", "taskqueue/1/rounds/2", "/nothing", "/openattic/nothing", "/openattic/api"):
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
    for path in ("/openattic/static/js/main.js", "/openattic/static/css/page.css", "/openattic/static/img/hourglass.svg"):
        answer = _file(r, "GET", path)
        _file(r, "HEAD", path)
        _file(r, "GET", path, Accept_Encoding="gzip")
        _file(r, "GET", path, If_None_Match=answer.header("Etag"))
        _file(r, "GET", path, If_Modified_Since=answer.header("Last-Modified"))
        _file(r, "GET", path, Range="bytes=0-9")
        _file(r, "POST", path)
    for path in ("static/", "static/nothing.js", "static/../server.py", "static/%2e%2e/server.py", "vendor/lit-html/lit-html.js"):
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


def described(recorder: Recorder) -> Any:
    """Returns openapi.json."""
    return normal_description(recorder.server.get("openapi.json"))
