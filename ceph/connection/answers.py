"""Decodes the answers of a cluster: JSON into which Ceph writes `inf` and `nan`, which JSON does not allow."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ceph.errors import ClusterRefused
from jobs.errors import in_words

log = logging.getLogger("hourglass.ceph")

LARGEST_ANSWER_BYTES = 256 << 20
_STRING_OR_NO_NUMBER = re.compile(
    r'"(?:[^"\\]|\\.)*"|[-+]?\b(?:inf(?:inity)?|nan(?:\([\w-]*\))?)(?!\w)', re.IGNORECASE | re.DOTALL
)

_asked = threading.local()


def decode_answer(prefix: str, output: bytes) -> Any:
    """Decodes an answer, with None for `inf` and `nan`. Raises ClusterRefused if it is not JSON."""
    if len(output) > LARGEST_ANSWER_BYTES:
        raise ClusterRefused(
            f"{prefix}: the cluster answered with {len(output):,} bytes, at most {LARGEST_ANSWER_BYTES:,} are read"
        )
    asked = getattr(_asked, "prefixes", None)
    if asked is not None:
        asked.append(prefix)
    text = output.decode(errors="replace")
    try:
        return _parsed(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _parsed(_STRING_OR_NO_NUMBER.sub(_string_or_null, text))
    except (ValueError, RecursionError) as error:
        raise ClusterRefused(f"{prefix}: expected JSON from the cluster, got {output[:60]!r}") from error


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=lambda _: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _string_or_null(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else "null"


@contextmanager
def checked_answers() -> Iterator[None]:
    """Raises ClusterRefused instead of what is raised because an answer lacks something or has another form.

    The error names what this thread has asked meanwhile.
    """
    asked: list[str] = []
    before, _asked.prefixes = getattr(_asked, "prefixes", None), asked
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if not asked:
            raise  # the cluster is not to blame
        named = ", ".join(dict.fromkeys(asked))
        log.warning("An answer from the cluster cannot be understood (%s).", named, exc_info=True)
        raise ClusterRefused(
            f"{named}: the cluster answered in a form that cannot be understood ({in_words(error)})"
        ) from error
    finally:
        _asked.prefixes = before
