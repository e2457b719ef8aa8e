"""The jobs by name, with their settings, limits and resources."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from msgspec import Struct

from jobs.definition.expected import shown
from jobs.definition.job import ENABLED, Job, Resource, ask
from jobs.definition.params import FROM_FILE, Origins, read_section
from jobs.definition.rounds import Rounds
from jobs.errors import ConfigError, NotFound, in_words
from jobs.json_text import with_replacement_marks

MOST_REASON_CHARACTERS = 500

ResourceType = TypeVar("ResourceType", bound=Resource)


class RunLimits(Struct, frozen=True):
    """What bounds each run of a task: 0 is no limit."""

    round_timeout_seconds: float = 0
    memory_limit_mb: int = 0
    resumes: bool = True
    """Whether it runs again after an interruption."""


@dataclass(frozen=True)
class Registry(Resource):
    """The jobs by name, with their settings and the resources of the process."""

    _jobs: Mapping[str, Job] = field(default_factory=dict)
    _settings: Mapping[str, object] = field(default_factory=dict)
    _switched_off: frozenset[str] = frozenset()
    _resources: Mapping[type[Resource], Resource] = field(default_factory=dict)
    default_limits: RunLimits = field(default_factory=RunLimits)
    """Those of jobs that have none of their own."""

    @property
    def jobs(self) -> list[Job]:
        """Returns all jobs, sorted by name."""
        return sorted(self._jobs.values(), key=lambda job: job.name)

    def job(self, name: str) -> Job:
        """Returns the job. Raises NotFound, which names the jobs that there are."""
        found = self.find(name)
        if found is None:
            names = ", ".join(job.name for job in self.jobs) or "none"
            raise NotFound(f"There is no job {shown(name)}; registered: {names}.")
        return found

    def find(self, name: str) -> Job | None:
        """Returns the job, or None if there is none of that name."""
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
        """Returns the description of a job with these parameters. Raises NotFound, InvalidInput."""
        job = self.job(name)
        return job.describe(self.arguments(job, job.validate_stored(params)))

    def rounds_of(self, name: str, params: object) -> int | None:
        """Returns the expected number of rounds with these parameters, if known. Raises NotFound, InvalidInput."""
        job = self.job(name)
        return job.rounds_of(self.arguments(job, job.validate_stored(params)))

    def expected_seconds_of(self, name: str, params: object) -> float:
        """Returns how long a round with these parameters should take; 0 if unknown. Raises NotFound, InvalidInput."""
        job = self.job(name)
        if job.expected_round_seconds is None:
            return 0
        return job.expected_seconds_of(self.arguments(job, job.validate_stored(params)))

    def arguments(self, job: Job, params: Mapping[str, object]) -> Mapping[str, object]:
        """Returns what a job and its templates are called with: its checked parameters and its resources."""
        return {**params, **{name: self.resource(type_) for name, type_ in job.resources.items()}}

    def with_resources(self, *resources: Resource) -> Registry:
        """Returns the same jobs, into which these resources are injected by their types."""
        return dataclasses.replace(self, _resources={**self._resources, **{type(one): one for one in resources}})

    def limited(self, default_limits: RunLimits) -> Registry:
        """Returns the same jobs, with these limits for those that have none of their own."""
        return dataclasses.replace(self, default_limits=default_limits)

    def resource(self, type_: type[ResourceType]) -> ResourceType:
        """Returns the process's resource of this type; `type_()` if none was given."""
        if isinstance(self, type_):
            return self
        return cast(ResourceType, self._resources.get(type_) or type_())

    def configure(self, sections: Mapping[str, Mapping[str, str]], origins: Origins = FROM_FILE) -> Registry:
        """Returns the same jobs with the settings of their sections; sections of other names are ignored.

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
        """Returns what the job gets as `settings`; None if it takes none."""
        return self._settings[self.job(name).name]

    def unavailable_because(self, name: str) -> str | None:
        """Returns why no task of this job can be created at the moment; None if it can."""
        job = self.job(name)
        if job.name in self._switched_off:
            return f"switched off by [{name}] {ENABLED.name}"
        try:
            reason = ask(job.unavailable_because, self)
            return None if reason is None else with_replacement_marks(str(reason))[:MOST_REASON_CHARACTERS]
        except Exception as error:  # noqa: BLE001  one job must not make the list of all of them unreadable
            return f"the check whether it can run failed: {in_words(error)}"[:MOST_REASON_CHARACTERS]


def _settings(job: Job, values: Mapping[str, object], origins: Origins) -> object:
    if job.settings_type is None:
        return None
    try:
        return job.settings_type(**values)
    except ValueError as error:
        raise ConfigError(f"{origins.file} [{job.name}]: {error}") from error
