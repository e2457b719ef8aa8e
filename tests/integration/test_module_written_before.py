"""A module of jobs that was written for version 0.1.0 runs unchanged: see tests/support/written_before.py."""

from __future__ import annotations

import pytest

from tests.support.service import Client, Service

MODULE = "tests.support.written_before"
CHECKED = {"job": "check_files", "params": {"folder": "rbd", "count": 1}}


@pytest.fixture(scope="module")
def old_service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("written_before"))
    service.start("--set", f"jobs.modules={MODULE}", "--set", "greet.greeting=good morning")
    yield service
    service.close()


@pytest.fixture
def client(old_service):
    return Client(old_service)


async def finished(client, job, **params):
    """The ended task, which has found nothing wrong."""
    task = await client.ended((await client.create(job, **params))["id"])
    assert (task["status"], task["error"]) == ("Finished", None)
    return task


async def test_rounds_checkpoints_locks_and_metadata_work_as_they_did(client):
    task = await finished(client, "check_files", folder="/srv", count=3)

    rounds = (await client.get(f"taskqueue/{task['id']}/rounds"))["results"]
    assert (task["result"], task["description"]) == (3, "Checking 3 files of /srv")
    assert task["metadata"] == {"folder": "/srv"}
    assert [(one["number"], one["message"], one["output"]) for one in rounds] == [
        (number, f"file {number}", {"bytes": number}) for number in (1, 2, 3)
    ]


async def test_settings_pauses_and_functions_of_parameters_work_as_they_did(client, old_service):
    task = await finished(client, "greet", name="ann")

    assert (task["result"], task["rounds"], task["description"]) == ("good morning ann", 3, "Greeting ann")
    old_service.log_with("greeted ann")


async def test_what_was_prepared_is_stored_and_refusals_are_named(client):
    task = await finished(client, "check_pool", pool="rbd")
    refused = await client.call("POST", "taskqueue", {"job": "check_pool", "params": {"pool": "gone"}})

    assert (task["params"], task["result"]) == ({"pool": "rbd", "number": 3}, [3, "Book"])
    assert (refused.status, refused.json["errors"]) == (400, {"pool": ["there is no pool gone"]})


async def test_a_job_runs_others_by_the_registry_and_a_chain_runs_them_too(client):
    steps = [CHECKED, {"job": "check_pool", "params": {"pool": "rbd"}}]

    in_turn = await finished(client, "in_turn", steps=steps)
    chain = await finished(client, "chain", steps=steps)

    assert (in_turn["result"], in_turn["description"]) == (2, "Checking 1 files of rbd; Checking rbd")
    assert chain["result"] == [1, [None, "Book"]]


async def test_choices_are_offered_and_words_are_said(client):
    asked = "jobs/choices?job=check_chosen&parameter="

    folders = await client.get(f"{asked}folder")
    files = await client.get(f"{asked}chosen&folder=/srv/a")
    refused = await client.call(
        "POST", "taskqueue", {"job": "check_chosen", "params": {"folder": "/srv/a", "chosen": ["etc"]}}
    )

    assert [one["value"] for one in folders["results"]] == ["/srv/a", "/srv/b"]
    assert [(one["value"], one["name"], one["detail"]) for one in files["results"]] == [
        ("/srv/a/one", "one", "5 bytes"),
        ("/srv/a/two", "two", "Book"),
    ]
    assert "a file below /srv" in refused.json["errors"]["chosen"][0]


async def test_a_job_about_ceph_is_registered_and_says_why_it_is_not_available(client):
    jobs = {one["job"]: one for one in (await client.get("jobs"))["results"]}

    job = jobs["look_at_pool"]
    choosable = {name for name, schema in job["parameters"]["properties"].items() if "x-choices" in schema}
    assert (job["available"], job["unavailable_because"]) == (False, "There is no moon.")
    assert choosable == {"fsid", "pool", "other", "next_pool", "of_images", "image"}
