"""The settings of the server towards its clients: sections [server], [monitoring] and [limits] of config.ini."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Literal

from msgspec import Meta

Origin = Annotated[
    str,
    Meta(pattern=r"^https?://[^/\s?#@]+$", extra={"words": "an origin like https://hourglass.example.org"}),
]


class Network:
    """An address, or a network of them."""

    def __init__(self, text: str) -> None:
        self._network = ip_network(text)

    def __contains__(self, address: object) -> bool:
        return address in self._network

    def __str__(self) -> str:
        return str(self._network.network_address if self._network.num_addresses == 1 else self._network)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self._network == other._network

    def __hash__(self) -> int:
        return hash(self._network)


Proxy = Annotated[Network, Meta(extra={"words": "an address or a network like 192.0.2.0/24"})]


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens, and whom it trusts."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8765
    grace_seconds: Annotated[float, Meta(ge=0, le=3600)] = 10
    trusted_origins: tuple[Origin, ...] = ()
    behind_proxy: bool = False
    trusted_proxies: tuple[Proxy, ...] = (Network("127.0.0.0/8"), Network("::1"))


@dataclass(frozen=True)
class MonitoringSettings:
    """Which of the addresses for monitoring need a sign-in."""

    sign_in: tuple[Literal["health", "ready", "metrics"], ...] = ("metrics",)


@dataclass(frozen=True)
class LimitSettings:
    """Bounds what clients may cost. `connections` = 0: as many as the descriptors of the process allow."""

    connections: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    websockets: Annotated[int, Meta(ge=1, le=1_000_000)] = 2000
    websockets_per_user: Annotated[int, Meta(ge=1, le=1_000_000)] = 1500
    waiting_calls: Annotated[int, Meta(ge=1, le=1_000_000)] = 2000
    waiting_calls_per_user: Annotated[int, Meta(ge=1, le=1_000_000)] = 1500
    bodies_mb: Annotated[int, Meta(ge=2, le=65_536)] = 32
    answers_mb: Annotated[int, Meta(ge=8, le=65_536)] = 64
    read_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 10
