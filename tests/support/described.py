"""Holds answers of the server against its own description."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs

from tests.support.service import Answer

METHODS = ("get", "put", "post", "delete", "patch")


class Described:
    """An OpenAPI document, which knows what an answer may be."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.components = _strict(document["components"])

    def operations(self) -> list[tuple[str, str]]:
        """Each method with its path."""
        paths = self.document["paths"].items()
        return [(method, path) for path, item in paths for method in METHODS if method in item]

    def errors(self, schema: Any, value: object) -> list[str]:
        """What is wrong with a value; nobody may send what is not described."""
        within = {**_strict(schema), "components": self.components}
        validator = jsonschema_rs.Draft202012Validator(within, validate_formats=True)
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]

    def check(self, method: str, address: str, answer: Answer) -> None:
        """Fails where status, headers, type or body of the answer are not described for this call."""
        operation = self._item_for(address.partition("?")[0])[method.lower()]
        described = self.resolved(operation["responses"].get(str(answer.status)))
        assert described is not None, f"{method} {address}: {answer.status} is not described"
        for name, header in described.get("headers", {}).items():
            assert name in answer.headers or not header.get("required"), f"{method} {address}: {name} is missing"
        if "content" not in described:
            assert answer.body == b""
            return
        assert answer.kind in described["content"], f"{method} {address}: {answer.kind} is not described"
        assert self.errors(described["content"][answer.kind]["schema"], answer.json) == []

    def resolved(self, part: Any) -> Any:
        """What a reference stands for."""
        if part is None or "$ref" not in part:
            return part
        found = self.document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self.resolved(found)

    def _item_for(self, address: str) -> Any:
        """Addresses with fixed words come before those with parameters."""
        for path, item in sorted(self.document["paths"].items(), key=lambda one: "{" in one[0]):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), f"/{address.strip('/')}"):
                return item
        raise AssertionError(f"{address} is not described")


def _strict(part: Any) -> Any:
    """The same, where an object has no properties but those that are described."""
    if isinstance(part, list):
        return [_strict(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: _strict(value) for key, value in part.items()}
    if isinstance(part.get("properties"), dict) and part.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found
