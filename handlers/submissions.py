"""Reads requests for tasks, and describes them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from handlers.http.operation import Schema
from jobs.clock import parse_time
from jobs.definition.composition import schema_of
from jobs.definition.params import validated
from jobs.definition.registry import Registry
from jobs.definition.schemas import JSON_SCHEMA, object_schema, schema_of_struct
from jobs.definition.submission import Submission
from jobs.errors import InvalidInput, Mistakes, NotFound

LARGEST_ARRAY = 1000


def _read_time(given: str | None) -> str | None:
    """Returns the time as it was given. Raises ValueError if it is none."""
    if given is None:
        return None
    try:
        parse_time(given)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'expected a time like 2026-01-31T12:00:00Z, got "{given[:60]}"') from error
    return given


_GivenTime = Annotated[str, Meta(extra_json_schema={"format": "date-time", "x-expected": "a time"})]


class NewTask(Struct, forbid_unknown_fields=True):
    """A task to create: its job, the job's parameters, and how soon it may run."""

    job: str
    params: dict[str, Any] = {}
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    not_before: Annotated[_GivenTime | None, Meta(extra={"read": _read_time})] = None


def submission_schema(registry: Registry) -> Schema:
    """Returns JSON Schema of one task of any job, or of an array of them."""
    submission = {"$ref": "#/$defs/Submission"}
    return {
        "$schema": JSON_SCHEMA,
        "$defs": {"Submission": {"anyOf": [_schema_for(job.name, schema_of(registry, job)) for job in registry.jobs]}},
        "anyOf": [submission, {"type": "array", "items": submission, "maxItems": LARGEST_ARRAY}],
    }


def _schema_for(name: str, params: Schema) -> Schema:
    of_any_job = schema_of_struct(NewTask)
    properties = {**of_any_job["properties"], "job": {"const": name}, "params": params}
    needs_params = ["params"] if params["required"] else []
    return of_any_job | object_schema(properties, ["job", *needs_params])


def submission_of(given: object, registry: Registry) -> Submission:
    """Returns what a body asks for. Raises InvalidInput with all mistakes at once."""
    try:
        task = validated(NewTask, given, "a task")
    except InvalidInput as error:
        raise InvalidInput(errors=_with_mistakes_of_job(error.mistakes, given, registry)) from error
    not_before = None if task.not_before is None else parse_time(task.not_before)
    return Submission(job=task.job, params=task.params, priority=task.priority, not_before=not_before)


def _with_mistakes_of_job(mistakes: Mistakes, given: object, registry: Registry) -> Mistakes:
    """Adds what the job itself would refuse, although the request is refused already."""
    if not isinstance(given, dict) or not isinstance(given.get("job"), str):
        return mistakes
    try:
        job = registry.job(given["job"])
        if "params" not in mistakes.listed:
            job.validate(given.get("params", {}))
    except NotFound as error:
        mistakes.add("job", str(error))
    except InvalidInput as error:
        mistakes.take(error)
    return mistakes
