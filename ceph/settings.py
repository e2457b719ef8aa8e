"""What config.ini says of one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

Timeout = Annotated[int, Meta(ge=1, le=3600)]


@dataclass(frozen=True)
class ClusterSettings:
    """`conf` and `keyring` are absolute once the configuration is read; without a keyring the conf file names it.

    librados takes whole seconds for its time limits, and waits for ever where they are 0, so that is not possible.
    """

    conf: Annotated[str, Meta(min_length=1)] = "/etc/ceph/ceph.conf"
    keyring: str = ""
    client: Annotated[
        str, Meta(pattern=r"^(client\.)?[^\s.]\S*$", extra={"words": "the name of a client, like admin"})
    ] = "admin"
    connect_timeout_seconds: Timeout = 5
    mon_timeout_seconds: Timeout = 5
    osd_timeout_seconds: Timeout = 10

    @property
    def client_name(self) -> str:
        """`client.admin`, whether the setting has the type in front or not."""
        return f"client.{self.client.removeprefix('client.')}"

    def options(self) -> Mapping[str, str]:
        """The options of a handle. Its methods' own `timeout` arguments do nothing."""
        limits = {
            "client_mount_timeout": str(self.connect_timeout_seconds),
            "rados_mon_op_timeout": str(self.mon_timeout_seconds),
            "rados_osd_op_timeout": str(self.osd_timeout_seconds),
        }
        return {**limits, "keyring": self.keyring} if self.keyring else limits
