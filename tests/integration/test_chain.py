"""Chains of jobs on the real server, with real workers: what comes out, what fails, and what survives kill -9."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.support import lines_of
from tests.support.service import Client

TWO_MODULES = ("--set", "jobs.modules=tests.faults.misbehaving_jobs,tests.support.plain_jobs")


def step(name, /, **params):
    return {"job": name, "params": params}


def waiting(folder: Path, times=3, in_round=2, name="go"):
    """A step that waits in a round for the file `go`, and says in `began` when it does."""
    paths = {"until": str(folder / name), "began_path": str(folder / "began"), "record_path": str(folder / "waiting")}
    return step("waits", times=times, in_round=in_round, **paths)


def counting(folder: Path, times=3):
    return step("counts_without_checkpoint", times=times, record_path=str(folder / "counted"))


async def rounds_of(client, task_id):
    return (await client.get(f"taskqueue/{task_id}/rounds"))["results"]


async def test_a_chain_runs_its_steps_one_after_another_as_one_task(client):
    task = await client.create(
        "chain", steps=[step("test_task", times=2), step("chain", steps=[step("counts", times=2)])]
    )
    assert task["description"] == "Chain of 2: Test task of 2 rounds, Chain of 1: Counting to 2"
    inner = {"job": "counts", "params": {"times": 2, "record_path": "", "round_seconds": 0.0}}
    assert task["params"]["steps"][1]["params"] == {"steps": [inner]}

    ended = await client.ended(task["id"])

    assert (ended["status"], ended["result"], ended["outcome"]) == ("Finished", [2, [2]], "Finished after 4 rounds")
    rounds = await rounds_of(client, task["id"])
    assert [one["number"] for one in rounds] == [1, 2, 3, 4]
    assert [one["percent"] for one in rounds] == [25, 50, 75, 100]
    assert rounds[0]["message"] == "Test task of 2 rounds (1 of 2): counted to 1"
    assert rounds[3]["message"] == "Chain of 1: Counting to 2 (2 of 2): Counting to 2 (1 of 1): counted to 2"


@pytest.mark.parametrize(("second", "rounds"), [(step("test_task", times=3), 5), (step("fails", rounds=2), None)])
async def test_a_chain_has_rounds_from_its_creation_on_if_all_its_steps_declare_them(client, second, rounds):
    task = await client.create("chain", steps=[step("test_task", times=2), second])
    assert task["rounds"] == rounds


async def test_what_a_step_raises_is_the_failure_of_the_chain_with_all_its_places(client):
    inner = step("chain", steps=[step("counts", times=1), step("fails", message="boom", rounds=1)])
    task = await client.create("chain", steps=[step("counts", times=2), inner])

    ended = await client.ended(task["id"])

    description = "Chain of 2: Counting to 1, Failing after 1 rounds"
    places = f"in step 2 of 2: Failing after 1 rounds; in step 2 of 2: {description}"
    assert (ended["status"], ended["error"]["type"]) == ("Exception", "ValueError")
    assert ended["error"]["message"] == f"boom ({places})"
    assert ended["outcome"] == f"Failed in round 5: ValueError: boom ({places})"
    assert "in fails" in ended["error"]["traceback"].splitlines()[1], "it begins where the job itself is"
    assert (await rounds_of(client, task["id"]))[-1]["number"] == 4


async def test_bad_input_is_refused_with_all_places_at_once_and_creates_nothing(client):
    before = await client.newest_id()
    steps = [step("nope"), step("test_task", times=-1), {"job": "test_task", "times": 1}]

    answer = await client.call("POST", "taskqueue", {"job": "chain", "params": {"steps": steps}})

    assert (answer.status, answer.kind) == (400, "application/problem+json")
    errors = answer.json["errors"]
    assert errors["steps[0].job"][0].startswith('there is no job "nope"; registered: ')
    assert errors["steps[1].params.times"] == ["expected a whole number from 1 to 1000000, got -1"]
    assert errors["steps[2].times"] == ["is not a parameter of a step, expected: job, params"]
    assert set(errors) == {"steps[0].job", "steps[1].params.times", "steps[2].times"}
    assert await client.newest_id() == before


async def test_a_chain_with_a_job_that_is_switched_off_is_refused_with_its_place(service):
    client = Client(service.start("--set", "test_task.enabled=no"))

    answer = await client.call("POST", "taskqueue", {"job": "chain", "params": {"steps": [step("test_task", times=1)]}})

    assert answer.status == 409
    assert answer.json["detail"] == (
        "The job chain is not available here: its steps[0], test_task, is switched off by [test_task] enabled."
    )


async def test_the_schema_of_a_chain_stands_for_itself(client):
    jobs = {job["job"]: job for job in (await client.get("jobs"))["results"]}
    schema = jobs["chain"]["parameters"]
    step = {"$ref": "#/$defs/Step", "x-expected": "a valid Step"}
    assert schema["properties"]["steps"]["items"] == step
    steps = {one["properties"]["job"]["const"]: one for one in schema["$defs"]["Step"]["anyOf"]}
    assert set(steps) == set(jobs)
    assert steps["test_task"]["required"] == ["job", "params"]
    assert steps["test_task"]["properties"]["params"]["properties"] == jobs["test_task"]["parameters"]["properties"]
    assert steps["chain"]["properties"]["params"]["properties"]["steps"]["items"] == step


async def test_a_worker_killed_in_the_second_step_repeats_that_round_and_not_the_first_step(client, tmp_path):
    task = await client.create("chain", steps=[counting(tmp_path), waiting(tmp_path)])
    (worker,) = await lines_of(tmp_path / "began")
    await client.until(task["id"], lambda task: task["round"] == 5)
    os.kill(int(worker), signal.SIGKILL)
    await lines_of(tmp_path / "began", 2)
    (tmp_path / "go").touch()

    ended = await client.ended(task["id"])

    assert (ended["status"], ended["result"], ended["interruptions"]) == ("Finished", [3, 3], 1)
    assert (tmp_path / "counted").read_text().split() == ["1", "2", "3"]
    assert (tmp_path / "waiting").read_text().split() == ["1", "2", "3"]
    assert [one["number"] for one in await rounds_of(client, task["id"])] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_server_killed_in_the_second_step_goes_on_there(service, tmp_path):
    client = Client(service.start())
    task = await client.create("chain", steps=[counting(tmp_path), waiting(tmp_path)])
    await lines_of(tmp_path / "began")
    before = await client.until(task["id"], lambda task: task["round"] == 5)
    service.kill()
    service.start()
    await lines_of(tmp_path / "began", 2)
    (tmp_path / "go").touch()

    ended = await client.ended(task["id"])

    assert (ended["status"], ended["result"], ended["interruptions"]) == ("Finished", [3, 3], 1)
    assert ended["round"] == 7
    assert ended["percent"] >= before["percent"]
    assert (tmp_path / "counted").read_text().split() == ["1", "2", "3"]


async def test_an_abort_in_the_middle_closes_the_step_that_runs_and_no_further_one_begins(client, tmp_path):
    closing = step("fails_to_clean_up", began_path=str(tmp_path / "began"), until=str(tmp_path / "go"))
    task = await client.create("chain", steps=[counting(tmp_path, 1), closing, counting(tmp_path, 1)])
    await lines_of(tmp_path / "began")
    await client.call("DELETE", f"taskqueue/{task['id']}")
    (tmp_path / "go").touch()

    ended = await client.until(task["id"], lambda task: not task["stopping"])

    assert ended["status"] == "Aborted"
    assert ended["error"]["message"] == "the door is stuck (in step 2 of 3: Failing to clean up)"
    assert (tmp_path / "counted").read_text().split() == ["1"]


async def test_two_chains_that_share_a_lock_run_one_after_the_other(service, tmp_path):
    client = Client(service.start(*TWO_MODULES, "--set", "workers.count=2"))
    on_rbd, on_data = step("locked", pool="rbd"), step("locked", pool="data")
    first = await client.create("chain", steps=[waiting(tmp_path), on_rbd])
    await lines_of(tmp_path / "began")
    second = await client.create("chain", steps=[on_data, on_rbd])
    beside = await client.create("chain", steps=[on_data])
    third = await client.create("chain", steps=[step("counts", times=1)])
    await client.ended(third["id"])

    waits = (await client.get(f"taskqueue/{second['id']}"))["waiting_for"]
    assert (waits["reason"], waits["task"]) == ("lock", first["id"])
    waits = (await client.get(f"taskqueue/{beside['id']}"))["waiting_for"]
    assert (waits["reason"], waits["task"]) == ("lock", second["id"]), "the lines keep their order"
    (tmp_path / "go").touch()
    ended = [await client.ended(task["id"]) for task in (first, second, beside)]

    assert {task["status"] for task in ended} == {"Finished"}
    assert ended[0]["ended"] <= ended[1]["started"]
    assert ended[1]["ended"] <= ended[2]["started"]


async def test_the_time_limit_of_a_step_holds_for_the_chain(service, tmp_path):
    client = Client(service.start("--set", "workers.max_worker_deaths=0"))
    task = await client.create("chain", steps=[step("takes_too_long"), step("takes_too_long")])

    ended = await client.ended(task["id"])

    assert ended["outcome"] == (
        "Failed: its worker died 1 time, last a round took longer than round_timeout_seconds = 0.2"
    )


async def test_the_memory_limit_of_a_step_holds_for_the_chain(client):
    task = await client.create("chain", steps=[step("takes_memory", megabytes=200)])
    ended = await client.ended(task["id"])
    assert ended["error"]["message"].startswith("used more than memory_limit_mb = 64")
