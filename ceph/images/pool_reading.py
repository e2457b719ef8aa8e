"""Reads which images one pool holds, without opening them.

Opening an image is slow, and may hang in librbd. So this reads what RBD stores about it in objects, many at a time, and
never waits: answers are available at any moment, even while a part of the pool does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from errno import EILSEQ, EIO, ENOENT, ENOSYS, EOPNOTSUPP, ESHUTDOWN, ETIMEDOUT
from functools import partial

from ceph.images import rbd_layout
from ceph.images.budget import ImageBudget
from ceph.images.pool_calls import PoolCalls
from ceph.images.rbd_layout import Garbled
from ceph.state import Image, Trouble

MOST_NAMESPACES = 5_000
"""The limit for a pool. Each namespace has its own directory, which has to be read."""
LONGEST_SECONDS = 30.0
"""Nothing more is requested after this time: with slow answers the first findings would be too old."""
REREAD_SECONDS = 0.25
"""The delay before images in doubt are read again: while one is created or removed some of its objects are missing."""
SOUND_SECONDS = 30.0
"""How long an image whose objects were all found counts as sound: only its size is read. Reading all of them each time
would take four times as many calls, too many for a cluster of ten thousand images."""
LISTS_IMAGES = "dir_list"
LISTS_NAMESPACES, NAMES_PARENT = "namespace_list", "parent_get"
"""Methods that OSDs have since there are namespaces (Nautilus)."""

Taker = Callable[[bytes], None]
Place = tuple[str, str]  # the namespace and the name of an image


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a reading needs to know besides its pool."""

    budget: ImageBudget
    pool_ids: frozenset[int]
    known_features: int


@dataclass
class FoundImage:
    """An image that is listed; it has no id if it is of the old format.

    `missing` is the number of answers still to come. `needs` are the ids of other pools without which it cannot be
    opened. `checked_at` is when all of its objects were requested.
    """

    id: str
    size_bytes: int | None = None
    needs: set[int] = field(default_factory=set)
    trouble: Trouble | None = None
    missing: int = 0
    checked_at: float = field(default_factory=time.monotonic)


NOTHING_KNOWN: Mapping[Place, FoundImage] = {}


