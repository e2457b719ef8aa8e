"""What a request for a task says, put into words where it is wrong, and described."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from handlers.http.operation import Schema
from jobs.clock import parse_time
from jobs.definition.composition import schema_of
from jobs.definition.params import Parameter, validate
from jobs.definition.registry import Registry
from jobs.definition.schemas import JSON_SCHEMA, json_schema
from jobs.errors import InvalidInput, Mistakes, NotFound
from jobs.live.views import Time
from jobs.queue.drafts import Submission

LARGEST_ARRAY = 1000

_SUBMISSION = (
    Parameter("job", str),
    Parameter("params", dict[str, Any], {}),
    Parameter("priority", Annotated[int, Meta(ge=-100, le=100)], 0),
    Parameter("not_before", Time | None, None),
)


def submission_schema(registry: Registry) -> Schema:
    """One task of any job, or an array of them."""
    submission = {"$ref": "#/$defs/Submission"}
    return {
        "$schema": JSON_SCHEMA,
        "$defs": {"Submission": {"anyOf": [_schema_for(job.name, schema_of(registry, job)) for job in registry.jobs]}},
        "anyOf": [submission, {"type": "array", "items": submission, "maxItems": LARGEST_ARRAY}],
    }


def _schema_for(name: str, params: Schema) -> Schema:
    schema = json_schema(_SUBMISSION)
    schema["properties"] |= {"job": {"const": name}, "params": params}  # type: ignore[operator]
    if params.get("required"):
        schema["required"] = ["job", "params"]
    return schema


def submission_of(given: object, registry: Registry) -> Submission:
    """What a body asks for. Raises InvalidInput with all mistakes at once."""
    mistakes = Mistakes()
    values: dict[str, Any] = {}
    try:
        values = validate(_SUBMISSION, given, "a task")
    except InvalidInput as error:
        mistakes = error.mistakes
    not_before = None
    try:
        not_before = _time(given.get("not_before") if isinstance(given, dict) else None)
    except ValueError as error:
        mistakes.add("not_before", str(error))
    if mistakes:
        _note_mistakes_of_job(mistakes, given, registry)
        raise InvalidInput(errors=mistakes)
    return Submission(job=values["job"], params=values["params"], priority=values["priority"], not_before=not_before)


def _note_mistakes_of_job(mistakes: Mistakes, given: object, registry: Registry) -> None:
    """What the job itself would say of a request whose form is wrong already."""
    if not isinstance(given, dict) or not isinstance(given.get("job"), str):
        return
    try:
        job = registry.job(given["job"])
        if "params" not in mistakes.listed:
            job.validate(given.get("params", {}))
    except NotFound as error:
        mistakes.add("job", str(error))
    except InvalidInput as error:
        mistakes.take(error)


def _time(given: object) -> int | None:
    """Milliseconds since 1970. What is no text at all has been refused already."""
    if not isinstance(given, str):
        return None
    try:
        return parse_time(given)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'expected a time like 2026-01-31T12:00:00Z, got "{given[:60]}"') from error
