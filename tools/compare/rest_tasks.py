"""The part of the walk that is about tasks: how they are created, run, end, are listed and deleted."""

from __future__ import annotations

from typing import Any

from tools.compare.bad_calls import BAD_BODIES, BAD_TASKS, BAD_TEST_TASKS, FAR, FORM, LISTS
from tools.compare.normal import normal
from tools.compare.recorder import Recorder
from tools.compare.rest_system import NOBODY, workers_shown

MISSING = 999_999


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
    r.call("GET", "workers", shown=workers_shown)
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


def lists(r: Recorder) -> None:
    for query in LISTS:
        r.call("GET", f"taskqueue?{query}" if query else "taskqueue")
    first = r.call("GET", "taskqueue?pageSize=3&ordering=id").json
    r.call("GET", first["next"])
    last = r.call("GET", "taskqueue?pageSize=5&page=2&ordering=-created").json
    r.call("GET", last["previous"])
    r.call("HEAD", "taskqueue")
    r.call("GET", "taskqueue/")
    r.call("GET", "taskqueue", Accept_Encoding="gzip", shown=sorted)


def following(r: Recorder) -> None:
    r.call("GET", "taskqueue/changes?since=0")
    newest = r.server.get("taskqueue?pageSize=1")["revision"]
    r.call("GET", f"taskqueue/changes?since={newest}")
    r.call("GET", f"taskqueue/changes?since={newest}&wait=0")
    r.call("GET", f"taskqueue/changes?since={newest}&wait=1")
    r.call("GET", f"taskqueue/changes?since={newest + 1000}")
    for query in (
        "",
        "?since=",
        "?since=-1",
        "?since=x&wait=61",
        "?since=1&wait=-1",
        "?since=1&wait=x&more=1",
        "?wait=1",
    ):
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
    again = r.call("POST", f"taskqueue/{task}/retry", shown=_created)
    r.server.ended(again.json["id"])
    r.server.workers_are_idle()
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
    for body in (
        {},
        {"ids": []},
        {"ids": "all"},
        {"ids": [0, "x"], "if_status": "gone", "force": 1, "more": 2},
        [],
        None,
    ):
        r.call("POST", "taskqueue/delete", body)
    r.call("POST", "taskqueue/delete", {"ids": list(range(1, 1002))})
    for query in (
        "",
        "?status=",
        "?search=",
        "?id=",
        "?id=x",
        "?id=1&search=x",
        "?status=Nice",
        "?colour=red",
        "?count=5",
    ):
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
