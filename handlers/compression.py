"""The page and its files are compressed on their way; answers of the API are not: they are small and in a hurry."""

from __future__ import annotations

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import GZipContentEncoding, OutputTransform

COMPRESSED = ("/openattic/static/", "/openattic/vendor/", "/openattic/docs")
PAGE = "/openattic/"


class Compression(OutputTransform):
    """Compresses the text among them, where the client takes that and does not ask for a range of it."""

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        is_file = request.path == PAGE or request.path.startswith(COMPRESSED)
        self._gzip = GZipContentEncoding(request) if is_file and "Range" not in request.headers else None

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if self._gzip is None:
            return status_code, headers, chunk
        return self._gzip.transform_first_chunk(status_code, headers, chunk, finishing)

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return chunk if self._gzip is None else self._gzip.transform_chunk(chunk, finishing)
