"""What can be chosen for a parameter of a job, by REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from handlers.http.operation import Operation
from handlers.http.paging import PagingHandler, matching, page_of, page_query
from handlers.http.problems import Refusal
from handlers.http.query import QueryParameter
from jobs.definition.choices import Choice, Choices
from jobs.definition.job import Job
from jobs.definition.params import check_query
from jobs.errors import InvalidInput, Mistakes, NotFound
from jobs.live.views import Count

_PAGE = {name: query for name, query in page_query([], "", "choices").items() if name != "ordering"}


class ChoiceView(Struct, frozen=True):
    """A value that can be chosen."""

    value: Annotated[Any, Meta(description="the value to send")]
    name: Annotated[str, Meta(description="the name that people see instead of the value")]
    detail: Annotated[
        str, Meta(description="a detail that helps to distinguish it, such as the size of an image; may be empty")
    ]


class ChoiceListView(Struct, frozen=True):
    """A page of what can be chosen."""

    count: Annotated[Count, Meta(description="the number of choices on all pages")]
    next: Annotated[str | None, Meta(description="the address of the next page")]
    previous: Annotated[str | None, Meta(description="the address of the previous page")]
    results: list[ChoiceView]


class ChoicesHandler(PagingHandler):
    """What can be chosen for the parameters of jobs."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            answers={200: ChoiceListView},
            query={
                "job": QueryParameter(str, "the job", required=True),
                "parameter": QueryParameter(str, "one of its parameters that has choices", required=True),
                **_PAGE,
            },
            other_query="the values of the parameters that the choices depend on, by their names",
            problems=(403, 409),
        )
    }

    async def get(self) -> None:
        """Lists what can be chosen for a parameter of a job: the address is `x-choices` in its JSON Schema."""
        if self.identity and self.identity.role != "admin":
            raise Refusal(403, f"{self.identity.name} may look but not start tasks: that needs the role admin.")
        job, choices = self._asked_for()
        needed = self._needed(job, choices)
        request = self.page_request()
        rows = await self.services.choices.find(
            choices, needed, self.services.registry, lambda rows: matching(rows, request.search, _searched)
        )
        views = [ChoiceView(row.value, row.name, row.detail) for row in page_of(rows, request)]
        self.send(ChoiceListView(**self.page_frame(request, len(rows)), results=views))

    def _asked_for(self) -> tuple[Job, Choices]:
        """Returns the job and the choices of its parameter. Raises InvalidInput."""
        name = self.value("parameter")
        try:
            job = self.services.registry.job(self.value("job"))
        except NotFound as error:
            raise InvalidInput(errors={"job": [str(error)]}) from error
        if name not in job.choices:
            possible = f"one of {', '.join(job.choices)}" if job.choices else "another job: this one has none"
            raise InvalidInput(errors={"parameter": [f'expected {possible}, got "{name[:60]}"']})
        return job, job.choices[name]

    def _needed(self, job: Job, choices: Choices) -> dict[str, object]:
        """Returns the values of the parameters that the choices depend on. Raises InvalidInput."""
        parameters = [parameter for parameter in job.parameters if parameter.name in choices.needs]
        own = self.operations["GET"].query
        given = {name: texts for name, texts in self.query_texts().items() if name not in own}
        mistakes = Mistakes()
        possible = ", ".join([*choices.needs, *own])
        strangers = [name for name in given if name not in choices.needs]
        mistakes.add_all(strangers, f"is not a parameter here, expected: {possible}")
        values: dict[str, object] = {}
        for parameter in parameters:
            try:
                values[parameter.name] = check_query(given.get(parameter.name, ()), parameter)
            except ValueError as error:
                mistakes.add(parameter.name, str(error))
        mistakes.raise_if_any()
        return values


def _searched(choice: Choice) -> str:
    """Returns the text that is searched: a value that is no text is found by its name alone."""
    value = choice.value
    return f"{choice.name} {value}" if isinstance(value, str) and value != choice.name else choice.name
