"""The messages between the server and a worker, as msgpack."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from jobs.engine import Ended, RoundRecords, Start

MOST_REASON_CHARACTERS = 10_000


class Acknowledge(Struct, frozen=True, tag=True):
    """Continue: what was reported of `task` is on disk."""

    task: int


class Abort(Struct, frozen=True, tag=True):
    """Stop `task` after the round under way."""

    task: int


class Quit(Struct, frozen=True, tag=True):
    """End after the round under way."""


Order = Start | Acknowledge | Abort | Quit


class Ready(Struct, frozen=True, tag=True):
    """The worker has imported its jobs and waits for a task. `code_changed`: they are not those of the server."""

    code_changed: bool = False


class BootFailed(Struct, frozen=True, tag=True):
    """The worker cannot start, and why."""

    reason: Annotated[str, Meta(max_length=MOST_REASON_CHARACTERS)]


class Reported(Struct, frozen=True, tag=True):
    """Rounds that are done, in order. The worker sends no more of them until they are acknowledged."""

    task: int
    attempt: int
    rounds: RoundRecords


class Unfit(Struct, frozen=True):
    """Stands for a report that breaks a bound. Never sent."""

    words: str


Report = Ready | BootFailed | Reported | Ended | Unfit

decode_order = msgspec.msgpack.Decoder(Order).decode
_decode_report = msgspec.msgpack.Decoder(Ready | BootFailed | Reported | Ended).decode


class _AboutTask(Struct):
    type: Literal["Reported", "Ended"]


_decode_about_task = msgspec.msgpack.Decoder(_AboutTask).decode


def decode_report(message: bytes) -> Report:
    """Returns what a worker reported. A job can change everything in its process, so all of it is checked.

    Raises msgspec.DecodeError if it is no report at all.
    """
    try:
        report: Report = _decode_report(message)
    except msgspec.ValidationError as error:
        _decode_about_task(message)
        return Unfit(str(error))
    return report
