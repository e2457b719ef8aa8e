"""Calls that create tasks: at most one for each key, and they can wait for its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from handlers.http.api import API, ApiHandler
from handlers.http.query import QueryParameter, held_seconds
from jobs.clock import wall_clock
from jobs.errors import NoSuchTask
from jobs.live.views import TaskView
from jobs.model.answer_size import is_whole, without_large_fields
from jobs.model.task import Task
from jobs.store import Created, RequestKey

LONGEST_KEY = 255


_KEY_WORDS = f"1 to {LONGEST_KEY} printable ASCII characters"
_KEY_SCHEMA = {"type": "string", "pattern": "^[ -~]+$", "minLength": 1, "maxLength": LONGEST_KEY}


def _read_key(given: str) -> str:
    if not (0 < len(given) <= LONGEST_KEY and given.isascii() and given.isprintable()):
        raise ValueError(f"expected {_KEY_WORDS}, got {len(given)} characters")
    return given


_Key = Annotated[str, Meta(extra={"read": _read_key, "words": _KEY_WORDS}, extra_json_schema=_KEY_SCHEMA)]
CREATING_HEADERS = {
    "Idempotency-Key": QueryParameter(_Key, "creates at most one task for this key within 24 hours"),
    "Prefer": QueryParameter(str, "wait=SECONDS: answer when the task is final, or after that many seconds"),
}
APPLIED = {"Preference-Applied": "wait=SECONDS, if Prefer asked for it"}
LOCATED = {"Location": "the address of the task", **APPLIED}
WAIT_FOR_END = held_seconds("answer when the task is final, or after this many seconds")


class AnsweringHandler(ApiHandler):
    """A call whose answer is one task in full."""

    async def answer_task(self, task: Task, status: int = 200) -> None:
        """Answers with the task; if that is large, it is read again when its turn has come."""
        light = without_large_fields(task)
        if light is task and is_whole(task):
            self.send(self.view(task), status)
            return
        del task
        await self.answer(lambda: self.whole_view(light), status)

    async def whole_view(self, light: Task) -> TaskView:
        """Returns the task as it is now; if it is gone, as it was, without large fields."""
        try:
            return self.view(await self.services.store.task(light.id))
        except NoSuchTask:
            return self.view(light)


class CreatingHandler(AnsweringHandler):
    """A call that creates a task, at most one for each key, and can wait for its end."""

    task_headers: ClassVar[Sequence[str]] = ("Location",)
    """The headers that name the task."""

    async def create(self, submit: Callable[[RequestKey | None], Awaitable[Created]], status: int = 201) -> None:
        """Creates the task and answers with it, with `status` if it is new. Reads both headers first, so that a refused
        request creates nothing."""
        key, wait = self.request_key(), self.preferred_wait()
        created = await submit(key)
        status = status if created.is_new else 200
        self.forget_body()
        if wait is None:
            self._name(created.task)
            await self.answer_task(created.task, status)
            return
        task = without_large_fields(created.task)
        del created  # nobody who waits holds what is large
        await self.as_preferred(task, wait)
        await self.answer(lambda: self.whole_view(task), status)

    def request_key(self) -> RequestKey | None:
        """Returns what identifies this request as a repetition of an earlier one. Raises InvalidInput."""
        key = self.request_header("Idempotency-Key", CREATING_HEADERS["Idempotency-Key"])
        if key is None:
            return None
        body = msgspec.json.encode(self.json(), order="sorted")
        path = self.request.path.rstrip("/")
        body_hash = sha256(body).hexdigest()
        return RequestKey(user=self.actor, path=path, key=str(key), body_hash=body_hash, at=wall_clock())

    async def as_preferred(self, task: Task, wait: float | None) -> None:
        """Waits for the end of the task if the client prefers that; sets the headers that name the task."""
        self._name(task)
        if wait is not None:
            with self.ending_with_client(), suppress(NoSuchTask):
                await self.while_signed_in(self.services.feed.wait_for_end(task.id, wait))
            self.set_header("Preference-Applied", f"wait={wait:g}")

    def _name(self, task: Task) -> None:
        for name in self.task_headers:
            self.set_header(name, f"{API}/taskqueue/{task.id}")

    def preferred_wait(self) -> float | None:
        """Returns the `wait` of the header Prefer, the only preference that is known here. Takes a place among the
        waiting calls before anything is created. Raises InvalidInput, and a Refusal if too many wait."""
        for preference in self.request.headers.get("Prefer", "").split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "wait":
                seconds_text = value.strip().strip('"')
                wanted = float(self.header_value("Prefer", seconds_text, WAIT_FOR_END))
                self.take_waiting_place()
                return wanted
        return None
