"""Describes this API in OpenAPI 3.1: from the routes, the operations of their handlers, and the registered jobs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from itertools import count
from types import UnionType
from typing import Any, ClassVar, cast, get_args

from handlers.http.api import API, LARGEST_BODY_BYTES, ApiHandler
from handlers.http.operation import Operation, Schema
from handlers.http.query import QueryParameter
from handlers.http.service import OLD_COOKIE
from handlers.services import Services
from handlers.views import ProblemView
from jobs.definition.expected import ANY_OTHER_TYPE
from jobs.definition.registry import Registry
from jobs.definition.schemas import components_of

DESCRIPTION = """\
Background tasks you can watch. Every path works with and without a trailing slash, and HEAD wherever GET does. \
Unknown query parameters are refused. The role `viewer` may only GET; everything else needs `admin`. Whatever was \
answered with a 2xx is on disk."""
PROBLEMS = {
    400: "Malformed or invalid; `errors` names each mistake.",
    401: "Not signed in.",
    403: "Not allowed for this role, or requested by another site.",
    404: "There is no such thing.",
    409: "Not possible at the moment.",
    412: "No longer as the request expected; nothing was done.",
    413: f"The body is larger than {LARGEST_BODY_BYTES // 1024**2} MiB.",
    415: "The body has the wrong type.",
    426: "The version of the WebSocket protocol is not supported.",
    429: "Too many wrong passwords.",
    503: "Shutting down, the disk is full or locked, or the Ceph cluster does not answer or refuses the key.",
}
PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": {"description": "how to sign in", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "integer", "minimum": 1}}},
}
SECURITY_SCHEMES = {
    "session": {"type": "apiKey", "in": "cookie", "description": "The cookie that `POST auth` sets."},
    "basic": {"type": "http", "scheme": "basic", "description": "Name and password."},
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token that `POST api-token-auth` returns; `Authorization: Token …` works as well.",
    },
}
GROUP = re.compile(r"\((.*?)\)")
SCHEMA_OF_GROUP: Mapping[str, Schema] = {
    r"\d+": {"type": "integer", "minimum": 1, "x-expected": "a whole number of at least 1"}
}
"""What a group of a route takes; any other is text with a pattern."""

Route = tuple[str, type[Any]]


def describe(routes: Sequence[Route], registry: Registry, version: str, cookie: str = OLD_COOKIE) -> Schema:
    """Returns the document. `cookie` is the name of the session's cookie."""
    components = Components()
    paths = {f"/{_path(*route)}": _path_item(*route, registry, components) for route in routes}
    responses = {_name(status): _problem(status, components) for status in PROBLEMS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hourglass", "version": version, "description": DESCRIPTION},
        "servers": [{"url": API}],
        "security": [{name: []} for name in SECURITY_SCHEMES],
        "tags": [{"name": tag} for tag in dict.fromkeys(_summary(handler) for _, handler in routes)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.schemas.items())),
            "responses": responses,
            "securitySchemes": SECURITY_SCHEMES | {"session": {**SECURITY_SCHEMES["session"], "name": cookie}},
        },
    }


class OpenApiHandler(ApiHandler):
    """This description."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation(answers={200: dict[str, Any]})}

    def initialize(self, services: Services, document: Callable[[], Schema]) -> None:  # type: ignore[override]
        super().initialize(services)
        self.document = document

    async def get(self) -> None:
        """Describes this API in OpenAPI 3.1."""
        await self.answer(self._described)

    async def _described(self) -> Schema:
        return self.document()


class Components:
    """The schemas that others refer to, collected from documents that have their own `$defs`."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def of_type(self, type_: object) -> Schema:
        """Returns the schema of a type, or of each type in a union, which needs no tags."""
        members = get_args(type_) if isinstance(type_, UnionType) else (type_,)
        schemas, definitions = components_of(members)
        one = schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
        return self.move_in({"$defs": definitions, **one}, ending="View")

    def move_in(self, document: Schema, ending: str = "") -> Schema:
        """Moves the `$defs` of a schema into the components and returns the rest. Their names lose `ending`. If two
        that differ would share a name, those of the later document are numbered."""
        definitions = document.get("$defs", {})
        for number in count(1):
            names = {name: f"{name.removesuffix(ending)}{number if number > 1 else ''}" for name in definitions}
            moved = {names[name]: self._moved(_without(one, "title"), names) for name, one in definitions.items()}
            if all(self.schemas.get(name, schema) == schema for name, schema in moved.items()):
                break
        self.schemas |= moved
        return cast(Schema, self._moved(_without(document, "$schema", "$defs"), names))

    def _moved(self, part: Any, names: Mapping[str, str]) -> Any:
        """Returns the schema with its references among the components. A part with a `$schema` is a document of its
        own."""
        match part:
            case {"$schema": str()}:
                return self.move_in(part)
            case dict():
                return {
                    key: self._moved(value, names) for key, value in part.items() if not _is_name(key, value, names)
                }
            case list():
                return [self._moved(value, names) for value in part]
            case str() if part.startswith("#/$defs/"):
                return f"#/components/schemas/{names[part.removeprefix('#/$defs/')]}"
            case _:
                return part


