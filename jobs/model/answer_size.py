"""Bounds the size of an answer: large fields of tasks are left out, and the sum of all others is limited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from jobs.model.task import RoundPage, StoredRound, Task, utf8_bytes

LARGEST_INLINE_BYTES = 16 * 1024
"""Parameters, results and metadata over this are left out of lists and frames."""
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
LARGEST_FRAME_BYTES = 2 * 1024 * 1024
MOST_ROUNDS_BYTES = 3 * 1024 * 1024
"""An answer of rounds ends with the round that reaches this size: with the largest, of 1 MiB, it has 4 MiB."""
SMALL_METADATA_BYTES = 1024
"""Metadata up to this size is in every row, however many rows there are."""
SHORT_ERROR_CHARACTERS = 500

NO_METADATA = "{}"


class Room:
    """The room for tasks in one answer, in bytes of JSON.

    Tasks go in one after another. Each is without its large fields; when the room is used up, those that follow have
    neither parameters nor result, metadata only if they are small, and of a traceback its end.
    """

    def __init__(self, most_bytes: int = LARGEST_ANSWER_BYTES) -> None:
        self._left = most_bytes

    @property
    def is_used_up(self) -> bool:
        return self._left <= 0

    def fit(self, task: Task) -> Task:
        """Returns the task as it appears in this answer."""
        task = _shortest(task) if self.is_used_up else without_large_fields(task)
        self._left -= row_bytes(task)
        return task

    def fit_all(self, tasks: Iterable[Task]) -> list[Task]:
        """Returns the tasks as they appear in this answer."""
        return [self.fit(task) for task in tasks]


def without_large_fields(task: Task) -> Task:
    """Returns the task as it appears in lists and frames, whatever else they contain."""
    return _trimmed(task, LARGEST_INLINE_BYTES, LARGEST_INLINE_BYTES)


def is_whole(task: Task) -> bool:
    """Returns whether nothing of it is left out."""
    return bool(task.params) and (task.result is not None or task.result_bytes is None)


def row_bytes(task: Task) -> int:
    """Returns roughly the size of a task as JSON: all its texts, and some hundred bytes for fields of fixed size."""
    texts = (task.params, task.metadata, task.result, task.error, task.message, task.description, task.outcome)
    return 700 + sum(utf8_bytes(text) for text in texts if text)


def _shortest(task: Task) -> Task:
    task = _trimmed(task, 0, SMALL_METADATA_BYTES)
    return replace(task, error=_short_error(task.error)) if task.error else task


def _trimmed(task: Task, most_bytes: int, most_metadata_bytes: int) -> Task:
    """Returns the task without fields that are too large. Nearly every task is small and returned without a copy."""
    left_out: dict[str, str | None] = {}
    if task.params and task.params_bytes > most_bytes:
        left_out["params"] = ""
    if task.result is not None and (task.result_bytes or 0) > most_bytes:
        left_out["result"] = None
    if len(task.metadata) > most_metadata_bytes or utf8_bytes(task.metadata) > most_metadata_bytes:
        left_out["metadata"] = NO_METADATA
    return replace(task, **left_out) if left_out else task


def _short_error(error: str) -> str:
    """Returns the error with each text shortened: a traceback to its end, which names the exception."""
    if len(error) <= SHORT_ERROR_CHARACTERS:
        return error
    parts: dict[str, str] = msgspec.json.decode(error)
    short = {name: _beginning(text) for name, text in parts.items()}
    traceback = parts.get("traceback", "")
    if len(traceback) > SHORT_ERROR_CHARACTERS:
        short["traceback"] = f"… cut …\n{traceback[-SHORT_ERROR_CHARACTERS:]}"
    return msgspec.json.encode(short).decode()


def _beginning(text: str) -> str:
    return text if len(text) <= SHORT_ERROR_CHARACTERS else f"{text[:SHORT_ERROR_CHARACTERS]}…"


def page_of_rounds(rounds: Iterator[StoredRound], limit: int, most_bytes: int) -> RoundPage:
    """Returns the first rounds, until there are `limit` or they reach `most_bytes`, at least one. Reads no more."""
    taken: list[StoredRound] = []
    size = 0
    for done in rounds:
        taken.append(done)
        size += round_bytes(done)
        if len(taken) >= limit or size >= most_bytes:
            return RoundPage(taken, has_more=True, size=size)
    return RoundPage(taken, has_more=False, size=size)


def round_bytes(done: StoredRound) -> int:
    """Returns roughly the size of a round as JSON. A message may have characters that JSON writes in six."""
    message = len(msgspec.json.encode(done.message))
    return 120 + message + (utf8_bytes(done.output) if done.output else 0)
