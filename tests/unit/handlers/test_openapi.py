"""The description of the API: all of it, and nothing else."""

from __future__ import annotations

from collections.abc import Generator

import jsonschema_rs
import pytest
from msgspec import Struct, defstruct
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from tornado.web import RequestHandler

from handlers.docs.openapi import Components, describe
from handlers.routes import API_ROUTES, FSID
from jobs.definition.declaration import job
from jobs.definition.loading import load_registry
from jobs.definition.params import Parameter
from jobs.definition.registry import Registry
from jobs.definition.rounds import Round
from jobs.definition.schemas import json_schema
from tests.support.described import METHODS, Described


class Pool(Struct):
    name: str


class Node(Struct):
    pool: Pool
    others: list[Node]


OtherPool = defstruct("Pool", [("number", int)])


@job(description="Moving {pool}")
def move(pool: Pool, node: Node | None = None) -> Generator[Round, None, None]:
    """Has structs among its parameters, one of which holds itself."""
    yield Round()


@job(description="Merging {pool}")
def merge(pool: OtherPool) -> Generator[Round, None, None]:
    """Has another struct of the same name."""
    yield Round()


REGISTRY = Registry({**{one.name: one for one in load_registry().jobs}, "move": move, "merge": merge})
DOCUMENT = describe(API_ROUTES, REGISTRY, "1.2.3")
DESCRIBED = Described(DOCUMENT)


def methods_of(handler):
    """Those that its class has, whatever it says of them."""
    return {name for name in METHODS if getattr(handler, name) is not getattr(RequestHandler, name)}


def path_of(route):
    number = "{pool_id}" if route.startswith("ceph") else "{task_id}"
    return "/" + route.replace(FSID, "{fsid}").replace(r"(\d+)", number)


def inside(part, place=()):
    """Each part of the document, with its place."""
    yield place, part
    if isinstance(part, dict):
        for key, value in part.items():
            yield from inside(value, (*place, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from inside(value, (*place, index))


def contents():
    """Each content of a body or an answer."""
    return [(place, part) for place, part in inside(DOCUMENT) if place[-2:-1] == ("content",)]


def test_each_method_of_each_route_is_described_and_nothing_else():
    there = {(method, path_of(route)) for route, handler in API_ROUTES for method in methods_of(handler)}

    assert set(DESCRIBED.operations()) == there


def test_the_document_is_valid_openapi():
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


def test_each_schema_is_valid_json_schema():
    schemas = [part["schema"] for _, part in inside(DOCUMENT) if isinstance(part, dict) and "schema" in part]
    schemas += DOCUMENT["components"]["schemas"].values()

    for schema in schemas:
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_each_reference_leads_to_something():
    references = [part["$ref"] for _, part in inside(DOCUMENT) if isinstance(part, dict) and "$ref" in part]

    assert references
    for reference in references:
        assert DESCRIBED.resolved({"$ref": reference})


def test_each_component_is_used():
    used = {part["$ref"] for _, part in inside(DOCUMENT) if isinstance(part, dict) and "$ref" in part}
    kept = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in DOCUMENT["components"][kind]}

    assert kept - used == set()


def test_each_body_has_an_example_that_is_valid():
    bodies = [part for place, part in contents() if "requestBody" in place]

    assert bodies
    for body in bodies:
        assert DESCRIBED.errors(body["schema"], body["example"]) == []


def test_each_default_is_valid():
    schemas = [part for place, part in inside(DOCUMENT) if isinstance(part, dict) and "default" in part]
    schemas = [schema for schema in schemas if "default" not in schema.get("properties", {})]

    assert schemas
    for schema in schemas:
        assert DESCRIBED.errors(schema, schema["default"]) == []


def test_each_operation_has_a_name_of_its_own_and_a_summary():
    operations = [DOCUMENT["paths"][path][method] for method, path in DESCRIBED.operations()]
    names = [operation["operationId"] for operation in operations]

    assert len(set(names)) == len(names)
    assert all(operation["summary"] and operation["tags"][0] for operation in operations)
    assert {operation["tags"][0] for operation in operations} == {tag["name"] for tag in DOCUMENT["tags"]}


def test_each_parameter_and_header_says_what_it_is_for():
    for method, path in DESCRIBED.operations():
        for parameter in DOCUMENT["paths"][path][method]["parameters"]:
            assert parameter["description"], (method, path, parameter["name"])


def test_a_path_has_the_parameters_of_its_groups():
    item = DOCUMENT["paths"]["/taskqueue/{task_id}/rounds"]

    schema = {"type": "integer", "minimum": 1, "x-expected": "a whole number of at least 1"}

    assert item["parameters"] == [{"name": "task_id", "in": "path", "required": True, "schema": schema}]


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/jobs", {"200", "400", "401", "429", "503"}),
        ("get", "/taskqueue/{task_id}", {"200", "400", "401", "404", "429", "503"}),
        ("put", "/taskqueue/{task_id}", {"200", "400", "401", "403", "404", "413", "415", "429", "503"}),
        ("post", "/auth", {"200", "400", "403", "413", "415", "429", "503"}),
        ("delete", "/auth", {"204", "400", "401", "403", "429", "503"}),
        ("get", "/taskqueue/events", {"101", "400", "401", "403", "426", "429", "503"}),
    ],
)
def test_what_an_operation_may_answer(method, path, statuses):
    assert set(DOCUMENT["paths"][path][method]["responses"]) == statuses


