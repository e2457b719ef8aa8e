"""Serves the stylesheets of a page in one answer, however many files they are in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from handlers.files import ComposedFileHandler, Compressed, TakenCompressed
from handlers.http.compression import compressed

_IMPORT = re.compile(r'@import url\("([^"]+)"\)(?: layer\(([a-z]+)\))?;')

MOST_CACHED = 8
"""Contents in memory, each of some hundred kilobytes: there are two stylesheets, and those before a change."""

Imported = tuple[Path, str, int]
"""A file, the layer that it is imported into (or ""), and when it was modified, in nanoseconds."""


class StylesHandler(ComposedFileHandler):
    """Sends a stylesheet with what it imports in the place of each `@import`.

    A browser would fetch the imported files one after the other, and only once it had read the first.
    """

    def initialize(self, folders: Mapping[str, Path]) -> None:  # type: ignore[override]
        """Takes the folder of each address that stylesheets are served below, such as `/openattic/static/css/`."""
        self.folders = folders
        super().initialize(str(self.folders[_folder_of(self.request.path)]))

    def content(self) -> bytes:
        return _written_out(self._imported())

    def version(self) -> str:
        return sha256(_written_out(self._imported())).hexdigest()

    def get_modified_time(self) -> datetime:
        """Returns when the newest of the imported files was modified."""
        newest_ns = max(modified_ns for _, _, modified_ns in self._imported())
        return datetime.fromtimestamp(newest_ns // 10**9, UTC)

    def _imported(self) -> tuple[Imported, ...]:
        """Returns the imported files, in their order."""
        files = [
            (self.folders[_folder_of(address)] / address.rpartition("/")[2], layer)
            for name, layer in _IMPORT.findall(Path(self.path_on_disk).read_text())
            for address in [urljoin(self.request.path, name)]
        ]
        return tuple((file, layer, file.stat().st_mtime_ns) for file, layer in files)


class CompressedStylesHandler(Compressed, StylesHandler):
    """The same, compressed."""

    def content(self) -> bytes:
        return _compressed(self._imported())


def style_routes(folder: str, names: str, folders: Mapping[str, Path]) -> list[Any]:
    """Returns the routes to the stylesheets in a folder, which is an address, that match `names`; `folders` as for
    StylesHandler."""
    given = {"folders": folders}
    return [
        (TakenCompressed(rf"{folder}({names})"), CompressedStylesHandler, given),
        (rf"{folder}({names})", StylesHandler, given),
    ]


def _folder_of(address: str) -> str:
    return address[: address.rindex("/") + 1]


@lru_cache(MOST_CACHED)
def _written_out(imported: tuple[Imported, ...]) -> bytes:
    texts = ((file.read_text(), layer) for file, layer, _ in imported)
    return "\n".join(f"@layer {layer} {{\n{text}\n}}" if layer else text for text, layer in texts).encode()


@lru_cache(MOST_CACHED)
def _compressed(imported: tuple[Imported, ...]) -> bytes:
    return compressed(_written_out(imported))
