"""Chains driven by hand: numbers, percent, checkpoints, results, failures, and going on after any round."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.definition.declaration import job
from jobs.definition.limits import checked_result, checked_round
from jobs.definition.registry import Registry
from jobs.definition.rounds import Pause, Round
from jobs.errors import InvalidInput, LimitExceeded
from jobs.library.chain import chain

WORKED: list[str] = []
ENDED: list[str] = []


def work(name):
    WORKED.append(name)


def end(name):
    ENDED.append(name)
    return name


@job(description="Saving {name}", rounds="{times}")
def saving(name: str, times: int = 3, *, done: int = 0) -> Iterator[Round]:
    """Leaves a checkpoint after each round."""
    for number in range(done + 1, times + 1):
        work(name)
        yield Round(number, of=times, message=f"round {number}", output={"n": number}, checkpoint={"done": number})
    return end(name)


@job(description="Forgetting {name}")
def forgetting(name: str, times: int = 3) -> Iterator[Round]:
    """Leaves no checkpoints, and does not count."""
    for _ in range(times):
        work(name)
        yield Round(of=times)
    return end(name)


@job(description="Saving {name} now and then")
def now_and_then(name: str, times: int = 3, *, done: int = 0) -> Iterator[Round]:
    """Leaves a checkpoint after every second round, and does not say how many there will be."""
    for number in range(done + 1, times + 1):
        work(name)
        yield Round(number, checkpoint=None if number % 2 else {"done": number})
    return end(name)


@job(description="Pausing")
def pausing() -> Iterator[Round | Pause]:
    """Waits before and after its round."""
    yield Pause(5)
    yield Round()
    yield Pause()


@job(description="Reporting {name}")
def reporting(name: str, times: int = 3, *, done: int = 0) -> Iterator[Round]:
    """Reports its own percent."""
    for number in range(done + 1, times + 1):
        work(name)
        yield Round(number, percent=number * 100 // times, checkpoint={"done": number}, if_aborted=f"{name} goes on")
    return end(name)


@job(description="Going too far", rounds=lambda: 2)
def going_too_far() -> Iterator[Round]:
    """Has more rounds than it declares."""
    for _ in range(4):
        yield Round()


@job(description="Failing with {text}")
def failing(text: str = "boom", close: str = "") -> Iterator[Round]:
    """Raises in its second round, or when it is closed."""
    try:
        yield Round(1)
    except GeneratorExit:
        ENDED.append("closed")
        if close:
            raise OSError(close) from None
        raise
    raise ValueError(text)


@job(description="Having none")
def having_none(value: int = 1) -> Iterator[Round]:
    """Has no rounds."""
    yield from ()
    return value


@job(description="Yielding no Round")
def yielding(value: int = 5) -> Iterator[Round]:
    yield value


@job(description="Returning {size} characters")
def large(size: int) -> Iterator[Round]:
    yield Round()
    return "x" * size


@job(description="Returning a set")
def returning_a_set() -> Iterator[Round]:
    yield Round()
    return {1}


@job(description="Saying {size} characters")
def talking(size: int) -> Iterator[Round]:
    yield Round(message="x" * size)


@job(description="Slow", expected_round_seconds=60)
def slow(times: int = 2, counted: bool = True) -> Iterator[Round]:
    """Its rounds are long, and the second says what follows."""
    for number in range(1, times + 1):
        yield Round(number, of=times if counted else None, expected_seconds=5 if number == 2 else None)


LEAVES = [saving, forgetting, now_and_then, reporting]
OTHERS = [going_too_far, failing, yielding, large, returning_a_set, talking, having_none, slow, pausing, chain]


JOBS = {declared.name: declared for declared in [*LEAVES, *OTHERS]}
REGISTRY = Registry(JOBS).configure({})


@pytest.fixture(autouse=True)
def _forget():
    WORKED.clear()
    ENDED.clear()


def step(name, /, **params):
    return {"job": name, "params": params}


def chained(*steps):
    return step("chain", steps=list(steps))


class Worker:
    """Runs a chain as a worker does, and stores what a store would: each round as JSON, and the last checkpoint."""

    def __init__(self, *steps):
        self.params = {"steps": list(steps)}
        self.number = 0
        self.checkpoint = None
        self.stored = {}
        self.percent = 0

    def run(self, most=None):
        """Runs to the end, or until so many rounds are done; then it is interrupted. Returns the result."""
        self.rounds = REGISTRY.begin("chain", self.params, self.checkpoint and json.loads(self.checkpoint))
        number = self.number
        self.percent = self.stored[number].percent if number else 0
        while most is None or most > 0:
            try:
                value = next(self.rounds)
            except StopIteration as ended:
                return json.loads(checked_result(ended.value))
            done = checked_round(value, number, 0)
            number = done.number
            self.keep(done)
            most = None if most is None else most - 1
        self.rounds.close()
        return None

    def keep(self, done):
        assert self.percent <= done.percent <= 100, "percent fell"
        assert done.of is None or done.number <= done.of
        self.percent = done.percent
        self.stored[done.number] = done
        if done.checkpoint is not None:
            self.number, self.checkpoint = done.number, done.checkpoint

    def column(self, field):
        return [getattr(self.stored[number], field) for number in sorted(self.stored)]


def refused(error, *steps):
    with pytest.raises(error) as caught:
        Worker(*steps).run()
    return str(caught.value), getattr(caught.value, "__notes__", [])


def test_numbers_percent_and_messages_are_of_all_steps():
    worker = Worker(step("saving", name="a"), step("saving", name="b", times=1))

    assert worker.run() == ["a", "b"]
    assert worker.column("number") == [1, 2, 3, 4]
    assert worker.column("of") == [4, 4, 4, 4]
    assert worker.column("percent") == [25, 50, 75, 100]
    assert worker.column("message") == [
        "Saving a (1 of 2): round 1", "Saving a (1 of 2): round 2", "Saving a (1 of 2): round 3",
        "Saving b (2 of 2): round 1",
    ]  # fmt: skip
    assert worker.column("output") == ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":1}']


def test_a_round_says_how_long_the_next_one_should_take_by_the_step_that_follows():
    worker = Worker(
        step("saving", name="a", times=2), chained(step("slow", times=3)), step("saving", name="b", times=1)
    )
    worker.run()
    closing = 0
    assert worker.column("expected_seconds") == [0, 60, 60, 5, 60, closing, 0]


def test_a_step_that_does_not_count_may_be_followed_by_the_next_one_at_any_time():
    worker = Worker(step("now_and_then", name="a", times=2), step("slow"))
    worker.run()
    assert worker.column("expected_seconds") == [60, 60, 60, 5]


def test_a_step_without_a_last_checkpoint_ends_with_a_closing_round_and_only_such_a_step():
    worker = Worker(
        step("forgetting", name="a", times=2),
        step("now_and_then", name="b", times=3),
        step("now_and_then", name="c", times=2),
        step("having_none"),
        step("forgetting", name="d", times=1),
    )

    assert worker.run() == ["a", "b", "c", 1, "d"]
    assert [message.partition(" (")[2] for message in worker.column("message")] == [
        "1 of 5)", "1 of 5)", "1 of 5): done",
        "2 of 5)", "2 of 5)", "2 of 5)", "2 of 5): done",
        "3 of 5)", "3 of 5)",
        "4 of 5): done",
        "5 of 5)",
    ]  # fmt: skip


def test_a_step_weighs_as_many_rounds_as_it_declares_and_an_unknown_number_weighs_the_mean():
    worker = Worker(step("forgetting", name="a", times=4), step("now_and_then", name="b", times=2))
    worker.run()

    assert worker.column("percent") == [12, 25, 37, 50, 50, 50, 50], "b declares no rounds, so it weighs as much as a"
    assert worker.column("of") == [None] * 7


def test_the_total_of_rounds_includes_closing_rounds_and_follows_what_steps_report():
    worker = Worker(step("saving", name="a", times=2), step("forgetting", name="b", times=2), step("saving", name="c"))
    worker.run()

    assert worker.column("of") == [None, None, 8, 8, 8, 8, 8, 8]
    assert REGISTRY.rounds_of("chain", {"steps": [step("saving", name="a"), step("saving", name="b")]}) == 6


def test_a_step_that_has_more_rounds_than_it_declared_is_counted_as_it_runs():
    worker = Worker(step("going_too_far"), step("going_too_far"))
    worker.run()

    assert worker.column("of") == [5, 5, 5, 5, 7, 7, 7, 8, 9]
    assert worker.column("percent") == [25, 50, 50, 50, 71, 85, 100, 100, 100]


def test_what_continues_without_a_step_is_reported_as_long_as_that_step_was_the_last_to_do_something():
    worker = Worker(step("reporting", name="a", times=2), step("saving", name="b", times=1))
    worker.run()

    assert worker.column("if_aborted") == ["a goes on", "a goes on", ""]


def test_the_percent_that_a_step_reports_itself_is_used():
    worker = Worker(step("reporting", name="a", times=4), step("reporting", name="b", times=2))
    worker.run()

    assert worker.column("percent") == [12, 25, 37, 50, 75, 100]


def test_only_the_last_step_brings_100_percent():
    worker = Worker(step("saving", name="a"), step("saving", name="b", times=0))
    worker.run()
    assert worker.column("percent") == [25, 50, 75]

    worker = Worker(step("saving", name="a", times=500), step("saving", name="b", times=1))
    worker.run(most=500)
    assert worker.percent == 99


def test_a_chain_in_a_chain_counts_and_reports_like_any_step():
    inner = chained(step("saving", name="a", times=1), step("saving", name="b", times=1))
    worker = Worker(inner, step("saving", name="c", times=2))

    assert worker.run() == [["a", "b"], "c"]
    assert worker.column("percent") == [25, 50, 75, 100]
    assert worker.column("of") == [4, 4, 4, 4]
    assert worker.column("message")[1] == "Chain of 2: Saving a, Saving b (1 of 2): Saving b (2 of 2): round 1"


def test_a_long_message_is_cut():
    worker = Worker(step("talking", size=5000))
    worker.run()
    (message,) = worker.column("message")
    assert message == ("Saying 5000 characters (1 of 1): " + "x" * 5000)[:1000]


def interrupted_after(most, steps):
    """How a chain ends that was interrupted after so many rounds, and what may not run again after it."""
    WORKED.clear()
    ENDED.clear()
    worker = Worker(*steps)
    result = worker.run(most)
    ended = [] if result is not None else list(ENDED)
    before = len(WORKED)
    result = worker.run() if result is None else result
    assert not set(ended) & set(WORKED[before:]), "a step that was done has run again"
    return result, worker


def assert_resumes_after_any_round(steps):
    whole = Worker(*steps)
    expected = whole.run()
    for most in range(1, len(whole.stored) + 1):
        result, worker = interrupted_after(most, steps)
        assert result == expected
        assert worker.column("number") == whole.column("number")
        assert worker.column("message") == whole.column("message")
        assert worker.column("output") == whole.column("output")


@pytest.mark.parametrize(
    "steps",
    [
        [step("saving", name="a"), step("saving", name="b")],
        [step("forgetting", name="a"), step("forgetting", name="b"), step("saving", name="c")],
        [step("now_and_then", name="a"), step("having_none"), step("forgetting", name="b")],
        [chained(step("forgetting", name="a"), step("forgetting", name="b")), step("forgetting", name="c")],
        [chained(chained(step("saving", name="a"), step("now_and_then", name="b"))), step("reporting", name="c")],
    ],
    ids=["saving", "forgetting", "mixed", "chain in a chain", "three levels"],
)
def test_it_resumes_after_an_interruption_at_any_round_without_repeating_a_finished_step(steps):
    assert_resumes_after_any_round(steps)


KINDS = st.sampled_from([declared.name for declared in LEAVES])
SHAPES = st.recursive(
    st.tuples(KINDS, st.integers(0, 4)), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=6
)


def built(shape, names):
    if isinstance(shape, tuple):
        return step(shape[0], name=f"step {next(names)}", times=shape[1])
    return chained(*(built(inner, names) for inner in shape))


@settings(deadline=None)
@given(st.lists(SHAPES, min_size=1, max_size=3))
def test_any_chain_resumes_after_any_interruption(shapes):
    names = iter(range(1000))
    assert_resumes_after_any_round([built(shape, names) for shape in shapes])


def test_an_interrupted_step_without_checkpoints_starts_over_and_numbers_continue_from_the_step_before():
    worker = Worker(step("saving", name="a", times=2), step("forgetting", name="b", times=3))
    worker.run(most=4)
    worker.run()

    assert WORKED == ["a", "a", "b", "b", "b", "b", "b"]
    assert worker.column("number") == [1, 2, 3, 4, 5]


def test_a_failure_keeps_its_type_and_names_its_place():
    text, notes = refused(ValueError, step("saving", name="a"), step("failing"), step("saving", name="b"))
    assert (text, notes) == ("boom", ["in step 2 of 3: Failing with boom"])


def test_a_failure_in_a_chain_of_chains_names_all_places_from_the_inside_out():
    _, notes = refused(ValueError, chained(step("saving", name="a"), step("failing")), step("failing"))
    assert notes == ["in step 2 of 2: Failing with boom", "in step 1 of 2: Chain of 2: Saving a, Failing with boom"]


@pytest.mark.parametrize(
    ("error", "last", "text"),
    [
        (TypeError, step("yielding"), "the job yielded 5, expected a Round"),
        (TypeError, step("returning_a_set"), "the list of results is not JSON: Object of type set is not"),
        (
            LimitExceeded,
            step("large", size=10 * 2**20),
            "the list of results takes 10,485,764 bytes as JSON, at most 10",
        ),
    ],
)
def test_a_step_that_sends_what_it_may_not_fails_the_chain_with_its_place(error, last, text):
    message, notes = refused(error, last)
    assert text in message
    assert notes[0].startswith("in step 1 of 1: ")


def test_the_results_that_travel_in_the_checkpoint_have_1_mib_together():
    half = step("large", size=2**19)
    message, notes = refused(LimitExceeded, half, half, step("saving", name="a"))
    assert message == "the list of results takes 1,048,583 bytes as JSON, at most 1,048,576 are allowed"
    assert notes[0].startswith("in step 2 of 3: ")
    assert len(Worker(half, half).run()) == 2


def test_closing_a_chain_closes_the_step_that_runs():
    worker = Worker(chained(step("failing")))
    worker.run(most=1)
    assert ENDED == ["closed"]


def test_an_exception_of_a_step_that_is_closed_names_its_place():
    worker = Worker(step("failing", close="the door is stuck"))
    with pytest.raises(OSError, match="the door is stuck") as caught:
        worker.run(most=1)
    assert caught.value.__notes__ == ["in step 1 of 1: Failing with boom"]


def test_a_step_that_no_longer_fits_its_job_is_reported():
    message, notes = refused(InvalidInput, step("saving", name="a"), step("saving", name="b", times="many"))
    assert message == 'times: expected a whole number, got "many"'
    assert notes == ["in step 2 of 2: saving"]


def test_a_checkpoint_of_a_step_with_names_that_are_not_text_is_refused(monkeypatch):
    @job(description="Numbering")
    def numbering() -> Iterator[Round]:
        yield Round(checkpoint={1: 2})

    monkeypatch.setitem(JOBS, "numbering", numbering)
    monkeypatch.setattr("tests.unit.jobs.library.test_chain.REGISTRY", Registry(JOBS).configure({}))
    message, notes = refused(TypeError, step("numbering"))
    assert message == "the round's checkpoint is {1: 2}, expected names that are text"
    assert notes == ["in step 1 of 1: Numbering"]


def test_a_pause_of_a_step_is_one_of_the_chain_and_counts_as_no_round():
    passed = list(REGISTRY.begin("chain", {"steps": [{"job": "pausing", "params": {}}]}, None))

    assert [value.seconds if isinstance(value, Pause) else value.number for value in passed] == [5, 1, 0]
