"""How many pools a manager is asked about by themselves, by all processes of a server together."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ceph.connection import query_budget
from ceph.connection.query_budget import (
    FORGOTTEN_SECONDS,
    MOST_ASKED,
    NOTED_AGAIN_SECONDS,
    QueryBudget,
    query_budget_path,
)
from tests.support.service import ROOT

DEADLY = 15
"""A manager dies of so many pools."""
ASKS = """
import sys
from ceph.connection.query_budget import QueryBudget
questions = QueryBudget(sys.argv[1])
print(sum(questions.may_ask(f"{sys.argv[2]}-{number}") for number in range(10)))
"""


class Clock:
    """Stands in for the module `time`."""

    now = 5000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(query_budget, "time", clock)
    return clock


@pytest.fixture(params=["file", "own"])
def asked(request, tmp_path):
    return QueryBudget(query_budget_path(str(tmp_path), "fsid") if request.param == "file" else None)


def test_one_question_too_many_is_not_asked_and_the_others_go_on(asked, clock):
    pools = [f"pool{number}" for number in range(DEADLY)]

    assert [asked.may_ask(pool) for pool in pools] == [True] * MOST_ASKED + [False] * (DEADLY - MOST_ASKED)
    assert asked.may_ask("pool0")


def test_what_the_manager_has_forgotten_makes_room(asked, clock):
    for number in range(MOST_ASKED):
        assert asked.may_ask(f"pool{number}")
        clock.now += 1
    clock.now += FORGOTTEN_SECONDS - MOST_ASKED
    assert asked.may_ask("another")
    assert not asked.may_ask("one more")


def test_a_pool_that_is_asked_about_all_the_time_is_not_forgotten(asked, clock):
    for _ in range(20):
        assert asked.may_ask("rbd")
        clock.now += FORGOTTEN_SECONDS / 10
    for number in range(MOST_ASKED - 1):
        assert asked.may_ask(f"pool{number}")
    assert not asked.may_ask("one too many")


def test_a_question_that_was_noted_just_now_is_not_written_again(tmp_path, clock):
    path = tmp_path / "questions.json"
    asked = QueryBudget(str(path))
    asked.may_ask("rbd")
    before = path.read_text()
    clock.now += NOTED_AGAIN_SECONDS / 2
    asked.may_ask("rbd")
    assert path.read_text() == before


def test_processes_that_ask_at_once_never_ask_too_much_together(tmp_path):
    command = [sys.executable, "-c", ASKS, str(tmp_path / "questions.json")]
    running = [
        subprocess.Popen([*command, str(number)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for number in range(3)
    ]
    allowed = [int(process.communicate()[0]) for process in running]
    assert sum(allowed) == MOST_ASKED


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b'{"rbd": "soon"}', b'{"rbd": null}', b"\xff\x00"])
def test_notes_that_cannot_be_read_count_as_empty(tmp_path, rubbish):
    path = tmp_path / "questions.json"
    path.write_bytes(rubbish)
    assert QueryBudget(str(path)).may_ask("rbd")
    assert QueryBudget(str(path)).may_ask("other")


def test_times_of_before_the_machine_was_started_anew_do_not_count(tmp_path, clock):
    path = str(tmp_path / "questions.json")
    for number in range(MOST_ASKED):
        QueryBudget(path).may_ask(f"pool{number}")
    clock.now = 60.0
    assert QueryBudget(path).may_ask("another")


def test_what_cannot_be_noted_is_not_asked(tmp_path):
    assert not QueryBudget(str(tmp_path / "missing" / "questions.json")).may_ask("rbd")


def test_a_cluster_cannot_name_a_file_elsewhere():
    assert query_budget_path("/data", "../../etc/passwd") == "/data/questions-..%2F..%2Fetc%2Fpasswd.json"
