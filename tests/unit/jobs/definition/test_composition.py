"""What follows for a task from the jobs inside it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest

from jobs.definition import composition
from jobs.definition.composition import MOST_LEVELS, checked_jobs, limits_of, names_in
from jobs.definition.declaration import job
from jobs.definition.loading import load_registry
from jobs.definition.registry import Registry, RunLimits
from jobs.definition.rounds import Round
from jobs.definition.steps import Step, Steps
from jobs.errors import InvalidInput, JobUnavailable, NotFound


@job(description="Brief", round_timeout_seconds=5, memory_limit_mb=10)
def brief() -> Iterator[Round]:
    yield Round()


@job(description="Long", round_timeout_seconds=60, memory_limit_mb=200)
def long() -> Iterator[Round]:
    yield Round()


@job(description="Unlimited", round_timeout_seconds=0, memory_limit_mb=0)
def unlimited() -> Iterator[Round]:
    yield Round()


ON_RBD = [Step("locked", {"pool": "rbd"})]


@job(description="One of {steps}", lock=lambda steps, jobs: jobs.describe(steps[0].job, steps[0].params))
def one_of(steps: Steps = ON_RBD, *, jobs: Registry) -> Iterator[Round]:
    yield from jobs.begin(steps[0].job, steps[0].params, None)


PLAIN = {declared.name: declared for declared in load_registry(["tests.support.plain_jobs"]).jobs}
REGISTRY = Registry(PLAIN | {"brief": brief, "long": long, "unlimited": unlimited, "one_of": one_of}).configure({})


def steps(*jobs, **params):
    """The parameters of a chain of these jobs, all with the same parameters."""
    return {"steps": [{"job": name, "params": params} for name in jobs]}


def nested(levels, innermost):
    """Returns so many chains, each the only step of the one around it."""
    step = innermost
    for _ in range(levels):
        step = {"job": "chain", "params": {"steps": [step]}}
    return step["params"]


def errors_of(params):
    with pytest.raises(InvalidInput) as refused:
        checked_jobs(REGISTRY, "chain", params)
    return refused.value.errors


def test_the_parts_of_a_task_are_its_job_and_all_inside_with_their_places():
    params = {"steps": [{"job": "plain"}, {"job": "chain", "params": steps("once", "plain")}]}

    parts = checked_jobs(REGISTRY, "chain", params)

    assert [(part.place, part.job.name) for part in parts] == [
        ("", "chain"), ("steps[0]", "plain"), ("steps[1]", "chain"),
        ("steps[1].params.steps[0]", "once"), ("steps[1].params.steps[1]", "plain"),
    ]  # fmt: skip


def test_the_defaults_of_inner_jobs_are_filled_in_at_every_level():
    params = {"steps": [{"job": "plain"}, {"job": "chain", "params": {"steps": [{"job": "plain"}]}}]}

    whole = checked_jobs(REGISTRY, "chain", params)[0]

    plain = {"job": "plain", "params": {"times": 5}}
    assert msgspec.to_builtins(whole.params) == {"steps": [plain, {"job": "chain", "params": {"steps": [plain]}}]}


def test_a_job_that_is_not_made_of_others_is_its_own_only_part():
    (part,) = checked_jobs(REGISTRY, "plain", {"times": 2})
    assert (part.place, part.job.name, part.params) == ("", "plain", {"times": 2})
    with pytest.raises(NotFound, match="There is no job"):
        checked_jobs(REGISTRY, "nope", {})


def test_all_mistakes_are_reported_at_once_with_their_places():
    errors = errors_of(
        {
            "steps": [
                5,
                {"job": "nope"},
                {"jb": "plain"},
                {"job": "plain", "params": {"times": -1, "colour": 1}},
                {"job": "plain", "params": 7},
                {"job": "chain", "params": steps("plain", times=0)},
            ],
            "colour": 1,
        }
    )
    names = ", ".join(sorted(REGISTRY._jobs))
    assert errors == {
        "colour": ["is not a parameter of chain, expected: steps"],
        "steps[0]": ['expected a step like {"job": "test_task", "params": {"times": 5}}, got 5'],
        "steps[1].job": [f'there is no job "nope"; registered: {names}'],
        "steps[2].jb": ["is not a parameter of a step, expected: job, params"],
        "steps[2].job": ["expected text, got nothing"],
        "steps[3].params.colour": ["is not a parameter of plain, expected: times"],
        "steps[3].params.times": ["expected a whole number of at least 1, got -1"],
        "steps[4].params": ["expected an object, got 7"],
        "steps[5].params.steps[0].params.times": ["expected a whole number of at least 1, got 0"],
    }


@pytest.mark.parametrize("given", [5, None, [], "plain", steps(*["plain"] * 101)["steps"]])
def test_anything_but_a_list_of_1_to_100_steps_is_refused(given):
    (texts,) = errors_of({"steps": given}).values()
    assert texts[0].startswith(
        'expected a list of 1 to 100 steps like {"job": "test_task", "params": {"times": 5}}, got'
    )


def test_chains_nest_10_deep_and_no_deeper():
    assert len(checked_jobs(REGISTRY, "chain", nested(MOST_LEVELS, {"job": "plain"}))) == MOST_LEVELS + 1
    place = "steps[0].params." * (MOST_LEVELS - 1) + "steps[0].job"
    assert errors_of(nested(MOST_LEVELS + 1, {"job": "plain"})) == {
        place: ["expected at most 10 such jobs inside one another, got more"]
    }


def test_a_chain_has_1000_steps_in_all_and_no_more():
    full = {"job": "chain", "params": steps(*["once"] * 99)}
    assert len(checked_jobs(REGISTRY, "chain", {"steps": [full] * 10})) == 1 + 1000
    place = "steps[9].params.steps"
    over = {"job": "chain", "params": steps(*["once"] * 100)}
    assert errors_of({"steps": [full] * 9 + [over]}) == {place: ["expected at most 1000 steps in all, got more"]}


def test_a_task_holds_the_locks_of_all_its_jobs_each_once_and_sorted():
    pools = [step for pool in "gcaebfd" for step in steps("locked", "locked", pool=pool)["steps"]]
    params = {"steps": [{"job": "chain", "params": {"steps": pools}}, *pools, {"job": "once"}]}
    assert composition.locks_of(REGISTRY, checked_jobs(REGISTRY, "chain", params)) == tuple(
        f"pool:{p}" for p in "abcdefg"
    )


def needs_of(params):
    return composition.needs_of(REGISTRY, checked_jobs(REGISTRY, "chain", params))


def test_a_task_needs_what_all_its_jobs_need_each_once_and_sorted():
    near = [step for name in ("b", "a", "b") for step in steps("near", cluster=name)["steps"]]
    assert needs_of({"steps": [{"job": "chain", "params": {"steps": near}}, {"job": "once"}]}) == ("ceph:a", "ceph:b")
    assert needs_of(steps("once")) == ()


@pytest.mark.parametrize("clusters", [[str(number) for number in range(11)], ["x" * 196]])
def test_too_many_labels_or_too_long_ones_are_refused(clusters):
    with pytest.raises(InvalidInput) as refused:
        needs_of({"steps": [step for name in clusters for step in steps("near", cluster=name)["steps"]]})
    (mistake,) = refused.value.errors["needs"]
    assert mistake.startswith("expected at most 10 labels of at most 200 characters each, got [")


def test_default_steps_are_parts_and_templates_get_the_registry_that_the_job_asks_for():
    parts = checked_jobs(REGISTRY, "one_of", {})
    assert [part.job.name for part in parts] == ["one_of", "locked"]
    assert composition.locks_of(REGISTRY, parts) == ("Working on pool rbd", "pool:rbd")
    assert [done.number for done in REGISTRY.begin("one_of", msgspec.to_builtins(parts[0].params), None)] == [1]


def test_a_chain_is_described_by_its_steps_and_cut_like_all_descriptions():
    two = [{"job": "test_task", "params": {"times": 5}}, {"job": "test_task", "params": {"times": 1}}]
    assert REGISTRY.describe("chain", {"steps": two}) == "Chain of 2: Test task of 5 rounds, Test task of 1 round"
    assert len(REGISTRY.describe("chain", {"steps": two * 50})) == 300


def test_rounds_are_known_if_all_steps_declare_them():
    counted = {"job": "test_task", "params": {"times": 5}}
    assert REGISTRY.rounds_of("test_task", {"times": 5}) == 5
    assert REGISTRY.rounds_of("chain", {"steps": [counted, counted]}) == 10
    assert REGISTRY.rounds_of("chain", {"steps": [counted, {"job": "plain"}]}) is None


def test_a_job_inside_that_is_switched_off_is_named_with_its_place():
    registry = REGISTRY.configure({"once": {"enabled": "no"}})
    parts = checked_jobs(registry, "chain", {"steps": [{"job": "plain"}, {"job": "once"}]})
    with pytest.raises(JobUnavailable) as refused:
        composition.refuse_unavailable(registry, parts)
    assert str(refused.value) == (
        "The job chain is not available here: its steps[1], once, is switched off by [once] enabled."
    )


def test_all_job_names_in_a_stored_task_are_found_even_those_of_jobs_that_are_gone():
    params = {"steps": [{"job": "gone", "params": {}}, {"job": "chain", "params": steps("once", "lost")}]}
    assert list(names_in(REGISTRY, "chain", json.dumps(params))) == ["chain", "gone", "chain", "once", "lost"]


@pytest.mark.parametrize("stored", [{}, {"steps": ["plain"]}, {"steps": 5}, {"steps": [{"job": "plain", "params": 1}]}])
def test_a_stored_task_whose_steps_are_no_longer_valid_has_none_inside(stored):
    assert list(names_in(REGISTRY, "chain", json.dumps(stored))) == ["chain"]


def test_nothing_is_parsed_for_a_job_that_is_not_made_of_others():
    assert list(names_in(REGISTRY, "plain", "this is not JSON")) == ["plain"]
    assert limits_of(REGISTRY, "brief", "this is not JSON") == RunLimits(5, 10)


@pytest.mark.parametrize(
    ("jobs", "default", "seconds", "mb"),
    [
        (["brief", "long"], 7, 60, 200),
        (["brief", "plain"], 7, 7, 10),
        (["brief", "plain"], 0, 0, 0),
        (["brief", "unlimited", "long"], 7, 0, 0),
        (["brief"], 0, 5, 10),
    ],
)
def test_a_limit_is_the_largest_inside_and_none_if_one_job_has_none(jobs, default, seconds, mb):
    registry = REGISTRY.limited(RunLimits(round_timeout_seconds=default, memory_limit_mb=default))
    params = json.dumps(steps(*jobs))
    assert limits_of(registry, "chain", params) == RunLimits(seconds, mb)
    around = json.dumps({"steps": [{"job": "chain", "params": steps(*jobs)}]})
    assert limits_of(registry, "chain", around) == RunLimits(seconds, mb)


def test_a_task_resumes_if_all_jobs_inside_it_do():
    assert limits_of(REGISTRY, "chain", json.dumps(steps("plain", "brief"))).resumes
    assert not limits_of(REGISTRY, "chain", json.dumps(steps("plain", "once"))).resumes
