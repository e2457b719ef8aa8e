"""Jobs that are made of others: checks their steps, and derives locks and limits of the whole from the jobs inside.

A job is made of others if one of its parameters is of the type `Steps`; those may be made of others again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from jobs.definition.expected import shown
from jobs.definition.job import Job
from jobs.definition.params import REQUIRED, validated
from jobs.definition.registry import Registry, RunLimits
from jobs.definition.schemas import object_schema
from jobs.definition.steps import A_STEP, MOST_STEPS, Step, Steps
from jobs.errors import InvalidInput, JobUnavailable, Mistakes, NotFound
from jobs.model.task import MOST_LOCK_CHARACTERS

MOST_STEPS_IN_ALL = 1000
MOST_LEVELS = 10
MOST_LOCK_CHARACTERS_IN_ALL = 16 * 1024
"""Of all locks of a task, which may be a chain of many steps."""
MOST_LABELS = 10
MOST_LABEL_CHARACTERS = 200


def schema_of(registry: Registry, job: Job) -> dict[str, Any]:
    """Returns the JSON Schema of the job's parameters. A step is one of the registered jobs, with its parameters."""
    schema: dict[str, Any] = job.schema()
    if job.steps_parameters:
        definitions = schema["$defs"]
        definitions[Step.__name__] = {"anyOf": [_step_schema(inner, definitions) for inner in registry.jobs]}
    return schema


def _step_schema(job: Job, definitions: dict[str, Any]) -> dict[str, Any]:
    params: dict[str, Any] = {**job.schema()}
    del params["$schema"]
    own = params.pop("$defs", {})
    names = {name: name if name == Step.__name__ else f"{job.name}.{name}" for name in own}
    definitions |= {names[name]: _renamed(one, names) for name, one in own.items() if name != Step.__name__}
    needs_params = ["params"] if params["required"] else []
    return object_schema(
        {"job": {"const": job.name}, "params": _renamed(params, names)}, required=["job", *needs_params]
    )


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    """Returns the same part of a schema, with its references renamed."""
    match part:
        case dict():
            return {key: _renamed(value, names) for key, value in part.items()}
        case list():
            return [_renamed(value, names) for value in part]
        case str() if part.startswith("#/$defs/"):
            return f"#/$defs/{names[part.removeprefix('#/$defs/')]}"
        case _:
            return part


# A task that is to be created


class CheckedJob(Struct, frozen=True):
    """A job inside a task, with its checked parameters. `place` is "" for the task's own job, else like `steps[1]`."""

    place: str
    job: Job
    params: dict[str, object]


Prepared = Mapping[str, Mapping[str, object]]
"""What was prepared for each job of a task, by its place."""


def checked_jobs(registry: Registry, name: str, given: object, prepared: Prepared | None = None) -> list[CheckedJob]:
    """Returns the job and all jobs inside it, itself first, defaults filled in.

    Raises NotFound if there is no such job, and InvalidInput with all other mistakes at once, each under its place:
    `steps[1].params.times`.
    """
    return _Checking(registry, prepared or {}).of(name, given)


def checked_stored_jobs(registry: Registry, name: str, stored: object) -> list[CheckedJob]:
    """Does the same for the parameters of a stored task."""
    return _Checking(registry, None).of(name, stored)


