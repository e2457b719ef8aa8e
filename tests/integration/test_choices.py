"""What can be chosen for a parameter, by REST."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.support.choosing_jobs import HOUSES, MANY
from tests.support.described import Described
from tests.support.service import Client, Service

CLEAN = "jobs/choices?job=clean&parameter="


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory):
    """A server with jobs whose parameters have choices."""
    service = Service(tmp_path_factory.mktemp("choices"))
    service.start("--set", "jobs.modules=tests.support.choosing_jobs")
    yield service
    service.close()


async def checked(client, path, status=200):
    """The answer, held against the description of the API."""
    answer = await client.call("GET", path)
    Described(await client.get("openapi.json")).check("GET", path, answer)
    assert answer.status == status, answer.body
    return answer.json


async def test_the_schema_of_a_job_leads_to_names_and_values(client):
    (job,) = [job for job in (await client.get("jobs"))["results"] if job["job"] == "clean"]
    house = job["parameters"]["properties"]["house"]
    page = await checked(client, house["x-choices"]["url"].removeprefix("/openattic/api/"))

    assert page["results"][0] == {"value": "h-1", "name": "Lindenhof", "detail": "house h-1"}
    assert [choice["value"] for choice in page["results"]] == [*HOUSES]
    assert (page["count"], page["next"], page["previous"]) == (len(HOUSES), None, None)


async def test_choices_that_depend_on_another_parameter_come_in_pages(client):
    page = await checked(client, f"{CLEAN}rooms&house=h-1&pageSize=500")
    values = [choice["value"] for choice in page["results"]]
    while page["next"]:
        page = await client.get(page["next"].removeprefix("/openattic/api/"))
        values += [choice["value"] for choice in page["results"]]

    assert page["count"] == len(set(values)) == MANY


@pytest.mark.parametrize(
    ("search", "values"),
    [
        ("a/b", ["h-1:a/b"]),
        ("ROOM 2000", ["h-1:2000"]),
        ("%", ["h-1:100 %"]),
        ("שלום", ["h-1:שלום"]),
        ("nowhere", []),
    ],
)
async def test_a_search_finds_by_name_or_value_whatever_is_in_it(client, search, values):
    page = await checked(client, f"{CLEAN}rooms&house=h-1&search={quote(search)}")

    assert [choice["value"] for choice in page["results"]] == values


async def test_numbers_are_values_too_and_what_is_no_json_is_left_out(client):
    page = await checked(client, f"{CLEAN}floor&house=h-1&highest=2")

    assert [choice["value"] for choice in page["results"]] == [0, 1]


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("job=clean", "parameter", "got nothing"),
        ("job=nosuch&parameter=house", "job", 'There is no job "nosuch"'),
        ("job=clean&parameter=broom", "parameter", "expected one of house, room, rooms, floor"),
        ("job=test_task&parameter=times", "parameter", "this one has none"),
        ("job=clean&parameter=room", "house", "got nothing"),
        ("job=clean&parameter=room&house=", "house", "of at least 1 character"),
        ("job=clean&parameter=floor&house=h-1&highest=many", "highest", "expected a whole number"),
        ("job=clean&parameter=room&house=h-1&house=h-2", "house", "expected once"),
        ("job=clean&parameter=house&fsid=1", "fsid", "is not a parameter here"),
        ("job=clean&parameter=house&pageSize=501", "pageSize", "expected a whole number from 1 to 500"),
    ],
)
async def test_what_cannot_be_asked_is_a_400_that_names_what_is_possible(client, query, field, said):
    problem = await checked(client, f"jobs/choices?{query}", 400)

    assert said in " ".join(problem["errors"][field])


@pytest.mark.parametrize(("house", "said"), [("silent", "nobody answered within 5 s"), ("broken", "no floor")])
async def test_what_cannot_be_said_is_a_503_in_words(client, house, said):
    problem = await checked(client, f"{CLEAN}room&house={house}", 503)

    assert said in problem["detail"]


async def test_a_viewer_cannot_ask_since_functions_may_show_what_tasks_may_touch(shared_service, client):
    shared_service.user("add", "eve", "--role", "viewer", given="a long password\n")
    token = await client.call("POST", "api-token-auth", {"username": "eve", "password": "a long password"})
    viewer = Client(shared_service, {"Authorization": f"Token {token.json['token']}"})

    await checked(viewer, f"{CLEAN}house", 403)


async def test_a_value_that_was_not_offered_is_taken_all_the_same_and_a_wrong_one_refused_in_words(client):
    task = await client.create("clean", house="elsewhere", rooms=["elsewhere:attic"])
    answer = await client.call("POST", "taskqueue", {"job": "clean", "params": {"house": "h-1", "rooms": ["attic"]}})

    assert task["params"]["house"] == "elsewhere"
    assert (answer.status, answer.json["errors"]["rooms"]) == (
        400,
        ['expected a list, each item a room of a house, like h-1:room 4, got ["attic"] (wrong at [0])'],
    )
