"""Splits texts into the words that the search knows: one function for what is kept and for what is sought."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits, without regard to case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def match_expression(text: str) -> str | None:
    """The FTS5 query for texts in which each word of `text` begins some word; None where it has no word."""
    found = words(text)
    return " AND ".join(f'"{word}"*' for word in found) or None
