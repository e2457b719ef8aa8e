"""What each method of an address takes and answers: read by the handlers, and by the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.query import Query
from jobs.registry import Registry

Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """`answers` are the types of good answers by status (None has no body), `problems` the statuses of those that any
    call may have besides 400, 401 and 503. `body` makes the JSON Schema of the body from the jobs there are; a body in
    `forms` may be sent as a form too. `headers` are those of the request."""

    answers: Mapping[int, object]
    query: Mapping[str, Query] = field(default_factory=dict)
    headers: Mapping[str, Query] = field(default_factory=dict)
    body: Callable[[Registry], Schema] | None = None
    body_required: bool = True
    takes_form: bool = False
    needs_sign_in: bool = True
    problems: tuple[int, ...] = ()
    answer_headers: Mapping[str, str] = field(default_factory=dict)
