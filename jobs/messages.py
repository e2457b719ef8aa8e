"""What crosses the pipe between the server and a worker, as msgpack."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from jobs.model import RoundRecord


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
    """The worker has imported its jobs and waits for a task."""


class BootFailed(Struct, frozen=True, tag=True):
    """The worker cannot begin, and says why."""

    reason: str


class Reported(Struct, frozen=True, tag=True):
    """Rounds that are done, in order. The worker sends no more of them until they are acknowledged."""

    task: int
    rounds: list[RoundRecord]


class Ended(Struct, frozen=True, tag=True, kw_only=True):
    """The last word about a task, with the rounds not yet reported.

    `how`: it returned (`result`), raised (`error`), was stopped by an Abort, or was interrupted by Quit.
    Where it was stopped and its clean-up raised, `error` says so as well.
    """

    task: int
    how: Literal["returned", "raised", "stopped", "interrupted"]
    rounds: list[RoundRecord]
    result: str | None = None
    error: str | None = None


Report = Ready | BootFailed | Reported | Ended

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024

encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_report = msgspec.msgpack.Decoder(Report).decode
