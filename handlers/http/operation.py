"""Declares what each method of an address takes and answers, for the handlers and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.http.query import QueryParameter
from jobs.definition.registry import Registry

Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """`answers` are the types of good answers by status (None has no body), `problems` the statuses of those that this
    call may have besides those of all calls. `headers` are those of the request, `answer_headers` those of good
    answers. `other_query` says which parameters the query may have besides: their names depend on what is asked for,
    and the handler checks them itself. `body` makes the JSON Schema of the body, a document of its own, from the jobs
    there are; `example` is such a body. `sends` and `receives` are the types of the messages of a WebSocket, as the
    server sees them."""

    answers: Mapping[int, object]
    query: Mapping[str, QueryParameter] = field(default_factory=dict)
    other_query: str = ""
    headers: Mapping[str, QueryParameter] = field(default_factory=dict)
    body: Callable[[Registry], Schema] | None = None
    example: object = None
    takes_form: bool = False
    needs_sign_in: bool = True
    problems: tuple[int, ...] = ()
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    sends: object = None
    receives: object = None
