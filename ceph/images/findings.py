"""What a measurement of RBD images has found so far, and its checkpoint. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from errno import ENOENT
from typing import Any, TypeVar

from msgspec.structs import astuple

from ceph.errors import SILENCES, ClusterError, ClusterRefused, ClusterUnavailable
from ceph.images.samples import Series, Sizes, packed, packed_sizes, unpacked, unpacked_sizes
from ceph.images.summary import result_of
from ceph.state import Trouble, Unreadable, image_path, parts_of_path
from jobs.text import counted, cut

Value = TypeVar("Value")
MOST_TEXT_CHARACTERS = 500
"""The limit for a cluster's message about one image or pool."""
MOST_PATH_CHARACTERS = 200
"""The limit for an image in a message, which has room for a few."""


class Findings:
    """What is known of each image, by its path as in `ceph.state.image_path`.

    `pool_ids` are the ids of the pools by their names at the time when the images were listed. `begun` is, for images
    too large for one round, how far they have been scanned, and the bytes used up to there. `sizes_percent` is the
    task's percentage when the last size was found.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, Sizes] = {}
        self.errors: dict[str, Trouble] = {}
        self.removed: set[str] = set()
        self.unreadable: list[Unreadable] = []
        self.pool_ids: dict[str, int] = {}
        self.begun: dict[str, tuple[int, int]] = {}
        self.series = Series([])
        self.rounds = 0
        self.sizes_percent = 0.0
        self._sizes_text = ""

    def restore(self, sizes: str, sampled: Sequence[str], removed: Sequence[str], rounds: int, others: str) -> None:
        """Restores a checkpoint. One of an earlier version has no `others`, and its paths are not encoded."""
        if others:
            self._restore_others(json.loads(unpacked(others)))
        path_of = str if others else _path_of_earlier_version
        self.sizes = {path_of(path): one for path, one in unpacked_sizes(sizes).items()}
        self.removed = set(map(path_of, removed))
        self.series = Series(list(self.sizes), sampled)
        self.rounds = rounds

    def _restore_others(self, others: Mapping[str, Any]) -> None:
        self.errors = {path: Trouble(errno, text) for path, errno, text in others["errors"]}
        self.unreadable = [Unreadable(*one) for one in others["unreadable"]]
        self.pool_ids = others["pool_ids"]
        self.sizes_percent = others["percent"]
        self.begun = {path: (offset, used_bytes) for path, offset, used_bytes in others["begun"]}

    def checkpoint(self) -> dict[str, object]:
        others = {
            "errors": [[path, one.errno, one.text] for path, one in self.errors.items()],
            "unreadable": [astuple(one) for one in self.unreadable],
            "pool_ids": self.pool_ids,
            "percent": self.sizes_percent,
            "begun": [[path, *progress] for path, progress in self.begun.items()],
        }
        return {
            "sizes": self._sizes_text or packed_sizes(self.sizes),
            "sampled": self.series.packed(),
            "removed": sorted(self.removed),
            "rounds": self.rounds,
            "others": packed(json.dumps(others).encode()),
        }

    def begin_samples(self) -> None:
        """Starts the samples; no sizes are added from now on."""
        self._sizes_text = packed_sizes(self.sizes)
        if not self.series.taken:
            self.series = Series(list(self.sizes))

    @property
    def there(self) -> list[str]:
        """Returns the images that can be read and still exist, as far as is known."""
        return [path for path in self.sizes if path not in self.removed]

    def fail(self, path: str, errno: int, text: str) -> Trouble:
        """Records why an image cannot be read."""
        self.errors[path] = Trouble(errno, cut(text, MOST_TEXT_CHARACTERS))
        return self.errors[path]

    def remove_pools(self, pools: Iterable[str]) -> None:
        """Records that these pools were removed with all their images."""
        gone = set(pools)
        self.removed |= {path for path in self.sizes if parts_of_path(path)[0] in gone}

    def nothing_there(self) -> ClusterError:
        """Returns why no image can be read."""
        if not self.errors:
            return ClusterRefused(f"{listed(sorted(self.removed))} removed meanwhile", ENOENT)
        first, *others = self.errors.values()
        more = f"; neither can {counted(len(others), 'other image')} be read" if others else ""
        kind = ClusterUnavailable if first.errno in SILENCES else ClusterRefused
        return kind(f"{first.text}{more}", first.errno)

    def result(self, interval_seconds: float, incomplete: str | None, names: Mapping[str, str]) -> dict[str, object]:
        """Returns the result of the task; `incomplete` is why it ended before all samples were taken.

        `names` are the present names of the pools by their names at the beginning.
        """
        sizes = {path: self.sizes[path] for path in self.there}
        found: dict[str, Any] = result_of(sizes, self.series.samples, interval_seconds, self.removed, self.errors)
        series = {**found["series"], "images": _renamed(found["series"]["images"], names)}
        return {
            **found,
            "images": _renamed(found["images"], names),
            "series": series,
            "unreadable": [{"pool": one.pool, "state": one.state, "text": one.text} for one in self.unreadable],
            "incomplete": incomplete,
        }

    # Messages

    def shortcomings(self) -> str:
        """Returns `; 2 of 40 images cannot be read; pool hdd cannot be read (inactive)`, or "" if all is well."""
        parts = [self._errors_text(), self._unreadable_text(), self._removed_text()]
        return "".join(f"; {part}" for part in parts if part)

    def _errors_text(self) -> str:
        in_all = counted(len(self.there) + len(self.errors), "image")
        return f"{len(self.errors)} of {in_all} cannot be read" if self.errors else ""

    def _unreadable_text(self) -> str:
        if len(self.unreadable) == 1:
            pool = self.unreadable[0]
            return f"pool {shown(pool.pool)} cannot be read ({pool.state})"
        return f"{len(self.unreadable)} pools cannot be read" if self.unreadable else ""

    def _removed_text(self) -> str:
        return f"{listed(sorted(self.removed))} removed meanwhile" if self.removed else ""


def _renamed(images: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    return {_path_now(path, names): image for path, image in images.items()}


def _path_now(path: str, names: Mapping[str, str]) -> str:
    pool, namespace, name = parts_of_path(path)
    return image_path(names.get(pool, pool), namespace, name)


def _path_of_earlier_version(path: str) -> str:
    pool, _, name = path.partition("/")
    return image_path(pool, "", name)


def listed(paths: Sequence[str]) -> str:
    """Returns `rbd/disk1 was`, or `rbd/disk1 and 3 other images were`."""
    others = counted(len(paths) - 1, "other image")
    return f"{shown(paths[0])} was" if len(paths) == 1 else f"{shown(paths[0])} and {others} were"


def shown(name: str) -> str:
    """Returns a name or path as it is shown in a message."""
    return cut(name, MOST_PATH_CHARACTERS)


def as_given(path: str) -> str:
    """Returns the path that a person means, who may not have encoded a `%`."""
    return image_path(*parts_of_path(path))
