"""A job is checked where it is declared, and found where it is named."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from jobs.definition.declaration import job
from jobs.definition.job import LONGEST_DESCRIPTION, Job, Locks, Resource
from jobs.definition.loading import load_registry
from jobs.definition.params import Origins
from jobs.definition.registry import Registry
from jobs.definition.rounds import Round
from jobs.errors import ConfigError, InvalidInput, NotFound, StartError

Rounds = Iterator[Round]
Percent = Annotated[int, Meta(ge=0, le=100)]

MODULE = """
from collections.abc import Iterator
from jobs.definition.declaration import job
from jobs.definition.rounds import Round

@job(description="Greets")
def greet() -> Iterator[Round]:
    '''Greets.'''
    yield Round(message="hello")
"""


@dataclass(frozen=True)
class Settings:
    limit: Percent = 50

    def __post_init__(self) -> None:
        if self.limit == 13:
            raise ValueError("limit 13 brings bad luck")


@dataclass
class MutableSettings:
    limit: int = 1


@dataclass(frozen=True)
class SettingsWithoutDefault:
    limit: int


@dataclass(frozen=True)
class SettingsWithWrongDefault:
    limit: Percent = 101


@dataclass(frozen=True)
class SettingsWithSwitch:
    enabled: bool = False


@job(
    description="Fills pool {pool}",
    metadata={"pool": "{pool}", "kind": "pool"},
    lock="pool/{pool}",
    unique=True,
    on_interrupt="fail",
)
def fill(pool: str, percent: Percent = 90, *, done: int = 0, settings: Settings) -> Generator[Round, None, int]:
    """Fills a pool.

    Slowly.
    """
    for number in range(done + 1, 3):
        yield Round(number, message=f"{pool} {percent} {settings.limit}", checkpoint={"done": number})
    return done


@pytest.fixture
def registry() -> Registry:
    return Registry({"fill": fill}).configure({})


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Writes a module into the current directory; returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def declare(function: Callable[..., Any], **options: Any) -> Job:
    return job(**{"description": "A job"} | options)(function)


def of_one(declared: Job) -> Registry:
    return Registry({declared.name: declared}).configure({})


# Rounds


def test_a_round_takes_its_number_by_position_and_all_else_by_name() -> None:
    assert Round(3, of=5).number == 3
    with pytest.raises(TypeError):
        Round(3, 5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 0},
        {"number": 1.0},
        {"number": True},
        {"of": 0},
        {"percent": 101},
        {"percent": -1},
        {"percent": 12.5},
        {"message": None},
        {"message": b"x"},
        {"checkpoint": [1]},
    ],
)
def test_a_round_refuses_what_the_server_could_not_store(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(fields))} of a Round must be"):
        Round(**fields)


# Declaring


def test_a_job_is_named_after_its_function_or_as_it_declares() -> None:
    assert fill.name == "fill"
    assert declare(fill.function, description="x", name="fill-pool").name == "fill-pool"


def test_its_summary_is_the_first_line_of_its_docstring() -> None:
    assert fill.summary == "Fills a pool."


def test_its_schema_shows_the_parameters_of_the_task_alone() -> None:
    schema = fill.schema()
    assert list(schema["properties"]) == ["pool", "percent"]  # type: ignore[call-overload]
    assert schema["required"] == ["pool"]


def test_on_interrupt_says_whether_it_resumes() -> None:
    assert (fill.resumes, declare(fill.function).resumes) == (False, True)


def _no_generator() -> Rounds:
    return iter([Round()])


def _without_annotation(pool) -> Rounds:  # type: ignore[no-untyped-def]  # noqa: ANN001, RUF100
    yield Round(message=pool)


def _many(*pools: str) -> Rounds:
    yield Round(message=str(pools))


def _any_name(**pools: str) -> Rounds:
    yield Round(message=str(pools))


def _without_name(pool: str, /) -> Rounds:
    yield Round(message=pool)


def _checkpoint_without_default(*, done: int) -> Rounds:
    yield Round(done)


def _wrong_default(percent: Percent = 101) -> Rounds:
    yield Round(percent=percent)


def _unknown_type(percent: Unheard) -> Rounds:  # type: ignore[name-defined]  # noqa: F821
    yield Round(percent=percent)


def _no_json(call: Callable[[], None]) -> Rounds:
    yield Round(message=str(call))


def _impossible_bounds(percent: Annotated[int | None, Meta(ge=1)]) -> Rounds:
    yield Round(percent=percent)


def _settings_by_position(settings: Settings) -> Rounds:
    yield Round(settings.limit)


def _registry_by_position(jobs: Registry) -> Rounds:
    yield Round(len(jobs.jobs))


def _mutable_settings(*, settings: MutableSettings) -> Rounds:
    yield Round(settings.limit)


def _no_settings(*, settings: int = 1) -> Rounds:
    yield Round(settings)


def _settings_without_default(*, settings: SettingsWithoutDefault) -> Rounds:
    yield Round(settings.limit)


def _settings_with_wrong_default(*, settings: SettingsWithWrongDefault) -> Rounds:
    yield Round(settings.limit)


def _settings_with_switch(*, settings: SettingsWithSwitch) -> Rounds:
    yield Round(int(settings.enabled))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (_no_generator, "a job must be a generator function"),
        (_without_annotation, "the parameter pool has no annotation"),
        (_many, "parameters are given by name"),
        (_any_name, "parameters are given by name"),
        (_without_name, "parameters are given by name"),
        (_checkpoint_without_default, "done is part of the checkpoint and needs a default"),
        (_wrong_default, "the default of percent: expected a whole number from 0 to 100, got 101"),
        (_unknown_type, "an annotation cannot be resolved: name 'Unheard' is not defined"),
        (_no_json, "is not supported"),
        (_impossible_bounds, "Can only set `ge` on a numeric type"),
        (_settings_by_position, "settings must be keyword-only"),
        (_registry_by_position, "jobs must be keyword-only, as a Registry"),
        (_mutable_settings, "settings must be annotated with a frozen dataclass"),
        (_no_settings, "settings must be annotated with a frozen dataclass"),
        (_settings_without_default, "the setting limit needs a default"),
        (_settings_with_wrong_default, "the default of limit: expected a whole number from 0 to 100, got 101"),
        (_settings_with_switch, "every job already has the setting enabled"),
    ],
)
def test_a_function_that_cannot_be_a_job_is_refused_where_it_is_declared(
    function: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(TypeError) as refused:
        declare(function)
    assert str(refused.value).startswith(f"job {function.__name__}: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"description": "Fills {pol}"}, "description names {pol}"),
        ({"description": "Fills {}"}, "description names {}"),
        ({"description": "Fills {pool"}, "expected '}'"),
        ({"description": lambda pool: pool}, "description must accept the parameters"),
        ({"metadata": {"of": "{done}"}}, "metadata of names {done}"),
        ({"metadata": lambda pool: {"pool": pool}}, "metadata must accept the parameters"),
        ({"lock": "{pol.name}"}, "lock names {pol.name}"),
        ({"lock": lambda name, **others: name}, "lock must accept the parameters"),
        ({"needs": "ceph:{fsid}"}, "needs names {fsid}"),
        ({"needs": lambda fsid: fsid}, "needs must accept the parameters"),
        ({"rounds": "{done}"}, 'rounds must name one of its parameters, as in "{times}", not "{done}"'),
        ({"rounds": "{percent} of them"}, "rounds must name one of its parameters"),
        ({"rounds": lambda pool: 5}, "rounds must accept the parameters"),
        ({"name": "fill pool"}, "a name may contain only letters, digits"),
        ({"name": "fill]"}, "a name may contain only letters, digits"),
        ({"on_interrupt": "ignore"}, 'on_interrupt must be "resume" or "fail"'),
    ],
)
def test_options_that_do_not_fit_the_job_are_refused_where_it_is_declared(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(TypeError) as refused:
        declare(fill.function, **options)
    assert reason in str(refused.value)


# Using a job


def test_templates_are_filled_in_with_the_parameters() -> None:
    params = fill.validate({"pool": "rbd"})
    assert fill.describe(params) == "Fills pool rbd"
    assert fill.metadata_of(params) == {"pool": "rbd", "kind": "pool"}
    assert fill.locks_of(params) == Locks(("pool/rbd",))


def test_a_template_may_look_into_a_parameter() -> None:
    assert declare(fill.function, description="{pool[0]}…").describe({"pool": "rbd"}) == "r…"


def test_callables_get_the_parameters_by_name() -> None:
    by_call = declare(
        fill.function,
        description=lambda percent, pool: f"{pool} to {percent}%",
        metadata=lambda percent, pool: {"percent": percent},
        lock=lambda pool, **others: None,
    )
    params = by_call.validate({"pool": "rbd"})
    assert by_call.describe(params) == "rbd to 90%"
    assert by_call.metadata_of(params) == {"percent": 90}
    assert by_call.locks_of(params) == Locks(())


@pytest.mark.parametrize(
    ("needs", "label"),
    [(None, None), ("rack:{pool}", "rack:rbd"), (lambda pool, percent: pool, "rbd"), (lambda **_: None, None)],
)
def test_what_a_job_needs_is_a_label_or_nothing(needs: Any, label: str | None) -> None:
    declared = declare(fill.function, needs=needs)
    assert declared.need_of(declared.validate({"pool": "rbd"})) == label


def test_needs_that_are_no_text_are_refused() -> None:
    with pytest.raises(TypeError, match="needs of the job fill must be text or None, not 5"):
        declare(fill.function, needs=lambda **_: 5).need_of({})


@pytest.mark.parametrize(
    ("rounds", "count"),
    [(None, None), ("{percent}", 90), (lambda pool, percent: len(pool), 3), (lambda **_: None, None)],
)
def test_declared_rounds_come_from_a_parameter_or_a_function(rounds: Any, count: int | None) -> None:
    declared = declare(fill.function, rounds=rounds)
    assert declared.rounds_of(declared.validate({"pool": "rbd"})) == count


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (lambda _registry: 1 / 0, "the check whether it can run failed: ZeroDivisionError: division by zero"),
        (lambda _registry: sys.exit(3), "the check whether it can run failed: RuntimeError: it raised SystemExit: 3"),
        (lambda _registry: "\udce9" + "x" * 1_000, "\ufffd" + "x" * 499),
    ],
)
def test_why_a_job_is_unavailable_is_a_bounded_text_whatever_its_function_does(why: Any, reason: str) -> None:
    registry = Registry({"fill": declare(fill.function, unavailable_because=why)}).configure({})
    assert registry.unavailable_because("fill") == reason


def test_the_seconds_of_a_round_are_a_number_or_a_function() -> None:
    assert declare(fill.function).expected_seconds_of({"pool": "rbd"}) == 0
    assert declare(fill.function, expected_round_seconds=60).expected_seconds_of({"pool": "rbd"}) == 60
    by_call = declare(fill.function, expected_round_seconds=lambda pool, **_: len(pool) / 2)
    assert by_call.expected_seconds_of({"pool": "rbd"}) == 1.5
    with pytest.raises(TypeError, match="expected_round_seconds must accept the parameters of the job by name"):
        declare(fill.function, expected_round_seconds=lambda: 60)


@pytest.mark.parametrize("seconds", [-1, True, "60", float("nan"), float("inf"), 366 * 24 * 3600])
def test_invalid_seconds_of_a_round_are_refused(seconds: object) -> None:
    words = "must be a number from 0 to 31536000, or None, not"
    with pytest.raises(TypeError, match=f"expected_round_seconds {words}"):
        declare(fill.function, expected_round_seconds=seconds)
    with pytest.raises(TypeError, match=f"expected_round_seconds of the job fill {words}"):
        declare(fill.function, expected_round_seconds=lambda **_: seconds).expected_seconds_of({"pool": "rbd"})
    with pytest.raises(TypeError, match=f"expected_seconds of a Round {words}"):
        Round(expected_seconds=seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [-1, "5", float("nan"), float("inf"), 2**60, True])
def test_limits_other_than_numbers_within_bounds_are_refused(limit: Any) -> None:
    with pytest.raises(TypeError, match="round_timeout_seconds must be a number from 0 to 31536000, or None, not"):
        declare(fill.function, round_timeout_seconds=limit)
    with pytest.raises(TypeError, match="memory_limit_mb must be a whole number from 0 to 16777216, or None, not"):
        declare(fill.function, memory_limit_mb=limit)


@pytest.mark.parametrize("count", [-1, 2.0, True, "5", 2**53 + 1])
def test_an_invalid_number_of_rounds_is_refused(count: object) -> None:
    with pytest.raises(TypeError, match="rounds of the job fill must be a whole number of at least 0, or None, not"):
        declare(fill.function, rounds=lambda **_: count).rounds_of({"pool": "rbd"})


def test_a_job_that_asks_for_the_registry_gets_it_when_it_runs_and_in_its_templates() -> None:
    asking = declare(
        _asking, description=lambda pool, jobs: f"{pool} of {len(jobs.jobs)}", rounds=lambda pool, jobs: len(jobs.jobs)
    )
    registry = Registry({"asking": asking, "fill": fill}).configure({})

    assert list(asking.schema()["properties"]) == ["pool"]  # type: ignore[call-overload]
    assert registry.describe("asking", {"pool": "rbd"}) == "rbd of 2"
    assert registry.rounds_of("asking", {"pool": "rbd"}) == 2
    assert [done.message for done in registry.begin("asking", {"pool": "rbd"}, None)] == ["Fills pool rbd"]


def _asking(pool: str, *, jobs: Registry) -> Rounds:
    yield Round(message=jobs.describe("fill", {"pool": pool}))


class Clock(Resource):
    def __init__(self, shows: str = "nothing") -> None:
        self.shows = shows


def _timed(pool: str, *, clock: Clock) -> Rounds:
    yield Round(message=f"{pool} at {clock.shows}")


def test_a_job_and_its_templates_get_the_resources_of_the_types_that_it_asks_for() -> None:
    timed = declare(_timed, description=lambda pool, clock: f"{pool}, {clock.shows}", lock=lambda pool, clock: pool)
    registry = Registry({"timed": timed}).configure({}).with_resources(Clock("noon"))

    assert list(timed.schema()["properties"]) == ["pool"]  # type: ignore[call-overload]
    assert registry.describe("timed", {"pool": "rbd"}) == "rbd, noon"
    assert [done.message for done in registry.begin("timed", {"pool": "rbd"}, None)] == ["rbd at noon"]


def test_a_resource_that_a_process_lacks_is_as_if_nothing_had_been_configured() -> None:
    registry = Registry({"timed": declare(_timed)}).configure({})
    assert [done.message for done in registry.begin("timed", {"pool": "rbd"}, None)] == ["rbd at nothing"]


def _positional(clock: Clock) -> Rounds:
    yield Round()


def test_a_resource_is_not_a_parameter_of_a_task() -> None:
    with pytest.raises(TypeError, match=r"clock must be keyword-only, as a Clock: put it after the \*"):
        declare(_positional)


def test_a_job_says_itself_why_it_cannot_run_here() -> None:
    def why(registry: Registry) -> str | None:
        return None if registry.resource(Clock).shows == "noon" else "there is no clock"

    registry = Registry({"timed": declare(_timed, name="timed", unavailable_because=why)}).configure({})
    assert registry.unavailable_because("timed") == "there is no clock"
    assert registry.with_resources(Clock("noon")).unavailable_because("timed") is None
    switched_off = registry.configure({"timed": {"enabled": "no"}}).with_resources(Clock("noon"))
    assert switched_off.unavailable_because("timed") == "switched off by [timed] enabled"


def test_without_metadata_and_lock_there_are_none() -> None:
    plain = declare(fill.function)
    assert (plain.metadata_of({}), plain.locks_of({})) == ({}, Locks(()))


@given(st.text(st.characters() | st.sampled_from("\r\n\x0b\x85\u2028 ")) | st.text(min_size=290, max_size=600))
def test_a_description_is_one_short_line_whatever_the_parameters_hold(pool: str) -> None:
    line = declare(fill.function, description="{pool}").describe({"pool": pool})
    assert len(line.splitlines()) <= 1
    assert len(line) <= LONGEST_DESCRIPTION
    assert line == line.strip()


def test_new_lines_in_a_description_become_spaces() -> None:
    assert declare(fill.function, description="\n{pool}\n").describe({"pool": "a\nb\r\nc"}) == "a b c"


def test_called_with_a_checkpoint_it_resumes_after_the_round_that_left_it() -> None:
    rounds = list(of_one(fill).begin("fill", {"pool": "rbd"}, {"done": 1}))
    assert [(done.number, done.message) for done in rounds] == [(2, "rbd 90 50")]


def test_what_it_returns_ends_the_rounds() -> None:
    rounds = of_one(fill).begin("fill", {"pool": "rbd"}, {"done": 2})
    with pytest.raises(StopIteration) as ended:
        next(rounds)
    assert ended.value.value == 2


def test_a_checkpoint_that_does_not_fit_is_reported() -> None:
    with pytest.raises(InvalidInput) as refused:
        of_one(fill).begin("fill", {"pool": "rbd"}, {"dome": 1, "done": "x"})
    assert refused.value.errors == {
        "dome": ["is not a parameter of the checkpoint of fill, expected: done"],
        "done": ['expected a whole number, got "x"'],
    }


def test_parameters_of_another_version_of_the_job_are_reported() -> None:
    with pytest.raises(InvalidInput, match="size: is not a parameter of fill, expected: pool, percent"):
        of_one(fill).begin("fill", {"pool": "rbd", "size": 3}, None)


@pytest.mark.parametrize("name", ["done", "settings"])
def test_neither_checkpoint_nor_settings_are_accepted_from_outside(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{name}: is not a parameter of fill"):
        fill.validate({"pool": "rbd", name: 1})


def test_jobs_compose_by_yield_from() -> None:
    def twice(*, settings: Settings) -> Generator[Round, None, object]:
        yield from fill("a", settings=settings)
        return (yield from fill("b", done=1, settings=settings))

    twice.__annotations__ = {"settings": Settings}
    rounds = of_one(declare(twice)).begin("twice", {}, None)
    assert [done.message[0] for done in rounds] == ["a", "a", "b"]


# The registry


def test_an_error_about_an_unknown_job_lists_those_there_are(registry: Registry) -> None:
    with pytest.raises(NotFound, match=r'^There is no job "fil"; registered: fill\.$'):
        registry.job("fil")


def test_the_settings_of_a_job_come_from_its_own_section(registry: Registry) -> None:
    assert registry.settings("fill") == Settings(limit=50)
    assert registry.configure({"fill": {"limit": "7"}, "other": {"limit": "x"}}).settings("fill") == Settings(limit=7)


def test_a_job_that_takes_no_settings_has_none_but_the_switch() -> None:
    registry = Registry({"plain": declare(_settings_free, name="plain")})
    configured = registry.configure({"plain": {"enabled": "no"}})
    assert configured.settings("plain") is None
    assert configured.unavailable_because("plain") == "switched off by [plain] enabled"


def _settings_free() -> Rounds:
    yield Round()


def test_a_job_is_available_unless_it_is_switched_off(registry: Registry) -> None:
    assert registry.unavailable_because("fill") is None
    assert registry.configure({"fill": {"enabled": "yes"}}).unavailable_because("fill") is None


def test_the_section_of_a_job_is_checked_like_all_others(registry: Registry) -> None:
    with pytest.raises(ConfigError, match=r'^h\.ini \[fill\] limit: expected a whole number from 0 to 100, got "x"$'):
        registry.configure({"fill": {"limit": "x"}}, Origins("h.ini"))
    with pytest.raises(ConfigError, match=r"limti: there is no such key, expected one of enabled, limit; did you mean"):
        registry.configure({"fill": {"limti": "1"}})


def test_settings_that_refuse_their_own_values_are_reported_with_their_section(registry: Registry) -> None:
    with pytest.raises(ConfigError, match=r"^config\.ini \[fill\]: limit 13 brings bad luck$"):
        registry.configure({"fill": {"limit": "13"}})


def test_the_configuration_of_a_worker_survives_the_way_to_it(registry: Registry) -> None:
    sent = {"fill": {"limit": "7"}}, Origins("h.ini", {"fill.limit": "--set fill.limit"})
    sections, origins = pickle.loads(pickle.dumps(sent))
    assert (sections, origins) == sent
    assert registry.configure(sections, origins).settings("fill") == Settings(limit=7)


# Finding jobs


def test_the_jobs_that_come_with_hourglass_are_always_there() -> None:
    assert "test_task" in [job.name for job in load_registry().jobs]


def test_a_module_in_the_current_directory_is_found(written: Callable[[str, str], str]) -> None:
    registry = load_registry([written("greetings", MODULE)])
    assert registry.job("greet").function.__module__ == "greetings"
    assert [job.name for job in registry.jobs] == sorted(job.name for job in registry.jobs)


def test_a_job_that_another_module_imports_is_one_job(written: Callable[[str, str], str]) -> None:
    written("greetings", MODULE)
    again = written("politeness", "from greetings import greet")
    assert load_registry(["greetings", again]).job("greet")


def test_two_jobs_of_one_name_stop_the_start(written: Callable[[str, str], str]) -> None:
    modules = [written("greetings", MODULE), written("politeness", MODULE)]
    with pytest.raises(StartError, match=r"^Two jobs are named greet, in greetings and politeness; give one of them"):
        load_registry(modules)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise GeneratorExit('now')", "GeneratorExit: now"),
        ("x = (", "SyntaxError: '(' was never closed (broken.py, line 1)"),
        (MODULE.replace("Greets", "{whom}"), "TypeError: job greet: description names {whom}, which is not one of its"),
    ],
)
def test_a_module_that_fails_to_import_stops_the_start_in_one_sentence(
    written: Callable[[str, str], str], text: str, reason: str
) -> None:
    with pytest.raises(StartError) as refused:
        load_registry([written("broken", text)])
    assert str(refused.value).startswith(f"The job module broken cannot be imported: {reason}")
    assert "\n" not in str(refused.value)


# The test task


@pytest.fixture
def counting() -> Job:
    return load_registry().job("test_task")


def test_a_test_task_says_how_many_rounds_it_has(counting: Job) -> None:
    assert counting.describe({"times": 5}) == "Test task of 5 rounds"
    assert counting.describe({"times": 1}) == "Test task of 1 round"


@given(st.data())
def test_a_test_task_continues_counting_from_any_checkpoint(data: st.DataObject) -> None:
    registry = load_registry().configure({"test_task": {"round_seconds": "0"}})
    times = data.draw(st.integers(1, 20))
    done = data.draw(st.integers(0, times))
    rounds = registry.begin("test_task", {"times": times}, {"done": done})
    assert _all(rounds) == ([(number, times, {"done": number}) for number in range(done + 1, times + 1)], times)


def _all(rounds: Generator[Round, None, object]) -> tuple[list[tuple[object, ...]], object]:
    seen: list[tuple[object, ...]] = []
    while True:
        try:
            done = next(rounds)
        except StopIteration as ended:
            return seen, ended.value
        seen.append((done.number, done.of, done.checkpoint))


def test_a_round_of_a_test_task_takes_as_long_as_its_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    rounds = load_registry().configure({"test_task": {"round_seconds": "2.5"}}).begin("test_task", {"times": 2}, None)
    assert [done.message for done in rounds] == ["counted to 1", "counted to 2"]
    assert slept == [2.5, 2.5]
