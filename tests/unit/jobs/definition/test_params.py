"""Bounds are described in the same words everywhere, and all mistakes are reported at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta

from jobs.definition.expected import LONGEST_SHOWN_VALUE, expectation, shown
from jobs.definition.params import Origins, Parameter, check, check_text, parameters_of, read_section, validate
from jobs.errors import ConfigError, InvalidInput

Times = Annotated[int, Meta(ge=1, le=1_000_000)]
TIMES = Parameter("times", Times)
COLOUR = Parameter("colour", Literal["blue", "red"], "red")

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Pool(msgspec.Struct):
    name: str


@dataclass(frozen=True)
class Settings:
    round_seconds: Annotated[float, Meta(ge=0, le=5)] = 1.0
    pools: tuple[str, ...] = field(default_factory=lambda: ("rbd",))


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (Times, "a whole number from 1 to 1000000"),
        (int, "a whole number"),
        (Annotated[int, Meta(ge=1)], "a whole number of at least 1"),
        (Annotated[int, Meta(lt=10)], "a whole number of less than 10"),
        (Annotated[int, Meta(gt=0, le=10)], "a whole number of more than 0 and of at most 10"),
        (Annotated[int, Meta(ge=0, le=64, multiple_of=8)], "a whole number from 0 to 64 divisible by 8"),
        (Annotated[float, Meta(ge=0, le=0.5)], "a number from 0 to 0.5"),
        (str, "text"),
        (Annotated[str, Meta(min_length=1)], "text of at least 1 character"),
        (Annotated[str, Meta(max_length=80)], "text of at most 80 characters"),
        (Annotated[str, Meta(min_length=1, max_length=80, pattern="^a")], "text of 1 to 80 characters that matches ^a"),
        (Annotated[str, Meta(min_length=2, max_length=2)], "text of 2 characters"),
        (Annotated[str, Meta(pattern="^x", extra={"words": "an x"})], "an x"),
        (bool, "true or false"),
        (Literal["a", "b"], "one of a, b"),
        (Size, "one of s, l"),
        (Times | None, "a whole number from 1 to 1000000 or null"),
        (list[Times], "a list, each item a whole number from 1 to 1000000"),
        (Annotated[list[Any], Meta(min_length=1)], "a list of at least 1 item"),
        (dict[str, int], "an object, each value a whole number"),
        (dict, "an object"),
        (Any, "anything"),
        (datetime, "a valid datetime"),
        (Pool, "a valid Pool"),
    ],
)
def test_a_type_is_put_into_words(type_: object, words: str) -> None:
    assert expectation(type_) == words


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (-1, "-1"),
        (1_000_001, "1000001"),
        (10**30, "1" + "0" * 30),
        (1.5, "1.5"),
        (5.0, "5.0"),
        ("5", '"5"'),
        (True, "true"),
        (None, "null"),
        ([1], "[1]"),
        (float("nan"), "nan"),
        (UNSET, "nothing"),
        pytest.param(10**5000, "something of type int that is too large to be shown", id="of 5,001 digits"),
    ],
)
def test_anything_but_a_whole_number_within_the_bounds_is_refused(value: object, got: str) -> None:
    with pytest.raises(ValueError) as refused:
        check(value, Times)
    assert str(refused.value) == f"expected a whole number from 1 to 1000000, got {got}"


@given(JSON_VALUES)
def test_exactly_the_whole_numbers_within_the_bounds_are_accepted(value: object) -> None:
    is_right = type(value) is int and 1 <= value <= 1_000_000
    assert _is_accepted(value, Times) is is_right


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-7, 7))
def test_a_number_as_text_is_accepted_if_it_is_accepted_as_json(low: int, high: int, number: int) -> None:
    type_ = Annotated[int, Meta(ge=low, le=high)]
    try:
        assert check_text(str(number), type_) == number
        in_text = True
    except ValueError:
        in_text = False
    assert in_text is _is_accepted(number, type_)


def _is_accepted(value: object, type_: object) -> bool:
    try:
        check(value, type_)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_without_bounds_must_still_be_finite(value: float) -> None:
    with pytest.raises(ValueError, match="expected a number, got"):
        check(value, float)


def test_a_whole_number_is_accepted_as_a_number() -> None:
    assert type(check(3, float)) is float


def test_a_mistake_inside_a_list_is_reported_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"got \[\[1\],\[2,0\]\] \(wrong at \[1\]\[1\]\)$"):
        check([[1], [2, 0]], list[list[Times]])


def test_types_without_words_of_ours_are_described_in_those_of_msgspec() -> None:
    with pytest.raises(ValueError, match=r"a valid Pool, got \{\} \(Object missing required field `name`\)$"):
        check({}, Pool)


@given(JSON_VALUES)
def test_a_value_is_shown_as_json_and_never_at_length(value: object) -> None:
    text = shown(value)
    assert len(text) <= LONGEST_SHOWN_VALUE
    if not text.endswith("…"):
        assert msgspec.json.decode(text) == value


def test_a_value_that_json_cannot_hold_is_still_shown() -> None:
    assert shown("\ud800") == r"'\ud800'"


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        validate([TIMES, COLOUR], {"times": -1, "colour": "green", "size": 3}, "test_task")
    assert refused.value.errors == {
        "size": ["is not a parameter of test_task, expected: times, colour"],
        "times": ["expected a whole number from 1 to 1000000, got -1"],
        "colour": ['expected one of blue, red, got "green"'],
    }


def test_a_missing_parameter_is_reported() -> None:
    with pytest.raises(InvalidInput, match="times: expected a whole number from 1 to 1000000, got nothing"):
        validate([TIMES], {}, "test_task")


def test_null_is_not_the_same_as_missing() -> None:
    with pytest.raises(InvalidInput, match="colour: expected one of blue, red, got null"):
        validate([COLOUR], {"colour": None}, "test_task")


def test_a_parameter_for_a_job_that_has_none_is_reported() -> None:
    with pytest.raises(InvalidInput, match="times: is not a parameter of ping, which has none"):
        validate([], {"times": 1}, "ping")


@given(JSON_VALUES.filter(lambda value: not isinstance(value, dict)))
def test_parameters_that_are_not_an_object_are_refused(given_params: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        validate([], given_params, "test_task")
    assert list(refused.value.errors) == ["params"]


def test_defaults_are_filled_in_and_the_order_is_that_of_the_parameters() -> None:
    first, second = Parameter("first", int, 1), Parameter("second", int)
    assert list(validate([first, second], {"second": 2}, "job").items()) == [("first", 1), ("second", 2)]


def test_a_default_that_can_change_is_not_shared() -> None:
    parameter = Parameter("pools", list[str], [])
    validate([parameter], {}, "job")["pools"].append("rbd")  # type: ignore[attr-defined]
    assert validate([parameter], {}, "job") == {"pools": []}


def test_the_fields_of_a_dataclass_are_parameters_with_their_bounds_and_defaults() -> None:
    assert parameters_of(Settings) == (
        Parameter("round_seconds", Annotated[float, Meta(ge=0, le=5)], 1.0),
        Parameter("pools", tuple[str, ...], ("rbd",)),
    )


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("5", int, 5),
        ("0.5", float, 0.5),
        ("yes", bool, True),
        ("No", bool, False),
        ("off", bool, False),
        ("5", str, "5"),
        ("null", str, "null"),
        ("", tuple[str, ...], ()),
        ("a, b,\nc,", tuple[str, ...], ("a", "b", "c")),
        ("1, 2", Annotated[list[int], Meta(min_length=1)], [1, 2]),
        ("data", Path, Path("data")),
        ("red", Literal["red"], "red"),
    ],
)
def test_a_line_of_configuration_is_read_by_its_type(text: str, type_: object, value: object) -> None:
    assert check_text(text, type_) == value


@pytest.mark.parametrize(
    ("text", "type_", "sentence"),
    [
        ("two", int, 'expected a whole number, got "two"'),
        ("", int, 'expected a whole number, got ""'),
        ("1_000", int, 'expected a whole number, got "1_000"'),
        ("nan", float, 'expected a number, got "nan"'),
        ("-inf", float, 'expected a number, got "-inf"'),
        ("1e999", float, 'expected a number, got "1e999"'),
        ("1", bool, 'expected yes or no, got "1"'),
        ("maybe", bool, 'expected yes or no, got "maybe"'),
        ("1, x", tuple[int, ...], 'expected a whole number, got "x"'),
        ("", Annotated[list[int], Meta(min_length=1)], 'of at least 1 item, each item a whole number, got ""'),
        ("", Path, 'expected a valid Path, got "" (it is empty)'),
    ],
)
def test_a_line_of_configuration_that_is_wrong_is_quoted_as_it_was_written(
    text: str, type_: object, sentence: str
) -> None:
    with pytest.raises(ValueError) as refused:
        check_text(text, type_)
    assert str(refused.value).endswith(sentence)


def test_a_section_gives_the_values_that_are_there_and_no_others() -> None:
    assert read_section(parameters_of(Settings), "x", {"round_seconds": "0"}) == {"round_seconds": 0.0}


def test_a_mistake_in_a_section_names_file_section_and_key() -> None:
    with pytest.raises(ConfigError, match=r'^h\.ini \[x\] round_seconds: expected a number from 0 to 5, got "9"$'):
        read_section(parameters_of(Settings), "x", {"round_seconds": "9"}, Origins("h.ini"))


def test_a_mistake_on_the_command_line_names_the_option() -> None:
    origins = Origins(command_line={"x.round_seconds": "--set x.round_seconds"})
    with pytest.raises(ConfigError, match=r"^--set x\.round_seconds: expected"):
        read_section(parameters_of(Settings), "x", {"round_seconds": "9"}, origins)


def test_an_unknown_key_lists_the_possible_ones_and_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigError) as refused:
        read_section(parameters_of(Settings), "x", {"round_second": "1"})
    assert str(refused.value) == (
        "config.ini [x] round_second: there is no such key, expected one of round_seconds, pools; "
        "did you mean round_seconds?"
    )


def test_an_unknown_key_that_resembles_none_is_not_guessed_at() -> None:
    with pytest.raises(ConfigError, match=r"expected one of round_seconds, pools$"):
        read_section(parameters_of(Settings), "x", {"zzz": "1"})
