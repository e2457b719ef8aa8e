"""Long use: deleting by filter, pages that lead through everything, pins, statistics, retention: contract, 4."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3

import pytest

from jobs.clock import DAY_MS
from tests.support.made import NEVER, waiting
from tests.support.monitoring import ask
from tests.support.service import Client, basic

PENDING = "status=Not%20Started&status=Running"


async def created(client, *bodies):
    answer = await client.call("POST", "taskqueue", list(bodies))
    assert answer.status == 201, answer.body
    return [task["id"] for task in answer.json["results"]]


async def finished(client, times):
    """A finished test task of so many rounds, which nothing but its times tells from others."""
    (task_id,) = await created(client, {"job": "counts", "params": {"times": times}})
    return (await client.ended(task_id))["id"]


async def deleted(client, query):
    """What a delete by filter reports: outcome by id."""
    answer = await client.call("DELETE", f"taskqueue?{query}")
    assert answer.status == 200, answer.body
    return {one["id"]: one["outcome"] for one in answer.json["results"]}


async def listening(client):
    """A WebSocket that gets everything from now on."""
    return await (await client.events()).until(lambda events: events.last == "hello")


# Deleting by filter.


async def test_each_filter_deletes_what_it_matches_and_nothing_else(service):
    service.start()
    service.user("add", "ann", "--role", "admin", given="another password\n")
    client, ann = Client(service), Client(service, basic("ann", "another password"))
    done = await finished(client, 3)
    failed = (await client.ended((await client.create("fails"))["id"]))["id"]
    (hers,) = await created(ann, waiting(5))
    seven, seventy = await created(client, waiting(7), waiting(70))

    assert await deleted(client, "status=Finished") == {done: "deleted"}
    assert await deleted(client, "job=fails") == {failed: "deleted"}
    assert await deleted(client, "created_by=ann") == {hers: "aborted"}
    assert await deleted(client, "search=70%20test") == {seventy: "aborted"}
    assert await deleted(client, "status=Aborted&created_by=ann&search=task&job=test_task") == {hers: "deleted"}
    assert await deleted(client, "status=Exception&status=Finished") == {}
    assert [task["id"] for task in (await client.get("taskqueue?ordering=id"))["results"]] == [seven, seventy]


async def test_pending_ones_are_aborted_and_final_ones_deleted_in_one_call(client, tmp_path):
    ended = await finished(client, 501)
    task = await client.create("waits", times=501, in_round=2, until=str(tmp_path / "until"))
    await client.until(task["id"], lambda task: task["round"] == 1)

    answer = await client.call("DELETE", "taskqueue?search=501&count=2")

    assert answer.json == {
        "results": [
            {"id": ended, "outcome": "deleted", "status": None},
            {"id": task["id"], "outcome": "aborted", "status": "Aborted"},
        ]
    }
    (tmp_path / "until").touch()
    stopped = await client.until(task["id"], lambda task: not task["stopping"])
    assert stopped["outcome"] == "Aborted by admin after round 2 of 501"


async def test_as_of_leaves_alone_what_has_come_or_ended_since(client, tmp_path):
    ended = await finished(client, 521)
    ends_later = await client.create("waits", times=521, in_round=2, until=str(tmp_path / "until"))
    (stays,) = await created(client, waiting(521))
    await client.until(ends_later["id"], lambda task: task["round"] == 1)
    revision = (await client.get("taskqueue"))["revision"]
    (tmp_path / "until").touch()
    await client.call("DELETE", f"taskqueue/{ends_later['id']}")
    (late,) = await created(client, waiting(521))

    assert await deleted(client, f"search=521&as_of={revision}") == {ended: "deleted", stays: "aborted"}

    left = (await client.get("taskqueue?search=521&ordering=id"))["results"]
    assert [task["id"] for task in left] == [ends_later["id"], stays, late]


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("search=x&as_of=999999", 412, "What happened after revision 999999 is not known"),
        ("id=1&as_of=1", 400, "expected only with a filter"),
        ("search=x&as_of=-1", 400, "whole number of at least 0"),
    ],
)
async def test_as_of_has_to_be_a_revision_that_is_known(client, query, status, told):
    answer = await client.call("DELETE", f"taskqueue?{query}")

    assert (answer.status, told in answer.body.decode()) == (status, True)


async def test_a_guard_leaves_alone_what_is_not_as_expected(client):
    ended = await finished(client, 502)
    (waits,) = await created(client, waiting(502))

    assert await deleted(client, "search=502&if_status=pending") == {ended: "changed", waits: "aborted"}
    assert await deleted(client, "search=502&if_status=final") == {ended: "deleted", waits: "deleted"}


async def test_what_ends_between_the_look_and_its_turn_is_left_alone(client):
    """Five calls at once see the same pending tasks: one of them aborts a task, none deletes it."""
    ids = await created(client, *[waiting(509)] * 300)

    reports = await asyncio.gather(*(deleted(client, f"search=509&{PENDING}") for _ in range(5)))

    assert {outcome for report in reports for outcome in report.values()} <= {"aborted", "changed"}
    assert (await client.get("taskqueue?search=509&status=Aborted&pageSize=1"))["count"] == len(ids)


async def test_force_does_not_wait_for_rounds(client):
    task = await client.create("waits", times=503, in_round=2, until=NEVER)
    await client.until(task["id"], lambda task: task["round"] == 1)

    assert await deleted(client, "search=503&force=true") == {task["id"]: "aborted"}
    ended = await client.get(f"taskqueue/{task['id']}")
    assert ended["outcome"] == "Aborted by admin; its worker was killed in round 2 of 503"


@pytest.mark.parametrize("count", [0, 1, 3, 10_000])
async def test_a_count_that_is_not_right_deletes_nothing(client, count):
    ids = await created(client, waiting(504), waiting(504))

    answer = await client.call("DELETE", f"taskqueue?search=504&{PENDING}&count={count}")

    assert (answer.status, answer.kind) == (412, "application/problem+json")
    assert f"2 tasks, not {count}" in answer.json["detail"]
    assert await deleted(client, f"search=504&{PENDING}&count=2") == dict.fromkeys(ids, "aborted")


async def test_a_count_as_of_a_revision_is_of_those_that_it_leaves(client):
    waits, aborted = await created(client, waiting(510), waiting(510))
    as_of = (await client.get("taskqueue?pageSize=1"))["revision"]
    await created(client, waiting(510))
    await client.call("DELETE", f"taskqueue/{aborted}")

    refused = await client.call("DELETE", f"taskqueue?search=510&as_of={as_of}&count=3")
    assert (refused.status, "1 task, not 3" in refused.json["detail"]) == (412, True)
    assert await deleted(client, f"search=510&as_of={as_of}&count=1") == {waits: "aborted"}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", ["id", "status", "neither"]),
        ("count=0", ["id", "status", "neither"]),
        ("force=true", ["id", "status", "neither"]),
        ("id=1&status=Finished", ["id", "status", "both"]),
        ("id=1&search=x", ["both"]),
        ("status=finished", ["status", "Finished", '\\"finished\\"']),
        ("search=", ["search", "expected text, got nothing"]),
        ("status=Finished&search=", ["search", "expected text, got nothing"]),
        ("job=&created_by=", ["job", "created_by", "expected text, got nothing"]),
        ("search=x&search=", ["search", "expected once, got 2 times"]),
        ("search=x&count=-1", ["count", "a whole number of at least 0"]),
        ("search=x&if_status=Finished", ["if_status", "pending, final"]),
        ("search=x&page=2", ["page", "is not a parameter here"]),
        ("id=x", ["id", "a whole number"]),
        ("&".join(f"id={number}" for number in range(1, 1002)), ["1000", "1001"]),
    ],
)
async def test_a_delete_that_does_not_say_what_is_refused_and_deletes_nothing(client, query, named):
    ids = await created(client, waiting(505))
    answer = await client.call("DELETE", f"taskqueue?{query}")

    assert answer.status == 400
    text = json.dumps(answer.json["errors"])
    assert all(word in text for word in named), text
    assert (await client.get(f"taskqueue/{ids[0]}"))["status"] == "Not Started"


async def test_a_thousand_ids_have_room_for_a_guard(client):
    ids = await created(client, waiting(508), waiting(508))
    more = range(10_000_000, 10_000_998)
    query = "&".join(f"id={task_id}" for task_id in (*ids, *more))

    report = await deleted(client, f"{query}&if_status=pending&force=false")

    assert report == {**dict.fromkeys(ids, "aborted"), **dict.fromkeys(more, "missing")}


@pytest.mark.parametrize("search", ["%25", "%20", "***", "-", "_%25_"])
async def test_a_search_without_a_letter_finds_and_deletes_nothing(client, search):
    await created(client, waiting(506))

    assert (await client.get(f"taskqueue?search={search}"))["results"] == []
    assert await deleted(client, f"search={search}&count=0") == {}


async def test_a_viewer_deletes_nothing_and_pins_nothing(client, shared_service):
    shared_service.user("add", "viola", "--role", "viewer", given="only looking\n")
    viola = Client(shared_service, basic("viola", "only looking"))
    (task_id,) = await created(client, waiting(507))

    assert (await viola.call("DELETE", "taskqueue?search=507")).status == 403
    assert (await viola.call("PUT", f"taskqueue/{task_id}", {"pinned": True})).status == 403
    task = await client.get(f"taskqueue/{task_id}")
    assert (task["status"], task["pinned"]) == ("Not Started", False)


@pytest.mark.slow
async def test_a_call_deletes_ten_thousand_and_the_next_one_the_rest(service):
    client = Client(service.start())
    for _ in range(10):
        await created(client, *[waiting(1)] * 1000)
    await created(client, waiting(1), waiting(1))

    assert len(await deleted(client, "status=Not%20Started&count=10002")) == 10_000
    assert len(await deleted(client, "status=Not%20Started&count=2")) == 2


async def test_more_than_a_call_deletes_go_with_one_revision_until_an_answer_holds_fewer(service):
    """Without it the second call would delete what the first one has aborted."""
    client = Client(service.start())
    for _ in range(10):
        await created(client, *[waiting(1)] * 1000)
    await created(client, waiting(1), waiting(1))
    as_of = (await client.get("taskqueue?pageSize=1"))["revision"]
    await created(client, waiting(1))

    counts = [len(await deleted(client, f"search=test&as_of={as_of}")) for _ in range(2)]

    assert counts == [10_000, 2]
    assert (await client.get("taskqueue?status=Aborted&pageSize=1"))["count"] == 10_002
    assert (await client.get("taskqueue?status=Not%20Started&pageSize=1"))["count"] == 1


# Pages.


async def followed(client, path):
    """The ids of all pages, each reached by the `next` of the one before."""
    ids = []
    while path:
        page = await client.get(path.removeprefix("/openattic/api/"))
        ids += [task["id"] for task in page["results"]]
        path = page["next"]
    return ids


@pytest.mark.parametrize("ordering", ["id", "-id", "status", "-last_modified", "runtime", "-description"])
async def test_next_leads_through_all_tasks_once(client, ordering):
    ids = await created(client, *[waiting(601)] * 7)
    ids += [await finished(client, 601) for _ in range(2)]
    query = f"search=601&ordering={ordering}"

    found = await followed(client, f"taskqueue?{query}&pageSize=2")

    whole = (await client.get(f"taskqueue?{query}&pageSize=500"))["results"]
    assert found == [task["id"] for task in whole]
    assert set(ids) <= set(found)
    await deleted(client, "search=601&status=Not%20Started&if_status=pending")


async def test_by_id_no_page_skips_or_repeats_a_task_while_others_come_and_go(service):
    client = Client(service.start())
    ids = await created(client, *[waiting(1)] * 9)
    first = await client.get(f"taskqueue?ordering=id&pageSize=3&{PENDING}")

    await deleted(client, f"id={ids[0]}&id={ids[1]}&id={ids[4]}")
    await deleted(client, f"id={ids[0]}")
    new = await created(client, waiting(2))
    rest = await followed(client, first["next"])

    assert [task["id"] for task in first["results"]] == ids[:3]
    assert rest == [ids[3], *ids[5:], *new]


def cursor(*values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "", "x", "%25%25", "after", cursor(), cursor("id", 1), cursor("id", [], 1), cursor("id", 1, "x"),
        cursor("id", 1.5, 1), cursor("id", 1, 2**70), cursor("id", 2**70, 1), cursor("-id", 1, 1), cursor("job", 1, 1),
    ],
)  # fmt: skip
async def test_a_place_that_next_did_not_name_is_refused(client, after):
    answer = await client.call("GET", f"taskqueue?ordering=id&after={after}")

    assert (answer.status, list(answer.json["errors"])) == (400, ["after"])
    assert "expected" in answer.json["errors"]["after"][0]


# Pins.


async def test_a_task_is_pinned_and_unpinned_at_any_time_without_being_modified(client, tmp_path):
    (waits,) = await created(client, waiting(701))
    until = tmp_path / "until"
    runs = (await client.create("waits", times=4, in_round=2, until=str(until)))["id"]
    await client.until(runs, lambda task: task["round"] == 1)
    ended = await finished(client, 2)

    for task_id in (waits, runs, ended):
        before = await client.get(f"taskqueue/{task_id}")
        pinned = (await client.call("PUT", f"taskqueue/{task_id}", {"pinned": True})).json
        again = (await client.call("PUT", f"taskqueue/{task_id}/", {"pinned": True})).json

        assert (before["pinned"], pinned["pinned"], again["pinned"]) == (False, True, True)
        assert again["revision"] == pinned["revision"] > before["revision"]
        assert pinned["last_modified"] == before["last_modified"]
        assert pinned["status"] == before["status"]

    until.touch()
    assert (await client.ended(runs))["pinned"] is True
    unpinned = (await client.call("PUT", f"taskqueue/{runs}", {"pinned": False})).json
    assert (unpinned["pinned"], unpinned["status"]) == (False, "Finished")


async def test_a_pin_arrives_on_the_websocket_without_a_transition(client):
    task_id = await finished(client, 1)
    events = await listening(client)

    await client.call("PUT", f"taskqueue/{task_id}", {"pinned": True})

    await events.until(lambda events: task_id in events.tasks)
    assert events.tasks[task_id]["pinned"] is True
    assert [move for move in events.transitions if move["task"] == task_id] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "pinned"),
        ({"pinned": None}, "pinned"),
        ({"pinned": 1}, "pinned"),
        ({"pinned": "true"}, "pinned"),
        ({"pinned": True, "status": "Finished"}, "status"),
        ([], "params"),
    ],
)
async def test_a_wrong_pin_is_refused_in_words(client, body, field):
    (task_id,) = await created(client, waiting(702))
    answer = await client.call("PUT", f"taskqueue/{task_id}", body)

    assert (answer.status, list(answer.json["errors"])) == (400, [field])
    assert (await client.get(f"taskqueue/{task_id}"))["pinned"] is False


async def test_what_is_not_there_cannot_be_pinned(client):
    assert (await client.call("PUT", "taskqueue/4711471", {"pinned": True})).status == 404


# Statistics.


async def test_statistics_tell_what_was_done_in_the_last_hour_by_minute(service):
    client = Client(service.start())
    for times in (1, 2, 3):
        await finished(client, times)
    await client.ended((await client.create("fails"))["id"])
    aborted, _ = await created(client, waiting(1), waiting(1))
    await client.call("DELETE", f"taskqueue/{aborted}")

    statistics = await client.get("statistics")

    assert set(statistics) == {"minutes", "counts", "pending_percent", "revision"}
    assert statistics["counts"] == {"Not Started": 1, "Running": 0, "Finished": 3, "Exception": 1, "Aborted": 1}
    assert statistics["revision"] == (await client.get("taskqueue"))["revision"]
    minutes = statistics["minutes"]
    assert len(minutes) == 60
    assert [minute["minute"] for minute in minutes] == sorted({minute["minute"] for minute in minutes})
    sums = {name: sum(minute[name] for minute in minutes) for name in ("created", "started", "finished", "failed")}
    assert sums == {"created": 6, "started": 4, "finished": 3, "failed": 2}
    for minute in minutes:
        assert (minute["waiting_seconds"] is None) == (minute["started"] == 0)
        assert (minute["running_seconds"] or 0) >= 0
    assert any(minute["running_seconds"] is not None for minute in minutes)


# Retention.


async def test_finished_tasks_go_when_their_time_is_over_and_pinned_and_failed_ones_stay(service):
    client = Client(service.start("--set", "retention.finished_days=0.00001"))
    events = await listening(client)
    pinned = (await client.create("waits", times=1, in_round=1, until=str(service.directory / "until")))["id"]
    await client.call("PUT", f"taskqueue/{pinned}", {"pinned": True})
    (service.directory / "until").touch()
    failed = (await client.create("fails"))["id"]
    goes = (await client.create("counts", times=2))["id"]

    await events.until(lambda events: any(goes in frame.get("deleted", []) for frame in events.frames))

    kept = (await client.get("taskqueue?ordering=id"))["results"]
    assert [(task["id"], task["status"]) for task in kept] == [(pinned, "Finished"), (failed, "Exception")]
    assert (await client.call("GET", f"taskqueue/{goes}")).status == 404
    assert (await client.call("GET", f"taskqueue/{goes}/rounds")).status == 404
    assert [move["to"] for move in events.transitions if move["task"] == goes] == ["Not Started", "Running", "Finished"]


async def test_failed_and_aborted_tasks_have_a_time_of_their_own(service):
    client = Client(service.start("--set", "retention.failed_days=0.00001"))
    events = await listening(client)
    done = await finished(client, 1)
    failed = (await client.create("fails"))["id"]
    (aborted,) = await created(client, waiting(1))
    await client.call("DELETE", f"taskqueue/{aborted}?if_status=pending")

    def gone(events):
        return {task_id for frame in events.frames for task_id in frame.get("deleted", [])}

    await events.until(lambda events: gone(events) >= {failed, aborted})
    assert [task["id"] for task in (await client.get("taskqueue"))["results"]] == [done]


async def test_of_many_rounds_the_newest_are_retained(service):
    client = Client(service.start("--set", "retention.rounds_per_task=5"))
    task = await client.ended((await client.create("floods", times=3000))["id"])

    rounds = (await client.get(f"taskqueue/{task['id']}/rounds"))["results"]

    assert [one["number"] for one in rounds] == [2996, 2997, 2998, 2999, 3000]
    assert (task["round"], task["outcome"]) == (3000, "Finished after 3000 rounds")


@pytest.mark.parametrize(("times", "size"), [(60, 100_000), pytest.param(600, 1_000_000, marks=pytest.mark.slow)])
async def test_of_large_rounds_the_newest_that_fit_are_retained_and_the_database_stays_small(service, times, size):
    client = Client(service.start("--set", "retention.rounds_mb_per_task=1"))
    task = await client.ended((await client.create("floods", times=times, output_bytes=size))["id"])

    rounds = (await client.get(f"taskqueue/{task['id']}/rounds"))["results"]

    first = times - max(1, 2**20 // (size + 200)) + 1
    assert [one["number"] for one in rounds] == list(range(first, times + 1))
    assert (service.directory / "data" / "hourglass.db").stat().st_size < 20 * 2**20


async def test_what_will_be_removed_is_announced_with_its_time_and_then_removed(service):
    client = Client(service.start("--set", "retention.finished_days=1", "--set", "retention.failed_days=0"))
    first, second, pinned = [await finished(client, times) for times in (1, 2, 3)]
    await client.call("PUT", f"taskqueue/{pinned}", {"pinned": True})
    failed = (await client.ended((await client.create("fails"))["id"]))["id"]

    foresight = await client.get("retention?limit=1")
    assert set(foresight) == {"until", "finished", "failed", "changes_days", "rounds_per_task", "rounds_mb_per_task"}
    assert (foresight["changes_days"], foresight["rounds_per_task"]) == (30, 100_000)
    assert foresight["rounds_mb_per_task"] == 256
    assert foresight["failed"] == {"days": 0, "count": 0, "count_exact": True, "results": []}
    due = foresight["finished"]
    assert (due["days"], due["count"], due["count_exact"]) == (1, 2, True)
    task = await client.get(f"taskqueue/{first}")
    assert [(one["id"], one["status"], one["description"]) for one in due["results"]] == [
        (first, "Finished", "Counting to 1")
    ]
    assert due["results"][0]["last_modified"] == task["last_modified"]
    assert due["results"][0]["removed"][11:] == task["last_modified"][11:]
    assert (await client.get("retention?within_days=0.9"))["finished"]["count"] == 0
    assert (await client.get("retention"))["finished"]["results"][1]["id"] == second

    service.stop()
    with sqlite3.connect(service.directory / "data" / "hourglass.db") as database:
        database.execute("UPDATE tasks SET last_modified = last_modified - ? WHERE id <> ?", [DAY_MS, second])
    database.close()
    service.start()
    await client.until_gone(first)
    assert [task["id"] for task in (await client.get("taskqueue?ordering=id"))["results"]] == [second, pinned, failed]


async def test_a_clock_far_ahead_of_the_last_change_removes_nothing_at_first_and_says_so(service):
    """Seen from the database: it is set back instead."""
    client = Client(service.start("--set", "retention.finished_days=1"))
    first = await finished(client, 1)
    service.stop()
    with sqlite3.connect(service.directory / "data" / "hourglass.db") as database:
        for table, column in (("tasks", "last_modified"), ("transitions", "at")):
            database.execute(f"UPDATE {table} SET {column} = {column} - ?", [400 * DAY_MS])
    database.close()

    service.start()
    foresight = await client.get("retention")
    assert "the clock is 400 days ahead of the last change" in foresight["resting_because"]
    assert foresight["resting_until"] > foresight["finished"]["results"][0]["removed"]
    health = await ask(service, "/health")
    assert health.json["problems"] == [foresight["resting_because"]]

    await finished(client, 1)
    service.kill()
    service.start()
    assert "resting_until" in await client.get("retention"), "though the last change is new"
    assert (await client.call("GET", f"taskqueue/{first}")).status == 200


@pytest.mark.parametrize(
    "query", ["within_days=-1", "within_days=x", "within_days=4000", "limit=0", "limit=501", "x=1"]
)
async def test_a_wrong_look_ahead_is_refused(client, query):
    answer = await client.call("GET", f"retention?{query}")

    assert (answer.status, list(answer.json["errors"])) == (400, [query.partition("=")[0]])
