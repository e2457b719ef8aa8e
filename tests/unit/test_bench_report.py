"""The tables of docs/speed.md: what a run replaces, and what it leaves alone."""

from __future__ import annotations

import pytest

from bench.report import DOCUMENT, GOAL_COLUMNS, update_goals, write_table
from tests.support.service import ROOT

HEAD = f"| {' | '.join(GOAL_COLUMNS)} |"


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "speed.md"
    path.write_text("before\n<!-- machine -->\nan old one\n<!-- /machine -->\n<!-- goals -->\n<!-- /goals -->\nafter\n")
    return path


def goal(number, ratio):
    return [number, "what", "1/s", "2/s", ratio, "≥ 1"]


def rows_of(document):
    return [line for line in document.read_text().splitlines() if line.startswith("|")]


def test_a_run_of_some_goals_updates_their_rows_and_leaves_the_others(document):
    update_goals([goal("10", "1.00"), goal("2", "2.00"), goal("1", "3.00")], document)
    update_goals([goal("2", "4.00"), goal("2b", "5.00")], document)

    assert rows_of(document)[0] == HEAD
    assert [row.split(" | ")[0::4][:2] for row in rows_of(document)[2:]] == [
        ["| 1", "3.00"],
        ["| 2", "4.00"],
        ["| 2b", "5.00"],
        ["| 10", "1.00"],
    ]


def test_what_stands_around_the_tables_stays_and_the_machine_is_told_anew(document):
    update_goals([goal("1", "1.00")], document)

    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "an old one" not in text
    assert "SQLite" in text


def test_a_table_without_its_place_is_refused_in_words(document):
    with pytest.raises(ValueError, match="expected the marks <!-- nowhere -->"):
        write_table("nowhere", ["a"], [["1"]], document)


@pytest.mark.parametrize(
    "name",
    [
        "goals",
        "machine",
        "ceph",
        "ceph-views",
        "ceph-machine",
        *(f"million-{part}" for part in ("lists", "searches", "filters")),
    ],
)
def test_the_document_has_a_place_for_each_table(name):
    assert f"<!-- {name} -->" in DOCUMENT.read_text()
    assert DOCUMENT == ROOT / "docs" / "speed.md"
