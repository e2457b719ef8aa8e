"""The table of messages in docs/ceph.md quotes what the program says, word for word."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OF_THE_CLUSTER = {"rbd_support module is not ready, try again"}
"""Words of Ceph that are passed on as they are."""
SECTION = "## What you see, what it means, what to do"


def rows():
    """The first cells of the tables, whose headings and rulers are none."""
    text = (ROOT / "docs" / "ceph.md").read_text().partition(SECTION)[2]
    cells = re.findall(r"^\| ([^|]+) \|[^|]+\|[^|]+\|$", text, re.MULTILINE)
    return [cell for cell in cells if cell not in ("you see", "---")]


@cache
def said():
    """All texts of the program, parts that differ left out: adjacent ones are one."""
    texts = []
    for folder in ("ceph", "handlers", "jobs"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    for path in (ROOT / "static" / "js").rglob("*.js"):
        texts.append(path.read_text())
    return "\n".join(texts)


def test_the_tables_are_found():
    assert len(rows()) > 30


@pytest.mark.parametrize("cell", rows())
def test_each_message_of_the_tables_is_one_of_the_program(cell):
    quoted = re.findall(r"`([^`]+)`", cell)
    fragments = [part.strip(" ;,:") for text in quoted for part in text.split("…")]

    assert quoted
    assert [part for part in fragments if part not in said() and part not in OF_THE_CLUSTER] == []
