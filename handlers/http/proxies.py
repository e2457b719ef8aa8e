"""Finds the client behind proxies: only what trusted proxies say is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from tornado.httputil import HTTPServerRequest

from handlers.settings import Network

_ADDRESS = re.compile(
    r"\[(?P<bracketed>[0-9a-f:.]+)\](?::\d{1,5})?|(?P<v4>[0-9.]+)(?::\d{1,5})?|(?P<v6>[0-9a-f:.]+)",
    re.ASCII | re.IGNORECASE,
)
"""An address, with a port or without; a scope (`%eth0`) means something to its own machine alone."""


class Proxies:
    """The proxies whose X-Forwarded-For and X-Forwarded-Proto count. No other header does, and nobody else's."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = trusted

    def look_behind(self, request: HTTPServerRequest) -> None:
        """Sets the request's address and protocol to those of the client, as far as trusted proxies report them."""
        peer = _parsed(request.remote_ip or "")
        if peer is None or not self._trusts(peer):
            return
        request.remote_ip = str(self.client(peer, request.headers.get("X-Forwarded-For", "")))
        protocol = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        if protocol in ("http", "https"):
            request.protocol = protocol

    def client(self, peer: IPv4Address | IPv6Address, forwarded_for: str) -> IPv4Address | IPv6Address:
        """Returns the last address that is no trusted proxy: each trusted one vouches for the address before it.

        Anything before an invalid address could be forged, so it is ignored.
        """
        client = peer
        for text in filter(None, map(str.strip, reversed(forwarded_for.split(",")))):
            before = _parsed(text) if self._trusts(client) else None
            if before is None:
                break
            client = before
        return client

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


NOBODY = Proxies()
"""Believes no header."""


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    found = _ADDRESS.fullmatch(text)
    try:
        address = ip_address(found["bracketed"] or found["v4"] or found["v6"]) if found else None
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