def test_signing_in_needs_no_sign_in_and_all_else_does():
    free = {
        (method, path)
        for method, path in DESCRIBED.operations()
        if DOCUMENT["paths"][path][method].get("security") == []
    }

    assert free == {("post", "/auth"), ("delete", "/auth"), ("post", "/api-token-auth")}
    assert DOCUMENT["security"] == [{"session": []}, {"basic": []}, {"token": []}]


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ({"job": "move", "params": {"pool": {"name": "rbd"}, "node": {"pool": {"name": "x"}, "others": []}}}, True),
        ({"job": "move", "params": {"pool": {"number": 1}}}, False),
        ({"job": "merge", "params": {"pool": {"number": 1}}}, True),
        ({"job": "merge", "params": {"pool": {"name": "rbd"}}}, False),
        ({"job": "move"}, False),
        ({"job": "nonsense", "params": {}}, False),
        ([{"job": "test_task", "params": {"times": 1}}, {"job": "merge", "params": {"pool": {"number": 1}}}], True),
        ([{"job": "test_task", "params": {"times": 0}}], False),
        ({"job": "test_task", "params": {"times": 1}, "not_before": "2026-01-31T12:00:00Z"}, True),
        ({"job": "test_task", "params": {"times": 1}, "not_before": "tomorrow"}, False),
        ({"job": "test_task", "params": {"times": 1}, "priority": 101}, False),
    ],
)
def test_a_body_is_described_by_the_jobs_with_what_their_parameters_are_made_of(body, is_valid):
    schema = DOCUMENT["paths"]["/taskqueue"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert (DESCRIBED.errors(schema, body) == []) is is_valid


def test_schemas_that_differ_never_share_a_name_and_equal_ones_are_one():
    components = Components()
    first, again, other = (
        components.move_in(json_schema([Parameter("pool", type_)])) for type_ in (Pool, Pool, OtherPool)
    )

    assert first == again != other
    assert set(components.schemas) == {"Pool", "Pool2"}


def test_the_messages_of_the_websocket_are_described():
    messages = DOCUMENT["paths"]["/taskqueue/events"]["get"]["x-websocket"]

    assert DESCRIBED.errors(messages["sends"], {"type": "resync", "revision": 7}) == []
    assert DESCRIBED.errors(messages["sends"], {"type": "unheard-of"}) != []
    assert DESCRIBED.errors(messages["receives"], {"type": "watch", "task": 17, "after": 3}) == []
    assert DESCRIBED.errors(messages["receives"], {"type": "watch", "task": 0}) != []
