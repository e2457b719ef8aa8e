"""The page and its files on the wire."""

from __future__ import annotations

import gzip

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.support.service import basic

pytestmark = pytest.mark.gen_test
SCRIPT = "static/js/main.js"
FILES = ["", SCRIPT, "static/css/page.css", "vendor/bootstrap/css/bootstrap.min.css"]


async def fetched(client, path, method="GET", packed=True, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | basic()
    if packed:
        sent["Accept-Encoding"] = "gzip"
    address = f"{client.service.base}/openattic/{path}"
    request = HTTPRequest(address, method=method, headers=sent, decompress_response=False)
    return await AsyncHTTPClient().fetch(request, raise_error=False)


@pytest.mark.parametrize("path", FILES)
async def test_text_is_compressed_where_the_client_takes_that(client, path):
    packed, plain = await fetched(client, path), await fetched(client, path, packed=False)

    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body


async def test_a_file_that_is_known_already_is_not_sent_again(client):
    first = await fetched(client, SCRIPT)
    again = await fetched(client, SCRIPT, If_None_Match=first.headers["Etag"])

    assert (again.code, again.body) == (304, b"")


async def test_a_range_is_a_range_of_the_file_itself(client):
    whole = await fetched(client, SCRIPT, packed=False)
    part = await fetched(client, SCRIPT, Range="bytes=10-29")

    assert (part.code, part.body) == (206, whole.body[10:30])


async def test_head_tells_no_more_than_get(client):
    answer = await fetched(client, SCRIPT, "HEAD")

    assert (answer.code, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["api/openapi.json", "vendor/bootstrap-icons/fonts/bootstrap-icons.woff2"])
async def test_answers_of_the_api_and_fonts_are_sent_as_they_are(client, path):
    answer = await fetched(client, path)

    assert answer.code == 200
    assert "Content-Encoding" not in answer.headers
