"""A process with a handle to a cluster, for tests: reads requests as JSON lines, writes an answer for each.

`python -m tests.support.ceph_agent CONF` connects at the first request. The handle is never in pytest's own process: a
late answer of the manager would end that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rados
import rbd

PATIENCE_SECONDS = "20"
OPTIONS = {
    "client_mount_timeout": PATIENCE_SECONDS,
    "rados_mon_op_timeout": PATIENCE_SECONDS,
    "rados_osd_op_timeout": "60",
}
UNDER_WAY = 32
PIECE_BYTES = 4 << 20


class Refused(Exception):
    """The cluster's errno and words."""


def answer(returned: tuple[int, bytes, str]) -> str:
    code, out, words = returned
    if code != 0:
        raise Refused(code, words)
    return out.decode()


def mon_command(cluster: rados.Rados, **command: Any) -> str:
    return answer(cluster.mon_command(json.dumps(command, ensure_ascii=False), b""))


def mgr_command(cluster: rados.Rados, **command: Any) -> str:
    return answer(cluster.mgr_command(json.dumps(command, ensure_ascii=False), b""))


@contextmanager
def opened(cluster: rados.Rados, pool: str) -> Iterator[rados.Ioctx]:
    """The pool that has this name now: by a map from before it may be another one."""
    cluster.wait_for_latest_osdmap()
    with cluster.open_ioctx(pool) as ioctx:
        yield ioctx


def fill(cluster: rados.Rados, pool: str, megabytes: int, object_bytes: int) -> None:
    """Objects data-0, data-1, … of so many bytes each, several at a time."""
    data = bytes(range(256)) * (object_bytes // 256 + 1)
    with opened(cluster, pool) as ioctx:
        pending: list[rados.Completion] = []
        for number in range(megabytes * 1_000_000 // object_bytes):
            pending.append(ioctx.aio_write_full(f"data-{number}", data[:object_bytes]))
            if len(pending) >= UNDER_WAY:
                ended(pending.pop(0))
        for completion in pending:
            ended(completion)


def ended(completion: rados.Completion) -> None:
    completion.wait_for_complete_and_cb()
    if completion.get_return_value() < 0:
        raise Refused(-completion.get_return_value(), "a write failed")


def create_image(
    cluster: rados.Rados, pool: str, name: str, size_bytes: int, data_mb: int, features: int | None
) -> None:
    with opened(cluster, pool) as ioctx:
        rbd.RBD().create(ioctx, name, size_bytes, old_format=False, features=features)
        if data_mb:
            with rbd.Image(ioctx, name) as image:
                write_image(image, data_mb * 1_000_000)


def create_images(cluster: rados.Rados, pool: str, names: Sequence[str], size_bytes: int, features: int | None) -> None:
    with opened(cluster, pool) as ioctx:
        for name in names:
            rbd.RBD().create(ioctx, name, size_bytes, old_format=False, features=features)


def write_image(image: rbd.Image, length: int) -> None:
    for offset, count in pieces(length):
        image.write(b"x" * count, offset)
    image.flush()


def pieces(length: int) -> Iterator[tuple[int, int]]:
    return ((offset, min(PIECE_BYTES, length - offset)) for offset in range(0, length, PIECE_BYTES))


def remove_image(cluster: rados.Rados, pool: str, name: str) -> None:
    with opened(cluster, pool) as ioctx:
        rbd.RBD().remove(ioctx, name)


def empty_pool(cluster: rados.Rados, pool: str) -> None:
    with opened(cluster, pool) as ioctx:
        ioctx.set_namespace(rados.LIBRADOS_ALL_NSPACES)
        found = [(one.nspace, one.key) for one in ioctx.list_objects()]
        for namespace, name in found:
            ioctx.set_namespace(namespace)
            ioctx.remove_object(name)


def pool_init(cluster: rados.Rados, pool: str) -> None:
    with opened(cluster, pool) as ioctx:
        rbd.RBD().pool_init(ioctx, True)


ACTIONS = {
    action.__name__: action
    for action in (mon_command, mgr_command, fill, create_image, create_images, remove_image, empty_pool, pool_init)
}


def reply(cluster: rados.Rados, line: str) -> dict[str, Any]:
    action, arguments = json.loads(line)
    try:
        if cluster.state != "connected":
            cluster.connect()
        return {"answer": ACTIONS[action](cluster, **arguments)}
    except Refused as refused:
        return {"errno": abs(refused.args[0]), "words": refused.args[1]}
    except (rados.Error, rbd.Error) as error:
        return {"errno": abs(getattr(error, "errno", None) or 0), "words": f"{type(error).__name__}: {error}"}


def main(conf: str) -> None:
    cluster = rados.Rados(conffile=conf, conf=OPTIONS)
    for line in sys.stdin:
        print(json.dumps(reply(cluster, line)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
