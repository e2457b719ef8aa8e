"""What a job yields and returns, checked against the contract's limits before anything is sent."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence

from jobs.clock import wall_clock
from jobs.definition.rounds import Round
from jobs.errors import LimitExceeded
from jobs.json_text import check_json, too_deep, with_escapes, with_replacement_marks
from jobs.model.task import (
    LARGEST_NUMBER,
    LATEST,
    LONGEST_ROUND_SECONDS,
    MOST_LOCK_CHARACTERS,
    MOST_LOCKS_OF_ROUND,
    MOST_MESSAGE_CHARACTERS,
    RoundRecord,
)

MIB = 1024 * 1024
MOST_OUTPUT_BYTES = MIB
MOST_CHECKPOINT_BYTES = MIB
MOST_RESULT_BYTES = 10 * MIB

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def checked_round(value: object, previous: int, seconds: float, declared: int | None = None) -> RoundRecord:
    """Returns what the job yielded after round `previous`, as it is reported. Raises TypeError or LimitExceeded.

    `declared` is the expected number of rounds, used unless the round itself says it.
    """
    value = expect_round(value)
    number = _checked_number(previous + 1 if value.number is None else value.number, previous)
    of = _of(value, number, declared)
    return RoundRecord(
        number=number,
        at=min(max(wall_clock(), 0), LATEST),
        seconds=min(max(seconds, 0.0), LONGEST_ROUND_SECONDS),
        percent=_percent(value.percent, number, of),
        of=of,
        message=_checked_text("message", value.message),
        output=None if value.output is None else as_json(value.output, "the round's output", MOST_OUTPUT_BYTES),
        checkpoint=None if value.checkpoint is None else _checked_checkpoint(value.checkpoint),
        if_aborted=_checked_text("if_aborted", value.if_aborted),
        expected_seconds=value.expected_seconds,
        locks=_checked_locks(value.locks),
    )


def expect_round(value: object) -> Round:
    """Returns what the job yielded. Raises TypeError if it is no Round, or one that evaded its own checks."""
    if not isinstance(value, Round):
        raise TypeError(f"the job yielded {_shown(value)}, expected a Round")
    Round.__post_init__(value)
    return value


def checked_result(value: object) -> str:
    """Returns what the job returned, as JSON text. Raises TypeError or LimitExceeded."""
    return as_json(value, "the job's result", MOST_RESULT_BYTES)


def as_json(value: object, what: str, most_bytes: int, *, comes_back: bool = False) -> str:
    """Returns `value` as strict JSON text; `what` names it in the refusal. Raises TypeError or LimitExceeded.

    Bytes of file names that are not UTF-8 become replacement marks, except in what `comes_back` to the job.
    """
    try:
        text = _encode(value)
    except RecursionError:
        raise too_deep(what) from None
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} is not JSON: {error}") from error
    text = with_escapes(text) if comes_back else with_replacement_marks(text)
    check_json(text, what, most_bytes, may_hold_halves=comes_back)
    return text


def _checked_number(number: int, previous: int) -> int:
    if number <= previous:
        raise LimitExceeded(f"the round's number is {_shown(number)}, expected more than {previous}")
    if number > LARGEST_NUMBER:
        raise LimitExceeded(f"the round's number is {_shown(number)}, expected at most {LARGEST_NUMBER}")
    return number


def _of(value: Round, number: int, declared: int | None) -> int | None:
    if value.of is not None:
        return value.of
    return declared if declared is not None and number <= declared <= LARGEST_NUMBER else None


def _percent(given: int | None, number: int, of: int | None) -> int | None:
    if given is not None or of is None:
        return given
    return min(number * 100 // of, 100)


def _checked_text(name: str, text: str) -> str:
    text = str.__str__(text)  # a subclass of str cannot be sent, only its characters
    if len(text) > MOST_MESSAGE_CHARACTERS:
        raise LimitExceeded(
            f"the round's {name} has {len(text):,} characters, at most {MOST_MESSAGE_CHARACTERS:,} are allowed"
        )
    return with_replacement_marks(text)


def _checked_locks(locks: Sequence[str]) -> tuple[str, ...]:
    if len(locks) > MOST_LOCKS_OF_ROUND or any(len(lock) > MOST_LOCK_CHARACTERS for lock in locks):
        raise LimitExceeded(
            f"a round can have at most {MOST_LOCKS_OF_ROUND} locks of {MOST_LOCK_CHARACTERS:,} characters each"
        )
    return tuple(with_escapes(str.__str__(lock)) for lock in locks)


def _checked_checkpoint(checkpoint: Mapping[str, object]) -> str:
    return as_json(expect_names(checkpoint), "the round's checkpoint", MOST_CHECKPOINT_BYTES, comes_back=True)


def expect_names(checkpoint: Mapping[str, object]) -> dict[str, object]:
    """Returns the checkpoint. Raises TypeError if a name is not text: JSON would silently turn it into text, and the
    job would be called with that."""
    if not all(isinstance(name, str) for name in checkpoint):
        raise TypeError(f"the round's checkpoint is {_shown(checkpoint)}, expected names that are text")
    return dict(checkpoint)


def _shown(value: object) -> str:
    """Returns the value in a few characters, whatever its own repr() does."""
    try:
        return reprlib.repr(value)
    except Exception:  # noqa: BLE001 - a job's object may raise anything here, and must not hide the refusal
        return f"something of type {type(value).__name__}"
