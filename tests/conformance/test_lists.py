"""Lists against a plain model in Python: every filter, every ordering, every page, however few make few."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import NoSuchTask
from jobs.model import lifecycle
from jobs.model.search_words import words
from jobs.model.task import Status
from jobs.store import ORDERINGS, ListQuery
from tests.support.made import draft
from tests.support.stores import SEARCHABLE, directory_in_memory

ORDER = list(Status)
TEXTS = [
    "Counting apples",
    "Counting pears",
    "Über pool rbd",
    "pool rbd to 64",
    "",
    "apple pie",
    "苹果派 64",
    "派苹果 苹派果",
]
JOBS = ["plain", "rare"]
USERS = ["ann", "bob", None]
ENDS = {
    "waits": (),
    "runs": (lifecycle.taken,),
    "ends": (lifecycle.taken, lambda at: lifecycle.returned("1", at)),
    "fails": (lifecycle.taken, lambda at: lifecycle.raised(lifecycle.error_text("E", "m"), at)),
    "stops": (lambda at: lifecycle.aborted("ann", at),),
}

a_task = st.tuples(
    st.sampled_from(TEXTS), st.sampled_from(JOBS), st.sampled_from(USERS), st.sampled_from(sorted(ENDS)),
    st.integers(0, 4), st.integers(0, 4), st.integers(0, 2),
)  # fmt: skip
a_query = st.builds(
    ListQuery,
    statuses=st.lists(st.sampled_from(ORDER), unique=True, max_size=3).map(tuple),
    job=st.none() | st.sampled_from([*JOBS, "none such"]),
    search=st.none() | st.sampled_from(["count", "apple", "pool rbd", "64", "nothing", "%", "苹", "果派", "苹果派 6"]),
    created_by=st.none() | st.sampled_from(["ann", "bob", "eve"]),
    ordering=st.sampled_from([*ORDERINGS, *(f"-{name}" for name in ORDERINGS)]),
    page_size=st.integers(1, 7),
)


async def fill(store, kinds):
    """Creates tasks of these kinds. Returns them as they are then."""
    tasks = []
    for text, job, user, end, created, waited, ran in kinds:
        fields = {"description": text, "job": job, "created_by": user, "created": 1000 + created}
        (one,) = await store.create([draft(**fields)])
        at = 1000 + created + waited
        for step in ENDS[end]:
            await store.change(one.task.id, step(at))
            at += ran
        tasks.append(await store.task(one.task.id))
    return tasks


def matches(query, task):
    found = words(task.description)
    return (
        (not query.statuses or task.status in query.statuses)
        and query.job in (None, task.job)
        and query.created_by in (None, task.created_by)
        and (
            query.search is None
            or (
                bool(words(query.search))
                and all(
                    any((word in one) if word[0] in "苹果派" else one.startswith(word) for one in found)
                    for word in words(query.search)
                )
            )
        )
    )


def runtime_of(task):
    return None if task.started is None or task.ended is None else task.ended - task.started


def in_order(tasks, ordering):
    """Ties by id in the same direction, null last."""
    name, turned = ordering.removeprefix("-"), ordering.startswith("-")
    keys = {"status": lambda task: ORDER.index(task.status), "runtime": runtime_of}
    key = keys.get(name, lambda task: getattr(task, name))
    known = [task for task in tasks if key(task) is not None]
    unknown = [task for task in tasks if key(task) is None]
    known.sort(key=lambda task: (key(task), task.id), reverse=turned)
    unknown.sort(key=lambda task: task.id, reverse=turned)
    return known + unknown


def run_on_new_store(kind, check):
    """Opens a store in a directory of its own for each example of Hypothesis: fixtures are shared by all of them."""

    async def opened():
        with directory_in_memory() as directory:
            store = await kind.open(Path(directory))
            try:
                await check(store)
            finally:
                await store.close()

    asyncio.run(opened())


@pytest.mark.parametrize("few", [0, 3, 10_000])
@pytest.mark.parametrize("kind", SEARCHABLE.values(), ids=SEARCHABLE)
@pytest.mark.parametrize("examples", [20, pytest.param(150, marks=pytest.mark.slow)])
def test_every_list_matches_a_plain_model_page_by_page(monkeypatch, kind, few, examples):
    """`few` decides how tasks are found: by filters, in order, or as it is with a real number of tasks."""
    monkeypatch.setattr(*kind.exact_count, few)

    @settings(max_examples=examples, deadline=None)
    @given(kinds=st.lists(a_task, max_size=25), queries=st.lists(a_query, min_size=1, max_size=15))
    def check_lists(kinds, queries):
        async def check(store):
            tasks = await fill(store, kinds)
            for query in queries:
                expected = in_order([task for task in tasks if matches(query, task)], query.ordering)
                await check_pages(store.inner, query, expected, few)

        run_on_new_store(kind, check)

    check_lists()


MORE_CHANGES = {
    "nothing": None,
    "taken": lifecycle.taken,
    "aborted": lambda at: lifecycle.aborted("ann", at),
    "pinned": lambda at: lifecycle.pinned(True),
    "deleted": lambda at: lifecycle.deleted("ann", at, None, False),
}


async def change_again(store, tasks, names):
    """Changes the tasks once more. Returns those that are still there."""
    for task, name in zip(tasks, names, strict=True):
        if MORE_CHANGES[name] and not (name == "taken" and task.status is not Status.NOT_STARTED):
            await store.change(task.id, MORE_CHANGES[name](5000))
    return [task for task in [await task_or_none(store, task.id) for task in tasks] if task]


async def task_or_none(store, task_id):
    try:
        return await store.task(task_id)
    except NoSuchTask:
        return None


@pytest.mark.parametrize("few", [0, 3, 10_000])
@pytest.mark.parametrize("kind", SEARCHABLE.values(), ids=SEARCHABLE)
@pytest.mark.parametrize("examples", [15, pytest.param(80, marks=pytest.mark.slow)])
def test_as_of_a_revision_tasks_match_that_were_pending_or_final_then_as_they_are_now(monkeypatch, kind, few, examples):
    monkeypatch.setattr(*kind.exact_count, few)

    @settings(max_examples=examples, deadline=None)
    @given(
        kinds=st.lists(st.tuples(a_task, st.sampled_from(sorted(MORE_CHANGES))), max_size=25),
        newer=st.lists(a_task, max_size=5),
        queries=st.lists(a_query, min_size=1, max_size=10),
    )
    def check_matches(kinds, newer, queries):
        async def check(store):
            before = await fill(store, [one for one, _ in kinds])
            as_of = (await store.head()).revision
            now = await change_again(store, before, [name for _, name in kinds])
            await fill(store, newer)
            ended = {task.id for task in before if task.is_final}
            for query in queries:
                expected = [task for task in now if task.is_final == (task.id in ended) and matches(query, task)]
                await check_as_of(store, query, as_of, sorted((task.id, task.is_final) for task in expected), few)

        run_on_new_store(kind, check)

    check_matches()


async def check_as_of(store, query, as_of, expected, few):
    is_filtered = query.search is not None or query.job is not None or query.created_by is not None
    for limit in (1, 10, 100):
        found = await store.inner.matching(replaced(query, as_of=as_of), limit)
        assert found.ids == expected[:limit]
        assert found.count == (min(len(expected), few) if is_filtered else len(expected))


async def check_pages(store, query, expected, few):
    by_number, by_next = [], []
    after, number = None, 1
    while True:
        page = await store.list_tasks(replaced(query, page=number))
        following = await store.list_tasks(replaced(query, page=number, after=after))
        check_count(query, page, len(expected), few)
        by_number += [task.id for task in page.tasks]
        by_next += [task.id for task in following.tasks]
        assert (page.next_after is None) == (number * query.page_size >= len(expected))
        if following.next_after is None:
            break
        after, number = following.next_after, number + 1
        assert number <= len(expected), "pages without an end"
    assert by_number == by_next == [task.id for task in expected]
    assert (await store.list_tasks(replaced(query, page=number + 1))).tasks == []
    found = await store.matching(query, 10)
    assert found.ids == sorted((task.id, task.is_final) for task in expected)[:10]


def check_count(query, page, count, few):
    is_filtered = query.search is not None or query.job is not None or query.created_by is not None
    exact = not is_filtered or count <= few
    nothing = query.search is not None and not words(query.search)
    assert (page.count, page.count_exact) == ((0, True) if nothing else (count if exact else few, exact))


def replaced(query, **fields):
    return ListQuery(**{**{name: getattr(query, name) for name in query.__struct_fields__}, **fields})
