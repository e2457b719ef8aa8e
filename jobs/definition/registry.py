"""What a job is, how one is declared, and which ones there are. Imported by the server and by every worker."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import pkgutil
import re
import string
import sys
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal, TypeVar, cast

from msgspec import Struct

from jobs.definition.choices import Choices, choices_of
from jobs.definition.expected import shown
from jobs.definition.params import FROM_FILE, REQUIRED, Origins, Parameter, check, parameters_of, read_section, validate
from jobs.definition.schemas import json_schema
from jobs.definition.steps import steps_parameters
from jobs.errors import ConfigError, NotFound, StartError, in_words
from jobs.json_text import with_escapes, with_replacement_marks
from jobs.model.task import LARGEST_NUMBER, LONGEST_EXPECTED_SECONDS
from logs import undisturbed_logging

LONGEST_DESCRIPTION = 300
MOST_REASON_CHARACTERS = 500
MOST_MEMORY_MB = 16_777_216
LIBRARIES = ("jobs.library", "ceph.jobs")
"""The packages whose modules declare the jobs that come with Hourglass."""

JobFunction = Callable[..., Iterator["Round | Pause"]]
Rounds = Generator["Round | Pause", None, object]
Template = str | Callable[..., str]
LockTemplate = str | Callable[..., "str | Locks | None"]
RoundsTemplate = str | Callable[..., int | None]
SecondsTemplate = float | Callable[..., float | None]
MetadataTemplate = Mapping[str, str] | Callable[..., Mapping[str, object]]
Preparing = Callable[..., Awaitable[Mapping[str, object]]]


class Provided:
    """What a process has for its jobs. One that asks for it, by a keyword-only parameter annotated with its type, gets
    it, and so do its templates. Without arguments it is made as it is where nothing has been configured."""


ProvidedType = TypeVar("ProvidedType", bound=Provided)

ENABLED = Parameter("enabled", bool, True)
"""The one setting that every job has."""


class Locks(Struct, frozen=True):
    """What a function for `@job(lock=…)` returns if one lock is not enough.

    `own` are taken in any case. `if_taken` are other names for the same thing: each is taken only if another task has
    it, or waits for it, when the task is created.
    """

    own: tuple[str, ...]
    if_taken: tuple[str, ...] = ()


class _Numbered(Struct, frozen=True):
    number: int | None = None


class Round(_Numbered, frozen=True, kw_only=True):
    """What a job yields after each round.

    `number` counts from 1, one more than the round before where it is None; `of` is how many there will be. `percent`
    follows from both unless it is given. `message` is for people, `output` is kept with the round, and `checkpoint`
    holds the keyword arguments with which the job goes on after this round. `if_aborted` is what goes on without the
    task where it is aborted after this round, for its outcome: `the cluster goes on by itself`. `expected_seconds` is
    how long the next round should take, where it is not what `@job(expected_round_seconds=…)` says. `locks` are locks
    that the task has from now on besides those of `@job(lock=…)`: of what it has made, or found by a name.
    """

    of: int | None = None
    percent: int | None = None
    message: str = ""
    output: object = None
    checkpoint: Mapping[str, object] | None = None
    if_aborted: str = ""
    expected_seconds: float | None = None
    locks: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Here the mistake is still in the traceback of the job that made it."""
        _expect_whole("number", self.number, 1)
        _expect_whole("of", self.of, 1)
        _expect_whole("percent", self.percent, 0, 100)
        _expect_text("message", self.message)
        _expect_text("if_aborted", self.if_aborted)
        expect_seconds("expected_seconds of a Round", self.expected_seconds)
        if isinstance(self.locks, str) or not all(isinstance(lock, str) and lock for lock in self.locks):
            raise TypeError(f"the locks of a Round are texts, not {shown(self.locks)}")
        if not isinstance(self.checkpoint, Mapping | None):
            raise TypeError(f"the checkpoint of a Round is a mapping, not {shown(self.checkpoint)}")


