"""What a job yields and returns, checked against the contract's limits before anything is sent."""

from __future__ import annotations

import json
import reprlib
import time
from collections.abc import Mapping

from jobs.errors import LimitExceeded
from jobs.model import LARGEST_NUMBER, RoundRecord
from jobs.registry import Round

MIB = 1024 * 1024
MOST_MESSAGE_CHARACTERS = 1_000
MOST_OUTPUT_BYTES = MIB
MOST_CHECKPOINT_BYTES = MIB
MOST_RESULT_BYTES = 10 * MIB
# Whoever reads JSON recursively (Python does, to about 1,000) must be able to read what was kept.
MOST_LEVELS = 200

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def checked_round(value: object, previous: int, seconds: float, declared: int | None = None) -> RoundRecord:
    """What the job yielded after round `previous`, as it is reported. Raises TypeError or LimitExceeded.

    `declared` is how many rounds the task is to have: it holds where the round itself does not say.

    The types within a Round are its own affair: it refuses others where it is made.
    """
    value = expect_round(value)
    number = previous + 1 if value.number is None else _checked_number(value.number, previous)
    of = _of(value, number, declared)
    return RoundRecord(
        number=number,
        at=time.time_ns() // 1_000_000,
        seconds=seconds,
        percent=_percent(value.percent, number, of),
        of=of,
        message=_checked_text("message", value.message),
        output=None if value.output is None else as_json(value.output, "the round's output", MOST_OUTPUT_BYTES),
        checkpoint=None if value.checkpoint is None else _checked_checkpoint(value.checkpoint),
        if_aborted=_checked_text("if_aborted", value.if_aborted),
        expected_seconds=value.expected_seconds,
    )


def expect_round(value: object) -> Round:
    """What the job yielded. Raises TypeError where it is something else."""
    if not isinstance(value, Round):
        raise TypeError(f"the job yielded {_shown(value)}, expected a Round")
    return value


def checked_result(value: object) -> str:
    """What the job returned, as JSON text. Raises TypeError or LimitExceeded."""
    return as_json(value, "the job's result", MOST_RESULT_BYTES)


def as_json(value: object, what: str, most_bytes: int) -> str:
    """`value` as strict JSON text; `what` names it in the refusal. Raises TypeError or LimitExceeded."""
    try:
        text = _encode(value)
        size_bytes = len(text) if text.isascii() else len(text.encode())
    except RecursionError:
        raise _too_deep(what) from None
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} is not JSON: {error}") from error
    if size_bytes > most_bytes:
        raise LimitExceeded(f"{what} takes {size_bytes:,} bytes as JSON, at most {most_bytes:,} are kept")
    if _may_be_deep(text) and _is_deeper_than(MOST_LEVELS, value):
        raise _too_deep(what)
    return text


def _too_deep(what: str) -> LimitExceeded:
    return LimitExceeded(f"{what} is nested too deeply, at most {MOST_LEVELS} levels are kept")


def _may_be_deep(text: str) -> bool:
    return text.count("[") + text.count("{") > MOST_LEVELS


def _is_deeper_than(levels: int, value: object) -> bool:
    if isinstance(value, dict):
        value = tuple(value.values())
    if not isinstance(value, list | tuple):
        return False
    return levels == 0 or any(_is_deeper_than(levels - 1, inner) for inner in value)


def _checked_number(number: int, previous: int) -> int:
    if not previous < number <= LARGEST_NUMBER:
        raise LimitExceeded(f"the round's number is {_shown(number)}, expected more than {previous}")
    return number


def _of(value: Round, number: int, declared: int | None) -> int | None:
    if value.of is not None:
        return value.of
    return declared if declared is not None and number <= declared else None


def _percent(given: int | None, number: int, of: int | None) -> int | None:
    if given is not None or of is None:
        return given
    return min(number * 100 // of, 100)


def _checked_text(name: str, text: str) -> str:
    if len(text) > MOST_MESSAGE_CHARACTERS:
        raise LimitExceeded(
            f"the round's {name} has {len(text):,} characters, at most {MOST_MESSAGE_CHARACTERS:,} are kept"
        )
    if not text.isascii():
        _refuse_lone_surrogates(name, text)
    return text


def _refuse_lone_surrogates(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TypeError(f"the round's {name} is not text: {error}") from error


def _checked_checkpoint(checkpoint: Mapping[str, object]) -> str:
    return as_json(expect_names(checkpoint), "the round's checkpoint", MOST_CHECKPOINT_BYTES)


def expect_names(checkpoint: Mapping[str, object]) -> dict[str, object]:
    """The checkpoint as it goes into JSON, which would quietly turn other names into text, with which the job would be
    called then. Raises TypeError where there are any."""
    if not all(isinstance(name, str) for name in checkpoint):
        raise TypeError(f"the round's checkpoint is {_shown(checkpoint)}, expected names that are text")
    return dict(checkpoint)


def _shown(value: object) -> str:
    """The value in a few characters, whatever its own repr() does."""
    try:
        return reprlib.repr(value)
    except Exception:  # noqa: BLE001 - a job's object may raise anything here, and must not hide the refusal
        return f"something of type {type(value).__name__}"
