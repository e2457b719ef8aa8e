"""The messages on the pipe between the server and the reader of a cluster, as msgpack."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from ceph.errors import ClusterRefused, ClusterUnavailable
from ceph.pool_changes.facts import Facts
from ceph.state import ClusterState, Images


class Read(Struct, frozen=True, tag=True):
    """Read this of the cluster, and answer under this number."""

    number: int
    what: Literal["state", "images", "facts"]


class CreatePool(Struct, frozen=True, tag=True, kw_only=True):
    """Create a replicated pool, and answer with the state of the cluster afterwards."""

    number: int
    name: str
    pg_num: int
    application: str | None


Order = Read | CreatePool


class Identified(Struct, frozen=True, tag=True):
    """The reader has started; `fsid` is what the conf file names, None if it names none."""

    fsid: str | None


class StateRead(Struct, frozen=True, tag=True):
    number: int
    state: ClusterState


class FactsRead(Struct, frozen=True, tag=True):
    number: int
    state: ClusterState
    facts: Facts


class ImagesRead(Struct, frozen=True, tag=True):
    number: int
    images: Images


class Failed(Struct, frozen=True, tag=True, kw_only=True):
    """The cluster refused or did not answer."""

    number: int
    text: str
    errno: int
    refused: bool

    def error(self) -> ClusterRefused | ClusterUnavailable:
        return (ClusterRefused if self.refused else ClusterUnavailable)(self.text, self.errno)


Answer = StateRead | FactsRead | ImagesRead | Failed
Report = Identified | Answer

decode_order = msgspec.msgpack.Decoder(Order).decode
decode_report = msgspec.msgpack.Decoder(Report).decode
