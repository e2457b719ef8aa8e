"""What a job is: a generator function, with what its author declared about it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from msgspec import Struct

from jobs.definition.choices import Choices
from jobs.definition.expected import shown
from jobs.definition.params import Parameter, parameters_of, validate
from jobs.definition.rounds import Pause, Round, Rounds, expect_seconds
from jobs.definition.schemas import json_schema
from jobs.errors import in_words
from jobs.json_text import with_escapes, with_replacement_marks
from jobs.model.task import LARGEST_NUMBER

LONGEST_DESCRIPTION = 300

JobFunction = Callable[..., Iterator[Round | Pause]]
Template = str | Callable[..., str]
LockTemplate = str | Callable[..., "str | Locks | None"]
NeedsTemplate = str | Callable[..., str | None]
RoundsTemplate = str | Callable[..., int | None]
SecondsTemplate = float | Callable[..., float | None]
MetadataTemplate = Mapping[str, str] | Callable[..., Mapping[str, object]]
Preparing = Callable[..., Awaitable[Mapping[str, object]]]
Said = TypeVar("Said")


class Resource:
    """A resource that the process injects into jobs and their templates.

    A job asks for it with a keyword-only parameter of its type. `Type()` must work without arguments; that instance is
    used if nothing is configured.
    """


ENABLED = Parameter("enabled", bool, True)
"""The one setting that every job has."""


class Locks(Struct, frozen=True):
    """What a function for `@job(lock=…)` returns if one lock is not enough.

    The locks in `own` are always taken. Those in `if_taken` are other names for the same thing: each is taken only if
    another task holds it, or waits for it, when the task is created.
    """

    own: tuple[str, ...]
    if_taken: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A registered generator function. Called, it is that function, so that jobs compose by `yield from`."""

    name: str
    function: JobFunction
    parameters: tuple[Parameter, ...]
    """Those that can be given when a task is created."""
    prepared_parameters: tuple[Parameter, ...]
    """Those that `prepare` fills in. They are stored with the others."""
    prepare: Preparing | None
    checkpoint_parameters: tuple[Parameter, ...]
    settings_type: type | None
    resources: Mapping[str, type[Resource]]
    steps_parameters: tuple[str, ...]
    choices: Mapping[str, Choices]
    description: Template
    metadata: MetadataTemplate
    lock: LockTemplate | None
    needs: NeedsTemplate | None
    rounds: RoundsTemplate | None
    expected_round_seconds: SecondsTemplate | None
    unavailable_because: Callable[..., str | None]
    unique: bool
    resumes: bool
    round_timeout_seconds: float | None
    memory_limit_mb: int | None

    def __call__(self, *args: object, **kwargs: object) -> Rounds:
        return cast(Rounds, self.function(*args, **kwargs))

    @property
    def settings_parameters(self) -> tuple[Parameter, ...]:
        """Returns the keys of its section in config.ini."""
        return (ENABLED, *parameters_of(self.settings_type)) if self.settings_type else (ENABLED,)

    @property
    def summary(self) -> str:
        """Returns the first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def schema(self) -> dict[str, object]:
        """Returns the JSON Schema of its parameters. `x-choices` is where the choices of a parameter can be
        requested."""
        schema = json_schema(self.parameters)
        properties = cast(dict[str, dict[str, object]], schema["properties"])
        for name, choices in self.choices.items():
            properties[name] = {**properties[name], "x-choices": choices.schema(self.name, name)}
        return schema

    def validate(self, given: object) -> dict[str, object]:
        """Returns the parameters of a task, defaults filled in. Raises InvalidInput with all mistakes at once."""
        return validate(self.parameters, given, self.name)

    def validate_stored(self, params: object) -> dict[str, object]:
        """Does the same for the parameters of a stored task, which include what was prepared."""
        return validate((*self.parameters, *self.prepared_parameters), params, self.name)

    def validate_prepared(self, values: Mapping[str, object]) -> dict[str, object]:
        """Returns what was prepared, defaults filled in. Raises InvalidInput."""
        return validate(self.prepared_parameters, values, f"what {self.name} prepares")

    async def prepare_task(
        self, params: Mapping[str, object], earlier: Sequence[tuple[str, Mapping[str, object]]]
    ) -> dict[str, object]:
        """Returns what `prepare` finds for a task with these arguments. Raises InvalidInput, and what `prepare`
        raises."""
        if self.prepare is None:
            return {}
        try:
            return self.validate_prepared(await self.prepare(**params, earlier=earlier))
        except SystemExit as error:  # which would end the server
            raise RuntimeError(f"it raised {in_words(error)}") from error

    def describe(self, params: Mapping[str, object]) -> str:
        """Returns one line for people, whatever the parameters contain."""
        description = _rendered(self.description, params)
        if not isinstance(description, str):
            raise TypeError(f"the description of the job {self.name} must be text, not {shown(description)}")
        line = " ".join(with_replacement_marks(description).splitlines())
        return line.strip()[:LONGEST_DESCRIPTION].rstrip()

    def metadata_of(self, params: Mapping[str, object]) -> dict[str, object]:
        """Returns what a task with these parameters is about."""
        if callable(self.metadata):
            return dict(ask(self.metadata, **params))
        return {key: _rendered(template, params) for key, template in self.metadata.items()}

    def locks_of(self, params: Mapping[str, object]) -> Locks:
        """Returns the locks of a task with these parameters. Tasks with a common lock run one after another."""
        lock = ask(self.lock, **params) if callable(self.lock) else self.lock and self.lock.format(**params)
        locks = lock if isinstance(lock, Locks) else Locks(() if lock is None else (lock,))
        return Locks(tuple(map(self._lock_text, locks.own)), tuple(map(self._lock_text, locks.if_taken)))

    def _lock_text(self, lock: object) -> str:
        if not isinstance(lock, str):
            raise TypeError(f"the lock of the job {self.name} must be text or None, not {shown(lock)}")
        return with_escapes(str.__str__(lock))

    def need_of(self, params: Mapping[str, object]) -> str | None:
        """Returns the label that the place of a task with these parameters has to offer. Raises TypeError."""
        label = None if self.needs is None else _rendered(self.needs, params)
        if label is not None and not isinstance(label, str):
            raise TypeError(f"needs of the job {self.name} must be text or None, not {shown(label)}")
        return None if label is None else with_escapes(label)

    def rounds_of(self, params: Mapping[str, object]) -> int | None:
        """Returns the expected number of rounds, if known. Raises TypeError if its function returns no number."""
        if self.rounds is None:
            return None
        count = ask(self.rounds, **params) if callable(self.rounds) else params[self.rounds[1:-1]]
        if count is not None and (type(count) is not int or not 0 <= count <= LARGEST_NUMBER):
            raise TypeError(
                f"rounds of the job {self.name} must be a whole number of at least 0, or None, not {shown(count)}"
                f" (at most {LARGEST_NUMBER})"
            )
        return count

    def expected_seconds_of(self, params: Mapping[str, object]) -> float:
        """Returns how long a round should take with these parameters; 0 if unknown. Raises TypeError."""
        seconds = self.expected_round_seconds
        if callable(seconds):
            seconds = expect_seconds(f"expected_round_seconds of the job {self.name}", ask(seconds, **params))
        return seconds or 0

    def validate_checkpoint(self, checkpoint: Mapping[str, object] | None) -> dict[str, object]:
        """Returns the arguments that a checkpoint holds, defaults filled in. Raises InvalidInput."""
        return validate(self.checkpoint_parameters, checkpoint or {}, f"the checkpoint of {self.name}")


def _rendered(template: str | Callable[..., Said], params: Mapping[str, object]) -> str | Said:
    return template.format(**params) if isinstance(template, str) else ask(template, **params)


def ask(function: Callable[..., Said], *arguments: object, **params: object) -> Said:
    """Calls a function of a job and returns its answer.

    It may run in the server, which SystemExit and the like would end, so these are raised as a RuntimeError.
    """
    try:
        return function(*arguments, **params)
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"it raised {in_words(error)}") from error