class Pause(Struct, frozen=True):
    """What a job yields to wait for some seconds, or, with 0, only to be stopped if that is wanted.

    It is no round. An abort, or the end of the server, ends it and the task at once.
    """

    seconds: float = 0

    def __post_init__(self) -> None:
        """Checks the seconds here, where the mistake is in the traceback of the job that made it."""
        if expect_seconds("seconds of a Pause", self.seconds) is None:
            raise TypeError("seconds of a Pause is a number, not None")


def _expect_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"the {name} of a Round is text, not {shown(value)}")


def _expect_whole(name: str, value: object, least: int, most: int = LARGEST_NUMBER) -> None:
    if value is not None and not (type(value) is int and least <= value <= most):
        raise TypeError(f"{name} of a Round is a whole number from {least} to {most}, or None, not {shown(value)}")


def expect_seconds(what: str, value: object) -> float | None:
    """Raises TypeError for what is no number of seconds that a round may be expected to take; None is none."""
    if value is None or (type(value) in (int, float) and 0 <= value <= LONGEST_EXPECTED_SECONDS):  # type: ignore[operator]
        return cast(float | None, value)
    raise TypeError(f"{what} is a number from 0 to {LONGEST_EXPECTED_SECONDS}, or None, not {shown(value)}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A registered generator function. Called, it is that function, so that jobs compose by `yield from`."""

    name: str
    function: JobFunction
    parameters: tuple[Parameter, ...]
    """Those that whoever creates a task may give."""
    prepared_parameters: tuple[Parameter, ...]
    """Those that `prepare` fills in, and that are stored beside the others."""
    prepare: Preparing | None
    checkpoint_parameters: tuple[Parameter, ...]
    settings_type: type | None
    provided: Mapping[str, type[Provided]]
    steps_parameters: tuple[str, ...]
    choices: Mapping[str, Choices]
    description: Template
    metadata: MetadataTemplate
    lock: LockTemplate | None
    rounds: RoundsTemplate | None
    expected_round_seconds: SecondsTemplate | None
    unavailable_because: Callable[[Registry], str | None]
    unique: bool
    resumes: bool
    round_timeout_seconds: float | None
    memory_limit_mb: int | None

    def __call__(self, *args: object, **kwargs: object) -> Rounds:
        return cast(Rounds, self.function(*args, **kwargs))

    @property
    def settings_parameters(self) -> tuple[Parameter, ...]:
        """The keys of its section in config.ini."""
        return (ENABLED, *parameters_of(self.settings_type)) if self.settings_type else (ENABLED,)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def schema(self) -> dict[str, object]:
        """JSON Schema of its parameters, with the places where the choices of some can be asked for: `x-choices`."""
        schema = json_schema(self.parameters)
        properties = cast(dict[str, dict[str, object]], schema["properties"])
        for name, choices in self.choices.items():
            properties[name] = {**properties[name], "x-choices": choices.schema(self.name, name)}
        return schema

    def validate(self, given: object) -> dict[str, object]:
        """The parameters of a task, defaults filled in. Raises InvalidInput with all mistakes at once."""
        return validate(self.parameters, given, self.name)

    def validate_stored(self, params: object) -> dict[str, object]:
        """As `validate`, for the parameters of a task that exists: with what was prepared."""
        return validate((*self.parameters, *self.prepared_parameters), params, self.name)

    def validate_prepared(self, values: Mapping[str, object]) -> dict[str, object]:
        """What was prepared, defaults filled in. Raises InvalidInput."""
        return validate(self.prepared_parameters, values, f"what {self.name} prepares")

    async def prepare_task(
        self, params: Mapping[str, object], earlier: Sequence[tuple[str, Mapping[str, object]]]
    ) -> dict[str, object]:
        """What `prepare` finds out for a task with these arguments, checked."""
        if self.prepare is None:
            return {}
        try:
            return self.validate_prepared(await self.prepare(**params, earlier=earlier))
        except SystemExit as error:  # which would end the server
            raise RuntimeError(f"it raised {in_words(error)}") from error

    def describe(self, params: Mapping[str, object]) -> str:
        """One line for people, whatever the parameters hold."""
        description = _rendered(self.description, params)
        if not isinstance(description, str):
            raise TypeError(f"the description of the job {self.name} is text, not {shown(description)}")
        line = " ".join(with_replacement_marks(description).splitlines())
        return line.strip()[:LONGEST_DESCRIPTION].rstrip()

    def metadata_of(self, params: Mapping[str, object]) -> dict[str, object]:
        """What a task with these parameters concerns."""
        if callable(self.metadata):
            return dict(_asked(self.metadata, **params))
        return {key: _rendered(template, params) for key, template in self.metadata.items()}

    def locks_of(self, params: Mapping[str, object]) -> Locks:
        """Tasks with the same lock run one after another; one that has none runs beside all others."""
        lock = _asked(self.lock, **params) if callable(self.lock) else self.lock and self.lock.format(**params)
        locks = lock if isinstance(lock, Locks) else Locks(() if lock is None else (lock,))
        return Locks(tuple(map(self._lock_text, locks.own)), tuple(map(self._lock_text, locks.if_taken)))

    def _lock_text(self, lock: object) -> str:
        if not isinstance(lock, str):
            raise TypeError(f"the lock of the job {self.name} is text or None, not {shown(lock)}")
        return with_escapes(str.__str__(lock))

    def rounds_of(self, params: Mapping[str, object]) -> int | None:
        """How many rounds there will be with these parameters, as far as they tell. Raises TypeError for no number."""
        if self.rounds is None:
            return None
        count = _asked(self.rounds, **params) if callable(self.rounds) else params[self.rounds[1:-1]]
        if count is not None and (type(count) is not int or not 0 <= count <= LARGEST_NUMBER):
            raise TypeError(
                f"rounds of the job {self.name} is a whole number of at least 0, or None, not {shown(count)}"
                f" (at most {LARGEST_NUMBER})"
            )
        return count

    def expected_seconds_of(self, params: Mapping[str, object]) -> float:
        """How long a round should take with these parameters, 0 where that is not known. Raises TypeError."""
        seconds = self.expected_round_seconds
        if callable(seconds):
            seconds = expect_seconds(f"expected_round_seconds of the job {self.name}", _asked(seconds, **params))
        return seconds or 0

    def validate_checkpoint(self, checkpoint: Mapping[str, object] | None) -> dict[str, object]:
        """Returns the arguments that a checkpoint holds, defaults filled in. Raises InvalidInput."""
        return validate(self.checkpoint_parameters, checkpoint or {}, f"the checkpoint of {self.name}")


Said = TypeVar("Said")


def _rendered(template: str | Callable[..., Said], params: Mapping[str, object]) -> str | Said:
    return template.format(**params) if isinstance(template, str) else _asked(template, **params)


def _asked(function: Callable[..., Said], *arguments: object, **params: object) -> Said:
    """What a function of a job says, also in the server, which SystemExit and its like would end: they are errors like
    others here."""
    try:
        return function(*arguments, **params)
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"it raised {in_words(error)}") from error


