"""Declares jobs: `@job(…)`, which checks everything that can be checked before the first task."""

from __future__ import annotations

import inspect
import re
import string
from collections.abc import Callable, Sequence
from typing import Literal, cast

from jobs.definition.choices import choices_of
from jobs.definition.expected import shown
from jobs.definition.job import (
    ENABLED,
    Job,
    JobFunction,
    LockTemplate,
    MetadataTemplate,
    NeedsTemplate,
    Preparing,
    Resource,
    RoundsTemplate,
    SecondsTemplate,
    Template,
)
from jobs.definition.params import REQUIRED, Parameter, check, parameters_of
from jobs.definition.rounds import expect_seconds
from jobs.definition.steps import steps_parameters

MOST_MEMORY_MB = 16_777_216


def job(
    *,
    description: Template,
    metadata: MetadataTemplate | None = None,
    lock: LockTemplate | None = None,
    needs: NeedsTemplate | None = None,
    rounds: RoundsTemplate | None = None,
    expected_round_seconds: SecondsTemplate | None = None,
    unavailable_because: Callable[..., str | None] = lambda _registry: None,
    prepare: Preparing | None = None,
    prepared: Sequence[str] = (),
    unique: bool = False,
    on_interrupt: Literal["resume", "fail"] = "resume",
    round_timeout_seconds: float | None = None,
    memory_limit_mb: int | None = None,
    name: str | None = None,
) -> Callable[[JobFunction], Job]:
    """Makes a job of a generator function. Templates are filled in with the task's parameters, as str.format does.

    Positional parameters are the task's. Keyword-only ones are the checkpoint, except for `settings`, a frozen
    dataclass that is read from the job's own section of config.ini, and those annotated with a subclass of `Resource`,
    such as `Registry`; functions given as templates get resources as well.

    `needs` is a label that a host has to offer for the job to run there, such as `ceph:{fsid}`.
    `rounds` is the expected number of rounds: `{times}`, or a function. `expected_round_seconds` is how long a round
    should take, a number or a function: a task does not count as stalled before ten times that. `unavailable_because`
    returns why the job cannot run here at all, or None.
    `prepared` names parameters that cannot be given: `prepare`, a coroutine function, finds them in the server when a
    task is created. It gets the other parameters, the job's resources, and `earlier`: names and parameters of the jobs
    that run before it in the same task. It returns values by name, and raises InvalidInput if the task is impossible.
    A limit of None means the one of `[workers]`, 0 means no limit.
    Raises TypeError if the function cannot be a job, and says why.
    """

    def declare(function: JobFunction) -> Job:
        own_name = name or function.__name__
        try:
            signature = _signature(function)
            all_parameters = _parameters(signature, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            parameters = tuple(one for one in all_parameters if one.name not in prepared)
            declared = Job(
                name=_job_name(own_name),
                function=function,
                parameters=parameters,
                prepared_parameters=_prepared(all_parameters, prepared),
                prepare=prepare,
                checkpoint_parameters=_parameters(signature, inspect.Parameter.KEYWORD_ONLY),
                settings_type=_settings_type(signature),
                resources=_resources(signature),
                steps_parameters=steps_parameters(parameters),
                choices=choices_of(parameters, _is_resource_type),
                description=description,
                metadata=metadata or {},
                lock=lock,
                needs=needs,
                rounds=rounds,
                expected_round_seconds=_expected(expected_round_seconds),
                unavailable_because=unavailable_because,
                unique=unique,
                resumes=_resumes(on_interrupt),
                round_timeout_seconds=expect_seconds("round_timeout_seconds", round_timeout_seconds),
                memory_limit_mb=_memory_limit(memory_limit_mb),
            )
            _check_templates(declared)
            declared.schema()
        except (TypeError, ValueError) as error:
            raise TypeError(f"job {own_name}: {error}") from error
        return declared

    return declare


def _job_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        raise TypeError(f"a name may contain only letters, digits, _ and -, not {shown(name)}")
    return name


def _resumes(on_interrupt: str) -> bool:
    if on_interrupt not in {"resume", "fail"}:
        raise TypeError(f'on_interrupt must be "resume" or "fail", not {shown(on_interrupt)}')
    return on_interrupt == "resume"


def _expected(seconds: SecondsTemplate | None) -> SecondsTemplate | None:
    return seconds if callable(seconds) else expect_seconds("expected_round_seconds", seconds)


def _memory_limit(megabytes: int | None) -> int | None:
    if megabytes is None or (type(megabytes) is int and 0 <= megabytes <= MOST_MEMORY_MB):
        return megabytes
    raise TypeError(
        f"memory_limit_mb must be a whole number from 0 to {MOST_MEMORY_MB}, or None, not {shown(megabytes)}"
    )


def _signature(function: JobFunction) -> inspect.Signature:
    if not inspect.isgeneratorfunction(function):
        raise TypeError("a job must be a generator function, with a yield after each round")
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError as error:
        raise TypeError(f"an annotation cannot be resolved: {error}") from error
    for parameter in signature.parameters.values():
        _check_kind(parameter)
    return signature


def _check_kind(parameter: inspect.Parameter) -> None:
    allowed = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    if parameter.kind not in allowed:
        raise TypeError(f"{parameter} is not possible: parameters are given by name")
    if parameter.annotation is inspect.Parameter.empty:
        raise TypeError(f"the parameter {parameter.name} has no annotation")
    if parameter.name == "settings" and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError("settings must be keyword-only: put it after the *")
    if _is_resource(parameter) and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        kind = parameter.annotation.__name__
        article = "an" if kind[0] in "AEIOU" else "a"
        raise TypeError(f"{parameter.name} must be keyword-only, as {article} {kind}: put it after the *")


def _is_resource(parameter: inspect.Parameter) -> bool:
    return _is_resource_type(parameter.annotation)


def _is_resource_type(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Resource)


def _parameters(signature: inspect.Signature, kind: object) -> tuple[Parameter, ...]:
    of_kind = [parameter for parameter in signature.parameters.values() if parameter.kind is kind]
    return tuple(_parameter(p) for p in of_kind if p.name != "settings" and not _is_resource(p))


def _prepared(parameters: Sequence[Parameter], names: Sequence[str]) -> tuple[Parameter, ...]:
    found = tuple(parameter for parameter in parameters if parameter.name in names)
    if len(found) != len(names) or any(parameter.is_required for parameter in found):
        raise TypeError(f"prepared may only name parameters that have a default, not {', '.join(names)}")
    return found


def _parameter(declared: inspect.Parameter) -> Parameter:
    has_default = declared.default is not inspect.Parameter.empty
    if not has_default and declared.kind is inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"{declared.name} is part of the checkpoint and needs a default to start from")
    parameter = Parameter(declared.name, declared.annotation, declared.default if has_default else REQUIRED)
    _check_default(parameter)
    return parameter


