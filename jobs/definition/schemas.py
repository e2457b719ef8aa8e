"""JSON Schema of parameters and of their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from jobs.definition.params import Parameter, fields_of

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def json_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Returns JSON Schema 2020-12 of an object with these parameters. Raises TypeError for a type unknown to JSON."""
    schemas, definitions = msgspec.json.schema_components([_with_words(parameter.type) for parameter in parameters])
    properties = {p.name: _with_default(p, schema) for p, schema in zip(parameters, schemas, strict=True)}
    required = [parameter.name for parameter in parameters if parameter.is_required]
    schema = {"$schema": JSON_SCHEMA, **object_schema(properties, required)}
    return schema | {"$defs": definitions} if definitions else schema


def object_schema(properties: Mapping[str, object], required: Sequence[str]) -> dict[str, object]:
    """Returns JSON Schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def schema_of_struct(struct: type[Struct]) -> dict[str, Any]:
    """Returns JSON Schema of a body that `validated` takes."""
    return json_schema(fields_of(struct))


def schema_of_type(type_: object) -> dict[str, Any]:
    """Returns JSON Schema of values of this type, which refers to no other."""
    (schema,), _ = msgspec.json.schema_components([type_])
    return schema


def _with_words(type_: Any) -> Any:
    """The same type, whose own words are in its JSON Schema: msgspec leaves out what it does not know."""
    origin, inside = get_origin(type_), get_args(type_)
    if origin is Annotated:
        inner, *metadata = inside
        extras = [meta.extra or {} for meta in metadata if isinstance(meta, Meta)]
        words = [Meta(extra_json_schema={"x-words": extra["words"]}) for extra in extras if "words" in extra]
        return Annotated[(_with_words(inner), *metadata, *words)]
    if origin in (None, Literal):
        return type_
    inner_types = tuple(map(_with_words, inside))
    return Union[inner_types] if origin in (Union, UnionType) else origin[inner_types]  # noqa: UP007


def _with_default(parameter: Parameter, schema: dict[str, object]) -> dict[str, object]:
    return schema if parameter.is_required else schema | {"default": msgspec.to_builtins(parameter.default)}