# Declaring a job


def job(
    *,
    description: Template,
    metadata: MetadataTemplate | None = None,
    lock: LockTemplate | None = None,
    rounds: RoundsTemplate | None = None,
    expected_round_seconds: SecondsTemplate | None = None,
    unavailable_because: Callable[[Registry], str | None] = lambda _registry: None,
    prepare: Preparing | None = None,
    prepared: Sequence[str] = (),
    unique: bool = False,
    on_interrupt: Literal["resume", "fail"] = "resume",
    round_timeout_seconds: float | None = None,
    memory_limit_mb: int | None = None,
    name: str | None = None,
) -> Callable[[JobFunction], Job]:
    """Makes a job of a generator function. Templates are filled in with the task's parameters, as str.format does.

    Positional parameters are the task's; keyword-only ones are the checkpoint, except `settings`: a frozen dataclass
    that is read from the job's own section of config.ini, and those annotated with a type of `Provided`, as `Registry`
    is: these go to the functions among the templates as well. `rounds` is how many there will be: `{times}`, or a
    function; `expected_round_seconds` is how long one should take, a number or a function: a task is not stalled before
    ten times that. `unavailable_because` says why the job cannot run here at all, None where it can.
    `prepared` names parameters that nobody gives: `prepare`, a coroutine function, finds them out in the server when a
    task is created. It gets the other parameters, what the job is provided with, and `earlier`: names and parameters of
    the jobs that run before in the same task. It returns what it knows, and raises InvalidInput for what cannot be.
    A limit that is None is the one of `[workers]`, 0 is none.
    Raises TypeError where the function cannot be a job, and says why.
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
                provided=_provided(signature),
                steps_parameters=steps_parameters(parameters),
                choices=choices_of(parameters, _is_provided_type),
                description=description,
                metadata=metadata or {},
                lock=lock,
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
        raise TypeError(f"a name has letters, digits, _ and - only, not {shown(name)}")
    return name


def _resumes(on_interrupt: str) -> bool:
    if on_interrupt not in {"resume", "fail"}:
        raise TypeError(f'on_interrupt is "resume" or "fail", not {shown(on_interrupt)}')
    return on_interrupt == "resume"


def _expected(seconds: SecondsTemplate | None) -> SecondsTemplate | None:
    return seconds if callable(seconds) else expect_seconds("expected_round_seconds", seconds)


def _memory_limit(megabytes: int | None) -> int | None:
    if megabytes is None or (type(megabytes) is int and 0 <= megabytes <= MOST_MEMORY_MB):
        return megabytes
    raise TypeError(f"memory_limit_mb is a whole number from 0 to {MOST_MEMORY_MB}, or None, not {shown(megabytes)}")


def _signature(function: JobFunction) -> inspect.Signature:
    if not inspect.isgeneratorfunction(function):
        raise TypeError("a job is a generator function, with a yield after each round")
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
        raise TypeError(f"{parameter} is not possible: each parameter needs a name to be given by")
    if parameter.annotation is inspect.Parameter.empty:
        raise TypeError(f"the parameter {parameter.name} has no annotation")
    if parameter.name == "settings" and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError("settings is keyword-only: put it after the *")
    if _is_provided(parameter) and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        kind = parameter.annotation.__name__
        raise TypeError(f"{parameter.name} is keyword-only, as {_article(kind)} {kind}: put it after the *")


def _article(noun: str) -> str:
    return "an" if noun[0] in "AEIOU" else "a"


def _is_provided(parameter: inspect.Parameter) -> bool:
    return _is_provided_type(parameter.annotation)


def _is_provided_type(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Provided)


def _parameters(signature: inspect.Signature, kind: object) -> tuple[Parameter, ...]:
    of_kind = [parameter for parameter in signature.parameters.values() if parameter.kind is kind]
    return tuple(_parameter(p) for p in of_kind if p.name != "settings" and not _is_provided(p))


def _prepared(parameters: Sequence[Parameter], names: Sequence[str]) -> tuple[Parameter, ...]:
    found = tuple(parameter for parameter in parameters if parameter.name in names)
    if len(found) != len(names) or any(parameter.is_required for parameter in found):
        raise TypeError(f"prepared names parameters that have a default, not {', '.join(names)}")
    return found


def _parameter(declared: inspect.Parameter) -> Parameter:
    has_default = declared.default is not inspect.Parameter.empty
    if not has_default and declared.kind is inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"{declared.name} is part of the checkpoint and needs a default, from which a task begins")
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
        raise TypeError("settings is annotated with a frozen dataclass")
    for parameter in parameters_of(settings_type):
        _check_setting(parameter)
    return settings_type


def _provided(signature: inspect.Signature) -> dict[str, type[Provided]]:
    return {p.name: p.annotation for p in signature.parameters.values() if _is_provided(p)}


def _is_frozen_dataclass(type_: type) -> bool:
    options = getattr(type_, "__dataclass_params__", None)
    return options is not None and options.frozen


def _check_setting(parameter: Parameter) -> None:
    if parameter.name == ENABLED.name:
        raise TypeError("every job has the setting enabled already")
    if parameter.is_required:
        raise TypeError(f"the setting {parameter.name} needs a default")
    _check_default(parameter)


def _check_templates(declared: Job) -> None:
    names = [parameter.name for parameter in (*declared.parameters, *declared.prepared_parameters)]
    if declared.prepare is not None:
        given = [parameter.name for parameter in declared.parameters]
        _check_callable("prepare", declared.prepare, [*given, *declared.provided, "earlier"])
    templates = {"description": declared.description, "lock": declared.lock, "rounds": declared.rounds}
    if callable(declared.expected_round_seconds):
        _check_callable("expected_round_seconds", declared.expected_round_seconds, [*names, *declared.provided])
    if callable(declared.metadata):
        templates["metadata"] = cast(Template, declared.metadata)
    else:
        templates |= {f"metadata {key}": template for key, template in declared.metadata.items()}
    if isinstance(declared.rounds, str) and declared.rounds not in {f"{{{name}}}" for name in names}:
        raise TypeError(f'rounds names one of its parameters, as in "{{times}}", not {shown(declared.rounds)}')
    for what, template in templates.items():
        if template is not None:
            _check_template(what, template, names, [*declared.provided])


def _check_template(
    what: str, template: str | Callable[..., object], names: Sequence[str], provided: Sequence[str]
) -> None:
    """Found here, a slip stops the start; found later, every task of the job would fail to be created."""
    if callable(template):
        _check_callable(what, template, [*names, *provided])
        return
    for _, replacement, _, _ in string.Formatter().parse(template):
        if replacement is not None and re.split(r"[.\[]", replacement)[0] not in names:
            raise TypeError(f"{what} names {{{replacement}}}, which is none of its parameters")


def _check_callable(what: str, function: Callable[..., object], names: Sequence[str]) -> None:
    try:
        inspect.signature(function).bind(**dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"{what} has to accept the parameters of the job by name: {error}") from error


# The jobs there are


class RunLimits(Struct, frozen=True):
    """What bounds each run of a task: 0 is no limit."""

    round_timeout_seconds: float = 0
    memory_limit_mb: int = 0
    resumes: bool = True
    """Whether it runs again after an interruption."""


@dataclass(frozen=True)
class Registry(Provided):
    """The jobs by name, with what config.ini says of each, and what else the process has for them."""

    _jobs: Mapping[str, Job] = field(default_factory=dict)
    _settings: Mapping[str, object] = field(default_factory=dict)
    _switched_off: frozenset[str] = frozenset()
    _provided: Mapping[type[Provided], Provided] = field(default_factory=dict)
    default_limits: RunLimits = field(default_factory=RunLimits)
    """Those of jobs that have none of their own."""

    @property
    def jobs(self) -> list[Job]:
        """All jobs, by name."""
        return sorted(self._jobs.values(), key=lambda job: job.name)

    def job(self, name: str) -> Job:
        """Raises NotFound, which names the jobs that there are."""
        found = self.find(name)
        if found is None:
            names = ", ".join(job.name for job in self.jobs) or "none"
            raise NotFound(f"There is no job {shown(name)}; registered: {names}.")
        return found

    def find(self, name: str) -> Job | None:
        """The job, or None where there is none of that name."""
        return self._jobs.get(name)

    def begin(self, name: str, params: object, checkpoint: Mapping[str, object] | None) -> Rounds:
        """Returns the rounds of a task, from the beginning or from the checkpoint on.

        Raises NotFound, and InvalidInput if either no longer fits the job, because its code has changed.
        """
        job = self.job(name)
        arguments = job.validate_stored(params) | job.validate_checkpoint(checkpoint)
        if job.settings_type:
            arguments["settings"] = self.settings(name)
        return job(**self.arguments(job, arguments))

    def describe(self, name: str, params: object) -> str:
        """The description of a job with these parameters. Raises NotFound, InvalidInput."""
        job = self.job(name)
        return job.describe(self.arguments(job, job.validate_stored(params)))

    def rounds_of(self, name: str, params: object) -> int | None:
        """How many rounds a job with these parameters has, where it tells. Raises NotFound, InvalidInput."""
        job = self.job(name)
        return job.rounds_of(self.arguments(job, job.validate_stored(params)))

    def expected_seconds_of(self, name: str, params: object) -> float:
        """How long a round of a job with these parameters should take. Raises NotFound, InvalidInput."""
        job = self.job(name)
        if job.expected_round_seconds is None:
            return 0
        return job.expected_seconds_of(self.arguments(job, job.validate_stored(params)))

    def arguments(self, job: Job, params: Mapping[str, object]) -> Mapping[str, object]:
        """What a job and its templates get: its checked parameters, and what it asks for of the process."""
        return {**params, **{name: self.provided(type_) for name, type_ in job.provided.items()}}

    def providing(self, *provided: Provided) -> Registry:
        """The same jobs, which get these things where they ask for their types."""
        return dataclasses.replace(self, _provided={**self._provided, **{type(one): one for one in provided}})

    def limited(self, default_limits: RunLimits) -> Registry:
        """Returns the same jobs, with these limits for those that have none of their own."""
        return dataclasses.replace(self, default_limits=default_limits)

    def provided(self, type_: type[ProvidedType]) -> ProvidedType:
        """What the process has of this type."""
        if isinstance(self, type_):
            return self
        return cast(ProvidedType, self._provided.get(type_) or type_())

    def configure(self, sections: Mapping[str, Mapping[str, str]], origins: Origins = FROM_FILE) -> Registry:
        """The same jobs with the settings of their sections; sections of other names do not matter here.

        Raises ConfigError with one sentence about the first mistake.
        """
        settings: dict[str, object] = {}
        switched_off = set()
        for job in self.jobs:
            values = read_section(job.settings_parameters, job.name, sections.get(job.name, {}), origins)
            if not values.pop(ENABLED.name, True):
                switched_off.add(job.name)
            settings[job.name] = _settings(job, values, origins)
        return dataclasses.replace(self, _settings=settings, _switched_off=frozenset(switched_off))

    def settings(self, name: str) -> object:
        """What the job gets as `settings`; None where it takes none."""
        return self._settings[self.job(name).name]

    def unavailable_because(self, name: str) -> str | None:
        """Why no task of this job can be created at the moment; None where one can."""
        job = self.job(name)
        if job.name in self._switched_off:
            return f"switched off by [{name}] {ENABLED.name}"
        try:
            reason = _asked(job.unavailable_because, self)
            return None if reason is None else with_replacement_marks(str(reason))[:MOST_REASON_CHARACTERS]
        except Exception as error:  # noqa: BLE001  one job must not make the list of all of them unreadable
            return f"it cannot say whether it can run: {in_words(error)}"[:MOST_REASON_CHARACTERS]


def _settings(job: Job, values: Mapping[str, object], origins: Origins) -> object:
    if job.settings_type is None:
        return None
    try:
        return job.settings_type(**values)
    except ValueError as error:
        raise ConfigError(f"{origins.file} [{job.name}]: {error}") from error


def load_registry(modules: Sequence[str] = ()) -> Registry:
    """The jobs that ship and those of the named modules, with default settings.

    A module may lie in the current directory. Raises StartError where one cannot be imported, or two jobs share a name.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    found: dict[str, Job] = {}
    for module in map(_imported, [*_library_modules(), *modules]):
        for declared in _declared_jobs(module):
            _add(found, declared)
    return Registry(found).configure({})


def _library_modules() -> list[str]:
    return sorted(
        f"{library}.{module.name}"
        for library in LIBRARIES
        for module in pkgutil.iter_modules(importlib.import_module(library).__path__)
    )


def _imported(name: str) -> ModuleType:
    try:
        with undisturbed_logging():
            return importlib.import_module(name)
    except KeyboardInterrupt:
        raise  # by a person, as a rule
    except BaseException as error:  # code of others may do anything while it is imported
        reason = " ".join(in_words(error).split())
        raise StartError(f"The job module {name} cannot be imported: {reason}") from error


def _declared_jobs(module: ModuleType) -> Iterable[Job]:
    return [value for value in vars(module).values() if isinstance(value, Job)]


def _add(found: dict[str, Job], declared: Job) -> None:
    other = found.setdefault(declared.name, declared)
    if other is not declared:
        places = f"{other.function.__module__} and {declared.function.__module__}"
        raise StartError(f"Two jobs are named {declared.name}, in {places}; give one of them another name.")
