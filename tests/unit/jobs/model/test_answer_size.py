"""How much of tasks and rounds is in one answer: large fields are left out, and the sum of all others is bounded."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from handlers.live import ORDERS_A_SECOND, ORDERS_AT_ONCE, Orders, text_frame
from jobs.model.answer_size import LARGEST_INLINE_BYTES, Room, page_of_rounds, row_bytes, without_large_fields
from jobs.model.task import Status, StoredRound, utf8_bytes
from tests.support.made import a_task


def task(**fields):
    """A task whose large fields have been measured, as a store does."""
    made = a_task(**fields)
    result_bytes = None if made.result is None else utf8_bytes(made.result)
    return replace(made, params_bytes=utf8_bytes(made.params), result_bytes=result_bytes)


def text_of(size):
    return json.dumps("x" * (size - 2))


@pytest.mark.parametrize("field", ["params", "result"])
def test_a_field_of_16_kib_is_there_and_one_byte_more_is_left_out(field):
    fits, large = (task(**{field: text_of(LARGEST_INLINE_BYTES + more)}) for more in (0, 1))

    assert without_large_fields(fits) is fits
    assert getattr(without_large_fields(large), field) == {"params": "", "result": None}[field]
    assert getattr(without_large_fields(large), f"{field}_bytes") == LARGEST_INLINE_BYTES + 1


def test_sizes_are_bytes_of_utf_8_and_not_characters():
    large = task(params=json.dumps("é" * (LARGEST_INLINE_BYTES // 2), ensure_ascii=False))

    assert large.params_bytes == LARGEST_INLINE_BYTES + 2
    assert without_large_fields(large).params == ""


def test_metadata_that_older_versions_stored_is_left_out_if_it_is_large():
    assert without_large_fields(task(metadata=json.dumps({"about": "x" * 20_000}))).metadata == "{}"


def test_when_the_room_is_used_up_rows_continue_without_parameters_and_results():
    room = Room(20_000)
    rows = room.fit_all([task(params=text_of(8_000), result=text_of(8_000), metadata='{"pool":"rbd"}')] * 5)

    assert [(bool(row.params), row.result is not None) for row in rows] == [(True, True)] * 2 + [(False, False)] * 3
    assert {row.metadata for row in rows} == {'{"pool":"rbd"}'}
    assert {(row.params_bytes, row.result_bytes) for row in rows} == {(8_000, 8_000)}


def test_when_the_room_is_used_up_an_error_keeps_its_form_and_the_end_of_its_traceback():
    error = {"type": "E" * 2000, "message": "m" * 10_000, "traceback": "line\n" * 13_000 + "ValueError: at last"}
    room = Room(0)
    row = room.fit(task(status=Status.EXCEPTION, error=json.dumps(error)))
    short = json.loads(row.error)

    assert set(short) == {"type", "message", "traceback"}
    assert short["traceback"].endswith("ValueError: at last")
    assert row_bytes(row) < 3000
    small = task(error=json.dumps({"type": "ValueError", "message": "no", "traceback": "here"}))
    assert room.fit(small).error == small.error


def rounds(*sizes):
    for number, size in enumerate(sizes, 1):
        output = text_of(size)
        yield StoredRound(number=number, at=1, seconds=1, percent=1, message="", output=output, revision=number)


def test_a_page_of_rounds_ends_with_the_one_that_fills_it_and_reads_no_further():
    source = rounds(10_000, 10_000, 10_000, 10_000)
    page = page_of_rounds(source, limit=10, most_bytes=20_000)

    assert ([done.number for done in page.rounds], page.has_more) == ([1, 2], True)
    assert next(source).number == 3


def test_a_page_of_rounds_has_at_least_one():
    page = page_of_rounds(rounds(10_000, 10_000), limit=10, most_bytes=0)

    assert [done.number for done in page.rounds] == [1]


def test_a_page_of_all_rounds_has_no_more():
    page = page_of_rounds(rounds(10, 10), limit=10, most_bytes=20_000)

    assert (len(page.rounds), page.has_more) == (2, False)


# Frames.


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_text_frame_gives_its_length_as_rfc_6455_requires(size):
    frame = text_frame(b"x" * size)
    length, start = frame[1], 2
    if length >= 126:
        start = 4 if length == 126 else 10
        length = int.from_bytes(frame[2:start], "big")

    assert frame[0] == 0x81
    assert length == len(frame) - start == size


def test_a_client_may_send_a_burst_and_then_so_many_messages_a_second():
    orders = Orders(100.0)

    assert all(orders.may_come(100.0) for _ in range(ORDERS_AT_ONCE))
    assert not orders.may_come(100.0)
    later = Orders(100.0)
    for number in range(10 * ORDERS_AT_ONCE):
        assert later.may_come(100.0 + number / ORDERS_A_SECOND)