def given_params(registry: Registry, name: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters of a stored task, without what was prepared for it and for the jobs inside it."""
    job = registry.find(name)
    if job is None:
        return dict(stored)
    prepared = {parameter.name for parameter in job.prepared_parameters}
    given = {key: value for key, value in stored.items() if key not in prepared}
    for parameter in job.steps_parameters:
        with suppress(msgspec.ValidationError):  # its job refuses them in its own words
            given[parameter] = [
                {"job": step.job, "params": given_params(registry, step.job, step.params)}
                for step in _steps_in(given.get(parameter))
            ]
    return given


class _Checking:
    """Walks once through everything that was given, and collects the mistakes and the jobs.

    `prepared` is None if that was stored with what was given.
    """

    def __init__(self, registry: Registry, prepared: Prepared | None) -> None:
        self.mistakes = Mistakes()
        self.parts: list[CheckedJob] = []
        self._registry = registry
        self._prepared = prepared
        self._steps = 0

    def of(self, name: str, given: object) -> list[CheckedJob]:
        self.part(self._registry.job(name), given, "", 1)
        self.mistakes.raise_if_any()
        return self.parts

    def part(self, job: Job, given: object, place: str, level: int) -> dict[str, object]:
        """Returns the checked parameters of a job; none if a mistake was noted."""
        index = len(self.parts)
        inside = f"{place}.params." if place else ""
        if job.steps_parameters and isinstance(given, Mapping):
            given = self._with_checked_steps(job, given, inside, level)
        try:
            params = self._checked(job, given, place)
        except InvalidInput as error:
            self.mistakes.take(error, inside)
            return {}
        self.parts.insert(index, CheckedJob(place, job, params))
        return params

    def _checked(self, job: Job, given: object, place: str) -> dict[str, object]:
        if self._prepared is None:
            return job.validate_stored(given)
        return job.validate(given) | job.validate_prepared(self._prepared.get(place, {}))

    def _with_checked_steps(self, job: Job, given: Mapping[str, object], inside: str, level: int) -> dict[str, object]:
        values = dict(given)
        for parameter in job.parameters:
            value = values.get(parameter.name, parameter.default)
            if parameter.name in job.steps_parameters and value is not REQUIRED:
                values[parameter.name] = self._all_steps(msgspec.to_builtins(value), inside + parameter.name, level)
        return values

    def _all_steps(self, given: object, place: str, level: int) -> object:
        if not isinstance(given, list) or len(given) > MOST_STEPS:
            return given  # its job refuses it in its own words
        self._steps += len(given)
        if self._steps > MOST_STEPS_IN_ALL:
            raise InvalidInput(errors={place: [f"expected at most {MOST_STEPS_IN_ALL} steps in all, got more"]})
        return [self._step(step, f"{place}[{index}]", level) for index, step in enumerate(given)]

    def _step(self, given: object, place: str, level: int) -> Step:
        """Always returns a well-formed Step; mistakes in what was given are collected under its path."""
        if not isinstance(given, Mapping):
            self.mistakes.add(place, f"expected a step {A_STEP}, got {shown(given)}")
            return Step("")
        try:
            step = validated(Step, given, "a step")
            job = self._job(step.job, level + 1)
        except InvalidInput as error:
            self.mistakes.take(error, f"{place}.")
            return Step("")
        return Step(job.name, msgspec.to_builtins(self.part(job, step.params, place, level + 1)))

    def _job(self, name: str, level: int) -> Job:
        try:
            job = self._registry.job(name)
        except NotFound as error:
            text = str(error)
            raise InvalidInput(errors={"job": [text[:1].lower() + text[1:].removesuffix(".")]}) from error
        if job.steps_parameters and level > MOST_LEVELS:
            raise InvalidInput(
                errors={"job": [f"expected at most {MOST_LEVELS} such jobs inside one another, got more"]}
            )
        return job


def refuse_unavailable(registry: Registry, parts: Sequence[CheckedJob]) -> None:
    """Raises JobUnavailable if one of the jobs cannot run here, and says where it is."""
    for part in parts:
        reason = registry.unavailable_because(part.job.name)
        if reason:
            place = f"its {part.place}, {part.job.name}, is " if part.place else ""
            raise JobUnavailable(f"The job {parts[0].job.name} is not available here: {place}{reason}.")


def locks_of(
    registry: Registry, parts: Sequence[CheckedJob], is_taken: Callable[[str], bool] = lambda _lock: False
) -> tuple[str, ...]:
    """Returns the locks that a task of these jobs holds while it runs: sorted, each once. `is_taken` returns whether
    another task holds a lock, or waits for it.

    Raises InvalidInput for each that is too long, at the place of its job, and if they are too long together.
    """
    found: set[str] = set()
    errors: dict[str, list[str]] = {}
    for part in parts:
        locks = part.job.locks_of(registry.arguments(part.job, part.params))
        taken = {*locks.own, *filter(is_taken, locks.if_taken)}
        found |= taken
        if any(mistakes := [mistake_of_locks([lock]) for lock in sorted(taken)]):
            errors[f"{part.place}.lock" if part.place else "lock"] = [one for one in mistakes if one]
    if not errors and (mistake := mistake_of_locks(found)):
        errors["lock"] = [mistake]
    if errors:
        raise InvalidInput(errors=errors)
    return tuple(sorted(found))


def mistake_of_locks(locks: Collection[str]) -> str | None:
    """Returns why a task cannot have these locks, which stay in memory while it is pending; None if it can."""
    longest = max(map(len, locks), default=0)
    if longest > MOST_LOCK_CHARACTERS:
        return f"expected a lock of at most {MOST_LOCK_CHARACTERS} characters, got {longest}"
    together = sum(map(len, locks))
    if together > MOST_LOCK_CHARACTERS_IN_ALL:
        return f"expected locks of at most {MOST_LOCK_CHARACTERS_IN_ALL} characters in all, got {together}"
    return None


def needs_of(registry: Registry, parts: Sequence[CheckedJob]) -> tuple[str, ...]:
    """Returns the labels that the place of a task of these jobs has to offer: sorted, each once. Raises InvalidInput if
    there are too many, or one is too long."""
    needy = [part for part in parts if part.job.needs is not None]
    found = {part.job.need_of(registry.arguments(part.job, part.params)) for part in needy}
    labels = sorted(label for label in found if label)
    if len(labels) > MOST_LABELS or any(len(label) > MOST_LABEL_CHARACTERS for label in labels):
        bound = f"expected at most {MOST_LABELS} labels of at most {MOST_LABEL_CHARACTERS} characters each"
        raise InvalidInput(errors={"needs": [f"{bound}, got {shown(labels)}"]})
    return tuple(labels)


# A stored task


def names_in(registry: Registry, name: str, params: str) -> Iterator[str]:
    """Yields the names of a task's job and of all jobs inside it, including those that no longer exist.

    `params` is the stored JSON text; it is only parsed if the job is made of others.
    """
    yield name
    job = registry.find(name)
    if job is not None and job.steps_parameters:
        yield from _names_inside(registry, job, json.loads(params))


def _names_inside(registry: Registry, job: Job, params: Mapping[str, Any]) -> Iterator[str]:
    for step in _stored_steps(job, params):
        yield step.job
        inner = registry.find(step.job)
        if inner is not None:
            yield from _names_inside(registry, inner, step.params)


def _stored_steps(job: Job, params: Mapping[str, Any]) -> list[Step]:
    """Returns [] if the stored steps no longer match the job's code; the job reports that itself when it starts."""
    try:
        return [step for name in job.steps_parameters for step in _steps_in(params.get(name))]
    except msgspec.ValidationError:
        return []


def _steps_in(value: object) -> list[Step]:
    steps: list[Step] = msgspec.convert(value, Steps)
    return steps


def jobs_in(registry: Registry, name: str, params: str) -> list[Job]:
    """Returns a task's job and all jobs inside it, without those that no longer exist."""
    found = map(registry.find, names_in(registry, name, params))
    return [job for job in found if job is not None]


def limits_of(registry: Registry, name: str, params: str) -> RunLimits:
    """Returns the limits of a task's runs: for each the largest of its jobs' own, or that of `[workers]`; 0 is none.

    It resumes after an interruption if all of its jobs do.
    """
    jobs = jobs_in(registry, name, params)
    # A job that is made of others does nothing by itself.
    limiting = [job for job in jobs if not job.steps_parameters] or jobs
    default = registry.default_limits
    return RunLimits(
        round_timeout_seconds=_largest([job.round_timeout_seconds for job in limiting], default.round_timeout_seconds),
        memory_limit_mb=int(_largest([job.memory_limit_mb for job in limiting], default.memory_limit_mb)),
        resumes=all(job.resumes for job in jobs),
    )


def expected_round_seconds(registry: Registry, name: str, params: str, *, resumed: bool = False) -> float:
    """Returns how long the first round of a run should take; 0 if unknown. After an interruption it is not known here
    in which step a task resumes: then it is the longest of all steps.

    Raises InvalidInput if the parameters no longer fit, and TypeError if a job returns no number.
    """
    job = registry.find(name)
    if job is None or (job.expected_round_seconds is None and not job.steps_parameters):
        return 0
    return expected_at_start(registry, name, json.loads(params), resumed=resumed)


def expected_at_start(registry: Registry, name: str, params: Mapping[str, Any], *, resumed: bool = False) -> float:
    """Does the same for parsed parameters."""
    job = registry.job(name)
    steps = _stored_steps(job, params) if job.steps_parameters else []
    could_be_first = steps if resumed else steps[:1]
    inside = [expected_at_start(registry, step.job, step.params, resumed=resumed) for step in could_be_first]
    return max(registry.expected_seconds_of(name, params), *inside, 0)


def _largest(limits: Sequence[float | None], default: float) -> float:
    known = [default if limit is None else limit for limit in limits]
    return max(known) if known and all(known) else 0
