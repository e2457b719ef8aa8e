"""What can be chosen for a parameter is named by its author, checked when the job is declared, and found in bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Annotated

import pytest
from msgspec import Meta

from ceph.errors import ClusterUnavailable
from handlers.docs.page import words
from handlers.routes import API_ROUTES
from jobs.definition.choices import ADDRESS, Choice, choices_of
from jobs.definition.declaration import job
from jobs.definition.job import Resource
from jobs.definition.loading import load_registry
from jobs.definition.params import Parameter, check_query
from jobs.definition.registry import Registry
from jobs.definition.rounds import Round
from jobs.definition.schemas import json_schema
from jobs.errors import ChoicesUnavailable
from jobs.queue.choosing import LONGEST_NAME, MOST_THREADS, ChoiceFinder

Rounds = Generator[Round, None, None]


class Shelf(Resource):
    """What a process may have."""

    def __init__(self, books=("none",)):
        self.books = books


def books(*, shelf: Shelf) -> list[str]:
    return list(shelf.books)


def pages(book: str, *, shelf: Shelf) -> list[str]:
    return [f"{book} {number}" for number in range(len(shelf.books))]


@job(description="Reading {book}")
def read(
    book: Annotated[str, Meta(extra={"choices": books})],
    pages: tuple[Annotated[str, Meta(extra={"choices": pages})], ...] = (),
    aloud: bool = False,
) -> Rounds:
    """Reads."""
    yield Round()


async def finding(parameter, find=None, registry=None, **needed):
    """What is found for a parameter of `read`, or by another function."""
    choices = read.choices[parameter]
    if find:
        choices = type(choices)(find, (), {})
    return await ChoiceFinder().find(choices, needed, registry or Registry())


def test_the_schema_says_where_to_ask_and_what_to_send_along():
    properties = read.schema()["properties"]

    assert properties["book"]["x-choices"] == {"url": f"{ADDRESS}?job=read&parameter=book", "needs": []}
    assert properties["pages"]["x-choices"] == {"url": f"{ADDRESS}?job=read&parameter=pages", "needs": ["book"]}
    assert "x-choices" not in properties["aloud"]
    assert "x-choices" not in properties["pages"]["items"]


def test_the_address_in_the_schema_is_one_of_the_service():
    assert ADDRESS.removeprefix("/openattic/api/") in [path for path, _ in API_ROUTES]


@pytest.mark.parametrize("job", ["pool_pgs", "pool_create", "rbd_performance"])
def test_the_jobs_on_clusters_let_choose_the_cluster(job):
    properties = load_registry().job(job).schema()["properties"]

    assert properties["fsid"]["x-choices"]["needs"] == []


def test_a_job_without_choices_has_the_schema_that_it_had():
    assert json_schema(read.parameters)["properties"]["aloud"] == {
        "type": "boolean",
        "default": False,
        "x-expected": "true or false",
    }


def unresolved(search: Nowhere) -> list[str]:  # noqa: F821  as a type that is imported for type checkers only
    return []


@pytest.mark.parametrize(
    ("find", "why"),
    [
        (["a", "b"], "are found by a function, not by"),
        (lambda floor: [], "depend on floor, which is not one of its parameters"),
        (lambda search: [], "cannot depend on a parameter named search"),
        (unresolved, "an annotation cannot be resolved"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_job_is_declared(find, why):
    where = Annotated[str, Meta(extra={"choices": find})]

    with pytest.raises(TypeError, match=why):
        choices_of([Parameter("search", str), Parameter("where", where)], lambda _: False)


async def test_a_function_gets_what_the_process_has_and_what_was_chosen_before():
    registry = Registry().with_resources(Shelf(("Emma", "Ulysses")))

    assert [choice.value for choice in await finding("book", registry=registry)] == ["Emma", "Ulysses"]
    assert [choice.name for choice in await finding("pages", registry=registry, book="Emma")] == ["Emma 0", "Emma 1"]


async def asynchronous():
    return [Choice(1, "one", "smallest"), 2]


async def test_a_function_may_be_asynchronous():
    assert await finding("book", asynchronous) == [Choice(1, "one", "smallest"), Choice(2, "2")]


async def test_what_cannot_be_sent_is_left_out_and_names_are_cut():
    odd = [object(), "caf\udcff", "x" * 5000, Choice("y", "z" * 500, "\udcff")]

    assert await finding("book", lambda: odd) == [Choice("y", "z" * LONGEST_NAME, "�")]


async def test_a_value_that_is_found_twice_is_offered_once_and_1_and_true_are_two():
    twice = [Choice("a", "first"), Choice("a", "second"), 1, True, "1"]

    assert [choice.name for choice in await finding("book", lambda: twice)] == ["first", "1", "true", "1"]


def failing():
    raise ZeroDivisionError("no floor")


def leaving():
    raise SystemExit(3)


async def leaving_asynchronously():
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("find", "said"),
    [(failing, "ZeroDivisionError: no floor"), (leaving, "SystemExit: 3"), (leaving_asynchronously, "SystemExit: 3")],
)
async def test_a_function_that_fails_is_told_with_a_way_out(find, said, caplog):
    with pytest.raises(ChoicesUnavailable, match=f"{said}.*enter the value itself"):
        await finding("book", find)
    assert "choices could not be found" in caplog.text


def silent():
    raise ClusterUnavailable("no mon answered", 110)


async def test_what_a_cluster_says_is_told_as_it_is():
    with pytest.raises(ClusterUnavailable, match="no mon answered"):
        await finding("book", silent)


async def test_functions_that_never_end_are_given_up_and_few():
    released, begun = threading.Event(), []

    def hang():
        begun.append(1)
        released.wait(60)
        return []

    finder, choices = ChoiceFinder(0.2), type(read.choices["book"])(hang, (), {})
    asked = [finder.find(choices, {}, Registry()) for _ in range(MOST_THREADS + 2)]
    refusals = await asyncio.gather(*asked, return_exceptions=True)
    released.set()

    assert len(begun) == MOST_THREADS
    assert all("it takes longer than 0.2 s" in str(one) for one in refusals)


async def test_more_than_can_be_asked_for_at_a_time_wait_for_their_turn():
    finder, choices = ChoiceFinder(), type(read.choices["book"])(lambda: ["Emma"], (), {})
    found = await asyncio.gather(*(finder.find(choices, {}, Registry()) for _ in range(20 * MOST_THREADS)))

    assert found == [[Choice("Emma", "Emma")]] * 20 * MOST_THREADS


async def test_only_what_a_search_keeps_is_returned():
    found = await ChoiceFinder().find(
        type(read.choices["book"])(asynchronous, (), {}),
        {},
        Registry(),
        lambda rows: [row for row in rows if row.detail],
    )

    assert found == [Choice(1, "one", "smallest")]


@pytest.mark.parametrize(
    ("type_", "texts", "value"),
    [
        (str, ["5"], "5"),
        (int, ["5"], 5),
        (bool, ["true"], True),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (list[str], ["a,b"], ["a,b"]),
    ],
)
def test_a_value_in_an_address_is_read_by_its_type(type_, texts, value):
    assert check_query(texts, Parameter("one", type_)) == value


@pytest.mark.parametrize(("texts", "said"), [([], "got nothing"), (["x"], 'got "x"'), (["1", "2"], "expected once")])
def test_a_value_in_an_address_that_does_not_fit_is_refused_in_words(texts, said):
    with pytest.raises(ValueError, match=said):
        check_query(texts, Parameter("one", int))


Path = Annotated[str, Meta(pattern="^/", extra={"words": "a path, like /srv"})]


@pytest.mark.parametrize(
    ("type_", "place"),
    [
        (Path, ()),
        (tuple[Path, ...], ("items",)),
        (list[Path] | None, ("anyOf", 0, "items")),
        (dict[str, Path], ("additionalProperties",)),
        (Annotated[Path, Meta(description="where")], ()),
    ],
)
def test_words_are_in_the_schema_wherever_they_stand_in_a_type(type_, place):
    part = json_schema([Parameter("where", type_)])["properties"]["where"]
    for step in place:
        part = part[step]

    assert part["x-words"] == "a path, like /srv"
    assert words(part) == [("a path, like /srv", "")]
