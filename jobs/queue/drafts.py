"""Makes drafts of tasks out of what was asked for: checked, prepared, and described by their jobs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, cast

import msgspec

from jobs.definition import composition
from jobs.definition.composition import CheckedJob
from jobs.definition.job import Job
from jobs.definition.registry import Registry
from jobs.definition.submission import Submission
from jobs.errors import HourglassError, InvalidInput, JobUnavailable, LimitExceeded, Mistakes, NotFound, in_words
from jobs.json_text import check_json, with_replacement_marks
from jobs.model.task import Task
from jobs.queue import preparing
from jobs.store import Draft

log = logging.getLogger("hourglass.queue")

LARGEST_METADATA_BYTES = 16 * 1024
MOST_REASON_CHARACTERS = 500


class Drafts:
    """Turns submissions into drafts. `is_taken` returns whether a task holds a lock or waits for it."""

    def __init__(self, registry: Registry, clock: Callable[[], int], is_taken: Callable[[str], bool]) -> None:
        self._registry = registry
        self._clock = clock
        self._is_taken = is_taken

    def parts(self, submission: Submission) -> list[CheckedJob]:
        """Checks a submission as far as possible without waiting, and returns the jobs in it with their parameters.

        Raises InvalidInput (an unknown job is one too) and JobUnavailable.
        """
        try:
            job = self._registry.job(submission.job)
        except NotFound as error:
            raise InvalidInput(errors={"job": [str(error)]}) from error
        parts = composition.checked_jobs(self._registry, job.name, submission.params, _known(submission))
        composition.refuse_unavailable(self._registry, parts)
        return parts

    async def prepared(self, submission: Submission, by: str | None, parts: Sequence[CheckedJob]) -> Draft:
        """Returns the draft after running what the jobs do when a task is created; raises what they raise."""
        with _explained(parts[0].job):
            parts = await preparing.prepared_parts(self._registry, submission.params, parts, _known(submission))
        return self.unprepared(submission, by, parts)

    def unprepared(self, submission: Submission, by: str | None, parts: Sequence[CheckedJob]) -> Draft:
        """Returns the draft as it is without preparation. Raises InvalidInput if a function of the job fails."""
        with _explained(parts[0].job):
            return self._described(submission, by, parts)

    async def all(self, submissions: Sequence[Submission | InvalidInput], by: str | None) -> list[Draft]:
        """Returns a draft of each, or raises InvalidInput with every mistake, keyed by index. A submission that could
        not be parsed is passed in as its InvalidInput."""
        drafts: list[Draft] = []
        to_prepare: dict[int, Sequence[CheckedJob]] = {}
        mistakes = Mistakes()
        for index, submission in enumerate(submissions):
            with _noted(mistakes, index):
                if isinstance(submission, InvalidInput):
                    raise submission
                parts = self.parts(submission)
                drafts.append(self.unprepared(submission, by, parts))
                if preparing.needs_preparation(parts):
                    to_prepare[index] = parts
        mistakes.raise_if_any()
        if to_prepare:
            asked = (self.prepared(cast(Submission, submissions[n]), by, to_prepare[n]) for n in to_prepare)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            for index, answer in zip(to_prepare, answers, strict=True):
                with _noted(mistakes, index):
                    if isinstance(answer, BaseException):
                        raise answer
                    drafts[index] = answer
            mistakes.raise_if_any()
        return drafts

    def over_limit(self, task: Task) -> str | None:
        """Returns what of a stored task exceeds a limit under its jobs' present code; other mistakes are left to its
        worker to report."""
        try:
            parts = composition.checked_stored_jobs(self._registry, task.job, json.loads(task.params))
        except HourglassError:
            return None
        try:
            self._locks_and_metadata(parts)
        except InvalidInput as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  code of others
            log.warning(
                "task %d: its locks could not be determined: %s", task.id, in_words(error), extra={"task": task.id}
            )
        return None

    def _described(self, submission: Submission, by: str | None, parts: Sequence[CheckedJob]) -> Draft:
        job = parts[0].job
        params = msgspec.to_builtins(parts[0].params)
        arguments = self._registry.arguments(job, parts[0].params)
        for part in parts:
            part.job.expected_seconds_of(self._registry.arguments(part.job, part.params))
        locks, metadata = self._locks_and_metadata(parts)
        check_json(metadata, "its metadata", LARGEST_METADATA_BYTES)
        return Draft(
            job=job.name,
            params=_json(params),
            description=job.describe(arguments),
            metadata=metadata,
            locks=locks,
            needs=composition.needs_of(self._registry, parts),
            unique_key=_unique_key(job.name, params) if job.unique else None,
            created=self._clock(),
            priority=submission.priority,
            not_before=submission.not_before,
            created_by=by,
            retry_of=submission.retry_of,
            rounds=job.rounds_of(arguments),
        )

    def _locks_and_metadata(self, parts: Sequence[CheckedJob]) -> tuple[tuple[str, ...], str]:
        """Returns what a task of these parts occupies in memory and in lists. Raises InvalidInput with all that is too
        long."""
        errors: dict[str, list[str]] = {}
        locks: tuple[str, ...] = ()
        try:
            locks = composition.locks_of(self._registry, parts, self._is_taken)
        except InvalidInput as error:
            errors |= error.errors
        own = parts[0]
        metadata = _json(own.job.metadata_of(self._registry.arguments(own.job, own.params)))
        metadata = with_replacement_marks(metadata)
        size = len(metadata.encode())
        if size > LARGEST_METADATA_BYTES:
            errors["metadata"] = [f"expected at most {LARGEST_METADATA_BYTES} bytes of metadata, got {size}"]
        if errors:
            raise InvalidInput(errors=errors)
        return locks, metadata


def _known(submission: Submission) -> composition.Prepared | None:
    return {"": submission.prepared} if submission.prepared is not None else None


@contextmanager
def _explained(job: Job) -> Iterator[None]:
    """Raises InvalidInput if a function of the job raises, or returns what cannot be stored."""
    try:
        yield
    except Exception as error:
        if isinstance(error, HourglassError) and not isinstance(error, LimitExceeded):
            raise
        log.warning("the job %s failed to describe a task", job.name, exc_info=True)
        reason = in_words(error)[:MOST_REASON_CHARACTERS]
        raise InvalidInput(f"The job {job.name} failed to describe this task: {reason}.") from error


@contextmanager
def _noted(mistakes: Mistakes, index: int) -> Iterator[None]:
    """Collects the mistakes of one of many submissions."""
    try:
        yield
    except InvalidInput as error:
        mistakes.take(error, f"[{index}].")
    except JobUnavailable as error:
        mistakes.add(f"[{index}].job", str(error))


def _json(value: object) -> str:
    """Returns JSON as compact as the workers': clients are given its size."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _unique_key(job: str, params: dict[str, Any]) -> str:
    text = json.dumps([job, params], sort_keys=True, ensure_ascii=True)
    return sha256(text.encode()).hexdigest()
