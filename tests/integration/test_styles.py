"""The stylesheets of a page come in one answer."""

from __future__ import annotations

import os

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.styles import style_routes
from tests.support.service import ROOT

FOLDER = ROOT / "static" / "css"


async def fetch(address, **headers):
    """Asks for gzip and unpacks it, unless the headers say what is accepted."""
    unpacks = "Accept-Encoding" not in headers
    answer = await AsyncHTTPClient().fetch(address, headers=headers, raise_error=False, decompress_response=unpacks)
    return answer.code, answer.body.decode(errors="replace"), answer.headers


@pytest.mark.parametrize(("name", "last"), [("page", "curves"), ("docs", "api")])
async def test_what_a_stylesheet_imports_stands_in_its_place(shared_service, name, last):
    code, text, headers = await fetch(f"{shared_service.base}/openattic/static/css/{name}.css")

    assert (code, headers["Content-Type"]) == (200, "text/css")
    assert "@import" not in text
    assert text.startswith((FOLDER / "tokens.css").read_text())
    assert text.endswith((FOLDER / f"{last}.css").read_text())
    bootstrap = (ROOT / "node_modules/bootstrap/dist/css/bootstrap.min.css").read_text()
    assert f"@layer bootstrap {{\n{bootstrap}\n}}\n{(FOLDER / 'base.css').read_text()}" in text


async def test_an_imported_file_that_has_changed_is_sent_anew(tmp_path):
    (tmp_path / "all.css").write_text('@import url("one.css");\n@import url("two.css") layer(parts);\n')
    (tmp_path / "one.css").write_text("a {}")
    changing = tmp_path / "two.css"
    socket, port = bind_unused_port()
    server = HTTPServer(Application(style_routes("/css/", r"all\.css", {"/css/": tmp_path})))
    server.add_sockets([socket])
    had = {}
    for number, text in enumerate(["b {}", "c {}"]):
        changing.write_text(text)
        os.utime(changing, (number, number))
        code, sent, headers = await fetch(f"http://127.0.0.1:{port}/css/all.css", **had)
        assert (code, sent) == (200, f"a {{}}\n@layer parts {{\n{text}\n}}")
        had = {"If-None-Match": headers["Etag"]}
    assert (await fetch(f"http://127.0.0.1:{port}/css/all.css", **had))[0] == 304
    server.stop()


async def test_it_is_sent_as_other_files_are(shared_service):
    address = f"{shared_service.base}/openattic/static/css/page.css"
    plain = {"Accept-Encoding": "identity"}
    code, whole, headers = await fetch(address, **plain)
    packed = (await fetch(address, **{"Accept-Encoding": "gzip"}))[2]

    assert (code, headers["Accept-Ranges"], headers["Cache-Control"]) == (200, "bytes", "no-cache")
    assert (await fetch(address, **plain, **{"If-Modified-Since": headers["Last-Modified"]}))[0] == 304
    assert (await fetch(address, **plain, Range="bytes=2-9"))[:2] == (206, whole[2:10])
    assert ("Accept-Ranges" in packed, packed["Last-Modified"]) == (False, headers["Last-Modified"])
    assert packed["Etag"] != headers["Etag"]
