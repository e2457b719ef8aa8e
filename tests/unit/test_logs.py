"""Log lines: one a record whatever it holds, with the task and the request where they are known."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import copy_context

import pytest

from logs import JsonFormatter, Request, TextFormatter, current_request, current_task


class Odd:
    def __str__(self):
        raise RuntimeError("no words")


def record(message="all is well", *args, exc_info=None, **extra):
    made = logging.LogRecord("hourglass.queue", logging.INFO, "queue.py", 1, message, args, exc_info)
    for name, value in extra.items():
        setattr(made, name, value)
    return made


def as_json(*args, **extra):
    line = JsonFormatter().format(record(*args, **extra))
    assert "\n" not in line
    assert line.isascii()
    return json.loads(line)


def as_text(*args, **extra):
    return TextFormatter().format(record(*args, **extra))


def an_exception(error):
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_a_json_line_tells_when_where_and_what_and_nothing_that_is_not_known():
    made = record("task %d is %s", 17, "done")
    made.created = 1769860800.25

    assert json.loads(JsonFormatter().format(made)) == {
        "time": "2026-01-31T12:00:00.250Z",
        "level": "info",
        "logger": "hourglass.queue",
        "message": "task 17 is done",
    }


def test_a_text_line_ends_with_task_and_request_where_they_are_known():
    assert as_text().endswith(" INFO hourglass.queue: all is well")
    assert as_text(task=17, request="ab12").endswith(": all is well task=17 request=ab12")


def test_a_json_line_has_the_task_as_a_number_and_the_traceback_as_a_member():
    line = as_json(task=17, request="ab12", exc_info=an_exception(ValueError("no such pool\nat all")))

    assert (line["task"], line["request"]) == (17, "ab12")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: no such pool\nat all")


def test_a_traceback_follows_a_text_line_indented():
    first, *rest = as_text(task=17, exc_info=an_exception(ValueError("no such pool"))).splitlines()

    assert first.endswith("all is well task=17")
    assert (rest[0], rest[-1]) == ("    Traceback (most recent call last):", "    ValueError: no such pool")


ODD_TEXTS = ["two\nlines", "\r\x1b[31m", "\x00", "\x7f", "\u2028", "\u202e", "\x85", "\x9b31m", '"}', "häßlich"]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_whatever_a_message_holds_it_is_one_line_and_forges_none(text):
    assert as_json("%s", text)["message"] == text
    line = as_text("%s", text, task=text)
    assert line.isprintable()
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_exception_forges_no_line_and_steers_no_terminal(text):
    forged = f"{text}\n2026-01-31 12:00:00,250 INFO hourglass: all is well"
    _, *rest = as_text(exc_info=an_exception(ValueError(forged))).split("\n")

    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert rest[-1].endswith("all is well")
    assert as_json(exc_info=an_exception(ValueError(forged)))["exception"].endswith(forged)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_the_name_of_a_level_forges_no_line_either(text):
    assert TextFormatter().format(record(levelname=text)).isprintable()


def test_half_a_surrogate_pair_which_is_no_text_is_shown_by_its_number():
    assert as_json("%s", "\ud800", task="\ud800") | {"time": ""} == {
        "time": "",
        "level": "info",
        "logger": "hourglass.queue",
        "message": "\\ud800",
        "task": "\\ud800",
    }


def test_a_line_is_bounded_whatever_it_tells():
    line = as_text("%s", "x" * 10**6, task="y" * 10**6, exc_info=an_exception(ValueError("z" * 10**6)))

    assert len(line) < 50_000
    assert "characters left out" in line


@pytest.mark.parametrize(
    ("message", "args"),
    [("%d", ("seventeen",)), ("%s %s", ("one",)), ("%s", (Odd(),)), (Odd(), ()), ("50 % done", (1,)), (None, ())],
)
def test_what_does_not_fit_is_told_nevertheless(message, args):
    assert as_json(message, *args)["message"]
    assert as_text(message, *args)


@pytest.mark.parametrize("value", [Odd(), object(), "17", 1.5, [1], {"a": Odd()}])
def test_odd_values_of_task_and_request_are_told_as_text(value):
    line = as_json(task=value, request=value)

    assert isinstance(line["task"], str)
    assert isinstance(line["request"], str)
    assert " task=" in as_text(task=value)


def test_an_exception_that_cannot_be_shown_is_told_nevertheless():
    class Unspeakable(Exception):
        __str__ = Odd.__str__

    assert "Unspeakable" in as_json(exc_info=an_exception(Unspeakable()))["exception"]


def test_task_and_request_of_the_context_are_in_each_line_until_the_request_is_over():
    def inside():
        request = Request("ab12")
        current_request.set(request)
        with current_task(17):
            during = as_json()
            request.over()
            return during, as_json(), as_json(task=18)

    during, after, other = copy_context().run(inside)
    assert (during["request"], during["task"]) == ("ab12", 17)
    assert ("request" in after, after["task"], other["task"]) == (False, 17, 18)


@pytest.mark.parametrize("given", ["a", "ab12", "a.b-c_D9", "x" * 100])
def test_a_fit_id_of_a_request_is_kept(given):
    assert Request(given).id == given


@pytest.mark.parametrize("given", [None, "", "x" * 101, "a b", "a\nb", "a\n", 'a"', "ä", "a/b"])
def test_any_other_gets_one_of_ours_that_is_unlike_all_others(given):
    first, second = Request(given).id, Request(given).id

    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", first)
    assert first != second
