"""Text in fewer bytes, where the client takes it so."""

from __future__ import annotations

import gzip
import re

from tornado.httputil import HTTPServerRequest

_REFUSED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")


def takes_gzip(request: HTTPServerRequest) -> bool:
    """Whether `Accept-Encoding` names gzip, and not to refuse it."""
    for coding in request.headers.get("Accept-Encoding", "").split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not _REFUSED.fullmatch(weight)
    return False


def compressed(content: bytes, *, quickly: bool = False) -> bytes:
    """The content by gzip: always the same bytes for the same content, so that they have an ETag. `quickly` is for what
    is made anew each time."""
    return gzip.compress(content, 1 if quickly else 9, mtime=0)
