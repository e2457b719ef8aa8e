"""What people can choose as the value of a job's parameter: found by a function of the job's author on request.

`Meta(extra={"choices": function})` on a parameter, or on the items of a list, names the function that finds them. Free
text stays possible: what a value has to be is decided by its type alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args
from urllib.parse import urlencode

from msgspec import Meta, Struct

from jobs.definition.expected import shown
from jobs.definition.params import Parameter

ADDRESS = "/openattic/api/jobs/choices"
OWN_NAMES = ("job", "parameter", "search", "page", "pageSize")
"""Parameters of the call at that address itself."""

Find = Callable[..., Any]
"""Returns values, or what is a `Choice`; it may be asynchronous, and runs in a thread of its own else."""


class Choice(Struct, frozen=True):
    """A value, and what people see instead: its name, and a detail that helps to distinguish it."""

    value: Any
    name: str = ""
    detail: str = ""


class Choices(Struct, frozen=True):
    """How the choices of a parameter are found: `find`, the parameters that it needs, and its resources."""

    find: Find
    needs: tuple[str, ...]
    resources: Mapping[str, type]

    def schema(self, job: str, parameter: str) -> dict[str, object]:
        """Returns what JSON Schema says of them: where to ask, and which values to send along."""
        return {"url": f"{ADDRESS}?{urlencode({'job': job, 'parameter': parameter})}", "needs": list(self.needs)}


def choices_of(parameters: Sequence[Parameter], is_resource: Callable[[object], bool]) -> dict[str, Choices]:
    """Returns how choices are found, of those parameters that have any. Raises TypeError if a function does not fit."""
    named = {parameter.name: _named_in(parameter.type) for parameter in parameters}
    names = list(named)
    return {name: _declared(name, find, names, is_resource) for name, find in named.items() if find is not None}


def _named_in(type_: object) -> Any:
    """Returns the function in the metadata of a type, or of a type inside it."""
    for part in get_args(type_):
        found = (part.extra or {}).get("choices") if isinstance(part, Meta) else _named_in(part)
        if found is not None:
            return found
    return None


def _declared(parameter: str, find: Any, names: Sequence[str], is_resource: Callable[[object], bool]) -> Choices:
    if not callable(find):
        raise TypeError(f"the choices of {parameter} are found by a function, not by {shown(find)}")
    try:
        given = inspect.signature(find, eval_str=True).parameters
    except NameError as error:
        raise TypeError(f"the choices of {parameter}: an annotation cannot be resolved: {error}") from error
    resources = {name: one.annotation for name, one in given.items() if is_resource(one.annotation)}
    needs = tuple(name for name in given if name not in resources)
    for name in needs:
        if name not in names:
            raise TypeError(f"the choices of {parameter} depend on {name}, which is not one of its parameters")
        if name in OWN_NAMES:
            raise TypeError(
                f"choices cannot depend on a parameter named {name}: the call that lists choices uses that name itself"
            )
    return Choices(find, needs, resources)
