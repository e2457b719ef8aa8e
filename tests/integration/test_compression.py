"""The page is sent in fewer bytes where the client takes it so; a client that does not gets the same."""

from __future__ import annotations

import gzip
import os

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.files import file_routes
from tests.support.service import ROOT, basic

FILES = {
    "static/js/main.js": ROOT / "static/js/main.js",
    "static/css/table.css": ROOT / "static/css/table.css",
    "static/img/hourglass.svg": ROOT / "static/img/hourglass.svg",
    "vendor/bootstrap/css/bootstrap.min.css": ROOT / "node_modules/bootstrap/dist/css/bootstrap.min.css",
}
PAGES = ["", "docs/", "static/css/page.css", "static/css/docs.css"]
TAKES = {"Accept-Encoding": "gzip, deflate, br"}


async def fetch(base, path, method="GET", **headers):
    """An answer as it comes: nothing is decompressed on the way."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HTTPRequest(f"{base}/{path}", method, headers, decompress_response=False)
    return await AsyncHTTPClient().fetch(request, raise_error=False)


@pytest.fixture
def ask(shared_service):
    async def ask(path, method="GET", **headers):
        return await fetch(f"{shared_service.base}/openattic", path, method, **basic(), **headers)

    return ask


@pytest.mark.parametrize("path", [*FILES, *PAGES])
async def test_text_is_compressed_if_the_client_accepts_it(ask, path):
    plain, small = await ask(path), await ask(path, **TAKES)

    assert (plain.code, small.code) == (200, 200)
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert len(small.body) < len(plain.body)
    assert small.headers["Content-Length"] == str(len(small.body))
    assert small.headers["Content-Type"] == plain.headers["Content-Type"]
    assert small.headers["Etag"] != plain.headers["Etag"]
    assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert small.headers.get("Content-Security-Policy") == plain.headers.get("Content-Security-Policy")


@pytest.mark.parametrize("path", FILES)
async def test_what_comes_is_the_file(ask, path):
    assert (await ask(path)).body == FILES[path].read_bytes()


@pytest.mark.parametrize("path", [*FILES, *PAGES])
@pytest.mark.parametrize("taken", [{}, TAKES], ids=["plain", "compressed"])
async def test_a_client_that_has_it_already_gets_a_304(ask, path, taken):
    had = await ask(path, **taken)
    again = await ask(path, If_None_Match=had.headers["Etag"], **taken)

    assert (again.code, again.body) == (304, b"")
    assert (again.headers["Etag"], again.headers["Vary"]) == (had.headers["Etag"], "Accept-Encoding")
    assert "Content-Encoding" not in again.headers


@pytest.mark.parametrize("path", [*FILES, *PAGES])
async def test_head_says_what_get_would_bring(ask, path):
    brought, said = await ask(path, **TAKES), await ask(path, "HEAD", **TAKES)

    assert (said.code, said.body) == (200, b"")
    for name in ("Content-Length", "Content-Encoding", "Content-Type", "Etag", "Vary"):
        assert said.headers[name] == brought.headers[name]


@pytest.mark.parametrize("accepted", ["br", "identity", "gzip;q=0", "gzip; q=0.000", "deflate, gzip;q=0", "x-gzipped"])
async def test_gzip_is_not_used_unless_it_is_accepted(ask, accepted):
    answer = await ask("static/js/main.js", Accept_Encoding=accepted)

    assert "Content-Encoding" not in answer.headers
    assert answer.body == FILES["static/js/main.js"].read_bytes()


@pytest.mark.parametrize("accepted", ["GZIP", "br;q=1.0, gzip;q=0.8", "deflate,gzip"])
async def test_gzip_is_used_if_it_is_among_the_accepted_encodings(ask, accepted):
    assert (await ask("static/js/main.js", Accept_Encoding=accepted)).headers["Content-Encoding"] == "gzip"


async def test_a_part_of_a_file_is_a_part_of_what_it_is(ask):
    part = await ask("static/js/main.js", Range="bytes=3-12", **TAKES)

    assert (part.code, part.body) == (206, FILES["static/js/main.js"].read_bytes()[3:13])
    assert "Content-Encoding" not in part.headers


async def test_nothing_is_served_compressed_that_is_not_served_as_it_is(ask):
    for path in ("static/js/none.js", "static/%2e%2e/package.json", "vendor/bootstrap/%2e%2e/package.json"):
        answer = await ask(path, **TAKES)
        assert answer.code in (403, 404)
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("taken", [{}, TAKES], ids=["plain", "compressed"])
async def test_a_file_that_has_changed_is_sent_anew(tmp_path, taken):
    socket, port = bind_unused_port()
    server = HTTPServer(Application(file_routes("/files", tmp_path)))
    server.add_sockets([socket])
    script = tmp_path / "some.js"
    etags = []
    for number, text in enumerate(["first", "other", "first"]):
        script.write_text(text)
        os.utime(script, (number, number))
        had = {"If-None-Match": etags[-1]} if etags else {}
        answer = await fetch(f"http://127.0.0.1:{port}", "files/some.js", **had, **taken)
        assert answer.code == 200
        assert (gzip.decompress(answer.body) if taken else answer.body) == text.encode()
        etags.append(answer.headers["Etag"])
    server.stop()

    assert (etags[0] == etags[2], etags[0] == etags[1]) == (True, False)


async def test_long_answers_of_the_api_are_compressed_if_the_client_accepts_it_and_short_ones_are_not(ask):
    plain, small = await ask("api/openapi.json"), await ask("api/openapi.json", **TAKES)

    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body
    assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in (await ask("api/workers", **TAKES)).headers
