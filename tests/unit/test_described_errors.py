"""What was noted on an error is told with it."""

from __future__ import annotations

import json
from errno import ETIMEDOUT

import pytest

from ceph.errors import ClusterUnavailable
from jobs.engines.local.error_report import MOST_ERROR_CHARACTERS, describe
from jobs.errors import Conflict


def message_of(error, *notes):
    for note in notes:
        error.add_note(note)
    return json.loads(describe(error, None, 0))["message"]


@pytest.mark.parametrize(
    ("text", "notes", "message"),
    [
        ("boom", [], "boom"),
        ("boom", ["in step 2 of 3: Counting"], "boom (in step 2 of 3: Counting)"),
        ("boom", ["in step 1 of 2: A", "in step 2 of 3: B"], "boom (in step 1 of 2: A; in step 2 of 3: B)"),
        ("boom\nand more", ["in step 1 of 2: A"], "boom (in step 1 of 2: A)\nand more"),
        ("", ["in step 1 of 2: A"], "in step 1 of 2: A"),
        ("half \ud800", ["in step 1 of 2: A"], "half \N{REPLACEMENT CHARACTER} (in step 1 of 2: A)"),
    ],
)
def test_notes_stand_at_the_end_of_the_first_line(text, notes, message):
    assert message_of(ValueError(text), *notes) == message


def test_neither_a_long_message_nor_long_notes_push_the_other_out():
    message = message_of(ValueError("x" * 10**6), "in step 1 of 2: A")
    assert message.endswith("x (in step 1 of 2: A)")
    assert len(message) <= MOST_ERROR_CHARACTERS + len(" ()")
    message = message_of(ValueError("boom"), "x" * 10**6)
    assert message.startswith("boom (x")
    assert len(message) <= MOST_ERROR_CHARACTERS


@pytest.mark.parametrize("notes", [None, 5, "text", [5, None]])
def test_notes_that_are_none_are_left_out(notes):
    error = ValueError("boom")
    error.__notes__ = notes
    assert message_of(error) == "boom"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ValueError("boom"), "ValueError"),
        (Conflict("boom"), "Conflict"),
        (ClusterUnavailable("no mon answered", ETIMEDOUT), "ClusterUnavailable"),
        (json.JSONDecodeError("boom", "", 0), "json.decoder.JSONDecodeError"),
    ],
)
def test_errors_of_python_and_of_hourglass_are_named_without_their_module(error, name):
    assert json.loads(describe(error, None, 0))["type"] == name
