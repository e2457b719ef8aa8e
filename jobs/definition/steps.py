"""The type of a parameter that holds other jobs: a job with such a parameter is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta, Struct

from jobs.definition.params import Parameter

MOST_STEPS = 100
A_STEP = 'like {"job": "test_task", "params": {"times": 5}}'


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """A job that runs inside another one, with its parameters."""

    job: str
    params: dict[str, Any] = {}


Steps = Annotated[
    list[Step],
    Meta(min_length=1, max_length=MOST_STEPS, extra={"words": f"a list of 1 to {MOST_STEPS} steps {A_STEP}"}),
]


def steps_parameters(parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """Returns the names of the parameters that hold steps."""
    return tuple(parameter.name for parameter in parameters if parameter.type == Steps)
