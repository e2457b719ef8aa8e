"""Checks a worker's reports once more, in the server.

A job can change everything inside its process, including the code that encodes its rounds. Its reports are stored with
those of all other tasks, so they are accepted only within bounds, and JSON only after parsing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from jobs.definition.limits import MOST_CHECKPOINT_BYTES, MOST_OUTPUT_BYTES, MOST_RESULT_BYTES
from jobs.engine import Ended
from jobs.engines.local.messages import Reported
from jobs.errors import LimitExceeded
from jobs.json_text import check_json
from jobs.model.lifecycle import error_text
from jobs.model.task import RoundRecord

MOST_ERROR_BYTES = 1024 * 1024


class _Error(Struct, forbid_unknown_fields=True):
    type: Annotated[str, Meta(max_length=500)]
    message: Annotated[str, Meta(max_length=20_000)]
    traceback: Annotated[str, Meta(max_length=64 * 1024)]


class Refusal(Exception):
    """A report cannot be stored. `rounds` are those before it that can."""

    def __init__(self, words: str, rounds: Sequence[RoundRecord]) -> None:
        super().__init__(words)
        self.words = words
        self.rounds = rounds


def json_characters(report: Reported | Ended) -> int:
    """Returns how much text has to be checked."""
    texts = [text for done in report.rounds for text in (done.output, done.checkpoint)]
    if isinstance(report, Ended):
        texts += [report.result, report.error]
    return sum(len(text) for text in texts if text is not None)


def check_report(report: Reported | Ended, previous: int) -> None:
    """Checks a report after round `previous`. Raises Refusal."""
    for place, done in enumerate(report.rounds):
        try:
            _check_round(done, previous)
        except (TypeError, LimitExceeded) as error:
            raise Refusal(str(error), report.rounds[:place]) from error
        previous = done.number
    if isinstance(report, Ended):
        try:
            _check_end(report)
        except (TypeError, LimitExceeded, msgspec.DecodeError) as error:
            raise Refusal(str(error), report.rounds) from error


def _check_round(done: RoundRecord, previous: int) -> None:
    if done.number <= previous:
        raise LimitExceeded(f"the round's number is {done.number}, expected more than {previous}")
    if done.output is not None:
        check_json(done.output, "the round's output", MOST_OUTPUT_BYTES)
    if done.checkpoint is not None:
        check_json(done.checkpoint, "the round's checkpoint", MOST_CHECKPOINT_BYTES, may_hold_halves=True)


def _check_end(ended: Ended) -> None:
    if ended.result is not None:
        check_json(ended.result, "the job's result", MOST_RESULT_BYTES)
    if ended.error is not None:
        check_json(ended.error, "the job's error", MOST_ERROR_BYTES)
        msgspec.json.decode(ended.error, type=_Error)


def refused(task: int, attempt: int, words: str, rounds: Sequence[RoundRecord]) -> Ended:
    """Returns the end of a task whose worker reported what cannot be stored."""
    message = f"what its worker sent cannot be stored: {words}"
    error = error_text("LimitExceeded", message)
    return Ended(task=task, attempt=attempt, how="raised", rounds=list(rounds), error=error)
