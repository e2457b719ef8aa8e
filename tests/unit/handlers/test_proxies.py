"""Who a request comes from, by what trusted proxies say."""

from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from handlers.http.proxies import Proxies
from handlers.settings import Network, ServerSettings

LOOPBACK = ServerSettings().trusted_proxies
NETWORKS = (*LOOPBACK, Network("10.0.0.0/8"), Network("2001:db8::/32"), Network("192.0.2.7"))


def seen(proxies, peer, **headers):
    """The address and the protocol that a request is taken to come from and by."""
    given = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    request = HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.1"), headers=HTTPHeaders({"Host": "x"}))
    request.headers.update(given)
    request.remote_ip, request.protocol = peer, "http"
    proxies.look_behind(request)
    return request.remote_ip, request.protocol


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("198.51.100.1,203.0.113.9,10.1.2.3,192.0.2.7,127.0.0.2", "203.0.113.9"),
        ("10.1.2.3, 10.1.2.4", "10.1.2.3"),
        ("192.0.2.8, 192.0.2.7", "192.0.2.8"),
        ("2001:db9::1", "2001:db9::1"),
        ("2001:DB9:0::1, 2001:db8::5", "2001:db9::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db9::1]:443", "2001:db9::1"),
        ("[2001:db9::1]", "2001:db9::1"),
        ("203.0.113.9, ,", "203.0.113.9"),
        ("", "127.0.0.1"),
        (",", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.9, unknown", "127.0.0.1"),
        ("203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
        ("unknown, 203.0.113.9", "203.0.113.9"),
        ("999.0.0.1", "127.0.0.1"),
        ("1.2.3", "127.0.0.1"),
        ("fe80::1%eth0", "127.0.0.1"),
        ("٣.٣.٣.٣", "127.0.0.1"),
        ("203.0.113.9\x00", "127.0.0.1"),
        ("<script>", "127.0.0.1"),
        ("unix:", "127.0.0.1"),
        ("203.0.113.9, " * 4000 + "nonsense", "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(forwarded, client):
    assert seen(Proxies(NETWORKS), "127.0.0.1", X_Forwarded_For=forwarded) == (client, "http")


@pytest.mark.parametrize(
    ("forwarded", "protocol"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("https, http", "http"), ("ftp", "http"),
     ("", "http")],
)  # fmt: skip
def test_the_protocol_is_what_the_proxy_says_last(forwarded, protocol):
    assert seen(Proxies(LOOPBACK), "::1", X_Forwarded_Proto=forwarded) == ("::1", protocol)


@pytest.mark.parametrize("peer", ["203.0.113.1", "2001:db9::1", "fe80::1%eth0", "0.0.0.0", ""])
def test_nobody_else_is_believed(peer):
    headers = {"X_Forwarded_For": "203.0.113.9", "X_Forwarded_Proto": "https"}

    assert seen(Proxies(NETWORKS), peer, **headers) == (peer, "http")
    assert seen(Proxies(), "127.0.0.1", **headers) == ("127.0.0.1", "http")


def test_no_other_header_is_believed():
    headers = {"X_Real_Ip": "203.0.113.9", "X_Scheme": "https", "Forwarded": "for=203.0.113.9;proto=https",
               "X_Forwarded_Host": "x", "X_Forwarded_Ssl": "on"}  # fmt: skip

    assert seen(Proxies(NETWORKS), "127.0.0.1", **headers) == ("127.0.0.1", "http")
