"""How many images a list may have: they are held in memory, and cross a pipe in one message."""

from __future__ import annotations

OVERHEAD_BYTES = 150
"""Of an image in the message, besides its names, which stand there twice if it has an error."""


class ImageBudget:
    """What is left for the images of all pools together."""

    def __init__(self, images: int, message_bytes: int) -> None:
        self._images = images
        self._bytes = message_bytes

    def take(self, *names: str) -> bool:
        """Returns whether there was room for an image of these names, and what may be said of it."""
        size = OVERHEAD_BYTES + 2 * sum(len(name.encode()) for name in names)
        if self._images < 1 or self._bytes < size:
            return False
        self._images -= 1
        self._bytes -= size
        return True
