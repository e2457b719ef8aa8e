"""Damages RBD images as no command does: `python -m tests.support.sick_images CONF POOL ACTION NAME…`.

In a process of its own, like all that has a handle of a cluster.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import rados
import rbd

ROOT = Path(__file__).parents[2]
LAYERING = 1
SIZE_BYTES = 64 << 20


def damage(cluster, pool: str, action: str, *names: str) -> None:
    """Does that to images of a pool, which are made first if the action says so."""
    command = [sys.executable, "-m", "tests.support.sick_images", str(cluster.conf), pool, action, *names]
    subprocess.run(command, cwd=ROOT, check=True)


def remove_header(context: rados.Ioctx, name: str) -> None:
    """It is listed, and cannot be opened: ENOENT."""
    context.remove_object(header_of(context, name))


def garble_size(context: rados.Ioctx, name: str) -> None:
    """EIO."""
    set_keys(context, header_of(context, name), {"size": b"\1\2"})


def make_its_own_parent(context: rados.Ioctx, name: str) -> None:
    """A clone of itself: librbd opens the parent of the parent, for ever."""
    rbd.RBD().create(context, f"{name}-parent", SIZE_BYTES, old_format=False, features=LAYERING)
    with rbd.Image(context, f"{name}-parent") as parent:
        parent.create_snap("base")
        parent.protect_snap("base")
    rbd.RBD().clone(context, f"{name}-parent", "base", context, name, features=LAYERING)
    with rbd.Image(context, name) as image:
        image.create_snap("own")
        own_id, parent_id = image.id().encode(), image.parent_id().encode()
        (number,) = [snapshot["id"] for snapshot in image.list_snaps()]
    found = keys_of(context, header_of(context, name))
    with rbd.Image(context, f"{name}-parent") as parent:
        (base,) = [snapshot["id"] for snapshot in parent.list_snaps()]
    before = parent_id + base.to_bytes(8, "little")
    after = own_id + number.to_bytes(8, "little")
    changed = {key: value.replace(before, after) for key, value in found.items() if before in value}
    set_keys(context, header_of(context, name), changed)


def header_of(context: rados.Ioctx, name: str) -> str:
    image_id = next(image["id"] for image in rbd.RBD().list2(context) if image["name"] == name)
    return f"rbd_header.{image_id}"


def keys_of(context: rados.Ioctx, name: str) -> dict[str, bytes]:
    with rados.ReadOpCtx() as operation:
        found, _ = context.get_omap_vals(operation, "", "", 100)
        context.operate_read_op(operation, name)
        return dict(found)


def set_keys(context: rados.Ioctx, name: str, values: Mapping[str, bytes]) -> None:
    with rados.WriteOpCtx() as operation:
        context.set_omap(operation, tuple(values), tuple(values.values()))
        context.operate_write_op(operation, name)


ACTIONS = {action.__name__: action for action in (remove_header, garble_size, make_its_own_parent)}


def main(conf: str, pool: str, action: str, *names: str) -> None:
    with rados.Rados(conffile=conf) as cluster, cluster.open_ioctx(pool) as context:
        for name in names:
            ACTIONS[action](context, name)


if __name__ == "__main__":
    main(*sys.argv[1:])
