"""Jobs that change what runs them, and jobs that send what only looks odd."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

import jobs.definition.limits
import jobs.engines.local.error_report
import jobs.engines.local.server_pipe
import jobs.engines.local.worker
from jobs import Round, job
from jobs.engine import Ended
from jobs.model.task import RoundRecord

Where = Literal["result", "output", "checkpoint", "error"]


def _nothing(*_args: object, **_options: object) -> None:
    """Stands for a check."""


@job(description="Sending {text} as its {where}")
def sends_as_json(where: Where, text: str, times: int = 1) -> Iterator[Round]:
    """Nothing in its worker looks at what it sends any more. `times` repeats the text within a list."""
    yield Round()
    text = text if times == 1 else f"[{','.join([text] * times)}]"
    jobs.definition.limits.check_json = _nothing  # type: ignore[assignment]
    if where == "error":
        jobs.engines.local.error_report.error_text = lambda *_: text  # type: ignore[assignment]
        raise ValueError
    jobs.definition.limits._encode = lambda _value: text
    yield Round(output=1 if where == "output" else None, checkpoint={} if where == "checkpoint" else None)
    return "its result"


@job(description="Patching the encoder")
def patches_encoder() -> Iterator[Round]:
    """Its result is NaN."""
    yield Round()
    json.JSONEncoder.iterencode = lambda *_args, **_options: iter(["NaN"])  # type: ignore[method-assign, assignment]
    json.encoder.c_make_encoder = None
    return {"mean": 1}


@job(description="Breaking its encoder")
def breaks_encoder() -> Iterator[Round]:
    """Not even its error can be sent as it is."""
    yield Round()

    def encode(message: object) -> bytes:
        if not isinstance(message, Ended) or message.error != jobs.engines.local.server_pipe.UNSPEAKABLE:
            raise OverflowError("no")
        return msgspec.msgpack.encode(message)

    jobs.engines.local.server_pipe.encode = encode
    yield Round()


@job(description="Sending rounds with other fields")
def sends_rounds(rounds: list[dict[str, Any]]) -> Iterator[Round]:
    """Each round has other fields than its worker has given it; whole numbers in hexadecimal are read."""
    yield Round()
    for fields in rounds:
        read = {name: int(value, 16) if str(value).startswith("0x") else value for name, value in fields.items()}
        jobs.engines.local.worker.checked_round = lambda _value, previous, seconds, _declared, read=read: replace(  # type: ignore
            RoundRecord(number=previous + 1, at=0, seconds=seconds), **read
        )
        yield Round()


@job(description="Ending as {how}")
def ends_as(how: Literal["stopped", "interrupted"]) -> Iterator[Round]:
    """As if somebody had asked for it."""
    yield Round()
    jobs.engines.local.server_pipe.replace = lambda ended, **fields: replace(ended, **{**fields, "how": how})


@job(description="Ending another attempt")
def ends_another_attempt(in_round: bool) -> Iterator[Round]:
    """In its last report, or already in that of a round."""
    yield Round()
    if in_round:
        reported = jobs.engines.local.server_pipe.Reported
        jobs.engines.local.server_pipe.Reported = lambda task, attempt, rounds: reported(task, attempt + 1, rounds)
        while True:
            yield Round()
    jobs.engines.local.server_pipe.replace = lambda ended, **fields: replace(ended, **{**fields, "attempt": 7})


FILE_NAME = os.fsdecode(b"caf\xe9")
"""As Python gives the name of a file that is not UTF-8."""


@job(description="Backing up {path}", lock=lambda path: path + FILE_NAME, metadata=lambda path: {"file": FILE_NAME})
def backs_up(path: str, *, last: str = "") -> Iterator[Round]:
    """Says names of files that are not UTF-8 wherever it can."""
    if not last:
        yield Round(
            message=f"saved {FILE_NAME}",
            if_aborted=f"{FILE_NAME} is half saved",
            output={FILE_NAME: [FILE_NAME]},
            checkpoint={"last": FILE_NAME},
        )
        last = FILE_NAME
    return {"last": last, "is_as_it_was": last == FILE_NAME, "half": "\ud83d"}


@job(description=lambda: FILE_NAME)
def describes_itself_oddly() -> Iterator[Round]:
    """Its description has no UTF-8."""
    yield Round()


class OddError(Exception):
    """An exception whose class is odd as well."""


OddError.__module__ = ["no", "name"]  # type: ignore[assignment]


@job(description="Raising what is odd")
def raises_oddly() -> Iterator[Round]:
    """The name of its module is no text."""
    yield Round()
    raise OddError("odd")


@job(description="Raising what has a long name")
def raises_with_a_long_name() -> Iterator[Round]:
    """The name of its class is a megabyte."""
    yield Round()
    raise type("X" * 2**20, (Exception,), {})("long")
