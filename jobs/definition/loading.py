"""Finds the jobs that there are: those that come with Hourglass, and those of the modules that config.ini names."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

from jobs.definition.job import Job
from jobs.definition.registry import Registry
from jobs.errors import StartError, in_words
from logs import undisturbed_logging

LIBRARIES = ("jobs.library", "ceph.jobs")
"""The packages whose modules declare the jobs that come with Hourglass."""


def load_registry(modules: Sequence[str] = ()) -> Registry:
    """Returns the jobs that come with Hourglass and those of the named modules, with default settings.

    A module may be in the current directory. Raises StartError if one cannot be imported, or two jobs share a name.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    found: dict[str, Job] = {}
    for module in map(_imported, [*_library_modules(), *modules]):
        for declared in vars(module).values():
            if isinstance(declared, Job):
                _add(found, declared)
    return Registry(found).configure({})


def _library_modules() -> list[str]:
    return sorted(
        f"{library}.{module.name}"
        for library in LIBRARIES
        for module in pkgutil.iter_modules(importlib.import_module(library).__path__)
    )


def _imported(name: str) -> ModuleType:
    try:
        with undisturbed_logging():
            return importlib.import_module(name)
    except KeyboardInterrupt:
        raise  # usually by a person
    except BaseException as error:  # code of others may do anything while it is imported
        reason = " ".join(in_words(error).split())
        raise StartError(f"The job module {name} cannot be imported: {reason}") from error


def _add(found: dict[str, Job], declared: Job) -> None:
    other = found.setdefault(declared.name, declared)
    if other is not declared:
        places = f"{other.function.__module__} and {declared.function.__module__}"
        raise StartError(f"Two jobs are named {declared.name}, in {places}; give one of them another name.")