class PoolReading:
    """One reading of a pool, which advances with each answer to its `calls`.

    `namespaces` are read even if the pool does not list them; `known` are the images that the previous reading found
    sound.
    """

    def __init__(
        self,
        pool_id: int,
        pool: str,
        calls: PoolCalls,
        facts: Facts,
        namespaces: Iterable[str] = (),
        known: Mapping[Place, FoundImage] = NOTHING_KNOWN,
    ) -> None:
        self.pool_id = pool_id
        self.pool = pool
        self.calls = calls
        calls.report_to(self.advance)
        self.has_listed = False
        self.is_cut = False
        """Whether there are more images or namespaces than are listed."""
        self._facts = facts
        self._known = known
        self._began_at = time.monotonic()
        self._images: dict[Place, FoundImage] = {}
        self._directories: dict[str, int] = {}
        """The number of answers still to come, by namespace."""
        self._troubles: dict[str, Trouble] = {}
        self._suspects: list[Place] = []
        self._reread_at: float | None = None
        for namespace in ("", *namespaces):
            self._list(namespace)
        self._list_namespaces(b"")
        self.advance()

    @property
    def is_done(self) -> bool:
        return self.calls.is_closed

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self._began_at + LONGEST_SECONDS

    @property
    def is_silent(self) -> bool:
        """Returns whether an answer is missing, or none came in time."""
        troubles = [*self.troubles().values(), *(image.error for image in self.images())]
        return any(trouble is not None and trouble.errno == ETIMEDOUT for trouble in troubles)

    @property
    def is_shut_out(self) -> bool:
        """Returns whether the cluster has blocklisted this client."""
        return any(image.trouble is not None and image.trouble.errno == ESHUTDOWN for image in self._images.values())

    def troubles(self) -> dict[str, Trouble]:
        """Returns why images cannot be listed, by namespace."""
        silent = {namespace: _UNANSWERED for namespace, missing in self._directories.items() if missing}
        return silent | self._troubles

    def images(self) -> Iterator[Image]:
        """Returns all images that are known to be there."""
        for (namespace, name), image in self._images.items():
            error = image.trouble or (_UNANSWERED if image.missing else None)
            size = None if error else image.size_bytes
            yield Image(pool=self.pool, namespace=namespace, name=name, size_bytes=size, error=error)

    def take_from(self, budget: ImageBudget) -> None:
        """Takes the images found so far from another budget."""
        for namespace, name in self._images:
            budget.take(self.pool, namespace, name)

    def sound(self) -> dict[Place, FoundImage]:
        """Returns the images without any trouble."""
        return {place: one for place, one in self._images.items() if one.trouble is None and not one.missing}

    def advance(self) -> None:
        """Sends what there is room for, rereads images in doubt once that is due, and ends when everything is known."""
        if self.is_done:
            return
        if not self.is_fresh:
            self.calls.stop()
            self._suspects.clear()
        self.calls.send()
        if not self.calls.is_idle:
            return
        if not self._suspects:
            self.calls.close()
        elif self._reread_at is None:
            self._reread_at = self.calls.answered_at = time.monotonic() + REREAD_SECONDS
        elif time.monotonic() >= self._reread_at:
            self._reread()
            self.calls.send()

    # Directories

    def _list(self, namespace: str) -> None:
        self._directories[namespace] = 0
        self._list_after(namespace, b"")
        if not namespace:  # images of the old format know no namespaces
            self._list_old(rbd_layout.SMALL_BYTES)

    def _list_old(self, most_bytes: int) -> None:
        def take(answer: bytes) -> None:
            if len(answer) == most_bytes < rbd_layout.OLD_DIRECTORY_BYTES:
                self._list_old(rbd_layout.OLD_DIRECTORY_BYTES)
            else:
                self._take_old_names(answer)

        self._ask_directory("", rbd_layout.DIRECTORY, None, take, b"", most_bytes)

    def _list_after(self, namespace: str, name: bytes) -> None:
        take = partial(self._take_ids, namespace)
        self._ask_directory(namespace, rbd_layout.DIRECTORY, LISTS_IMAGES, take, rbd_layout.page_after(name))

    def _list_namespaces(self, after: bytes) -> None:
        given = rbd_layout.page_after(after)
        self._ask_directory("", rbd_layout.NAMESPACES, LISTS_NAMESPACES, self._take_namespaces, given)

    def _ask_directory(
        self,
        namespace: str,
        name: str,
        method: str | None,
        take: Taker,
        given: bytes,
        most_bytes: int = rbd_layout.PAGE_BYTES,
    ) -> None:
        self._directories[namespace] += 1

        def taken(answer: bytes) -> None:
            take(answer)
            self._directories[namespace] -= 1
            self.has_listed |= method == LISTS_IMAGES

        def refused(trouble: Trouble) -> None:
            self._directories[namespace] -= 1
            if trouble.errno == ENOENT:  # the directory is created with the first image
                self.has_listed |= method == LISTS_IMAGES
            elif (method, trouble.errno) != (LISTS_NAMESPACES, EOPNOTSUPP):
                self._troubles.setdefault(namespace, trouble)

        self.calls.ask(namespace, name, method, taken, refused, given, most_bytes)

    def _take_ids(self, namespace: str, answer: bytes) -> None:
        ids = rbd_layout.ids_in(answer)
        has_room = all(self._add(namespace, name, image_id) for name, image_id in ids.items())
        if has_room and len(ids) == rbd_layout.PAGE:
            self._list_after(namespace, [*ids][-1])

    def _take_old_names(self, answer: bytes) -> None:
        all(self._add("", name, "") for name in rbd_layout.old_names_in(answer))

    def _take_namespaces(self, answer: bytes) -> None:
        names = rbd_layout.names_in(answer)
        for name in names:
            namespace = _in_utf8(name)
            if namespace is None:
                self._troubles[_shown(name)] = _NOT_UTF8
            elif len(self._directories) > MOST_NAMESPACES:
                self.is_cut = True
                return
            elif namespace not in self._directories:
                self._list(namespace)
        if len(names) == rbd_layout.PAGE:
            self._list_namespaces(names[-1])

    # Images

    def _add(self, namespace: str, name_bytes: bytes, image_id: str) -> bool:
        """Returns False if there is no room for it."""
        name = _in_utf8(name_bytes)
        shown = _shown(name_bytes)
        if (namespace, shown) in self._images:
            return True
        if not self._facts.budget.take(self.pool, namespace, shown):
            self.is_cut = True
            return False
        self._images[namespace, shown] = FoundImage(image_id, trouble=_NOT_UTF8 if name is None else None)
        if name is not None:
            self._read(namespace, name)
        return True

    def _read(self, namespace: str, name: str) -> None:
        """Requests everything that must exist for the image to be opened, unless it was there shortly before."""
        image = self._images[namespace, name]
        ask = partial(self._ask, namespace, name)
        if not image.id:
            ask(rbd_layout.old_header_of(name), None, self._take_old_header)
            return
        header = rbd_layout.header_of(image.id)
        ask(header, "get_size", self._take_size, rbd_layout.NO_SNAPSHOT)
        known = self._known.get((namespace, name))
        if known is not None and self._is_still_sound(known, image):
            image.needs, image.checked_at = known.needs, known.checked_at
            return
        ask(rbd_layout.id_object_of(name), None, self._take_id)
        ask(header, "get_object_prefix", self._take_prefix)
        take = partial(self._take_features, namespace, name)
        ask(header, "get_features", take, rbd_layout.NO_SNAPSHOT + rbd_layout.READ_ONLY)

    def _is_still_sound(self, known: FoundImage, image: FoundImage) -> bool:
        is_fresh = image.checked_at < known.checked_at + SOUND_SECONDS
        return is_fresh and known.id == image.id and self._facts.pool_ids.issuperset(known.needs)

    def _ask(
        self,
        namespace: str,
        name: str,
        object_name: str,
        method: str | None,
        take: Callable[[FoundImage, bytes], None],
        given: bytes = b"",
    ) -> None:
        image = self._images[namespace, name]
        image.missing += 1

        def taken(answer: bytes) -> None:
            take(image, answer)
            image.missing -= 1

        def refused(trouble: Trouble) -> None:
            image.missing -= 1
            if (method, trouble.errno) != (NAMES_PARENT, EOPNOTSUPP):
                self._doubt(namespace, name, image, trouble)

        self.calls.ask(namespace, object_name, method, taken, refused, given)

    def _take_id(self, image: FoundImage, answer: bytes) -> None:
        image_id = rbd_layout.text_in(answer)
        if image_id != image.id:
            raise Garbled(f"expected the id {image.id}, as in {rbd_layout.DIRECTORY}, got {image_id[:100]}")

    def _take_size(self, image: FoundImage, answer: bytes) -> None:
        image.size_bytes = rbd_layout.size_in(answer)

    def _take_prefix(self, _image: FoundImage, answer: bytes) -> None:
        rbd_layout.text_in(answer)

    def _take_old_header(self, image: FoundImage, answer: bytes) -> None:
        image.size_bytes = rbd_layout.size_in_old_header(answer)

    def _take_features(self, namespace: str, name: str, image: FoundImage, answer: bytes) -> None:
        features = rbd_layout.features_in(answer)
        unknown = features.needed & ~self._facts.known_features
        if unknown:
            image.trouble = Trouble(ENOSYS, f"it has features that librbd here does not know: {unknown:#x}")
        header = rbd_layout.header_of(image.id)
        if features.all & rbd_layout.LAYERING_FEATURE:
            self._ask(namespace, name, header, NAMES_PARENT, self._take_parent)
        if features.all & rbd_layout.DATA_POOL_FEATURE:
            self._ask(namespace, name, header, "get_data_pool", self._take_data_pool)

    def _take_parent(self, image: FoundImage, answer: bytes) -> None:
        pool_id = rbd_layout.parent_pool_in(answer)
        if pool_id is not None:
            self._need(image, pool_id, "the pool of the image that it is a clone of")

    def _take_data_pool(self, image: FoundImage, answer: bytes) -> None:
        self._need(image, rbd_layout.data_pool_in(answer), "its data pool")

    def _need(self, image: FoundImage, pool_id: int, what: str) -> None:
        image.needs.add(pool_id)
        if pool_id not in self._facts.pool_ids:
            image.trouble = Trouble(ENOENT, f"{what}, number {pool_id}, does not exist")

    # Images in doubt

    def _doubt(self, namespace: str, name: str, image: FoundImage, trouble: Trouble) -> None:
        if image.trouble is None and self._reread_at is None and trouble.errno in (ENOENT, EIO):
            self._suspects.append((namespace, name))
        if image.trouble is None or trouble.text < image.trouble.text:  # of several always the same one
            image.trouble = trouble

    def _reread(self) -> None:
        """Rereads images in doubt: one no longer in the directory was removed, the others retain their trouble."""
        suspects, self._suspects = self._suspects, []
        old = {name for namespace, name in suspects if not self._images[namespace, name].id}
        if old:
            take, refused = partial(self._take_old_again, old), partial(self._leave_old, old)
            most_bytes = rbd_layout.OLD_DIRECTORY_BYTES
            self.calls.ask("", rbd_layout.DIRECTORY, None, take, refused, most_bytes=most_bytes)
        for namespace, name in suspects:
            if self._images[namespace, name].id:
                self._look_for(namespace, name)

    def _look_for(self, namespace: str, name: str) -> None:
        def take(answer: bytes) -> None:
            self._images[namespace, name] = FoundImage(rbd_layout.text_in(answer))
            self._read(namespace, name)

        def refused(trouble: Trouble) -> None:
            if trouble.errno == ENOENT:
                del self._images[namespace, name]

        self.calls.ask(namespace, rbd_layout.DIRECTORY, "dir_get_id", take, refused, rbd_layout.encoded(name))

    def _take_old_again(self, names: set[str], answer: bytes) -> None:
        there = {_shown(name) for name in rbd_layout.old_names_in(answer)}
        self._leave_old(names - there, Trouble(ENOENT, ""))
        for name in names & there:
            self._images["", name] = FoundImage("")
            self._read("", name)

    def _leave_old(self, names: set[str], trouble: Trouble) -> None:
        if trouble.errno == ENOENT:
            for name in names:
                del self._images["", name]


_UNANSWERED = Trouble(ETIMEDOUT, "the OSDs have not answered yet")
_NOT_UTF8 = Trouble(EILSEQ, "its name is not UTF-8, so it cannot be used here")


def _in_utf8(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
