"""Text that is to be JSON: whether everybody can read it. Workers look before they send, the server looks again.

One text that is no JSON would make each list in which it stands unreadable, for everybody.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate

import msgspec

from jobs.errors import LimitExceeded, NotJson

# Whoever reads JSON recursively (Python does, to about 1,000) must be able to read what was kept.
MOST_LEVELS = 200
# What Python takes for a whole number; others read larger ones as infinite.
MOST_DIGITS = 4_300

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\\\|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_ALL_BUT_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_LEVEL = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_PIECE_BYTES = 16 * 1024
"""So much is looked through before another thread gets its turn."""

REPLACEMENT = "\ufffd"


def with_replacement_marks(text: str) -> str:
    """Returns the text without halves of characters, which stand in Python's text for bytes that are not UTF-8, as in
    names of files. UTF-8 cannot hold them."""
    return text if text.isascii() else _HALF_CHARACTER.sub(REPLACEMENT, text)


def with_escapes(text: str) -> str:
    """Returns the text with the same halves as escapes of JSON, by which Python reads back what it was made of."""
    return text if text.isascii() else _HALF_CHARACTER.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def check_json(text: str, what: str, most_bytes: int, *, may_hold_halves: bool = False) -> None:
    """Raises NotJson where `text` is no strict JSON, LimitExceeded where it is too large; `what` names it.

    `may_hold_halves`: halves of characters may stand there as escapes, which few can read but Python can.
    """
    encoded = text.encode()
    if len(encoded) > most_bytes:
        raise LimitExceeded(f"{what} takes {len(encoded):,} bytes as JSON, at most {most_bytes:,} are kept")
    if _is_deeper_than(MOST_LEVELS, encoded):
        raise too_deep(what)
    _check_form(encoded, text, what, may_hold_halves)
    if len(encoded) > MOST_DIGITS and b"0" * (MOST_DIGITS + 1) in encoded.translate(_DIGITS_AS_ZEROS):
        _check_numbers(text, what)


def too_deep(what: str) -> LimitExceeded:
    return LimitExceeded(f"{what} is nested too deeply, at most {MOST_LEVELS} levels are kept")


def _check_form(encoded: bytes, text: str, what: str, may_hold_halves: bool) -> None:
    """As msgspec sees it, which looks through a text without making anything of it, 2 GB a second."""
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
    """Such a run of digits may also stand in a string."""
    try:
        json.loads(text)
    except ValueError as error:
        raise LimitExceeded(f"{what} holds a number of more than {MOST_DIGITS:,} digits") from error


def _is_deeper_than(levels: int, encoded: bytes) -> bool:
    """By its brackets, those in strings left out. Where it is no JSON the answer does not matter."""
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
