"""What scripts rely on when they create tasks: arrays, keys of requests, and answers that wait. Contract, section 4."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from jobs.clock import DAY_MS
from tests.support.made import LATER, waiting
from tests.support.service import Client, basic

TIMES = "expected a whole number from 1 to 1000000"


async def revision(client):
    return (await client.get("taskqueue?pageSize=1"))["revision"]


async def count(client, text):
    return (await client.get(f"taskqueue?search={text}&pageSize=1"))["count"]


async def assert_creates_nothing(client, call, status):
    """The call is refused with this status and creates nothing; tasks of earlier tests may still run."""
    before = await client.newest_id()
    answer = await call
    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert await client.newest_id() == before
    return answer.json


async def cancelled(client, task):
    return await client.call("DELETE", f"taskqueue/{task['id']}")


# Arrays.


async def test_an_array_creates_its_tasks_in_order_in_one_transaction(client):
    bodies = [waiting(1), {"job": "counts", "params": {"times": 2}, "priority": 7}, waiting(3, priority=-7)]
    answer = await client.call("POST", "taskqueue", bodies)

    assert (answer.status, list(answer.json)) == (201, ["results"])
    tasks = answer.json["results"]
    assert [(task["job"], task["params"]["times"], task["priority"]) for task in tasks] == [
        ("test_task", 1, 0),
        ("counts", 2, 7),
        ("test_task", 3, -7),
    ]
    first = tasks[0]
    assert [task["id"] for task in tasks] == [first["id"], first["id"] + 1, first["id"] + 2]
    assert [task["revision"] for task in tasks] == [first["revision"], first["revision"] + 1, first["revision"] + 2]
    assert {task["created_by"] for task in tasks} == {"admin"}
    assert (await client.ended(tasks[1]["id"]))["result"] == 2


async def test_nobody_sees_a_part_of_an_array(client):
    events = await client.events()
    await events.until(lambda events: events.last == "hello")
    tasks = (await client.call("POST", "taskqueue", [waiting(1)] * 50)).json["results"]
    ids = {task["id"] for task in tasks}

    await events.until(lambda events: ids & events.tasks.keys())

    assert ids <= events.tasks.keys()
    assert [move["task"] for move in events.transitions if move["task"] in ids] == sorted(ids)


@pytest.mark.parametrize(("number", "status"), [(0, 201), (1, 201), (1000, 201), (1001, 400)])
async def test_an_array_has_up_to_a_thousand_tasks(client, number, status):
    text = f"{870_000 + number}"
    answer = await client.call("POST", "taskqueue", [waiting(int(text))] * number)

    assert answer.status == status
    if status == 201:
        assert len({task["id"] for task in answer.json["results"]}) == number
    else:
        assert "1000" in answer.json["detail"]
        assert "1001" in answer.json["detail"]
    assert await count(client, text) == (number if status == 201 else 0)


async def test_one_wrong_task_in_an_array_is_named_by_its_index_and_none_is_created(client):
    wrong = {"job": "test_task", "params": {"times": 0, "colour": 1}, "priority": 101, "not_before": "soon", "size": 1}
    problem = await assert_creates_nothing(client, client.call("POST", "taskqueue", [waiting(), wrong, waiting()]), 400)

    assert problem["errors"] == {
        "[1].times": [f"{TIMES}, got 0"],
        "[1].colour": ["is not a parameter of test_task, expected: times"],
        "[1].priority": ["expected a whole number from -100 to 100, got 101"],
        "[1].not_before": ['expected a time like 2026-01-31T12:00:00Z, got "soon"'],
        "[1].size": ["is not a parameter of a task, expected: job, params, priority, not_before"],
    }


async def test_all_wrong_tasks_of_an_array_are_reported_at_once(client):
    bodies = [{"job": "nonsense"}, waiting(), 5, {"job": "test_task", "params": {"times": -1}}, {"priority": 1}]
    problem = await assert_creates_nothing(client, client.call("POST", "taskqueue", bodies), 400)

    assert set(problem["errors"]) == {"[0].job", "[2].params", "[3].times", "[4].job"}
    assert "test_task" in problem["errors"]["[0].job"][0]


async def test_an_array_takes_no_key(client):
    call = client.call("POST", "taskqueue", [waiting()], Idempotency_Key="array")
    problem = await assert_creates_nothing(client, call, 400)

    assert problem["errors"] == {"Idempotency-Key": ["expected with a single task, got an array"]}


@pytest.mark.parametrize("prefer", ["wait=60", "wait=nonsense"])
async def test_an_array_does_not_wait(client, prefer):
    answer = await client.call("POST", "taskqueue", [waiting()], Prefer=prefer)

    assert (answer.status, answer.json["results"][0]["status"]) == (201, "Not Started")
    assert "Preference-Applied" not in answer.headers


async def test_a_viewer_creates_no_array(client, shared_service):
    shared_service.user("add", "victor", "--role", "viewer", given="only looking\n")
    victor = Client(shared_service, basic("victor", "only looking"))

    await assert_creates_nothing(client, victor.call("POST", "taskqueue", [waiting()]), 403)


# Keys.


async def test_a_repeated_request_answers_200_and_the_task_as_it_is_now(client):
    body = {"job": "counts", "params": {"times": 2}}
    first = await client.call("POST", "taskqueue", body, Idempotency_Key="repeated")
    assert (first.status, first.json["status"]) == (201, "Not Started")
    await client.ended(first.json["id"])

    again = await client.call("POST", "taskqueue", body, Idempotency_Key="repeated")

    assert (again.status, again.json["id"], again.json["status"]) == (200, first.json["id"], "Finished")
    assert again.headers["Location"] == first.headers["Location"]


async def test_the_same_body_may_be_written_otherwise(client):
    texts = [
        b'{"job": "test_task", "params": {"times": 1}, "not_before": "2999-01-01T00:00:00Z"}',
        b'{"not_before":"2999-01-01T00:00:00Z",  "params":{"times":1},"job":"\\u0074est_task"}',
    ]
    first, second = [await client.call("POST", "taskqueue", raw=raw, Idempotency_Key="order") for raw in texts]

    assert (first.status, second.status) == (201, 200)
    assert second.json["id"] == first.json["id"]


@pytest.mark.parametrize("other", [waiting(2), waiting(1, priority=1), {"job": "test_task", "params": {"times": 0}}])
async def test_another_body_under_a_known_key_is_refused(client, other):
    await client.call("POST", "taskqueue", waiting(1), Idempotency_Key="other body")

    call = client.call("POST", "taskqueue", other, Idempotency_Key="other body")
    problem = await assert_creates_nothing(client, call, 409)

    assert "other body" in problem["detail"]


async def test_a_key_belongs_to_its_user_and_its_path(client, shared_service):
    shared_service.user("add", "ann", "--role", "admin", given="another password\n")
    ann = Client(shared_service, basic("ann", "another password"))
    ended = await client.ended((await client.create("counts", times=1))["id"])
    calls = [
        (client, "taskqueue", {"job": "counts", "params": {"times": 1}}),
        (ann, "taskqueue", {"job": "counts", "params": {"times": 1}}),
        (client, "taskqueue/test_task", {"times": 1}),
        (client, f"taskqueue/{ended['id']}/retry", None),
    ]

    created = [await who.call("POST", path, body, Idempotency_Key="mine") for who, path, body in calls]
    again = [await who.call("POST", f"{path}/", body, Idempotency_Key="mine") for who, path, body in calls]

    ids = [answer.json["id"] for answer in created]
    assert len(set(ids)) == 4
    assert [answer.json["id"] for answer in again] == ids
    assert [answer.status for answer in created] == [201, 201, 200, 201]
    assert {answer.status for answer in again} == {200}


async def test_a_repeated_retry_creates_one_task_even_when_that_has_ended(client):
    failed = await client.ended((await client.create("fails"))["id"])
    path = f"taskqueue/{failed['id']}/retry"
    first = await client.call("POST", path, Idempotency_Key="retry")
    await client.ended(first.json["id"])
    await cancelled(client, failed)

    again = await client.call("POST", path, Idempotency_Key="retry")

    assert (again.status, again.json["id"], again.json["status"]) == (200, first.json["id"], "Exception")
    assert (await client.call("POST", path)).status == 404


async def test_a_key_whose_task_was_deleted_is_refused(client):
    task = (await client.call("POST", "taskqueue", waiting(), Idempotency_Key="deleted")).json
    await cancelled(client, task)
    await cancelled(client, task)

    call = client.call("POST", "taskqueue", waiting(), Idempotency_Key="deleted")
    problem = await assert_creates_nothing(client, call, 409)

    assert f"task {task['id']}" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"job": "test_task", "params": {"times": 0}}, {}, 400),
        ({"job": "nonsense"}, {}, 400),
        (waiting(), {"Prefer": "wait=nonsense"}, 400),
        (waiting(), {"Content_Type": "text/plain"}, 415),
    ],
)
async def test_a_refused_request_leaves_no_key(client, body, headers, status):
    key = f"refused {body} {headers}"
    await assert_creates_nothing(client, client.call("POST", "taskqueue", body, Idempotency_Key=key, **headers), status)

    assert (await client.call("POST", "taskqueue", waiting(5), Idempotency_Key=key)).status == 201


async def test_fifty_equal_requests_at_once_create_one_task(client):
    calls = (client.call("POST", "taskqueue", waiting(777_001), Idempotency_Key="fifty") for _ in range(50))
    answers = await asyncio.gather(*calls)

    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert await count(client, "777001") == 1


async def test_without_a_key_equal_requests_create_a_task_each(client):
    first, second = [await client.call("POST", "taskqueue", waiting(777_002)) for _ in range(2)]

    assert (first.status, second.status) == (201, 201)
    assert await count(client, "777002") == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "tab\tinside"])
async def test_a_key_that_cannot_be_one_is_refused_in_words(client, key):
    call = client.call("POST", "taskqueue", waiting(), Idempotency_Key=key)
    problem = await assert_creates_nothing(client, call, 400)

    assert "expected 1 to 255 printable ASCII characters" in problem["errors"]["Idempotency-Key"][0]


@pytest.mark.parametrize("key", ["x", "x" * 255, '"2c6b…"'.replace("…", "-"), "a key, with: all;kinds=of signs"])
async def test_any_printable_text_is_a_key(client, key):
    statuses = [(await client.call("POST", "taskqueue", waiting(), Idempotency_Key=key)).status for _ in range(2)]

    assert statuses == [201, 200]


async def test_a_key_survives_a_kill_and_lasts_a_day(service):
    client = Client(service.start())
    task = (await client.call("POST", "taskqueue", waiting(), Idempotency_Key="for a day")).json

    async def after_a_restart(milliseconds):
        """The same request when that much more time has gone by."""
        service.kill()
        with sqlite3.connect(service.directory / "data" / "hourglass.db") as database:
            database.execute("UPDATE request_keys SET at = at - ?", [milliseconds])
        database.close()
        service.start()
        return await client.call("POST", "taskqueue", waiting(), Idempotency_Key="for a day")

    known = await after_a_restart(DAY_MS - 600_000)
    assert (known.status, known.json["id"]) == (200, task["id"])

    new = await after_a_restart(600_000)
    assert new.status == 201
    assert new.json["id"] > task["id"]


async def test_a_key_stands_for_the_pending_task_of_a_unique_job(service):
    client = Client(service.start("--set", "jobs.modules=tests.support.plain_jobs"))
    body = {"job": "only_one", "params": {"what": "rbd"}, "not_before": LATER}
    pending = (await client.call("POST", "taskqueue", body)).json

    first = await client.call("POST", "taskqueue", body, Idempotency_Key="unique")
    assert (first.status, first.json["id"]) == (200, pending["id"])
    await cancelled(client, pending)
    again = await client.call("POST", "taskqueue", body, Idempotency_Key="unique")

    assert (again.status, again.json["id"], again.json["status"]) == (200, pending["id"], "Aborted")
    assert (await client.call("POST", "taskqueue", body, Idempotency_Key="unique again")).status == 201


async def test_an_array_names_a_unique_task_twice_and_creates_it_once(service):
    client = Client(service.start("--set", "jobs.modules=tests.support.plain_jobs"))
    body = {"job": "only_one", "params": {"what": "rbd"}, "not_before": LATER}

    answer = await client.call("POST", "taskqueue", [body, body])

    first, second = answer.json["results"]
    assert (answer.status, first["id"]) == (201, second["id"])


# Answers that wait.


@pytest.mark.parametrize("path", ["taskqueue", "taskqueue/test_task", "retry"])
async def test_an_answer_waits_for_the_end_if_the_client_prefers_that(client, path):
    body = {"job": "test_task", "params": {"times": 2}} if path == "taskqueue" else {"times": 2}
    if path == "retry":
        ended = await client.ended((await client.create("test_task", times=2))["id"])
        path, body = f"taskqueue/{ended['id']}/retry", None

    answer = await client.call("POST", path, body, Prefer="wait=60")

    assert (answer.json["status"], answer.json["result"]) == ("Finished", 2)
    assert answer.headers["Preference-Applied"] == "wait=55"
    assert answer.headers["Location"].endswith(f"/{answer.json['id']}")


@pytest.mark.parametrize(("prefer", "applied"), [("wait=0", "wait=0"), ("wait=0.05", "wait=0.05")])
async def test_an_answer_comes_when_the_time_is_up(client, prefer, applied):
    answer = await client.call("POST", "taskqueue", waiting(), Prefer=prefer)

    assert (answer.status, answer.json["status"]) == (201, "Not Started")
    assert answer.headers["Preference-Applied"] == applied


@pytest.mark.parametrize("value", ["wait", "wait=", "wait=x", "wait=-1", "wait=61", "wait=nan", "wait=1 minute"])
async def test_a_wrong_time_to_wait_is_refused_and_creates_nothing(client, value):
    problem = await assert_creates_nothing(client, client.call("POST", "taskqueue", waiting(), Prefer=value), 400)

    assert "expected a number of seconds from 0 to 60" in problem["errors"]["Prefer"][0]


@pytest.mark.parametrize("prefer", ["respond-async", "return=minimal, handling=lenient", "", "waiting=5", "x; wait=5"])
async def test_preferences_that_mean_nothing_here_are_ignored(client, prefer):
    answer = await client.call("POST", "taskqueue", waiting(), Prefer=prefer)

    assert answer.status == 201
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("prefer", ["respond-async, wait=60", "Wait=60; x=y, return=minimal", ' wait = "60" ,wait=x'])
async def test_the_time_to_wait_is_found_among_other_preferences(client, prefer):
    answer = await client.call("POST", "taskqueue", {"job": "counts", "params": {"times": 1}}, Prefer=prefer)

    assert (answer.status, answer.json["status"]) == (201, "Finished")
    assert answer.headers["Preference-Applied"] == "wait=55"


async def test_a_repeated_request_waits_as_well(client, tmp_path):
    body = {"job": "waits", "params": {"times": 2, "in_round": 1, "until": str(tmp_path / "until")}}
    first = await client.call("POST", "taskqueue", body, Idempotency_Key="waits", Prefer="wait=0")
    again = asyncio.ensure_future(
        client.call("POST", "taskqueue", body, Idempotency_Key="waits", Prefer="wait=60, respond-async")
    )
    (tmp_path / "until").touch()
    answer = await again

    assert (answer.status, answer.json["id"], answer.json["status"]) == (200, first.json["id"], "Finished")


async def begun(client, **headers):
    """A request that waits for a task which nothing starts, and the task."""
    since, tasks = await revision(client), []
    answer = asyncio.ensure_future(client.call("POST", "taskqueue", waiting(424), Prefer="wait=60", **headers))
    while not tasks:
        changes = await client.get(f"taskqueue/changes?since={since}&wait=60")
        since, tasks = changes["revision"], [task for task in changes["tasks"] if task["params"].get("times") == 424]
    return answer, tasks[0]


async def test_an_answer_that_waits_comes_when_its_task_is_aborted(client):
    answer, task = await begun(client)
    await cancelled(client, task)

    assert ((await answer).status, (await answer).json["status"]) == (201, "Aborted")


async def test_a_task_that_is_deleted_meanwhile_is_still_answered(client):
    answer, task = await begun(client)
    await asyncio.gather(cancelled(client, task), cancelled(client, task))

    assert ((await answer).status, (await answer).json["id"]) == (201, task["id"])


async def test_whoever_waits_is_answered_when_the_server_stops(service):
    client = Client(service.start())
    creating, task = await begun(client)
    looking = asyncio.ensure_future(client.call("GET", f"taskqueue/{task['id']}?wait=60"))
    polling = asyncio.ensure_future(client.call("GET", f"taskqueue/changes?since={task['revision']}&wait=60"))
    await client.get("jobs")  # sent after them on the same machine: they have arrived

    service.terminate()
    answers = [await creating, await looking, await polling]

    assert [answer.status for answer in answers] == [201, 200, 200]
    assert [answer.json["status"] for answer in answers[:2]] == ["Not Started"] * 2
    assert answers[2].json["revision"] == task["revision"]
    assert await asyncio.to_thread(service.wait) == 0


# Following.


async def test_a_long_poll_waits_for_changes_and_returns_all_of_them(client):
    since = await revision(client)
    polling = asyncio.ensure_future(client.get(f"taskqueue/changes?since={since}&wait=60"))
    task = await client.create("counts", times=1)
    seen = [await polling]
    while not any(move["to"] == "Finished" for changes in seen for move in changes["transitions"]):
        assert set(seen[-1]) == {
            "type", "since", "revision", "counts", "pending_percent", "transitions", "tasks", "deleted",
        }  # fmt: skip
        seen.append(await client.get(f"taskqueue/changes?since={seen[-1]['revision']}&wait=60"))

    moves = [move["to"] for changes in seen for move in changes["transitions"] if move["task"] == task["id"]]
    assert moves == ["Not Started", "Running", "Finished"]
    assert [changes["since"] for changes in seen] == [since, *(changes["revision"] for changes in seen[:-1])]


async def test_a_long_poll_in_which_nothing_happens_is_empty(service):
    client = Client(service.start())
    task = (await client.call("POST", "taskqueue", waiting())).json

    changes = await client.get(f"taskqueue/changes?since={task['revision']}&wait=0.05")

    assert (changes["type"], changes["since"], changes["revision"]) == ("changes", task["revision"], task["revision"])
    assert (changes["transitions"], changes["tasks"], changes["deleted"]) == ([], [], [])


async def test_a_long_poll_beyond_what_is_known_begins_anew_at_once(client):
    changes = await client.get("taskqueue/changes?since=999999999&wait=60")

    assert set(changes) == {"type", "revision"}
    assert changes["type"] == "resync"
    assert 0 < changes["revision"] <= await revision(client)


@pytest.mark.parametrize("query", ["", "since=-1", "since=x", "since=1&wait=61", "since=1&wait=x", "since=1&since=2"])
async def test_a_wrong_long_poll_is_refused(client, query):
    answer = await client.call("GET", f"taskqueue/changes?{query}")

    assert answer.status == 400
    assert json.dumps(answer.json["errors"]).count("expected") == 1
