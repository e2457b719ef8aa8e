"""Makes calls and writes down what came of them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.compare.normal import normal, normal_headers
from tools.compare.serving import API, Answer, Server, basic

METHODS = ("get", "put", "post", "delete", "patch")
LONGEST_SENT = 300
"""Characters of a body that are recorded, so that a person finds the call."""


@dataclass
class Recorder:
    """Calls to one server by section, and which operations of its description they were."""

    server: Server
    sections: dict[str, list[Any]] = field(default_factory=dict)
    section: str = "calls"
    called: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, section: str) -> None:
        self.section = section

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        kind: str | None = "application/json",
        sign_in: dict[str, str] | None = None,
        shown: Callable[[Any], Any] = normal,
        **headers: str,
    ) -> Answer:
        """Makes a call, as the admin unless `sign_in` has other headers; `shown` makes of its JSON what is recorded."""
        raw = json.dumps(body).encode() if body is not None else raw
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        kinds = {"Content-Type": kind} if raw is not None and kind else {}
        address = path if path.startswith("/") else f"{API}/{path}"
        answer = self.server.request(
            method, address, raw, {**(basic() if sign_in is None else sign_in), **kinds, **sent}
        )
        self.called.add((method.lower(), address.partition("?")[0]))
        self.note(
            {
                "call": f"{method} {path}",
                **({"sent": raw.decode(errors="replace")[:LONGEST_SENT]} if raw is not None else {}),
                **({"with": {**kinds, **sent}} if sent or (raw is not None and kind != "application/json") else {}),
                "status": answer.status,
                "headers": normal_headers(answer.headers, headers.get("X_Request_Id")),
                "body": self._body(answer, shown),
            }
        )
        return answer

    def note(self, entry: object) -> None:
        self.sections.setdefault(self.section, []).append(entry)

    def uncalled(self, document: Any) -> list[str]:
        """Returns the operations of an OpenAPI document that no call was."""
        base = document["servers"][0]["url"]
        operations = [
            (method, path) for path, item in document["paths"].items() for method in METHODS if method in item
        ]
        templates = [(method, path, _template(base + path)) for method, path in operations]
        return [
            f"{method.upper()} {path}"
            for method, path, template in templates
            if not any(method == one and template.fullmatch(address) for one, address in self.called)
        ]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for section, entries in self.sections.items():
            write_json(folder / f"{section}.json", entries)

    def _body(self, answer: Answer, shown: Callable[[Any], Any]) -> Any:
        body = gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body
        if answer.header("Content-Type").partition(";")[0].endswith("json"):
            return shown(json.loads(body)) if body else ""
        return body.decode()


def _template(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?")


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", errors="backslashreplace")