def _check_default(parameter: Parameter) -> None:
    if parameter.is_required:
        return
    try:
        check(parameter.default, parameter.type)
    except ValueError as error:
        raise TypeError(f"the default of {parameter.name}: {error}") from error


def _settings_type(signature: inspect.Signature) -> type | None:
    declared = signature.parameters.get("settings")
    if declared is None:
        return None
    settings_type = declared.annotation
    if not (isinstance(settings_type, type) and _is_frozen_dataclass(settings_type)):
        raise TypeError("settings must be annotated with a frozen dataclass")
    for parameter in parameters_of(settings_type):
        _check_setting(parameter)
    return settings_type


def _resources(signature: inspect.Signature) -> dict[str, type[Resource]]:
    return {p.name: p.annotation for p in signature.parameters.values() if _is_resource(p)}


def _is_frozen_dataclass(type_: type) -> bool:
    options = getattr(type_, "__dataclass_params__", None)
    return options is not None and options.frozen


def _check_setting(parameter: Parameter) -> None:
    if parameter.name == ENABLED.name:
        raise TypeError("every job already has the setting enabled")
    if parameter.is_required:
        raise TypeError(f"the setting {parameter.name} needs a default")
    _check_default(parameter)


def _check_templates(declared: Job) -> None:
    names = [parameter.name for parameter in (*declared.parameters, *declared.prepared_parameters)]
    if declared.prepare is not None:
        given = [parameter.name for parameter in declared.parameters]
        _check_callable("prepare", declared.prepare, [*given, *declared.resources, "earlier"])
    templates = {
        "description": declared.description,
        "lock": declared.lock,
        "needs": declared.needs,
        "rounds": declared.rounds,
    }
    if callable(declared.expected_round_seconds):
        _check_callable("expected_round_seconds", declared.expected_round_seconds, [*names, *declared.resources])
    if callable(declared.metadata):
        templates["metadata"] = cast(Template, declared.metadata)
    else:
        templates |= {f"metadata {key}": template for key, template in declared.metadata.items()}
    if isinstance(declared.rounds, str) and declared.rounds not in {f"{{{name}}}" for name in names}:
        raise TypeError(f'rounds must name one of its parameters, as in "{{times}}", not {shown(declared.rounds)}')
    for what, template in templates.items():
        if template is not None:
            _check_template(what, template, names, [*declared.resources])


def _check_template(
    what: str, template: str | Callable[..., object], names: Sequence[str], resources: Sequence[str]
) -> None:
    """Checks a template when the job is declared: a mistake then stops the server at start instead of failing every
    submission."""
    if callable(template):
        _check_callable(what, template, [*names, *resources])
        return
    for _, replacement, _, _ in string.Formatter().parse(template):
        if replacement is not None and re.split(r"[.\[]", replacement)[0] not in names:
            raise TypeError(f"{what} names {{{replacement}}}, which is not one of its parameters")


def _check_callable(what: str, function: Callable[..., object], names: Sequence[str]) -> None:
    try:
        inspect.signature(function).bind(**dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"{what} must accept the parameters of the job by name: {error}") from error
