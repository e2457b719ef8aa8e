"""Text for people: numbers with their nouns, and texts that fit."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Returns `1 image` or `3 images`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cut(text: str, most: int) -> str:
    """Returns the text, shortened with `…` if it has more characters than this."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
