"""The stylesheets of a page in one answer, however many files they are in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urljoin

from handlers.http.base import IdentifiedHandler
from handlers.http.compression import compressed, takes_gzip

_IMPORT = re.compile(r'@import url\("([^"]+)"\)(?: layer\(([a-z]+)\))?;')

Imported = tuple[Path, str, int]
"""A file, the layer that it is imported into (or ""), and when it was modified, in nanoseconds."""


class StylesHandler(IdentifiedHandler):
    """Sends a stylesheet with what it imports in the place of each `@import`.

    A browser would fetch the imported files one after the other, and only once it had read the first.
    """

    def initialize(self, folders: Mapping[str, Path]) -> None:
        """`folders` has the folder of each address that files are served below, such as `/openattic/static/css/`."""
        self.folders = folders

    async def get(self) -> None:
        imported = self._imported(self.request.path)
        body = _written_out(imported)
        self.set_header("Content-Type", "text/css")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("X-Content-Type-Options", "nosniff")
        if takes_gzip(self.request):
            self.set_header("Content-Encoding", "gzip")
            body = _compressed(imported)
        self.finish(body)

    async def head(self) -> None:
        await self.get()

    def _imported(self, address: str) -> tuple[Imported, ...]:
        """What the stylesheet at the address imports, in this order."""
        found = _IMPORT.findall(self._file(address).read_text())
        files = [(self._file(urljoin(address, name)), layer) for name, layer in found]
        return tuple((file, layer, file.stat().st_mtime_ns) for file, layer in files)

    def _file(self, address: str) -> Path:
        below, _, name = address.rpartition("/")
        return self.folders[f"{below}/"] / name


@lru_cache
def _written_out(imported: tuple[Imported, ...]) -> bytes:
    texts = ((file.read_text(), layer) for file, layer, _ in imported)
    return "\n".join(f"@layer {layer} {{\n{text}\n}}" if layer else text for text, layer in texts).encode()


@lru_cache
def _compressed(imported: tuple[Imported, ...]) -> bytes:
    return compressed(_written_out(imported))
