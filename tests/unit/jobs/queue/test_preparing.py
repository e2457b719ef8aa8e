"""What jobs find out in the server when a task of theirs is created, with a scripted engine."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

from ceph.errors import ClusterUnavailable
from jobs.definition.composition import given_params
from jobs.definition.declaration import job
from jobs.definition.job import Locks, Resource
from jobs.definition.loading import load_registry
from jobs.definition.registry import Registry
from jobs.definition.rounds import Round
from jobs.definition.submission import Submission
from jobs.errors import Conflict, InvalidInput
from tests.support.house import House
from tests.support.made import key
from tests.support.plain_jobs import plain

NUMBERS = {"rbd": 5, "data": 6}


class Book(Resource):
    """The numbers of the pools; `error` is raised instead."""

    def __init__(self) -> None:
        self.numbers = dict(NUMBERS)
        self.error: Exception | None = None
        self.asked: list[str] = []

    async def look_up(self, pool: str) -> int:
        self.asked.append(pool)
        if self.error:
            raise self.error
        if pool not in self.numbers:
            raise InvalidInput(errors={"pool": [f"there is no pool {pool}"]})
        return self.numbers[pool]


async def find(pool: str, book: Book, earlier: Sequence[tuple[str, Mapping[str, object]]]) -> Mapping[str, object]:
    if ("makes", {"pool": pool}) in earlier:
        return {}
    return {"number": await book.look_up(pool)}


def lock(pool: str, number: int | None, **_: object) -> Locks:
    return Locks((f"pool {pool}",)) if number is None else Locks((f"number {number}",), (f"pool {pool}",))


@job(
    description="Working on {pool}, number {number}",
    metadata={"number": "{number}"},
    lock=lock,
    prepare=find,
    prepared=("number",),
)
def works(pool: str, number: int | None = None, *, book: Book) -> Generator[Round, None, object]:
    yield Round()
    return number


@job(description="Making {pool}", lock="pool {pool}")
def makes(pool: str) -> Generator[Round, None, None]:
    yield Round()


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def house(book):
    jobs = {declared.name: declared for declared in (works, makes, plain, *load_registry().jobs)}
    return House(workers=0, registry=Registry(jobs).configure({}).with_resources(book))


async def test_prepared_values_are_stored_beside_the_parameters_and_known_to_all_templates(house):
    task = await house.task(await house.submit("works", pool="rbd"))
    assert json.loads(task.params) == {"pool": "rbd", "number": 5}
    assert (task.description, json.loads(task.metadata)) == ("Working on rbd, number 5", {"number": "5"})
    assert task.locks == ("number 5",)


async def test_it_is_stored_for_each_step_of_a_chain_unless_a_step_before_makes_it(house, book):
    steps: list[dict[str, Any]] = [
        {"job": "works", "params": {"pool": "rbd"}},
        {"job": "makes", "params": {"pool": "new"}},
        {"job": "chain", "params": {"steps": [{"job": "works", "params": {"pool": "new"}}]}},
        {"job": "works", "params": {"pool": "data"}},
    ]
    task = await house.task(await house.submit("chain", steps=steps))
    stored = json.loads(task.params)
    one, _, inner, last = stored["steps"]
    assert (one["params"]["number"], last["params"]["number"]) == (5, 6)
    assert inner["params"]["steps"][0]["params"]["number"] is None
    assert sorted(book.asked) == ["data", "rbd"]
    assert task.locks == ("number 5", "number 6", "pool new")
    assert given_params(house.queue._registry, "chain", stored) == {"steps": steps}


async def test_prepared_values_are_not_accepted_as_parameters(house):
    with pytest.raises(InvalidInput, match="number: is not a parameter of works, expected: pool"):
        await house.submit("works", pool="rbd", number=6)


async def test_mistakes_are_reported_together_with_their_places(house):
    wrong = Submission(job="works", params={"pool": "no"})
    chain = {"steps": [{"job": "works", "params": {"pool": pool}} for pool in ("none", "rbd", "nil")]}
    with pytest.raises(InvalidInput) as refused:
        await house.queue.submit_all([wrong, Submission(job="chain", params=chain)], "ann")
    assert refused.value.errors == {
        "[0].pool": ["there is no pool no"],
        "[1].steps[0].params.pool": ["there is no pool none"],
        "[1].steps[2].params.pool": ["there is no pool nil"],
    }
    assert await house.store.unfinished() == []


@pytest.mark.parametrize("form", ["alone", "in an array", "in a chain"])
async def test_a_preparation_that_fails_creates_nothing(house, book, form):
    book.error = ClusterUnavailable("no mon answered")
    one = Submission(job="works", params={"pool": "rbd"})
    chain = Submission(job="chain", params={"steps": [{"job": "works", "params": {"pool": "rbd"}}]})

    with pytest.raises(ClusterUnavailable):
        await {
            "alone": lambda: house.queue.submit(one, "ann"),
            "in an array": lambda: house.queue.submit_all([Submission(job="plain", params={}), one], "ann"),
            "in a chain": lambda: house.queue.submit(chain, "ann"),
        }[form]()
    assert await house.store.unfinished() == []


@pytest.mark.parametrize("error", [ValueError("a defect"), SystemExit(3)])
async def test_a_defect_in_a_preparation_is_refused_with_an_explanation(house, book, error):
    book.error = error

    with pytest.raises(InvalidInput, match="The job works failed to describe this task: "):
        await house.submit("works", pool="rbd")


async def test_a_request_that_is_sent_again_is_not_prepared_again(house, book):
    submission = Submission(job="works", params={"pool": "rbd"})
    first = await house.queue.submit(submission, "ann", key(at=house.now))
    book.error = ClusterUnavailable("no mon answered")
    again = await house.queue.submit(submission, "ann", key(at=house.now))
    assert (again.task.id, again.is_new, book.asked) == (first.task.id, False, ["rbd"])


async def test_a_caller_who_loses_the_permission_meanwhile_creates_nothing(house):
    def check():
        raise Conflict("not you any more")

    submission = Submission(job="works", params={"pool": "rbd"})
    with pytest.raises(Conflict, match="not you any more"):
        await house.queue.submit(submission, "ann", None, check)
    with pytest.raises(Conflict, match="not you any more"):
        await house.queue.submit_all([submission], "ann", check)
    assert await house.store.unfinished() == []


async def test_a_retry_prepares_the_values_again(house, book):
    first = await house.submit("works", pool="rbd")
    await house.queue.delete(first, "ann")
    book.numbers["rbd"] = 7
    again = await house.queue.retry(first, "ann")
    assert json.loads(again.task.params) == {"pool": "rbd", "number": 7}
    await house.queue.delete(again.task.id, "ann")
    del book.numbers["rbd"]
    with pytest.raises(Conflict, match="cannot be run again with its parameters: pool: there is no pool rbd"):
        await house.queue.retry(first, "ann")


async def test_values_that_the_caller_knows_already_are_not_looked_up(house, book):
    submission = Submission(job="works", params={"pool": "rbd"}, prepared={"number": 9})
    task = (await house.queue.submit(submission, "ann")).task
    assert (json.loads(task.params)["number"], task.locks, book.asked) == (9, ("number 9",), [])


async def test_a_second_lock_of_the_same_pool_is_taken_only_while_a_task_has_it(house):
    before = await house.submit("makes", pool="rbd")
    behind = await house.task(await house.submit("works", pool="rbd"))
    other = await house.task(await house.submit("works", pool="data"))
    assert (behind.locks, other.locks) == (("number 5", "pool rbd"), ("number 6",))
    assert house.queue.pending_on("number 5", "pool rbd") == [before, behind.id]


async def test_a_round_takes_locks_that_outlive_an_interruption_and_the_server(book):
    jobs = {declared.name: declared for declared in (works, makes)}
    registry = Registry(jobs).configure({}).with_resources(book)
    house = House(workers=1, registry=registry)

    first = await house.submit("makes", pool="rbd")
    house.engine.rounds(first, locks=("number 5",))
    await house.settle()
    behind = await house.submit("works", pool="rbd")
    assert (await house.task(first)).locks == ("number 5", "pool rbd")
    assert house.queue.pending_on("number 5") == [first, behind]
    house.engine.die(first)
    await house.settle()
    assert house.queue.pending_on("number 5") == [first, behind]

    after = House(workers=0, store=house.store, registry=registry)
    await after.queue.recover()
    assert after.queue.pending_on("number 5") == [first, behind]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prepared": ("pool",)}, "prepared may only name parameters that have a default, not pool"),
        ({"prepared": ("nothing",)}, "prepared may only name parameters that have a default, not nothing"),
        ({"prepare": lambda pool: None, "prepared": ("number",)}, "prepare must accept the parameters of the job"),
    ],
)
def test_a_preparation_that_does_not_fit_its_job_stops_the_start(options, words):
    with pytest.raises(TypeError, match=words):
        job(description="Working", **options)(works.function)
