"""Serves the files of the page, as they are or compressed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches
from tornado.web import HTTPError, StaticFileHandler

from handlers.http.base import IdentifiedHandler
from handlers.http.compression import compressed, takes_gzip
from handlers.http.problems import Refusal

TEXTS = ("css", "html", "js", "json", "map", "svg")
"""The types that are worth compressing; fonts are compressed already."""

LONGEST_PATH_CHARACTERS = 4096
"""No file has a longer path, and checking one would take long."""

MOST_FILES = 500
"""The size of the caches, which is more files than there are."""


ETAG_CHARACTERS = 16
"""64 bits of a hash. The page is made of some 150 files: the whole hash of each would be 16 kB of its first view."""

REVALIDATED = "no-cache"
CACHED_FOR_A_YEAR = "max-age=31536000, immutable"


class FolderVersion:
    """A hash over the names and contents of all files in a folder."""

    LASTS_SECONDS = 1.0
    """How long it is used before the files are checked again, which takes 1 ms for 100 of them."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._version = ""
        self._looked_at = float("-inf")

    def __call__(self) -> str:
        """Returns the version, of ETAG_CHARACTERS hexadecimal digits."""
        now = self._clock()
        if now >= self._looked_at + self.LASTS_SECONDS:
            self._version, self._looked_at = self._of_files(), now
        return self._version

    def _of_files(self) -> str:
        files = sorted(path for path in self._folder.rglob("*") if path.is_file())
        versions = (f"{path.relative_to(self._folder)} {_current_version(str(path))}\n" for path in files)
        return sha256("".join(versions).encode()).hexdigest()[:ETAG_CHARACTERS]


class FileHandler(IdentifiedHandler, StaticFileHandler):
    """A file without changes. Browsers revalidate it each time, unless its address has the version of its folder."""

    etag_ending: ClassVar[str] = ""

    def initialize(self, path: str, folder_version: Callable[[], str] | None = None) -> None:  # type: ignore[override]
        """Takes the folder, and its version if that is in the addresses."""
        super().initialize(path)
        self._folder_version = folder_version
        self._caching = REVALIDATED

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", self._caching)
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("X-Content-Type-Options", "nosniff")

    async def get(self, path: str, include_body: bool = True, version: str = "") -> None:
        """Sends the file as it is now, whichever version is asked for. Refusals are problems, instead of Tornado's own
        pages."""
        if "\0" in path or len(path) > LONGEST_PATH_CHARACTERS:
            raise HTTPError(404)
        if self._folder_version is not None and version == self._folder_version():
            self._caching = CACHED_FOR_A_YEAR
        try:
            await super().get(path, include_body)
        except HTTPError as error:
            if error.status_code == 403:
                raise Refusal(403, "There is no readable file at this address.") from None
            raise
        if self.get_status() == 416:
            self.send_problem(Refusal(416, "The file has no such bytes: expected a range that begins inside it."), 416)

    async def head(self, path: str, version: str = "") -> None:
        await self.get(path, include_body=False, version=version)

    def compute_etag(self) -> str:
        """Returns an ETag of the file as it is now: Tornado caches the first one, and would keep answering 304."""
        return f'"{self.version()[:ETAG_CHARACTERS]}{self.etag_ending}"'

    def version(self) -> str:
        """Returns a text that identifies the content."""
        return _current_version(self.path_on_disk)

    @property
    def path_on_disk(self) -> str:
        """Returns the path of the file, which `get` has checked."""
        assert self.absolute_path is not None
        return self.absolute_path


class ComposedFileHandler(FileHandler):
    """A file whose content is composed of files, and sent from memory."""

    def content(self) -> bytes:
        """Returns the whole content."""
        raise NotImplementedError

    def get_content(self, abspath: str, start: int | None = None, end: int | None = None) -> bytes:  # type: ignore[override]
        """Returns a part of the content. Tornado calls this class method on the handler."""
        return self.content()[start:end]

    def get_content_size(self) -> int:
        return len(self.content())


class Compressed(FileHandler):
    """Sets the headers of compressed content, which Tornado treats as a separate file."""

    etag_ending = "-gzip"

    def set_extra_headers(self, path: str) -> None:
        super().set_extra_headers(path)
        self.set_header("Content-Encoding", "gzip")
        self.clear_header("Accept-Ranges")  # a range is sent of the file as it is: see TakenCompressed


class CompressedFileHandler(Compressed, ComposedFileHandler):
    """A text file, compressed."""

    def content(self) -> bytes:
        return _compressed_file(self.path_on_disk, _modified_ns(self.path_on_disk))


class TakenCompressed(PathMatches):
    """Matches if the client accepts gzip and wants the whole file: a range would be one of the compressed bytes."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return super().match(request) if takes_gzip(request) and "Range" not in request.headers else None


def file_routes(address: str, folder: Path) -> list[Any]:
    """Returns the routes to the files of a folder."""
    given = {"path": folder}
    return [
        (TakenCompressed(rf"{address}/(.*\.(?:{'|'.join(TEXTS)}))"), CompressedFileHandler, given),
        (rf"{address}/(.*)", FileHandler, given),
    ]


def module_routes(address: str, folder: Path, version: FolderVersion) -> list[Any]:
    """Returns the routes to a folder's modules, whose addresses contain its version: `static/js-VERSION/main.js`.

    Modules import each other by relative addresses, so the version is in all of them.
    """
    given = {"path": folder, "folder_version": version}
    files = rf"{address}-(?P<version>[0-9a-f]{{{ETAG_CHARACTERS}}})/(?P<path>.*\.js)"
    return [(TakenCompressed(files), CompressedFileHandler, given), (files, FileHandler, given)]


def _current_version(path: str) -> str:
    return _version(path, _modified_ns(path))


def _modified_ns(path: str) -> int:
    return os.stat(path).st_mtime_ns


@lru_cache(MOST_FILES)
def _version(path: str, modified_ns: int) -> str:
    return FileHandler.get_content_version(path)


@lru_cache(MOST_FILES)
def _compressed_file(path: str, modified_ns: int) -> bytes:
    return compressed(Path(path).read_bytes())
