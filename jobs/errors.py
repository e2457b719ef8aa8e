"""The tree of what can go wrong. A class's docstring is its message and says what to do next.

HourglassError
├── ConfigError             the start stops: exit 2
├── StartError              the start stops: exit 2
├── InvalidInput            what was sent is wrong: 400
├── NotFound                no such task, job, user: 404
│   └── NoSuchTask
├── Conflict                it is, but not now: 409
│   └── JobUnavailable
├── StatusChanged           it is no longer as the caller expected: 412
├── CountChanged            there are no longer as many as the caller expected: 412
├── RevisionUnknown         what happened after a revision is no longer, or not yet, known: 412
├── IllegalTransition       a defect of ours, never of a caller
├── LimitExceeded           a job sent more than the contract allows
├── NotJson                 what encodes JSON in a worker no longer does
├── TooManyAttempts         too many wrong passwords, or sign-ins at once: 429
├── ChoicesUnavailable      the choices are not available: 503
├── ServiceStopping         no new tasks any more: 503
└── StorageUnavailable      nothing can be written at the moment: 503
    └── ReadTooLong         a read took longer than a client may have: 503
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jobs.text import counted, cut

if TYPE_CHECKING:
    from jobs.model.task import Task


def in_words(error: BaseException) -> str:
    """Returns `ValueError: no such pool`, whatever an exception of somebody else's code does when it is asked."""
    try:
        text = f"{type(error).__name__}: {error}"
        return text.encode(errors="backslashreplace").decode()
    except BaseException:  # noqa: BLE001  it may even raise SystemExit
        return "Exception: what was raised cannot be shown"


class HourglassError(Exception):
    """Something went wrong; the server's log says more."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(HourglassError):
    """The configuration is wrong; correct config.ini or the command line."""


class StartError(HourglassError):
    """The service cannot start; the message says why."""


MOST_MISTAKES = 100
LONGEST_FIELD_CHARACTERS = 200
LONGEST_MISTAKE_CHARACTERS = 1000


class Mistakes:
    """What is wrong with an input, by field: the first 100 mistakes, each once, and how many there are in all."""

    def __init__(self, found: Mapping[str, Sequence[str]] | None = None) -> None:
        self.listed: dict[str, list[str]] = {}
        self.count = 0
        self._listed_count = 0
        for field, texts in (found or {}).items():
            self.add(field, *texts)

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, field: str, *texts: str) -> None:
        """Notes what is wrong with a field."""
        field = cut(field, LONGEST_FIELD_CHARACTERS)
        for text in texts:
            known = self.listed.get(field, [])
            short = cut(text, LONGEST_MISTAKE_CHARACTERS)
            if short in known:
                continue
            self.count += 1
            if self._listed_count < MOST_MISTAKES:
                self._listed_count += 1
                self.listed.setdefault(field, known).append(short)

    def add_all(self, fields: Sequence[str], text: str) -> None:
        """Notes the same of many fields; those beyond the first are only counted."""
        room = MOST_MISTAKES - self._listed_count
        for field in fields[:room]:
            self.add(field, text)
        self.count += len(fields[room:])

    def take(self, error: InvalidInput, place: str = "") -> None:
        """Notes those of a part of the input, which is at this place: `[3].` before each of its fields."""
        before = self.count
        for field, texts in error.errors.items():
            self.add(f"{place}{field}", *texts)
        self.count = before + max(error.mistakes.count, self.count - before)
        if not error.mistakes:
            self.add(place.rstrip("."), str(error))

    def raise_if_any(self) -> None:
        """Raises InvalidInput."""
        if self:
            raise InvalidInput(errors=self)

    def summary(self) -> str:
        """Returns one sentence: the first mistake, and how many there are."""
        first = next((f"{field}: {texts[0]}" for field, texts in self.listed.items()), "")
        return first if self.count <= 1 else f"{first} (the first of {self.count:,} mistakes)"


class InvalidInput(HourglassError):
    """The input is not valid; `errors` says for each field what was expected."""

    def __init__(self, message: str = "", errors: Mapping[str, Sequence[str]] | Mistakes | None = None) -> None:
        self.mistakes = errors if isinstance(errors, Mistakes) else Mistakes(errors)
        super().__init__(message or self.mistakes.summary())

    @property
    def errors(self) -> Mapping[str, list[str]]:
        """Returns the mistakes that are listed, by field."""
        return self.mistakes.listed


class NotFound(HourglassError):
    """There is no such thing; check its name."""


class NoSuchTask(NotFound):
    """There is no such task: it was deleted, or it never existed."""

    def __init__(self, task_id: int) -> None:
        super().__init__(f"There is no task {task_id}: it was deleted, or it never existed.")


class Conflict(HourglassError):
    """That is not possible at the moment; check the present state first."""


class JobUnavailable(Conflict):
    """The job cannot run here at the moment; `GET jobs` says why."""


class StatusChanged(HourglassError):
    """The task is no longer as the request expected; nothing was done."""

    def __init__(self, task: Task | None) -> None:
        self.task = task
        now = f"it is {task.status} now" if task else "it is gone"
        super().__init__(f"The task is no longer as the request expected: {now}. Nothing was done.")


class CountChanged(HourglassError):
    """There are no longer as many tasks as the request expected; nothing was done."""

    def __init__(self, expected: int, count: int) -> None:
        super().__init__(
            f"The filter matches {counted(count, 'task')}, not {expected}: reload the list. Nothing was done."
        )


class RevisionUnknown(HourglassError):
    """What happened after a revision is no longer, or not yet, known; nothing was done."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"What happened after revision {revision} is not known: reload the list. Nothing was done.")


class IllegalTransition(HourglassError):
    """A task cannot change in that way; this is a defect, please report it."""


class LimitExceeded(HourglassError):
    """The job sent more than can be stored with a task; send less, or write it to a separate file."""


class NotJson(HourglassError, TypeError):
    """What was encoded is not JSON: a job has changed the encoder."""


class TooManyAttempts(HourglassError):
    """Too many attempts to sign in; wait, then try again."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"Too many attempts to sign in; try again in {retry_after_seconds} s.")


class ChoicesUnavailable(HourglassError):
    """The choices are not available at the moment; enter the value itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The choices are not available at the moment ({reason}): enter the value itself.")


class ServiceStopping(HourglassError):
    """The service is shutting down; try again when it is back."""


class StorageUnavailable(HourglassError):
    """Nothing can be written at the moment; what is there can still be read. Try again shortly."""


class ReadTooLong(StorageUnavailable):
    """Reading took too long and was cancelled; ask for less."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Reading took longer than [limits] read_seconds = {seconds:g} and was cancelled: ask for less, "
            "for example with a rarer word or another filter, or try again later."
        )
