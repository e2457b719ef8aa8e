"""Splits texts into the words that the search knows: the same way for stored texts and for queries.

A word is a run of letters and digits with the marks that belong to them, without regard to case. Scripts that are
written without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese …) have no words to split into: a run
of them is found by any part of it, so it is stored as the pairs of adjacent characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MOST_WORDS = 20
"""How many different words a query may have: each is looked up by itself."""
LONGEST_SOUGHT = 1000
"""In characters; no description has a longer word. Normalizing endless combining marks takes long."""
MOST_PAIRS = 8
"""How many pairs of a run in a query are looked up; the whole run is compared with what they find."""

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese and other languages of Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u1b00-\u1b7f\ua980-\ua9df"  # Balinese, Javanese
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c"  # marks of repetition and numerals of the next ones
    "\u3041-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f"  # Hiragana, Katakana
    "\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\ua000-\ua48f\U00016fe0-\U00018d8f\U0001b170-\U0001b2ff"  # Yi, Tangut, Khitan, Nushu
)
"""Characters of scripts without spaces between words: those at which Unicode lets a line break anywhere (UAX 14,
classes ID, CJ and SA, and the scripts of Java and Bali). Korean has spaces, Tibetan has a sign between syllables."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_FORMER_WORD = re.compile(r"[^\W_]+")
_LONE_MARKS = re.compile(r"\A\W+")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_PART = re.compile(rf"(?=\w)[{_UNSPACED}](?:[{_UNSPACED}]|\W)*|(?:[^{_UNSPACED}]|(?=\W)[{_UNSPACED}])+")
"""A run begins with a letter of such a script; a mark of it after another letter belongs to that letter's word."""
_DOT_OF_I = re.compile("(i[\u0300-\u036f]*?)\u0307")
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Variation selectors and fillers, besides the characters of category Cf."""


class _Signs(dict[int, str]):
    """Maps each character to what it is in a word: itself, a space, or nothing. For str.translate."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf" or _INVISIBLE.match(character):
            sign = ""
        else:
            sign = character if character.isalnum() or category in ("Mn", "Mc", "Me") else " "
        if len(self) < 10_000:
            self[code] = sign
        return sign


_SIGNS = _Signs()


def fold(text: str) -> str:
    """Returns the text without differences of case and encoding. All letters i are one, with a dot or without: which of
    them are a pair depends on the language, which is unknown."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ı", "i")
    if "\u0307" in folded:
        folded = _DOT_OF_I.sub(r"\1", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFKC", folded)


def words(text: str) -> list[str]:
    """Returns the words of a text, and the runs of scripts without spaces."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    letters = unicodedata.normalize("NFC", fold(text).translate(_SIGNS))
    return [part for piece in letters.split() for part in _PART.findall(_LONE_MARKS.sub("", piece))]


def sought_words(text: str) -> list[str]:
    """Returns the different words and runs of a query."""
    return list(dict.fromkeys(words(" ".join(piece[:LONGEST_SOUGHT] for piece in text.split()))))


def split_words(text: str) -> str:
    """Returns what is stored of a text, separated by spaces: its words, and each run's pairs and last character."""
    kept: dict[str, None] = {}
    for word in words(text):
        kept |= dict.fromkeys([*_pairs(word), word[-1]] if _is_run(word) else [word])
    return " ".join(kept)


def has_words(text: str, wanted: str) -> bool:
    """Returns whether each word of a query, separated by spaces, begins a word of the text or is part of a run."""
    beginnings, parts = _by_kind(wanted)
    found = words(text)
    return all(any(word.startswith(beginning) for word in found) for beginning in beginnings) and all(
        any(part in word for word in found) for part in parts
    )


def match_expression(sought: Sequence[str]) -> str:
    """Returns the FTS5 query for texts with all of these; if `finds_too_much`, it matches some others too."""
    return _expression(sought, "*")


def whole_words_expression(sought: Sequence[str]) -> str:
    """Returns the same for texts with each word as a whole: fewer, but found without reading every longer word."""
    return _expression(sought, "")


def former_words(text: str) -> list[str]:
    """Returns the words of a query as an earlier version split them, at each mark: at most MOST_WORDS, which may match
    more texts than all of them would."""
    cut = " ".join(piece[:LONGEST_SOUGHT] for piece in text.split())
    found = _FORMER_WORD.findall(unicodedata.normalize("NFKC", cut).casefold())
    return list(dict.fromkeys(found))[:MOST_WORDS]


def former_expression(former: Sequence[str]) -> str:
    """Returns the query for words that an earlier version split: it stored a run as one word."""
    return " AND ".join(f'"{word}"*' for word in former)


def finds_too_much(sought: Sequence[str]) -> bool:
    """Returns whether a text may contain all pairs of a run without the run itself."""
    return any(_is_run(word) and len(word) > 2 for word in sought)


def _expression(sought: Sequence[str], beginning: str) -> str:
    terms: list[str] = []
    for word in sought:
        pairs = _pairs(word)[:MOST_PAIRS] if _is_run(word) else []
        terms += [f'"{pair}"' for pair in pairs] or [f'"{word}"{beginning}']
    return " AND ".join(dict.fromkeys(terms))


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)]


def _is_run(word: str) -> bool:
    return _UNSPACED_CHARACTER.match(word) is not None


@lru_cache(maxsize=16)
def _by_kind(wanted: str) -> tuple[list[str], list[str]]:
    """Returns the words that begin a word, and those that are part of a run."""
    sought = wanted.split()
    return [word for word in sought if not _is_run(word)], [word for word in sought if _is_run(word)]
