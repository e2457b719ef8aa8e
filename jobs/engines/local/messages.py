"""What crosses the pipe between the server and a worker, as msgpack."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from jobs.model.task import RoundRecord

MOST_REASON_CHARACTERS = 10_000
MOST_ROUNDS = 100_000
"""In one message, which nearly nothing-saying rounds could fill by more."""

RoundRecords = Annotated[list[RoundRecord], Meta(max_length=MOST_ROUNDS)]


class Start(Struct, frozen=True, tag=True, kw_only=True, gc=False):
    """Run this task: from `checkpoint`, which round `round` left, or from the beginning. `rounds` is how many there
    will be, as far as is known."""

    task: int
    job: str
    params: str
    checkpoint: str | None = None
    round: int = 0
    rounds: int | None = None


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


class Ended(Struct, frozen=True, tag=True, kw_only=True):
    """The last word about a task, with the rounds not yet reported.

    `how`: it returned (`result`), raised (`error`), was stopped by an Abort, or was interrupted by Quit.
    Where it was stopped and its clean-up raised, `error` says so as well. `left` is what it has left in its worker, in
    words, so that the worker is not as it was.
    """

    task: int
    how: Literal["returned", "raised", "stopped", "interrupted"]
    rounds: RoundRecords
    result: str | None = None
    error: str | None = None
    left: Annotated[str, Meta(max_length=1_000)] = ""


class Unfit(Struct, frozen=True):
    """What a worker said of its task breaks a bound. Never sent: it stands for what was."""

    words: str


Report = Ready | BootFailed | Reported | Ended | Unfit

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024

encode = msgspec.msgpack.Encoder().encode
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
