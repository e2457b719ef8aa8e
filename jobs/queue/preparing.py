"""Runs what jobs prepare when a task is created: in the server, which may ask others, such as clusters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from jobs.definition.composition import CheckedJob, Prepared, checked_jobs
from jobs.definition.registry import Registry
from jobs.errors import HourglassError, InvalidInput, Mistakes


def needs_preparation(parts: Sequence[CheckedJob]) -> bool:
    """Returns whether anything has to be awaited before such a task can be created."""
    return any(part.job.prepare is not None for part in parts)


async def prepared_parts(
    registry: Registry, given: object, parts: Sequence[CheckedJob], known: Prepared | None = None
) -> list[CheckedJob]:
    """Returns the parts of a task with what their jobs prepare; `known` is what has been prepared already.

    Raises InvalidInput with the mistakes of all parts, and whatever else a job raises.
    """
    prepared = dict(known or {})
    unknown = [
        number for number, part in enumerate(parts) if part.job.prepare is not None and part.place not in prepared
    ]
    answers = await asyncio.gather(*(_prepare(registry, parts, number) for number in unknown), return_exceptions=True)
    mistakes = Mistakes()
    others: list[BaseException] = []
    for number, answer in zip(unknown, answers, strict=True):
        place = parts[number].place
        if isinstance(answer, InvalidInput):
            mistakes.take(answer, f"{place}.params." if place else "")
        elif isinstance(answer, BaseException):
            others.append(answer)
        else:
            prepared[place] = answer
    mistakes.raise_if_any()
    if others:
        raise _first(others)
    return checked_jobs(registry, parts[0].job.name, given, prepared) if prepared else list(parts)


async def _prepare(registry: Registry, parts: Sequence[CheckedJob], number: int) -> dict[str, object]:
    part = parts[number]
    earlier = [(other.job.name, other.params) for other in parts[:number]]
    given = {parameter.name: part.params[parameter.name] for parameter in part.job.parameters}
    return await part.job.prepare_task(registry.arguments(part.job, given), earlier)


def _first(errors: Sequence[BaseException]) -> BaseException:
    """Prefers an error that a job raises on purpose: it says more than a defect."""
    return next((error for error in errors if isinstance(error, HourglassError)), errors[0])
