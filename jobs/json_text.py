"""Checks that text is JSON which everybody can read: workers before they send it, the server once more.

A single text that is not JSON would make every list that contains it unreadable.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate

import msgspec

from jobs.errors import LimitExceeded, NotJson

# Whoever reads JSON recursively (Python does, to about 1,000) must be able to read what was stored.
MOST_LEVELS = 200
# What Python takes for a whole number; others read larger ones as infinite.
MOST_DIGITS = 4_300

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\\\|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_ALL_BUT_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_LEVEL = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_PIECE_BYTES = 16 * 1024
"""How much is examined before another thread gets its turn."""

REPLACEMENT = "\ufffd"


def with_replacement_marks(text: str) -> str:
    """Returns the text with replacement marks instead of halves of characters. Python represents bytes that are not
    UTF-8, for example in file names, by such halves, which UTF-8 cannot encode."""
    return text if text.isascii() else _HALF_CHARACTER.sub(REPLACEMENT, text)


def with_escapes(text: str) -> str:
    """Returns the text with the same halves as JSON escapes, from which Python restores the original text."""
    return text if text.isascii() else _HALF_CHARACTER.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def check_json(text: str, what: str, most_bytes: int, *, may_hold_halves: bool = False) -> None:
    """Raises NotJson if `text` is not strict JSON, LimitExceeded if it is too large; `what` names it.

    `may_hold_halves`: it may contain halves of characters as escapes, which Python can read, but few others.
    """
    encoded = text.encode()
    if len(encoded) > most_bytes:
        raise LimitExceeded(f"{what} takes {len(encoded):,} bytes as JSON, at most {most_bytes:,} are allowed")
    if _is_deeper_than(MOST_LEVELS, encoded):
        raise too_deep(what)
    _check_form(encoded, text, what, may_hold_halves)
    if len(encoded) > MOST_DIGITS and b"0" * (MOST_DIGITS + 1) in encoded.translate(_DIGITS_AS_ZEROS):
        _check_numbers(text, what)


def too_deep(what: str) -> LimitExceeded:
    return LimitExceeded(f"{what} is nested too deeply, at most {MOST_LEVELS} levels are allowed")


def _check_form(encoded: bytes, text: str, what: str, may_hold_halves: bool) -> None:
    """Raises NotJson if msgspec cannot read the text. It creates no objects, so it checks 2 GB a second."""
    try:
        msgspec.json.decode(encoded, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        if may_hold_halves and (without := _ESCAPED_HALF.sub(_without_half, text)) != text:
            _check_form(without.encode(), without, what, may_hold_halves)
            return
        raise NotJson(f"{what} is not JSON: {error}") from error


def _without_half(found: re.Match[str]) -> str:
    return found[0] if found[0] == r"\\" else "?"


def _check_numbers(text: str, what: str) -> None:
    """Raises LimitExceeded if such a run of digits is a number; it may also be part of a string."""
    try:
        json.loads(text)
    except ValueError as error:
        raise LimitExceeded(f"{what} contains a number of more than {MOST_DIGITS:,} digits") from error


def _is_deeper_than(levels: int, encoded: bytes) -> bool:
    """Counts brackets outside of strings. For text that is not JSON the answer does not matter."""
    if encoded.count(b"[") + encoded.count(b"{") <= levels:
        return False
    marks = encoded.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _ALL_BUT_MARKS)
    level, is_inside = 0, 0
    for start in range(0, len(marks), _PIECE_BYTES):
        parts = marks[start : start + _PIECE_BYTES].split(b'"')
        changes = map(_LEVEL.__getitem__, b"".join(parts[is_inside::2]))
        reached = [*accumulate(changes, initial=level)]
        if max(reached) > levels:
            return True
        level, is_inside = reached[-1], (is_inside + len(parts) - 1) % 2
    return False
