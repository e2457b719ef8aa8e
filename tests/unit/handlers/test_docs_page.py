"""The page that shows the API to people: what it makes of schemas, and how it tells to call."""

from __future__ import annotations

import pytest

from handlers.docs.openapi import describe
from handlers.docs.page import fields, groups, variants, words
from handlers.routes import API_ROUTES
from jobs.definition.loading import load_registry

DOCUMENT = describe(API_ROUTES, load_registry(), "1.2.3")
GROUPS = groups(DOCUMENT, "http://here:1")
CALLS = {call.anchor: call for group in GROUPS for call in group.calls}
TASK = {"$ref": "#/components/schemas/Task"}
NUMBER = {"type": "integer", "minimum": 1, "maximum": 500, "x-expected": "a whole number from 1 to 500"}
NULL = {"type": "null", "x-expected": "null"}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (NUMBER, "whole number from 1 to 500"),
        ({"type": "string", "x-expected": "text of 1 to 255 characters"}, "text of 1 to 255 characters"),
        ({"type": "string", "x-words": "a path", "x-expected": "a path"}, "a path"),
        (
            {"type": "string", "enum": ["pending", "final"], "x-expected": "one of pending, final"},
            "one of pending, final",
        ),
        ({"enum": ["hello"]}, '"hello"'),
        ({"const": "test_task"}, '"test_task"'),
        ({"type": "object", "x-expected": "an object"}, "object"),
        ({"type": "array", "items": NUMBER, "x-expected": "a list of …"}, "list of whole number from 1 to 500"),
        ({"type": "object", "additionalProperties": NUMBER}, "object of whole number from 1 to 500"),
        ({"type": "object", "additionalProperties": {"type": "array", "items": TASK}}, "object of list of Task"),
        ({"anyOf": [TASK, NULL], "x-expected": "a valid Task or null"}, "Task or null"),
        ({}, "anything"),
    ],
)
def test_a_schema_in_words(schema, text):
    assert "".join(word for word, _ in words(schema)) == text


def test_a_schema_that_has_a_name_is_linked():
    assert words({"anyOf": [TASK, NULL]}) == [("Task", "Task"), (" or ", ""), ("null", "")]


def test_the_fields_of_an_object_in_an_object_bear_both_names():
    inner = {"type": "object", "properties": {"times": {"type": "integer"}}, "required": ["times"]}
    schema = {"type": "object", "properties": {"job": {"const": "x"}, "params": inner}, "required": ["job"]}

    assert [(one.name, one.required) for one in fields(schema)] == [
        ("job", True),
        ("params", False),
        ("params.times", True),
    ]


def test_an_object_that_may_be_null_has_its_fields_too():
    inner = {"type": "object", "properties": {"message": {"type": "string"}}}

    assert variants({"anyOf": [inner, {"type": "null"}]}) == [inner]
    assert variants({"anyOf": [TASK, {"type": "null"}]}) == []


@pytest.mark.parametrize(
    ("anchor", "lines"),
    [
        ("get_taskqueue", "curl -u NAME \\\n  'http://here:1/openattic/api/taskqueue'"),
        ("get_taskqueue_changes", "curl -u NAME \\\n  'http://here:1/openattic/api/taskqueue/changes?since=0'"),
        (
            "post_taskqueue_test_task",
            "curl -u NAME --json '{\"times\": 5}' \\\n  'http://here:1/openattic/api/taskqueue/test_task'",
        ),
        (
            "put_taskqueue_task_id",
            "curl -u NAME --json '{\"pinned\": true}' -X PUT \\\n  'http://here:1/openattic/api/taskqueue/1'",
        ),
        ("post_taskqueue_task_id_retry", "curl -u NAME -X POST \\\n  'http://here:1/openattic/api/taskqueue/1/retry'"),
        ("delete_auth", "curl -X DELETE \\\n  'http://here:1/openattic/api/auth'"),
        (
            "get_taskqueue_events",
            'new WebSocket("ws://here:1/openattic/api/taskqueue/events").onmessage =\n'
            "  ({ data }) => console.log(data)",
        ),
    ],
)
def test_how_it_is_called(anchor, lines):
    assert CALLS[anchor].example == lines


def test_good_answers_are_apart_from_problems():
    call = CALLS["delete_taskqueue_task_id"]

    assert list(call.answers) == ["200", "204"]
    assert list(call.problems) == ["400", "401", "403", "404", "412", "429", "503"]
    assert call.problems["404"]["description"]


def test_each_group_has_calls_and_an_address_of_its_own():
    assert all(group.calls for group in GROUPS)
    assert len({group.anchor for group in GROUPS}) == len(GROUPS)


def test_each_value_on_the_page_says_what_it_is():
    described = [
        *(parameter["schema"] for call in CALLS.values() for parameter in call.parameters),
        *(field.schema for call in CALLS.values() for one in variants(call.body) for field in fields(one)),
        *(field.schema for one in DOCUMENT["components"]["schemas"].values() for field in _fields_in(one)),
    ]
    silent = [
        schema for schema in described if schema.keys() - {"description", "default"} and _text(schema) == "anything"
    ]

    assert len(described) > 300
    assert silent == []


def _fields_in(schema):
    return [field for one in variants(schema) for field in fields(one)]


def _text(schema):
    return "".join(word for word, _ in words(schema))
