"""What counts as a difference between two recordings, and what is replaced in them."""

from __future__ import annotations

import pytest

from tools.compare.difference import Allowed, differences
from tools.compare.normal import normal, normal_headers, normal_metrics, normal_page, normal_text

TASK = {"id": 5, "status": "Running", "created": "2026-01-15T12:00:00.000Z", "pace_seconds": 0.25, "message": "step 1"}


def found(before, after, *, texts=False, keys=()):
    return [one.where for one in differences(before, after, Allowed(texts, keys))]


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ({"a": 1}, {"a": 2}, [".a"]),
        ({"a": 1}, {"a": 1.0}, [".a"]),
        ({"a": 1}, {"a": True}, [".a"]),
        ({"a": 0}, {"a": None}, [".a"]),
        ({"a": 1}, {}, [".a"]),
        ({}, {"a": 1}, [".a"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [" (order of keys)"]),
        ([1, 2], [1], [" (length)"]),
        ([{"call": "GET x", "status": 200}], [{"call": "GET x", "status": 404}], ["[GET x].status"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, []),
    ],
)
def test_any_difference_is_found_at_its_place(before, after, where):
    assert found(before, after) == where


def test_texts_may_differ_if_that_is_allowed_but_what_programs_read_may_not():
    before = {"detail": "There is none.", "status": "Running", "id": 5, "type": "hello"}

    assert found(before, {**before, "detail": "No such thing."}, texts=True) == []
    assert found(before, {**before, "detail": "No such thing."}) == [".detail"]
    assert found(before, {**before, "status": "Not Started"}, texts=True) == [".status"]
    assert found(before, {**before, "detail": None, "id": 6, "type": "bye"}, texts=True) == [".detail", ".id", ".type"]


def test_further_keys_pass_only_by_name_and_none_may_go():
    assert found({"type": "string"}, {"type": "string", "x-expected": "text"}, keys=("x-expected",)) == []
    assert found({"type": "string"}, {"type": "string", "x-other": "text"}, keys=("x-expected",)) == [".x-other"]
    assert found({"x-expected": "text"}, {}, keys=("x-expected",)) == [".x-expected"]


def test_times_and_measurements_are_replaced_and_nothing_else_is():
    assert normal(TASK) == {**TASK, "created": "<time>", "pace_seconds": "<number>"}


@pytest.mark.parametrize("value", [None, "2026-01-15 12:00:00", "soon", 5])
def test_a_time_in_another_form_stays_so_that_it_is_seen(value):
    assert normal({"created": value}) == {"created": value}


def test_what_the_walk_has_given_itself_is_compared_as_it_is():
    assert normal({"params": {"seconds": 5}, "seconds": 5}) == {"params": {"seconds": 5}, "seconds": "<whole number>"}


def test_headers_keep_their_values_but_for_the_volatile_ones():
    headers = [
        ("Date", "today"),
        ("Cache-Control", "no-store"),
        ("X-Request-Id", "mine"),
        ("Set-Cookie", "sessionid_1a2b=secret; HttpOnly; Path=/"),
    ]

    assert normal_headers(headers, "mine") == {
        "Cache-Control": "no-store",
        "Date": "<volatile>",
        "Set-Cookie": "sessionid_<id>=<random>; HttpOnly; Path=/",
        "X-Request-Id": "mine",
    }
    assert normal_headers(headers, None)["X-Request-Id"] == "<volatile>"


def test_of_a_traceback_the_lines_of_a_job_stay():
    text = (
        "Traceback (most recent call last):\n"
        '  File "/here/jobs/worker.py", line 7, in run\n    next(rounds)\n    ^^^^^^^^^^^^\n'
        '  File "/here/modules/recorded_jobs.py", line 9, in stumble\n    raise ValueError("x")\n'
        "ValueError: x\n"
    )

    assert normal({"traceback": text})["traceback"] == (
        "Traceback (most recent call last):\n  <frames>\n"
        '  File "recorded_jobs.py", line 9, in stumble\n    raise ValueError("x")\n'
        "ValueError: x\n"
    )


def test_logs_metrics_and_pages_keep_their_words():
    styles = '<link rel="stylesheet" href="/openattic/static/css/page.css">\n'
    page = '<script src="/openattic/static/js/main.js"></script></head><body data-role="admin">'

    assert normal_text(
        "2026-01-15 12:00:00,123 INFO x: Worker 4711 took 1.5 ms in /here/data", ("/here", "<folder>")
    ) == ("<time> INFO x: Worker <pid> took <number> ms in <folder>/data")
    assert normal_metrics('# HELP a b\na{le="1"} 5\n') == ["# HELP a b", 'a{le="1"} <number>']
    assert normal_page(styles + page) == '<script src="<file>"></script></head><body data-role="admin">'
