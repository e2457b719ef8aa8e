"""Shows the OpenAPI document as a page for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.http.api import API
from handlers.http.operation import Schema
from handlers.page import HtmlHandler
from handlers.services import Services

Words = list[tuple[str, str]]
"""Text in pieces, each with the name of the schema that it stands for, or with none."""

ARTICLE = re.compile(r"^an? ")
"""Not shown: `list of text`, not `list of a text`."""
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Call:
    """An operation with its address and its example for a shell."""

    method: str
    path: str
    anchor: str
    summary: str
    is_open: bool
    parameters: list[Schema]
    bodies: list[str]
    body: Schema
    answers: Mapping[str, Schema]
    problems: Mapping[str, Schema]
    messages: Mapping[str, Schema]
    example: str


@dataclass(frozen=True)
class Group:
    """The calls of one kind."""

    title: str
    anchor: str
    calls: list[Call]


@dataclass(frozen=True)
class Field:
    """A property of an object; one inside another is named with a dot: `params.times`."""

    name: str
    schema: Schema
    required: bool


class DocsHandler(HtmlHandler):
    """The page, for users only: it names the jobs, as `GET jobs` does. Everybody else is redirected to the sign-in."""

    def initialize(self, services: Services, document: Callable[[], Schema]) -> None:  # type: ignore[override]
        super().initialize(services)
        self.document = document

    async def get(self) -> None:
        if await self.identify() is None:
            self.redirect("/openattic/")
            return
        await self.answer_page("api.html", self._names)

    def _names(self) -> Mapping[str, Any]:
        document = self.document()
        return {
            "info": document["info"],
            "groups": groups(document, f"{self.request.protocol}://{self.request.host}"),
            "schemas": document["components"]["schemas"],
            "security": document["components"]["securitySchemes"],
            "api": API,
            "words": words,
            "variants": variants,
            "fields": fields,
            "json_text": json.dumps,
        }

    async def head(self) -> None:
        await self.get()


def groups(document: Schema, origin: str) -> list[Group]:
    """Returns the operations by their tags, in the order of the document. `origin` is the address of the server."""
    calls = [
        (item[method]["tags"][0], _call(document, method, path, origin))
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    titles = [tag["name"] for tag in document["tags"]]
    return [Group(title, _slug(title), [call for tag, call in calls if tag == title]) for title in titles]


def _call(document: Schema, method: str, path: str, origin: str) -> Call:
    item = document["paths"][path]
    operation = item[method]
    answers = {status: _resolved(document, answer) for status, answer in operation["responses"].items()}
    content = operation.get("requestBody", {}).get("content", {})
    return Call(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"],
        summary=operation["summary"],
        is_open=_is_open(operation),
        parameters=[*item.get("parameters", []), *operation["parameters"]],
        bodies=list(content),
        body=next(iter(content.values()))["schema"] if content else {},
        answers={status: answer for status, answer in answers.items() if status < "400"},
        problems={status: answer for status, answer in answers.items() if status >= "400"},
        messages=operation.get("x-websocket", {}),
        example=_example(method, f"{origin}{API}{path}", item, operation),
    )


def _is_open(operation: Schema) -> bool:
    """Returns whether it works without a sign-in."""
    return operation.get("security") == []


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _resolved(document: Schema, part: Schema) -> Any:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    return document["components"][kind][name]


# How it is called


def _example(method: str, url: str, item: Schema, operation: Schema) -> str:
    """Returns lines for a shell; for a WebSocket, for the console of a browser."""
    parameters = [*item.get("parameters", []), *operation["parameters"]]
    required = [one for one in parameters if one["required"]]
    for one in required:
        if one["in"] == "path":
            url = url.replace(f"{{{one['name']}}}", _sample(one["schema"]))
    query = "&".join(f"{one['name']}={_sample(one['schema'])}" for one in required if one["in"] == "query")
    address = f"{url}?{query}" if query else url
    if "x-websocket" in operation:
        return f'new WebSocket("{address.replace("http", "ws", 1)}").onmessage =\n  ({{ data }}) => console.log(data)'
    return " ".join(["curl", *_options(method, operation), f"\\\n  '{address}'"])


def _sample(schema: Schema) -> str:
    return str(schema.get("minimum", "…"))


def _options(method: str, operation: Schema) -> Iterator[str]:
    if not _is_open(operation):
        yield "-u NAME"
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        yield f"--json '{json.dumps(content['application/json']['example'])}'"
    if method.upper() != ("POST" if content else "GET"):
        yield f"-X {method.upper()}"


# What a schema says


def words(schema: Schema) -> Words:
    """Returns what a value has to be: `whole number from 1 to 500`."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return [(name, name)]
        case {"x-words": str(own_words)}:
            return [(own_words, "")]
        case {"anyOf": [first, *others]}:
            return [*words(first), *(word for other in others for word in [(" or ", ""), *words(other)])]
        case {"const": value}:
            return [(json.dumps(value), "")]
        case {"enum": [value]}:
            return [(json.dumps(value), "")]
        case {"type": "array", "items": items}:
            return [("list of ", ""), *words(items)]
        case {"type": "object", "additionalProperties": dict(values)} if values:
            return [("object of ", ""), *words(values)]
        case {"x-expected": str(expected)}:
            return [(ARTICLE.sub("", expected), "")]
        case _:
            return [("anything", "")]


def variants(schema: Schema) -> list[Schema]:
    """Returns the objects, with their properties, that a value can be; none if it is no object or has a name."""
    return [one for one in schema.get("anyOf", [schema]) if one.get("properties")]


def fields(schema: Schema) -> list[Field]:
    """Returns the properties of an object, and those of the objects inside it."""
    required = schema.get("required", [])
    found = []
    for name, part in schema["properties"].items():
        found.append(Field(name, part, name in required))
        for inner in variants(part):
            found += [Field(f"{name}.{one.name}", one.schema, one.required) for one in fields(inner)]
    return found
