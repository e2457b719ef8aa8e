"""Several jobs one after another as one task: one percent over all, and a checkpoint that holds the inner one's."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from msgspec import Struct

from jobs import Pause, Registry, Round, Rounds, job
from jobs.definition.composition import expected_at_start
from jobs.definition.limits import (
    MOST_CHECKPOINT_BYTES,
    MOST_RESULT_BYTES,
    as_json,
    expect_names,
    expect_round,
)
from jobs.definition.steps import Step, Steps
from jobs.errors import HourglassError
from jobs.model.task import LARGEST_NUMBER, MOST_MESSAGE_CHARACTERS


def describe(steps: Sequence[Step], registry: Registry) -> str:
    return f"Chain of {len(steps)}: {', '.join(registry.describe(step.job, step.params) for step in steps)}"


def rounds_in_all(steps: Sequence[Step], registry: Registry) -> int | None:
    return Progress(planned_steps(steps, registry)).rounds


@job(description=describe, rounds=rounds_in_all)
def chain(
    steps: Steps,
    *,
    results: tuple[Any, ...] = (),
    counts: tuple[int, ...] = (),
    count: int = 0,
    inner: dict[str, Any] | None = None,
    percent: int = 0,
    registry: Registry,
) -> Rounds:
    """Runs several jobs one after another as one task.

    `results` and `counts` are the results and the numbers of rounds of the steps that are done. Of the present one
    `count` rounds are done and left the checkpoint `inner`.
    """
    planned = planned_steps(steps, registry)
    return (yield from Chain(planned, registry, Progress(planned, counts, percent), results, count).run(inner))


class PlannedStep(Struct, frozen=True):
    """A step, and what is known of it before it runs.

    `rounds` may be changed by its rounds. `expected_seconds` is how long its first round should take; 0 if unknown.
    `closes`: it will need a closing round, see `Chain`.
    """

    declared: Step
    description: str
    place: str
    rounds: int | None
    expected_seconds: float
    closes: bool

    @property
    def heading(self) -> str:
        return f"{self.description} ({self.place})"


def planned_steps(steps: Sequence[Step], registry: Registry) -> list[PlannedStep]:
    """Returns the steps in order. Raises NotFound or InvalidInput if a step no longer fits its job, which has
    changed."""
    return [_planned(step, number, len(steps), registry) for number, step in enumerate(steps, 1)]


def _planned(step: Step, number: int, total: int, registry: Registry) -> PlannedStep:
    place = f"{number} of {total}"
    try:
        return PlannedStep(
            declared=step,
            description=registry.describe(step.job, step.params),
            place=place,
            rounds=registry.rounds_of(step.job, step.params),
            expected_seconds=expected_at_start(registry, step.job, step.params),
            closes=number < total and not registry.job(step.job).checkpoint_parameters,
        )
    except HourglassError as error:
        error.add_note(f"in step {place}: {step.job}")
        raise


class Progress:
    """How far all steps are together. Each weighs as many rounds as it has; unknown ones weigh the mean of the others,
    and none weighs nothing, so that only the last can bring 100 percent.

    `before` is how many rounds the steps had that are done, `rounds` how many there will be in all, where each step
    is known and their sum is a number that a Round can bear.
    """

    def __init__(self, planned: Sequence[PlannedStep], counts: Iterable[int] = (), percent: int = 0) -> None:
        self.counts = tuple(counts)
        self.percent = percent
        self._steps = planned
        self._weigh(None)

    def round_done(self, number: int, of: int | None, percent: int | None) -> None:
        """Counts a round of the present step: its `percent`, if given, else `number` of `of`."""
        if of is not None and of != self._present_rounds:
            self._weigh(of)
        part, whole = (number, self._present_rounds) if percent is None else (percent, 100)
        if whole:
            share = self._weight_before * whole + self._weight * min(part, whole)
            self.percent = max(self.percent, 100 * share // (self._weight_in_all * whole))

    def step_done(self, count: int) -> None:
        """Counts the end of the present step after this many rounds."""
        self.counts = (*self.counts, count)
        self._weigh(None)
        self.percent = max(self.percent, 100 * self._weight_before // self._weight_in_all)

    def _weigh(self, rounds: int | None) -> None:
        """Counts all steps. Only called when something changes: a chain of many short rounds must not do so each
        time."""
        present, ahead = len(self.counts), self._steps[len(self.counts) :]
        known = [*self.counts, *(step.rounds for step in ahead)]
        if rounds is not None:
            known[present] = rounds
        certain = [rounds for rounds in known if rounds is not None]
        mean = sum(certain) // len(certain) if certain else 1
        weights = [max(1, mean if rounds is None else rounds) for rounds in known]
        self.before = sum(self.counts)
        in_all = sum(certain) + sum(step.closes for step in ahead)
        self.rounds = in_all if len(certain) == len(known) and in_all <= LARGEST_NUMBER else None
        self._present_rounds = known[present] if ahead else None
        self._weight_before = sum(weights[:present])
        self._weight = weights[present] if ahead else 0
        self._weight_in_all = sum(weights)


class Chain:
    """A chain while it runs.

    A step whose last round left no checkpoint ends with a closing round of ours that has one: it must not run again
    when a later step is interrupted. Other steps resume from their last checkpoint then, and return once more.
    """

    def __init__(
        self,
        planned: Sequence[PlannedStep],
        registry: Registry,
        progress: Progress,
        results: Sequence[object],
        count: int,
    ) -> None:
        self._steps = planned
        self._registry = registry
        self._progress = progress
        self._results = tuple(results)
        self._count = count

    def run(self, inner: Mapping[str, object] | None) -> Generator[Round | Pause, None, list[object]]:
        """Yields all remaining rounds. An error gets a note with its step, counted from 1."""
        for step in self._steps[len(self._results) :]:
            try:
                yield from self._run_step(step, inner)
            except BaseException as error:
                error.add_note(f"in step {step.place}: {step.description}")
                raise
            inner = None
        return list(self._results)

    def _run_step(self, step: PlannedStep, inner: Mapping[str, object] | None) -> Generator[Round | Pause, None, None]:
        is_saved = inner is not None
        with closing(self._registry.begin(step.declared.job, step.declared.params, inner)) as rounds:
            while True:
                try:
                    value = next(rounds)
                except StopIteration as end:
                    result = end.value
                    break
                if isinstance(value, Pause):
                    yield value
                    continue
                done = expect_round(value)
                is_saved = done.checkpoint is not None
                yield self._round(step, done)
        closes = not is_saved and step is not self._steps[-1]
        self._end_step(step, result, self._count + closes)
        if closes:
            yield self._closing_round(step)

    def _round(self, step: PlannedStep, done: Round) -> Round:
        self._count = self._count + 1 if done.number is None else done.number
        progress = self._progress
        progress.round_done(self._count, done.of, done.percent)
        number = progress.before + self._count
        return Round(
            number,
            of=None if progress.rounds is None else max(number, progress.rounds),
            percent=progress.percent,
            message=_message(step, done.message),
            output=done.output,
            checkpoint=None if done.checkpoint is None else self._checkpoint(expect_names(done.checkpoint)),
            if_aborted=done.if_aborted,
            expected_seconds=self._expected_seconds(step, done),
            locks=done.locks,
        )

    def _end_step(self, step: PlannedStep, result: object, count: int) -> None:
        self._results = (*self._results, result)
        most_bytes = MOST_RESULT_BYTES if step is self._steps[-1] else MOST_CHECKPOINT_BYTES
        as_json(self._results, "the list of results", most_bytes)
        self._progress.step_done(count)
        self._count = 0

    def _closing_round(self, step: PlannedStep) -> Round:
        progress = self._progress
        return Round(
            progress.before,
            of=progress.rounds,
            percent=progress.percent,
            message=_message(step, "done"),
            checkpoint=self._checkpoint(None),
            expected_seconds=self._steps[len(self._results)].expected_seconds,
        )

    def _expected_seconds(self, step: PlannedStep, done: Round) -> float:
        """Returns how long the next round should take. The step may have ended with this round: then the first
        round of the next one follows."""
        own = step.expected_seconds if done.expected_seconds is None else done.expected_seconds
        rounds = step.rounds if done.of is None else done.of
        if rounds is not None and self._count < rounds:
            return own
        following = self._steps[len(self._results) + 1 :]
        return max(own, *(one.expected_seconds for one in following[:1]), 0)

    def _checkpoint(self, inner: Mapping[str, object] | None) -> dict[str, object]:
        return {
            "results": self._results,
            "counts": self._progress.counts,
            "count": self._count,
            "inner": inner,
            "percent": self._progress.percent,
        }


def _message(step: PlannedStep, message: str) -> str:
    return (f"{step.heading}: {message}" if message else step.heading)[:MOST_MESSAGE_CHARACTERS]
