"""Limits how many images a list may have, since they are held in memory and sent through a pipe in one message."""

from __future__ import annotations

OVERHEAD_BYTES = 150
"""The size of an image in the message without its names, which occur twice if it has an error."""


class ImageBudget:
    """What is left for the images of all pools together."""

    def __init__(self, images: int, message_bytes: int) -> None:
        self._images = images
        self._bytes = message_bytes

    def take(self, *names: str) -> bool:
        """Returns whether there was room for an image of these names, error included."""
        size = OVERHEAD_BYTES + 2 * sum(len(name.encode()) for name in names)
        if self._images < 1 or self._bytes < size:
            return False
        self._images -= 1
        self._bytes -= size
        return True
