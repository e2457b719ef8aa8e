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
    return Progress(links_of(steps, registry)).rounds


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
    links = links_of(steps, registry)
    return (yield from Chain(links, registry, Progress(links, counts, percent), results, count).run(inner))


class Link(Struct, frozen=True):
    """A step, and what is known of it before it runs.

    `rounds` may still be told otherwise by its rounds. `expected_seconds` is what its first round should take, 0 where
    that is not known. `closes`: it will need a closing round, see `Chain`.
    """

    step: Step
    description: str
    place: str
    rounds: int | None
    expected_seconds: float
    closes: bool

    @property
    def heading(self) -> str:
        return f"{self.description} ({self.place})"


def links_of(steps: Sequence[Step], registry: Registry) -> list[Link]:
    """Raises NotFound or InvalidInput where a step does not fit its job any more, since that has changed."""
    return [_link(step, number, len(steps), registry) for number, step in enumerate(steps, 1)]


def _link(step: Step, number: int, total: int, registry: Registry) -> Link:
    place = f"{number} of {total}"
    try:
        return Link(
            step=step,
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

    def __init__(self, links: Sequence[Link], counts: Iterable[int] = (), percent: int = 0) -> None:
        self.counts = tuple(counts)
        self.percent = percent
        self._links = links
        self._weigh(None)

    def round_done(self, number: int, of: int | None, percent: int | None) -> None:
        """A round of the present step, as its job counts: `percent` where it says one, else `number` of `of`."""
        if of is not None and of != self._present_rounds:
            self._weigh(of)
        part, whole = (number, self._present_rounds) if percent is None else (percent, 100)
        if whole:
            share = self._weight_before * whole + self._weight * min(part, whole)
            self.percent = max(self.percent, 100 * share // (self._weight_in_all * whole))

    def step_done(self, count: int) -> None:
        """The present step has ended after so many rounds."""
        self.counts = (*self.counts, count)
        self._weigh(None)
        self.percent = max(self.percent, 100 * self._weight_before // self._weight_in_all)

    def _weigh(self, told: int | None) -> None:
        """Only where something new is known: a chain of many short rounds must not count all its steps each time."""
        present, ahead = len(self.counts), self._links[len(self.counts) :]
        known = [*self.counts, *(link.rounds for link in ahead)]
        if told is not None:
            known[present] = told
        certain = [rounds for rounds in known if rounds is not None]
        mean = sum(certain) // len(certain) if certain else 1
        weights = [max(1, mean if rounds is None else rounds) for rounds in known]
        self.before = sum(self.counts)
        in_all = sum(certain) + sum(link.closes for link in ahead)
        self.rounds = in_all if len(certain) == len(known) and in_all <= LARGEST_NUMBER else None
        self._present_rounds = known[present] if ahead else None
        self._weight_before = sum(weights[:present])
        self._weight = weights[present] if ahead else 0
        self._weight_in_all = sum(weights)


class Chain:
    """A chain on its way through its steps.

    A step whose last round left no checkpoint ends with a closing round of ours that has one: it must not run again
    when a later step is interrupted. Other steps go on from their last checkpoint then, and return once more.
    """

    def __init__(
        self, links: Sequence[Link], registry: Registry, progress: Progress, results: Sequence[object], count: int
    ) -> None:
        self._links = links
        self._registry = registry
        self._progress = progress
        self._results = tuple(results)
        self._count = count

    def run(self, inner: Mapping[str, object] | None) -> Generator[Round | Pause, None, list[object]]:
        """All rounds that are left. An error bears a note with its place, as people count."""
        for link in self._links[len(self._results) :]:
            try:
                yield from self._run_step(link, inner)
            except BaseException as error:
                error.add_note(f"in step {link.place}: {link.description}")
                raise
            inner = None
        return list(self._results)

    def _run_step(self, link: Link, inner: Mapping[str, object] | None) -> Generator[Round | Pause, None, None]:
        is_saved = inner is not None
        with closing(self._registry.begin(link.step.job, link.step.params, inner)) as rounds:
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
                yield self._round(link, done)
        closes = not is_saved and link is not self._links[-1]
        self._end_step(link, result, self._count + closes)
        if closes:
            yield self._closing_round(link)

    def _round(self, link: Link, done: Round) -> Round:
        self._count = self._count + 1 if done.number is None else done.number
        progress = self._progress
        progress.round_done(self._count, done.of, done.percent)
        number = progress.before + self._count
        return Round(
            number,
            of=None if progress.rounds is None else max(number, progress.rounds),
            percent=progress.percent,
            message=_message(link, done.message),
            output=done.output,
            checkpoint=None if done.checkpoint is None else self._checkpoint(expect_names(done.checkpoint)),
            if_aborted=done.if_aborted,
            expected_seconds=self._expected_seconds(link, done),
            locks=done.locks,
        )

    def _end_step(self, link: Link, result: object, count: int) -> None:
        self._results = (*self._results, result)
        most_bytes = MOST_RESULT_BYTES if link is self._links[-1] else MOST_CHECKPOINT_BYTES
        as_json(self._results, "the list of results", most_bytes)
        self._progress.step_done(count)
        self._count = 0

    def _closing_round(self, link: Link) -> Round:
        progress = self._progress
        return Round(
            progress.before,
            of=progress.rounds,
            percent=progress.percent,
            message=_message(link, "done"),
            checkpoint=self._checkpoint(None),
            expected_seconds=self._links[len(self._results)].expected_seconds,
        )

    def _expected_seconds(self, link: Link, done: Round) -> float:
        """The step may have ended with this round, as far as is known: then the next one's first round follows."""
        own = link.expected_seconds if done.expected_seconds is None else done.expected_seconds
        rounds = link.rounds if done.of is None else done.of
        if rounds is not None and self._count < rounds:
            return own
        following = self._links[len(self._results) + 1 :]
        return max(own, *(one.expected_seconds for one in following[:1]), 0)

    def _checkpoint(self, inner: Mapping[str, object] | None) -> dict[str, object]:
        return {
            "results": self._results,
            "counts": self._progress.counts,
            "count": self._count,
            "inner": inner,
            "percent": self._progress.percent,
        }


def _message(link: Link, message: str) -> str:
    return (f"{link.heading}: {message}" if message else link.heading)[:MOST_MESSAGE_CHARACTERS]
