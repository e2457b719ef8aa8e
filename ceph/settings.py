"""What config.ini says of one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from msgspec import Meta

Timeout = Annotated[int, Meta(ge=1, le=3600)]
Namespace = Annotated[
    str, Meta(pattern=r"^[^/\s]+/[^/\s]+$", max_length=400, extra={"words": "a pool and a namespace, like rbd/team"})
]


@dataclass(frozen=True)
class ClusterSettings:
    """`conf` and `keyring` are absolute once the configuration is read; without a keyring the conf file names it.

    `namespaces` are those that a key may read which may not list them, like `rbd/team`, with `%2F` for a `/` in a name.

    librados takes whole seconds for its time limits, and waits for ever where they are 0, so that is not possible.
    """

    conf: Annotated[str, Meta(min_length=1)] = "/etc/ceph/ceph.conf"
    keyring: str = ""
    client: Annotated[
        str, Meta(pattern=r"^(client\.)?[^\s.]\S*$", extra={"words": "the name of a client, like admin"})
    ] = "admin"
    namespaces: tuple[Namespace, ...] = ()
    connect_timeout_seconds: Timeout = 5
    mon_timeout_seconds: Timeout = 5
    osd_timeout_seconds: Timeout = 10

    @property
    def client_name(self) -> str:
        """`client.admin`, whether the setting has the type in front or not."""
        return f"client.{self.client.removeprefix('client.')}"

    def namespaces_of(self, pool: str) -> list[str]:
        """Returns the names of those `namespaces` that are in a pool."""
        named = (tuple(map(unquote, one.split("/"))) for one in self.namespaces)
        return [namespace for its_pool, namespace in named if its_pool == pool]

    def options(self) -> Mapping[str, str]:
        """The options of a handle. Its methods' own `timeout` arguments do nothing."""
        limits = {
            "client_mount_timeout": str(self.connect_timeout_seconds),
            "rados_mon_op_timeout": str(self.mon_timeout_seconds),
            "rados_osd_op_timeout": str(self.osd_timeout_seconds),
        }
        return {**limits, "keyring": self.keyring} if self.keyring else limits
