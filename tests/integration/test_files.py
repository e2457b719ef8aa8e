"""The files of the page: those, and no others."""

from __future__ import annotations

import socket

import pytest


def fetch(service, path):
    """The status of an answer to a path as it is: a client of its own would tidy it up first."""
    host, port = service.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "path",
    ["static/js/main.js", "static/img/hourglass.svg", "vendor/lit-html/lit-html.js",
     "vendor/bootstrap/css/bootstrap.min.css", "vendor/bootstrap-icons/clock.svg"],
)  # fmt: skip
def test_what_the_page_needs_is_served(shared_service, path):
    assert fetch(shared_service, f"/openattic/{path}") == 200


@pytest.mark.parametrize(
    "path",
    ["static/../config.ini", "static/%2e%2e/config.ini", "static//etc/passwd", "static/",
     "vendor/lit-html/../../config.ini", "vendor/lit-html/%2e%2e/%2e%2e/config.ini", "vendor/lit-html//etc/passwd",
     "vendor/lit-html/../bootstrap/package.json", "vendor/bootstrap/../package.json", "vendor/.installed",
     "vendor/@popperjs/core/package.json", "vendor/", "vendor/lit-html/"],
)  # fmt: skip
def test_nothing_else_is_served(shared_service, path):
    assert fetch(shared_service, f"/openattic/{path}") in (403, 404)
