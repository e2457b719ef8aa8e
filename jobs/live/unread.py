"""Frames that have not left yet, and how much memory they take."""

from __future__ import annotations

from collections.abc import Callable

from jobs.live.subscriber import Subscriber

SMALL_FRAME_BYTES = 16 * 1024
STUCK_SECONDS = 10.0
"""How long a client may hold a large frame if others wait for the room."""


class Frame:
    """A frame on its way to clients: its bytes exist once, and count once, until the last client has taken it."""

    def __init__(self, data: bytes, began: float) -> None:
        self.data = data
        self.began = began
        self.readers: set[Subscriber] = set()
        self.is_cut = False


class Unread:
    """All frames on their way. `on_change` is called with each change of their size in bytes."""

    def __init__(self, most_bytes: int, on_change: Callable[[int], None]) -> None:
        self._most_bytes = most_bytes
        self._on_change = on_change
        self.frames: set[Frame] = set()
        self.bytes = 0

    @property
    def is_full(self) -> bool:
        return self.bytes >= self._most_bytes

    @property
    def is_full_for_long(self) -> bool:
        """Returns whether it stays full even when the clients that were disconnected are gone."""
        going = sum(len(frame.data) for frame in self.frames if frame.is_cut)
        return self.bytes - going >= self._most_bytes

    def add(self, frame: Frame) -> None:
        self.frames.add(frame)
        self._change(len(frame.data))

    def left(self, frame: Frame, subscriber: Subscriber) -> None:
        """Notes that a client has taken a frame, or is gone."""
        frame.readers.discard(subscriber)
        if not frame.readers and frame in self.frames:
            self.frames.remove(frame)
            self._change(-len(frame.data))

    def stuck(self, now: float) -> tuple[Frame | None, float | None]:
        """Returns the large frame that holds the most bytes per client, of those that have not left for long; and when
        the next one becomes such a frame."""
        large = [frame for frame in self.frames if len(frame.data) > SMALL_FRAME_BYTES and not frame.is_cut]
        old = [frame for frame in large if frame.began + STUCK_SECONDS <= now]
        worst = max(old, key=lambda frame: len(frame.data) / len(frame.readers), default=None)
        return worst, min((frame.began + STUCK_SECONDS for frame in large), default=None)

    def _change(self, by: int) -> None:
        self.bytes += by
        self._on_change(by)
