"""Which reports of a worker the server accepts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from jobs.engine import Ended
from jobs.engines.local.messages import Ready, Reported, Unfit, decode_report
from jobs.engines.local.reports import Refusal, check_report
from jobs.json_text import check_json
from jobs.model.task import RoundRecord
from processes.framing import encode

ROUND = {"number": 1, "at": 1_000, "seconds": 0.5}


def reported(**fields: Any) -> object:
    return decode_report(encode({"type": "Reported", "task": 1, "attempt": 1, "rounds": [ROUND | fields]}))


def test_a_report_within_bounds_is_accepted_as_it_is() -> None:
    largest = {"number": 2**53, "of": 2**53, "percent": 100, "message": "x" * 1_000, "seconds": 0}
    assert reported(**largest).rounds[0].number == 2**53  # type: ignore[attr-defined]
    assert decode_report(encode(Ready())) == Ready()


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 2**53 + 1},
        {"number": 2**64 - 1},
        {"number": 0},
        {"number": True},
        {"number": 2.5},
        {"number": "two"},
        {"of": 2**63},
        {"of": 0},
        {"percent": 101},
        {"percent": -1},
        {"at": -1},
        {"at": 253_402_300_800_000},
        {"seconds": -0.5},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"message": "x" * 1_001},
        {"message": 5},
        {"message": None},
        {"if_aborted": "x" * 1_001},
        {"output": {"not": "text"}},
        {"checkpoint": b"{}"},
        {"expected_seconds": 1e300},
    ],
    ids=str,
)
def test_a_round_out_of_bounds_is_reported_as_such(fields: dict[str, Any]) -> None:
    (name,) = fields
    found = reported(**fields)
    assert isinstance(found, Unfit)
    assert found.words.endswith(f"at `$.rounds[0].{name}`")


@pytest.mark.parametrize(
    "message", [b"", b"\xc1", encode(5), encode({"type": "Other"}), encode(["Reported"]), b"\x90" * 9]
)
def test_anything_but_a_report_is_refused_as_such(message: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_report(message)


def test_of_several_rounds_those_before_the_bad_one_are_kept() -> None:
    rounds = [
        RoundRecord(number=number, at=0, seconds=0, output=text) for number, text in [(1, "1"), (2, "?"), (3, "3")]
    ]
    with pytest.raises(Refusal, match="the round's output is not JSON") as found:
        check_report(Reported(1, 1, rounds), 0)
    assert found.value.rounds == rounds[:1]
    with pytest.raises(Refusal, match="the round's number is 1, expected more than 1"):
        check_report(Reported(1, 1, rounds[:1]), 1)


def test_a_bad_result_does_not_discard_its_rounds() -> None:
    rounds = [RoundRecord(number=1, at=0, seconds=0)]
    ended = Ended(task=1, attempt=1, how="returned", rounds=rounds, result=json.dumps("x" * 10 * 2**20))
    with pytest.raises(Refusal, match="the job's result takes 10,485,762 bytes") as found:
        check_report(ended, 0)
    assert found.value.rounds == rounds


@pytest.mark.parametrize(
    "text",
    [
        "1",
        '"[[[[\\""',
        '{"a": [], "b": "\\\\"}',
        "[" * 200 + "]" * 200,
        f'["{"[" * 500}"]',
        f"[{','.join(['[]'] * 500)}]",
    ],
    ids=str,
)
def test_brackets_in_strings_and_beside_one_another_add_no_depth(text: str) -> None:
    check_json(text, "it", 10_000)


@pytest.mark.parametrize(
    "text", ["[" * 201 + "]" * 201, '["\\"",' + "[" * 200 + "]" * 200 + "]", '[{"a":' * 101 + "1" + "}]" * 101]
)
def test_what_is_too_deep_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="it is nested too deeply, at most 200 levels are allowed"):
        check_json(text, "it", 10_000)


def test_depth_is_counted_over_pieces() -> None:
    many = ",".join(['["]"]'] * 20_000)
    check_json(f"[{many}]", "it", 10**6)
    with pytest.raises(Exception, match="nested too deeply"):
        check_json(f"[{many},{'[' * 200}{']' * 200}]", "it", 10**6)


def test_lone_surrogates_are_allowed_only_in_what_goes_back_to_the_job() -> None:
    check_json('["\\udce9", "\\\\ud800"]', "it", 100, may_hold_halves=True)
    for halves in (False, True):
        with pytest.raises(TypeError, match="it is not JSON"):
            check_json('["\\udce9", ]', "it", 100, may_hold_halves=halves)
    with pytest.raises(TypeError, match="it is not JSON"):
        check_json('"\\udce9"', "it", 100)
