"""JSON Schema of parameters, bodies and answers. Every part says in `x-expected` what a value has to be.

The text is that of expected.py, so the documentation of REST and the form of the page show what errors say, and need no
words of their own. `x-words` is there too if the author of the type chose the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, inspect

from jobs.definition.expected import ANYTHING, expectation_of
from jobs.definition.params import Parameter, fields_of, without_metadata

Schema = dict[str, Any]

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def json_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Returns JSON Schema 2020-12 of an object with these parameters. Raises TypeError for a type unknown to JSON."""
    schemas, definitions = components_of([_with_words(parameter.type) for parameter in parameters])
    properties = dict(zip([parameter.name for parameter in parameters], schemas, strict=True))
    for parameter in parameters:
        if not parameter.is_required:
            properties[parameter.name]["default"] = msgspec.to_builtins(parameter.default)
    required = [parameter.name for parameter in parameters if parameter.is_required]
    document = {"$schema": JSON_SCHEMA, **object_schema(properties, required)}
    return document | {"$defs": definitions} if definitions else document


def object_schema(properties: Mapping[str, object], required: Sequence[str]) -> dict[str, object]:
    """Returns JSON Schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        "x-expected": "an object",
    }


def schema_of_struct(struct: type[Struct]) -> dict[str, Any]:
    """Returns JSON Schema of a body that `validated` takes."""
    return json_schema(fields_of(struct))


def schema_of_type(type_: object) -> dict[str, Any]:
    """Returns JSON Schema of values of this type, which refers to no other."""
    (schema,), _ = components_of([type_])
    return schema


def components_of(types_: Sequence[object]) -> tuple[tuple[Schema, ...], dict[str, Schema]]:
    """Returns JSON Schema of each type, and of the classes that these refer to as `#/$defs/NAME`."""
    schemas, definitions = msgspec.json.schema_components(types_)
    nodes = inspect.multi_type_info(types_)
    for node, schema in zip(nodes, schemas, strict=True):
        _explain(node, schema)
    for name, node in _classes_in(nodes).items():
        _explain_class(node, definitions.get(name, {}))
    return schemas, definitions


def _explain(node: inspect.Type, schema: Schema) -> None:
    """Adds what is expected to a schema and to all that is inside it, unless the schema says so already."""
    expected = expectation_of(node)
    if expected != ANYTHING:
        schema.setdefault("x-expected", expected)
    match without_metadata(node):
        case inspect.UnionType(types=members):
            _explain_union(members, schema)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType() as listing:
            if "items" in schema:
                _explain(listing.item_type, schema["items"])
        case inspect.TupleType(item_types=item_types):
            for item_type, item in zip(item_types, schema.get("prefixItems", ()), strict=False):
                _explain(item_type, item)
        case inspect.DictType(value_type=value_type):
            if isinstance(schema.get("additionalProperties"), dict):
                _explain(value_type, schema["additionalProperties"])


def _explain_union(nodes: Sequence[inspect.Type], schema: Schema) -> None:
    """Explains the members: classes by their names, all others in their order."""
    if "anyOf" not in schema:
        for node in nodes:
            _explain(node, schema)
        return
    classes = _classes_in(nodes)
    others = iter([node for node in nodes if _class_name(node) is None])
    for member in schema["anyOf"]:
        of_member = classes.get(member["$ref"].rpartition("/")[2]) if "$ref" in member else next(others, None)
        if of_member is not None:
            _explain(of_member, member)


def _explain_class(node: inspect.Type, schema: Schema) -> None:
    if isinstance(node, inspect.EnumType):
        schema.setdefault("x-expected", expectation_of(node))
    for field in getattr(node, "fields", ()):
        _explain(field.type, schema.get("properties", {}).get(field.encode_name, {}))


def _classes_in(nodes: Iterable[inspect.Type]) -> dict[str, inspect.Type]:
    """Returns the classes in these types, and in the fields of those classes, by their names in `$defs`."""
    found: dict[str, inspect.Type] = {}
    ahead = list(nodes)
    while ahead:
        node = without_metadata(ahead.pop())
        name = _class_name(node)
        if name is not None:
            if name in found:
                continue
            found[name] = node
        ahead += [field.type for field in getattr(node, "fields", ())]
        ahead += [*getattr(node, "types", ()), *getattr(node, "item_types", ())]
        ahead += [getattr(node, name) for name in ("item_type", "value_type") if hasattr(node, name)]
    return found


def _class_name(node: inspect.Type) -> str | None:
    class_ = getattr(without_metadata(node), "cls", None)
    return None if class_ is None else class_.__name__


def _with_words(type_: Any) -> Any:
    """Returns the type with its own words in its JSON Schema: msgspec leaves out what it does not know."""
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