def _is_name(key: str, value: object, names: Mapping[str, str]) -> bool:
    """Returns whether this only says which class is expected: the reference says so too, by the name used here."""
    return key == "x-expected" and any(f"{ANY_OTHER_TYPE} {name}" in str(value) for name in names)


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: part for key, part in schema.items() if key not in keys}


# From routes to operations


def _path(route: str, handler: type) -> str:
    """Returns `taskqueue/{task_id}` for `taskqueue/(\\d+)`: groups are named as the arguments of the handler's
    methods."""
    names = iter(_arguments(handler))
    return GROUP.sub(lambda _: f"{{{next(names)}}}", route)


def _path_item(route: str, handler: type[ApiHandler], registry: Registry, components: Components) -> Schema:
    names = _arguments(handler)
    item: Schema = {
        method.lower(): _operation(f"{method.lower()}/{_path(route, handler)}", handler, method, registry, components)
        for method in handler.operations
    }
    if names:
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": _schema_of_group(group)}
            for name, group in zip(names, GROUP.findall(route), strict=True)
        ]
    return item


def _arguments(handler: type[ApiHandler]) -> list[str]:
    """Returns the names of what each method of the handler takes from the address."""
    method = getattr(handler, next(iter(handler.operations), "get").lower())
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def _schema_of_group(group: str) -> Schema:
    return SCHEMA_OF_GROUP.get(group, {"type": "string", "pattern": f"^(?:{group})$", "x-expected": "text"})


def _operation(name: str, handler: type[ApiHandler], method: str, registry: Registry, components: Components) -> Schema:
    operation = handler.operations[method]
    described: Schema = {
        "operationId": re.sub(r"\W+", "_", name).strip("_"),
        "tags": [_summary(handler)],
        "summary": _summary(getattr(handler, method.lower())),
        "parameters": [
            *(_parameter(name, "query", query) for name, query in operation.query.items()),
            *([_other_query(operation.other_query)] if operation.other_query else []),
            *(_parameter(name, "header", query) for name, query in operation.headers.items()),
        ],
        "responses": _responses(operation, has_path_parameters="{" in name, components=components),
    }
    if operation.body is not None:
        described["requestBody"] = _body(operation, components.move_in(operation.body(registry)))
    if not operation.needs_sign_in:
        described["security"] = []
    if operation.sends is not None:
        described["x-websocket"] = {
            "sends": components.of_type(operation.sends),
            "receives": components.of_type(operation.receives),
        }
    return described


def _summary(described: object) -> str:
    """Returns the first line of a docstring, which is a sentence, without its full stop."""
    return (inspect.getdoc(described) or "").partition("\n")[0].removesuffix(".")


def _parameter(name: str, place: str, query: QueryParameter) -> Schema:
    schema = dict(query.schema)
    return {
        "name": name,
        "in": place,
        "description": query.description,
        "required": query.required,
        "schema": {"type": "array", "items": schema} if query.repeatable else schema,
    }


def _other_query(description: str) -> Schema:
    """Describes parameters whose names are not known beforehand: `?fsid=…`."""
    schema = {"type": "object", "additionalProperties": {"type": "string", "x-expected": "text"}}
    return {
        "name": "values",
        "in": "query",
        "description": description,
        "required": False,
        "style": "form",
        "explode": True,
        "schema": schema,
    }


def _body(operation: Operation, schema: Schema) -> Schema:
    content = {"schema": schema, "example": operation.example}
    kinds = ["application/json", *(["application/x-www-form-urlencoded"] if operation.takes_form else [])]
    return {"required": True, "content": dict.fromkeys(kinds, content)}


# Answers


def _responses(operation: Operation, has_path_parameters: bool, components: Components) -> Schema:
    good = {str(status): _answer(status, operation, components) for status in operation.answers}
    problems = {400, 503, *operation.problems}
    problems |= {401, 429} if operation.needs_sign_in else set()
    problems |= {413, 415} if operation.body else set()
    problems |= {404} if has_path_parameters else set()
    return good | {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(problems)}


def _answer(status: int, operation: Operation, components: Components) -> Schema:
    answer: Schema = {"description": HTTPStatus(status).phrase}
    if operation.answer_headers:
        answer["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in operation.answer_headers.items()
        }
    type_ = operation.answers[status]
    if type_ is not None:
        answer["content"] = {"application/json": {"schema": components.of_type(type_)}}
    return answer


def _problem(status: int, components: Components) -> Schema:
    schema = components.of_type(ProblemView)
    answer: Schema = {"description": PROBLEMS[status], "content": {"application/problem+json": {"schema": schema}}}
    return answer | ({"headers": PROBLEM_HEADERS[status]} if status in PROBLEM_HEADERS else {})


def _name(status: int) -> str:
    """Returns `NotFound` for 404."""
    return HTTPStatus(status).phrase.title().replace(" ", "")
