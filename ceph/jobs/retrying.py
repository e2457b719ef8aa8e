"""Asks a cluster for jobs, and again if it does not answer: rounds say so, and an abort never waits for an answer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from errno import EACCES, EAGAIN
from math import inf
from typing import TypeVar

from ceph.clusters import RETRY_AFTER_SECONDS, may_pass
from ceph.connection.answers import checked_answers
from ceph.connection.cluster import Cluster
from ceph.errors import ClusterError, ClusterRefused, ClusterUnavailable
from ceph.images.findings import shown
from ceph.images.opener import Opener
from ceph.images.opener_messages import Answer, ListImages, Measure, Request
from ceph.state import image_path
from jobs import Pause, Round

LONGEST_SILENCE_SECONDS = 300.0
SHORT_PATIENCE_SECONDS = 5.0
"""The time for each image once images that did not answer have cost five minutes in all."""
WAITING_ROUND_SECONDS = 10.0
"""The interval of rounds that say what a task is waiting for."""

Result = TypeVar("Result")
Rounds = Generator[Round | Pause, None, Result]


class RetryingClient:
    """Asks a cluster for a task, by a connection and a process that opens images, each started when it is needed.

    `say` turns a message into a round.
    """

    def __init__(
        self, connect: Callable[[], Cluster], image_timeout_seconds: float, say: Callable[[str], Round]
    ) -> None:
        self._connect = connect
        self._image_timeout_seconds = image_timeout_seconds
        self._say = say
        self._cluster: Cluster | None = None
        self._opener: Opener | None = None
        self._was_reached = False
        self._answered_at = 0.0
        self._lost_seconds = 0.0
        self._waiting_for = ""

    def close(self) -> None:
        self.close_opener()
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def close_opener(self) -> None:
        """Ends the process that opens images; the next request starts another."""
        if self._opener is not None:
            self._opener.close()
            self._opener = None

    def ask(
        self, ask: Callable[[Cluster], Result], patience_seconds: float = LONGEST_SILENCE_SECONDS
    ) -> Rounds[Result]:
        """Calls `ask` until the cluster answers, and returns its result.

        Raises ClusterError if the cluster refuses, or does not answer for longer than the patience.
        """
        began = time.monotonic()
        while True:
            try:
                with self._connecting():
                    self._cluster = self._cluster or self._connect()
                with checked_answers():
                    return ask(self._cluster)
            except ClusterError as error:
                if not is_worth_asking_again(error, began, patience_seconds):
                    raise
                if error.errno != EAGAIN:
                    self.close()  # after a timeout of the manager the connection is unusable
                yield from self.pause_before_retry(f"{error}")

    def pause_before_retry(self, text: str) -> Rounds[None]:
        """Yields a round that says why, and waits a moment."""
        yield self._say(f"{text}; trying again")
        yield Pause(RETRY_AFTER_SECONDS)

    # The process that opens images

    def request(self, request: Request, patience_seconds: float = LONGEST_SILENCE_SECONDS) -> Rounds[Answer]:
        """Returns the first answer of that process, which must start within the patience. Raises ClusterError."""
        yield from self.ask(self._connect_opener, patience_seconds)
        assert self._opener
        self._waiting_for = _request_text(request)
        self._opener.order(request, SHORT_PATIENCE_SECONDS if self._is_impatient else inf)
        return (yield from self.answer())

    def answer(self) -> Rounds[Answer]:
        """Returns its next answer; meanwhile rounds say what the task is waiting for."""
        assert self._opener
        next_round_at = time.monotonic() + WAITING_ROUND_SECONDS
        while (answer := self._opener.reply()) is None:
            yield Pause()
            if time.monotonic() > next_round_at:
                next_round_at += WAITING_ROUND_SECONDS
                yield self._say(f"waiting for {self._waiting_for}")
        self._answered_at = time.monotonic()
        return answer

    def _connect_opener(self, cluster: Cluster) -> None:
        if self._opener is None:
            self._opener = Opener(cluster.settings, self._image_timeout_seconds)
        if not self._opener.is_connected:
            with self._connecting():
                self._opener.connect()

    @contextmanager
    def _connecting(self) -> Iterator[None]:
        """Marks failures after the first success: they may pass, since a key may be about to be replaced."""
        try:
            yield
        except ClusterUnavailable as error:
            error.was_reached |= self._was_reached
            raise
        self._was_reached = True

    @property
    def _is_impatient(self) -> bool:
        return self._lost_seconds > LONGEST_SILENCE_SECONDS

    def each(
        self,
        paths: Iterable[str],
        ask: Callable[[str], Rounds[None]],
        fail: Callable[[str, ClusterError], Rounds[None]],
    ) -> Rounds[None]:
        """Calls `ask` for each of these images, and `fail` for each one that cannot be read.

        An image that does not answer is retried once after all others, and fails then; as long as none has answered at
        all, it is retried again and again. The other images of its pool come after those of pools that answer. If
        nothing answers for five minutes, all remaining images of such pools fail. Once timeouts have cost five minutes
        in all, each image gets less time.
        """
        waiting = deque(paths)
        silent: set[str] = set()
        suspects: set[str] = set()
        has_answered = False
        self._answered_at = time.monotonic()
        while waiting:
            path = waiting.popleft()
            yield from self.ask(self._connect_opener)  # without a cluster it is not the image that fails
            began = time.monotonic()
            try:
                yield from ask(path)
            except ClusterError as error:
                failure = error
            else:
                has_answered = True
                continue
            if isinstance(failure, ClusterUnavailable) and failure.errno == EACCES:
                self.close_opener()  # a refused key is not the image's fault: another process has to connect
                waiting.appendleft(path)
                continue
            now = time.monotonic()
            if isinstance(failure, ClusterRefused):
                has_answered, self._answered_at = True, now
            else:
                self._lost_seconds += now - began
                suspects.add(_pool_of(path))
                waiting = deque(sorted(waiting, key=lambda other: _pool_of(other) in suspects))
            is_over = now > self._answered_at + LONGEST_SILENCE_SECONDS
            if not _is_silence(failure) or is_over or (has_answered and (path in silent or self._is_impatient)):
                yield from fail(path, failure)
                while is_over and waiting and _pool_of(waiting[0]) in suspects:
                    yield from fail(waiting.popleft(), failure)
            else:
                silent.add(path)
                waiting.append(path)
                yield from self.pause_before_retry(f"{shown(path)}: {failure}")


def _pool_of(path: str) -> str:
    return path.partition("/")[0]


def is_worth_asking_again(error: ClusterError, began: float, patience_seconds: float = LONGEST_SILENCE_SECONDS) -> bool:
    """Returns whether a question that was first asked at `began` is asked again after this error."""
    if time.monotonic() >= began + patience_seconds:
        return False
    return _is_silence(error) or (isinstance(error, ClusterUnavailable) and may_pass(error, began))


def _is_silence(error: ClusterError) -> bool:
    """Returns whether nobody answered in time, or the manager was not ready yet."""
    return error.errno == EAGAIN or (isinstance(error, ClusterUnavailable) and error.is_silence)


def _request_text(request: Request) -> str:
    if isinstance(request, Measure):
        return shown(image_path(request.pool, request.namespace, request.name))
    if isinstance(request, ListImages):
        return "the list of images"
    return f"the list of images of pool {shown(request.pool)}"
