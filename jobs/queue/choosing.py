"""Finds the choices for a parameter, in the server: within a time limit, and bounded in size and number."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice

import msgspec

from jobs.definition.choices import Choice, Choices
from jobs.definition.registry import Registry
from jobs.errors import ChoicesUnavailable, HourglassError, in_words
from jobs.json_text import with_replacement_marks

log = logging.getLogger("hourglass.choices")

LONGEST_SECONDS = 20.0
"""Longer than it takes until a cluster reports that it does not answer."""
MOST_CHOICES = 50_000
LONGEST_VALUE_BYTES = 4096
LONGEST_NAME = 300
MOST_THREADS = 4
"""How many run at a time; others wait. One that never ends occupies its place forever."""


class ChoiceFinder:
    """Calls the functions of job authors that find choices."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._places = asyncio.Semaphore(MOST_THREADS)

    async def find(
        self,
        choices: Choices,
        needed: Mapping[str, object],
        registry: Registry,
        search: Callable[[list[Choice]], list[Choice]] = list,
    ) -> list[Choice]:
        """Returns the choices, given the parameters that they depend on, as `search` filters them.

        There may be very many, so they are searched outside of the event loop. Raises ChoicesUnavailable if they
        cannot be found, and any HourglassError that the function raises.
        """
        resources: dict[str, object] = {name: registry.resource(type_) for name, type_ in choices.resources.items()}
        find = partial(choices.find, **needed, **resources)
        try:
            async with asyncio.timeout(self._longest_seconds):
                if inspect.iscoroutinefunction(choices.find):
                    found = await find()
                    return await self._in_thread(lambda: search(_presentable(found)))
                return await self._in_thread(lambda: search(_presentable(find())))
        except (HourglassError, asyncio.CancelledError):
            raise
        except TimeoutError:
            raise ChoicesUnavailable(f"it takes longer than {self._longest_seconds:g} s") from None
        except BaseException as error:
            log.warning("choices could not be found: %s", in_words(error), exc_info=error)
            raise ChoicesUnavailable(in_words(error)) from error

    async def _in_thread(self, find: Callable[[], list[Choice]]) -> list[Choice]:
        """Runs `find` in a thread that ends with the process: an executor would wait for one that hangs."""
        await self._places.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Choice]] = loop.create_future()

        def ended(settle: Callable[[], None]) -> None:
            self._places.release()
            if not found.done():
                settle()

        def run() -> None:
            try:
                settle = partial(found.set_result, find())
            except Exception as error:  # noqa: BLE001  whoever waits gets the error
                settle = partial(found.set_exception, error)
            except BaseException as error:  # noqa: BLE001  as SystemExit, which a future would raise in the loop
                settle = partial(found.set_exception, RuntimeError(in_words(error)))
            with suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(ended, settle)

        threading.Thread(target=run, name="choices", daemon=True).start()
        return await found


def _presentable(found: Iterable[object]) -> list[Choice]:
    """Returns each value once, as it can be sent. Leaves out values that are not JSON, are null, or are too long."""
    by_text: dict[bytes, Choice] = {}
    for one in islice(found, MOST_CHOICES):
        choice = one if isinstance(one, Choice) else Choice(one)
        text = _text_of(choice.value)
        if text is not None and text not in by_text:
            by_text[text] = _named(choice)
    return list(by_text.values())


def _text_of(value: object) -> bytes | None:
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return None if text == b"null" or len(text) > LONGEST_VALUE_BYTES else text


def _named(choice: Choice) -> Choice:
    name = choice.name or (
        choice.value if isinstance(choice.value, str) else msgspec.json.encode(choice.value).decode()
    )
    return Choice(choice.value, _cut(name), _cut(choice.detail))


def _cut(text: object) -> str:
    return with_replacement_marks(str(text))[:LONGEST_NAME]
