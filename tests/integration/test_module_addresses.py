"""The page's modules have addresses with their version, so that a browser loads them once and asks for none again."""

from __future__ import annotations

import os
import re
from urllib.request import urlopen

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.files import ETAG_CHARACTERS, FolderVersion, module_routes
from tests.support.service import ROOT

MODULES = ROOT / "static" / "js"
LASTING, REVALIDATED = "max-age=31536000, immutable", "no-cache"


async def fetch(address, method="GET", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return await AsyncHTTPClient().fetch(HTTPRequest(address, method, headers), raise_error=False)


@pytest.fixture
def address(shared_service):
    """The address of the page's first module, as the page has it."""
    with urlopen(f"{shared_service.base}/openattic/") as answer:
        page = answer.read().decode()
    return shared_service.base + re.search(r'<script type="module" src="(/[^"]+/main\.js)"', page)[1]


@pytest.mark.parametrize("headers", [{}, {"Accept_Encoding": "gzip"}, {"Range": "bytes=0-"}], ids=str)
async def test_a_module_of_the_version_that_the_page_names_is_cached(address, headers):
    answer = await fetch(address, **headers)

    assert answer.body == (MODULES / "main.js").read_bytes()
    assert (
        answer.headers["Cache-Control"] == (await fetch(address, "HEAD", **headers)).headers["Cache-Control"] == LASTING
    )


async def test_so_is_each_one_that_it_imports(address):
    for path in MODULES.rglob("*.js"):
        answer = await fetch(address.replace("main.js", str(path.relative_to(MODULES))))
        assert (answer.code, answer.headers["Cache-Control"], answer.body) == (200, LASTING, path.read_bytes())


def test_modules_import_each_other_by_relative_addresses():
    """By an absolute one a module would lack the version, and exist twice if another imports it by a relative one."""
    for path in MODULES.rglob("*.js"):
        for imported in re.findall(r'^(?:import|export)[^;]*? from "([^"]+)";', path.read_text(), re.MULTILINE):
            is_ours = imported.startswith(".") and (path.parent / imported).resolve().is_relative_to(MODULES)
            assert is_ours or imported.startswith("/openattic/vendor/"), f"{path}: {imported}"


@pytest.mark.parametrize("version", ["", f"-{'0' * ETAG_CHARACTERS}"])
async def test_one_of_any_other_version_is_revalidated(address, version):
    answer = await fetch(re.sub(r"/js-\w+/", f"/js{version}/", address))

    assert (answer.headers["Cache-Control"], answer.body) == (REVALIDATED, (MODULES / "main.js").read_bytes())


@pytest.mark.parametrize(
    ("path", "code"), [("-0/main.js", 404), ("-{}/none.js", 404), ("-{}/main.css", 404), ("-{}/../../../x.js", 403)]
)
async def test_what_is_no_version_or_no_module_is_not_there(shared_service, path, code):
    path = path.format("0" * ETAG_CHARACTERS)
    assert (await fetch(f"{shared_service.base}/openattic/static/js{path}")).code == code


async def test_a_file_that_is_replaced_gives_all_of_them_other_addresses(tmp_path):
    now = 0.0
    version = FolderVersion(tmp_path, clock=lambda: now)
    socket, port = bind_unused_port()
    server = HTTPServer(Application(module_routes("/js", tmp_path, version)))
    server.add_sockets([socket])

    async def caching(folder_version):
        return (await fetch(f"http://127.0.0.1:{port}/js-{folder_version}/main.js")).headers["Cache-Control"]

    (tmp_path / "views").mkdir()
    imported = tmp_path / "views" / "list.js"
    (tmp_path / "main.js").write_text('import "./views/list.js";')
    versions = []
    for number, text in enumerate(["first", "other", "first"]):
        imported.write_text(text)
        os.utime(imported, (number, number))
        now += FolderVersion.LASTS_SECONDS
        versions.append(version())
        assert await caching(versions[-1]) == LASTING

    assert versions[0] == versions[2] != versions[1]
    assert await caching(versions[1]) == REVALIDATED
    server.stop()


def test_files_are_not_looked_at_for_each_module(tmp_path):
    now = 0.0
    version = FolderVersion(tmp_path, clock=lambda: now)
    before = version()
    (tmp_path / "one.js").write_text("one")
    now = FolderVersion.LASTS_SECONDS - 0.01
    assert version() == before
    now = FolderVersion.LASTS_SECONDS
    assert version() != before
