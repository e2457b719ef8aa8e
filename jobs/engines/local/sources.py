"""Which source files a process has loaded: a new worker may run other code than the server that started it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.definition.loading import LIBRARIES

LIBRARY_PREFIXES = tuple(f"{library}." for library in LIBRARIES)
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@dataclass(frozen=True)
class Stamp:
    """A file at one moment. A different time and size alone do not make it a different file."""

    modified_ns: int
    size: int
    digest: str


@dataclass(frozen=True)
class Sources:
    """The project's own files and those of job modules, with all that these import from outside of installed packages.

    `jobs` are the files of the job modules themselves.
    """

    files: Mapping[str, Stamp]
    jobs: frozenset[str]

    @classmethod
    def loaded(cls, modules: Sequence[str]) -> Sources:
        """Returns what this process has imported so far; `modules` are the job modules of config.ini."""
        found = {file: stamp for file in _own_files(modules) if (stamp := _stamp(file))}
        return cls(found, frozenset(_job_files(modules)))

    def differ_from_loaded(self, modules: Sequence[str]) -> bool:
        """Returns whether this process has imported other job modules, or a file of these whose content has changed
        since."""
        if frozenset(_job_files(modules)) != self.jobs:
            return True
        return any(_has_changed(file, self.files[file]) for file in _own_files(modules) if file in self.files)


def _own_files(modules: Sequence[str]) -> Iterator[str]:
    packages = {name.partition(".")[0] for name in modules}
    for name, file in _loaded_files():
        is_foreign = file.startswith(_STANDARD_LIBRARY) or any(part in file for part in _INSTALLED)
        if not is_foreign or name.partition(".")[0] in packages:
            yield file


def _job_files(modules: Sequence[str]) -> Iterator[str]:
    return (file for name, file in _loaded_files() if name in modules or name.startswith(LIBRARY_PREFIXES))


def _loaded_files() -> Iterator[tuple[str, str]]:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            yield name, os.path.abspath(file)


def _stamp(file: str) -> Stamp | None:
    try:
        found = os.stat(file)
        return Stamp(found.st_mtime_ns, found.st_size, _digest(file))
    except OSError:
        return None


def _has_changed(file: str, known: Stamp) -> bool:
    try:
        found = os.stat(file)
        if (found.st_mtime_ns, found.st_size) == (known.modified_ns, known.size):
            return False
        return _digest(file) != known.digest
    except OSError:
        return True


def _digest(file: str) -> str:
    import hashlib  # which a worker rarely needs

    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
