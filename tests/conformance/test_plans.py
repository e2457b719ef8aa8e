"""How SQLite runs the statements that everybody waits for: by an index, whatever is in the database."""

from __future__ import annotations

import re
import sqlite3

import pytest

from storage.sqlite.opening import connect, prepare_database
from storage.sqlite.rows import FIELDS, LIST_COLUMNS
from storage.sqlite.statements import SQL

TEMPLATES = {
    "places",
    "part_final",
    "part_pending",
    "part_of_words",
    "part_of_former_words",
    "count_parts",
    "statuses_of_places",
}
"""Tested by tests/conformance/test_lists.py and bench/million.py: their plans depend on what is filled in."""


LIMITED = {"last_forgettable", "newest_change"}
"""Their inner selects have limits, which a plan does not show."""
LARGE = "tasks|rounds|transitions|deletions|request_keys|minutes"


def statements():
    fragments = {name for name in SQL if name.startswith("condition_")}
    return sorted(name for name in SQL if name not in {*TEMPLATES, *fragments, *LIMITED})


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "hourglass.db"
    prepare_database(path)
    opened = connect(path)
    yield opened
    opened.close()


def plan_of(connection: sqlite3.Connection, name: str) -> list[str]:
    statement = SQL[name].format(columns=LIST_COLUMNS, by_revision=FIELDS.index("revision") + 1)
    values = dict.fromkeys(re.findall(r"(?<![\w':]):(\w+)", statement))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize("name", statements())
def test_no_statement_reads_or_sorts_a_whole_table(connection, name):
    plan = plan_of(connection, name)

    assert [step for step in plan if re.match(rf"SCAN ({LARGE})(?! USING)", step)] == []
    if name != "unfinished":  # of which there are few
        assert [step for step in plan if "TEMP B-TREE" in step] == []


def test_what_changed_since_a_revision_is_found_among_the_transitions_since(connection):
    """Those before are not read, and the tasks come as they would without."""
    conditions = SQL["condition_as_of"].format(changed=SQL["condition_changed"])
    part = SQL["part_final"].format(key="id", status="Finished", index="tasks_final_by_id", conditions=conditions)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {part}", {"as_of": 1})]

    assert "SEARCH transitions USING INTEGER PRIMARY KEY (rowid>?)" in plan
    assert any(step.startswith("SEARCH tasks USING INDEX tasks_final_by_id (status=?)") for step in plan), plan


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("interruptions", "transitions_of_interruptions"),
        ("tasks_between", "tasks_final_by_revision"),
        ("tasks_between", "tasks_pending_by_revision"),
        ("unfinished", "tasks_stopping"),
        ("due", "tasks_final_by_last_modified"),
        ("first_due", "tasks_final_by_last_modified"),
    ],
)
def test_statements_about_tasks_use_the_index_that_is_made_for_them(connection, name, index):
    assert any(
        f"USING INDEX {index}" in step or f"USING COVERING INDEX {index}" in step for step in plan_of(connection, name)
    )
