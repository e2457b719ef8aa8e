"""Compresses answers for clients that accept gzip."""

from __future__ import annotations

import gzip
import re

from tornado.httputil import HTTPServerRequest

_REFUSED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")


def takes_gzip(request: HTTPServerRequest) -> bool:
    """Returns whether `Accept-Encoding` accepts gzip."""
    for coding in request.headers.get("Accept-Encoding", "").split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not _REFUSED.fullmatch(weight)
    return False


def compressed(content: bytes, *, quickly: bool = False) -> bytes:
    """Compresses with gzip. The same content always gives the same bytes, and so the same ETag. `quickly` is for
    answers that are made for each request."""
    return gzip.compress(content, 1 if quickly else 9, mtime=0)
