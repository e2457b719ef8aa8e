"""The settings of one cluster: a section [ceph "NAME"] of config.ini."""

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

    `namespaces` are those that a key may read although it may not list them, like `rbd/team`, with `%2F` for a `/` in a
    name. Time limits are whole seconds, as in librados, and never 0, which would mean no limit.
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
        """Returns `client.admin`, whether or not the setting includes the type."""
        return f"client.{self.client.removeprefix('client.')}"

    def namespaces_of(self, pool: str) -> list[str]:
        """Returns the names of those `namespaces` that are in a pool."""
        named = (tuple(map(unquote, one.split("/"))) for one in self.namespaces)
        return [namespace for its_pool, namespace in named if its_pool == pool]

    def options(self) -> Mapping[str, str]:
        """Returns the options of a handle. The `timeout` arguments of its methods have no effect."""
        limits = {
            "client_mount_timeout": str(self.connect_timeout_seconds),
            "rados_mon_op_timeout": str(self.mon_timeout_seconds),
            "rados_osd_op_timeout": str(self.osd_timeout_seconds),
        }
        return {**limits, "keyring": self.keyring} if self.keyring else limits
