"""Splits texts into the words that the search knows: one function for what is kept and for what is sought."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MOST_WORDS = 20
"""So many different words may be searched for at once: each is looked up by itself."""

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits, without regard to case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def split_words(text: str) -> str:
    """The words of a text as they are kept, with spaces between."""
    return " ".join(words(text))


def sought_words(text: str) -> list[str]:
    """The different words of what somebody searches for."""
    return list(dict.fromkeys(words(text)))


def has_words(text: str, wanted: str) -> bool:
    """Whether each of some words, with spaces between, begins a word of the text: what FTS5 says, of one text."""
    found = words(text)
    return all(any(word.startswith(beginning) for word in found) for beginning in wanted.split())


def match_expression(sought: Sequence[str]) -> str:
    """The FTS5 query for texts in which each of these words begins some word."""
    return " AND ".join(f'"{word}"*' for word in sought)


def whole_words_expression(sought: Sequence[str]) -> str:
    """The same for texts that have each word as a whole: fewer, but found without reading all that begins so."""
    return " AND ".join(f'"{word}"' for word in sought)
