"""A data directory that version 0.1.0 has left behind, stopped in the middle of its work: it opens and goes on.

`tools/compare/data.py` has written it, with what that version answered about it.
"""

from __future__ import annotations

import json

import pytest

from tests.support.service import Client, Service, basic
from tools.compare.data import ANSWERS, KEPT, unpacked
from tools.compare.serving import MODULES, PASSWORD

pytestmark = pytest.mark.slow


class Older:
    """The service on the older data; files in `gates` let its unfinished tasks do their rounds."""

    def __init__(self, folder, gates):
        unpacked(KEPT, folder)
        self.gates = gates
        self.service = Service(folder)
        self.client = Client(self.service, basic(password=PASSWORD))
        answers = json.loads((folder / ANSWERS).read_text())
        self.tasks = {task["id"]: task for task in answers["tasks"]}
        self.rounds = {int(task): rounds for task, rounds in answers["rounds"].items()}
        self.token = answers["token"]

    def start(self):
        self.service.start("--set", "jobs.modules=recorded_jobs")
        return self

    def open(self, name, *numbers):
        for number in numbers:
            (self.gates / f"{name}.{number}").touch()

    def unfinished(self, job):
        return [task for task in self.tasks.values() if task["job"] == job and task["ended"] is None]


@pytest.fixture
def older(tmp_path, monkeypatch):
    gates = tmp_path / "gates"
    gates.mkdir()
    monkeypatch.setenv("HOURGLASS_WALK_GATES", str(gates))
    monkeypatch.setenv("PYTHONPATH", str(MODULES))
    older = Older(tmp_path, gates).start()
    yield older
    older.service.close()


async def test_what_had_ended_is_answered_as_the_version_before_did(older):
    ended = [task for task in older.tasks.values() if task["ended"] is not None]
    page = await older.client.get("taskqueue?ordering=id&pageSize=500")
    now = [task for task in page["results"] if older.tasks[task["id"]]["ended"] is not None]

    assert len(ended) > 40
    assert now == [{**task, "host": None} for task in ended]
    for task in ended:
        assert (await older.client.get(f"taskqueue/{task['id']}/rounds"))["results"] == older.rounds[task["id"]]


async def test_what_had_begun_goes_on_from_its_checkpoint_and_what_waited_waits_on(older):
    home, away, waiting = older.unfinished("walk")
    assert (home["round"], away["round"], waiting["status"]) == (3, 1, "Not Started")

    older.open("home", *range(1, 9))
    older.open("away", *range(2, 9))  # without its first round: who begins again waits for ever

    for task in (home, away, waiting):
        now = await older.client.ended(task["id"])
        rounds = (await older.client.get(f"taskqueue/{task['id']}/rounds"))["results"]
        assert (now["status"], now["result"]) == ("Finished", task["params"])
        assert [one["number"] for one in rounds] == list(range(1, task["rounds"] + 1))
        assert rounds[: task["round"]] == older.rounds[task["id"]]
        assert now["interruptions"] == (1 if task["round"] else 0)
    later = [task for task in older.unfinished("test_task") if task["not_before"]]
    assert [(await older.client.get(f"taskqueue/{task['id']}"))["waiting_for"] for task in later] == [
        task["waiting_for"] for task in later
    ]


async def test_users_passwords_roles_and_tokens_count_as_before(older):
    vera = Client(older.service, basic("vera", PASSWORD))
    by_token = Client(older.service, {"Authorization": f"Token {older.token}"})

    assert (await by_token.call("GET", "workers")).status == 200
    assert (await vera.call("GET", "workers")).status == 200
    assert (await vera.call("POST", "taskqueue/test_task", {"times": 1})).status == 403


async def test_searches_lists_and_pins_are_as_before(older):
    pinned = [task["id"] for task in older.tasks.values() if task["pinned"]]
    shown = await older.client.get("taskqueue?search=stumbling&ordering=id")
    both = await older.client.get("taskqueue?status=Finished&status=Exception&status=Aborted&pageSize=1")

    assert [task["id"] for task in shown["results"]] == [
        number for number, task in older.tasks.items() if "tumbling" in task["description"]
    ]
    assert both["count"] == sum(task["ended"] is not None for task in older.tasks.values())
    assert (await older.client.get(f"taskqueue/{pinned[0]}"))["pinned"]
