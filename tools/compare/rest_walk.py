"""A walk through every operation of the API, with good and with bad answers."""

from __future__ import annotations

from typing import Any

from tools.compare import rest_system, rest_tasks
from tools.compare.normal import normal_description
from tools.compare.recorder import Recorder

SECTIONS = (
    rest_system.signing_in,
    rest_tasks.creating,
    rest_tasks.running,
    rest_tasks.lists,
    rest_tasks.following,
    rest_tasks.deleting,
    rest_tasks.ends,
    rest_tasks.many,
    rest_tasks.around_tasks,
    rest_system.jobs,
    rest_system.clusters,
    rest_system.protocol,
    rest_system.files,
    rest_system.monitoring,
)
"""They build on each other, so their order is part of the walk."""


def walk_rest(recorder: Recorder) -> None:
    for section in SECTIONS:
        recorder.begin(section.__name__)
        section(recorder)


def described(recorder: Recorder) -> Any:
    """Returns openapi.json."""
    return normal_description(recorder.server.get("openapi.json"))
