"""JSON Schema of parameters: valid, and every part says in the words of errors what it expects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from jobs.definition.expected import expectation
from jobs.definition.params import Parameter
from jobs.definition.schemas import components_of, json_schema, schema_of_struct

Times = Annotated[int, Meta(ge=1, le=1_000_000)]
Path = Annotated[str, Meta(pattern="^/", extra={"words": "a path"})]


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Pool(Struct):
    name: Annotated[str, Meta(min_length=1)]
    times: Times | None = None
    after: Times | UnsetType = UNSET


class Body(Struct, forbid_unknown_fields=True):
    ids: list[int]
    force: bool = False


class Tree(Struct, rename={"inner": "within"}):
    inner: Tree | None = None


@dataclass
class Box:
    width: int
    path: Path = "/"


def property_of(type_):
    return json_schema([Parameter("value", type_)])["properties"]["value"]


def test_the_schema_is_that_of_an_object_with_nothing_else_in_it():
    assert json_schema([Parameter("times", Times), Parameter("colour", Literal["blue", "red"], "red")]) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "x-expected": "an object",
        "properties": {
            "times": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1_000_000,
                "x-expected": "a whole number from 1 to 1000000",
            },
            "colour": {"enum": ["blue", "red"], "default": "red", "x-expected": "one of blue, red"},
        },
        "required": ["times"],
        "additionalProperties": False,
    }


def test_the_schema_has_the_definitions_that_it_refers_to():
    schema = json_schema([Parameter("pool", Pool)])

    assert schema["properties"] == {"pool": {"$ref": "#/$defs/Pool", "x-expected": "a valid Pool"}}
    assert list(schema["$defs"]) == ["Pool"]


@pytest.mark.parametrize(
    "type_",
    [
        Times,
        Annotated[float, Meta(ge=0, le=0.5)],
        Annotated[str, Meta(min_length=1, max_length=80, pattern="^a")],
        Path,
        bool,
        Literal["a", "b"],
        Size,
        Pool,
        datetime,
        Times | None,
        Annotated[Path | None, Meta(extra={"words": "a path, or null"})],
        list[Times],
        tuple[int, str],
        Annotated[list[Pool], Meta(min_length=1, max_length=100)],
        dict[str, int],
        dict,
    ],
    ids=str,
)
def test_what_the_schema_expects_is_what_errors_say(type_):
    assert property_of(type_)["x-expected"] == expectation(type_)


def test_a_type_that_accepts_anything_adds_nothing_to_the_schema():
    assert property_of(Any) == {}


def test_the_parts_of_a_type_say_what_they_expect():
    assert [one["x-expected"] for one in property_of(Times | Pool | None)["anyOf"]] == [
        expectation(Times),
        "a valid Pool",
        "null",
    ]
    assert property_of(list[Path])["items"]["x-expected"] == "a path"
    assert property_of(dict[str, Times])["additionalProperties"]["x-expected"] == expectation(Times)
    assert [one["x-expected"] for one in property_of(tuple[int, Path])["prefixItems"]] == ["a whole number", "a path"]


def test_the_fields_of_classes_say_what_they_expect():
    _, definitions = components_of([list[Pool] | Tree, Box, Size])
    fields = {name: one.get("properties", {}) for name, one in definitions.items()}

    assert {name: one["x-expected"] for name, one in fields["Pool"].items()} == {
        "name": "text of at least 1 character",
        "times": "a whole number from 1 to 1000000 or null",
        "after": "a whole number from 1 to 1000000",
    }
    assert fields["Tree"]["within"]["x-expected"] == "a valid Tree or null"
    assert fields["Box"]["path"]["x-expected"] == "a path"
    assert definitions["Size"]["x-expected"] == "one of s, l"


def test_only_words_that_an_author_chose_are_own_words():
    assert "x-words" not in property_of(Times)
    assert property_of(list[Path])["items"]["x-words"] == "a path"


def test_a_text_that_the_author_of_a_type_gave_its_schema_stays():
    given = Annotated[str, Meta(extra_json_schema={"x-expected": "a moment"})]

    assert property_of(given)["x-expected"] == "a moment"


def test_a_body_is_described_by_its_struct():
    schema = schema_of_struct(Body)

    assert (list(schema["properties"]), schema["required"]) == (["ids", "force"], ["ids"])
