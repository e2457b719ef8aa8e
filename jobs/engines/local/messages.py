"""What crosses the pipe between the server and a worker, as msgpack."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from jobs.engine import Ended, RoundRecords, Start

MOST_REASON_CHARACTERS = 10_000


class Acknowledge(Struct, frozen=True, tag=True):
    """What was reported of `task` is on disk: go on."""

    task: int


class Abort(Struct, frozen=True, tag=True):
    """Stop `task` after the round that is under way."""

    task: int


class Quit(Struct, frozen=True, tag=True):
    """Stop after the round that is under way, and end."""


Order = Start | Acknowledge | Abort | Quit


class Ready(Struct, frozen=True, tag=True):
    """The worker has imported its jobs and waits for a task. `code_changed`: they are not those of the server."""

    code_changed: bool = False


class BootFailed(Struct, frozen=True, tag=True):
    """The worker cannot begin, and says why."""

    reason: Annotated[str, Meta(max_length=MOST_REASON_CHARACTERS)]


class Reported(Struct, frozen=True, tag=True):
    """Rounds that are done, in order. The worker sends no more of them until they are acknowledged."""

    task: int
    rounds: RoundRecords


class Unfit(Struct, frozen=True):
    """What a worker said of its task breaks a bound. Never sent: it stands for what was."""

    words: str


Report = Ready | BootFailed | Reported | Ended | Unfit

decode_order = msgspec.msgpack.Decoder(Order).decode
_decode_report = msgspec.msgpack.Decoder(Ready | BootFailed | Reported | Ended).decode


class _AboutTask(Struct):
    type: Literal["Reported", "Ended"]


_decode_about_task = msgspec.msgpack.Decoder(_AboutTask).decode


def decode_report(message: bytes) -> Report:
    """What a worker said. A job can change everything in its process, so nothing is believed that is not looked at.

    Raises msgspec.DecodeError where it is no report at all.
    """
    try:
        report: Report = _decode_report(message)
    except msgspec.ValidationError as error:
        _decode_about_task(message)
        return Unfit(str(error))
    return report
