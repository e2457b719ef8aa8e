"""What a job raised, as text within bounds: an exception may be anything, also in how it shows itself."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from types import TracebackType

from jobs.definition.rounds import Rounds
from jobs.errors import HourglassError
from jobs.json_text import with_replacement_marks
from jobs.model.lifecycle import error_text

MOST_ERROR_CHARACTERS = 10_000
MOST_NAME_CHARACTERS = 500
WELL_KNOWN_ERRORS = ("builtins", "jobs.errors", "ceph.errors")
"""The modules whose exceptions are shown without their module: `ClusterUnavailable: …`."""
MOST_TRACEBACK_BYTES = 64 * 1024
OWN_MODULES = frozenset(
    {
        "jobs.engines.local.worker",
        "jobs.definition.limits",
        "jobs.json_text",
        "jobs.definition.job",
        "jobs.definition.registry",
        "jobs.definition.rounds",
        "jobs.engines.local.server_pipe",
        "jobs.library.chain",
    }
)
"""Their frames come before those of the job."""


def failure_in_words(error: BaseException) -> str:
    """Returns why a worker cannot start: our own errors are sentences, others are shown with their type."""
    text = str(error) if issubclass(type(error), HourglassError) else f"{_type_name(error)}: {_message(error, 0)}"
    return with_replacement_marks(text[:MOST_ERROR_CHARACTERS])


def describe(error: BaseException, rounds: Rounds | None, memory_limit_mb: int) -> str:
    """Returns the error as JSON text of type, message and traceback, each within bounds and valid UTF-8."""
    try:
        message = _with_notes(error, _message(error, memory_limit_mb))
        message = with_replacement_marks(message)[: 2 * MOST_ERROR_CHARACTERS]  # escapes make it longer
        return error_text(_type_name(error), message, _shortened(with_replacement_marks(_traceback(error, rounds))))
    except BaseException as own:  # noqa: BLE001 - the exception of a job may be anything, also in how it shows itself
        return error_text("Exception", f"what the job raised cannot be shown, {type(own).__name__}")


def _type_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ in WELL_KNOWN_ERRORS:
        return with_replacement_marks(kind.__name__[:MOST_NAME_CHARACTERS])
    return with_replacement_marks(f"{kind.__module__}.{kind.__qualname__}"[:MOST_NAME_CHARACTERS])


def _message(error: BaseException, memory_limit_mb: int) -> str:
    text = _text(error)
    if isinstance(error, SystemExit):
        return f"the job called sys.exit({text})"
    if isinstance(error, MemoryError) and memory_limit_mb:
        return f"used more than memory_limit_mb = {memory_limit_mb}" + (f": {text}" if text else "")
    return text


def _with_notes(error: BaseException, message: str) -> str:
    """Appends the notes of an error to the first line of its message, which is the line that an outcome shows."""
    notes = "; ".join(note for note in _notes(error) if isinstance(note, str))[: MOST_ERROR_CHARACTERS // 2]
    message = message[: MOST_ERROR_CHARACTERS - len(notes)]
    if not notes:
        return message
    first, line_end, others = message.partition("\n")
    return f"{first} ({notes}){line_end}{others}" if first else f"{notes}{line_end}{others}"


def _notes(error: BaseException) -> Sequence[object]:
    notes = getattr(error, "__notes__", ())
    return notes if isinstance(notes, list) else ()


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as own:  # noqa: BLE001 - an exception of a job whose __str__ raises, perhaps SystemExit
        return f"(its message cannot be shown, {type(own).__name__})"


def _traceback(error: BaseException, rounds: Rounds | None) -> str:
    """Formats the traceback from the job's own frames on. With only our frames the job was refused: then from where it
    yielded."""
    frames = _from_job_on(error.__traceback__)
    if frames is None and (places := _where_it_yields(rounds)):
        return "".join(traceback.format_list(places))
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


def _from_job_on(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in OWN_MODULES:
        frames = frames.tb_next
    return frames


def _where_it_yields(rounds: object) -> list[traceback.FrameSummary]:
    """Returns the line that yielded, and those that `yield from` one another on the way to it."""
    places = []
    while (frame := getattr(rounds, "gi_frame", None)) is not None:
        places.append(traceback.FrameSummary(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        rounds = getattr(rounds, "gi_yieldfrom", None)
    return places


def _shortened(text: str) -> str:
    """Cuts the middle out of a long traceback: its ends say where it began and what was raised."""
    if len(text.encode()) <= MOST_TRACEBACK_BYTES:
        return text
    most = MOST_TRACEBACK_BYTES // 2 - 100
    head, tail = text.encode()[:most], text.encode()[-most:]
    return f"{head.decode(errors='ignore')}\n… cut …\n{tail.decode(errors='ignore')}"
