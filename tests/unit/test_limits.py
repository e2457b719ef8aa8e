"""What clients may cost: places, in all and for each user."""

import asyncio

import pytest

from handlers.limits import MEGABYTE, LimitReached, Places, RefusedTally, UnreadAnswers
from tests.faults.support import in_a_loop


def places(most=3, most_a_user=2):
    refused = RefusedTally()
    return Places("WebSockets", most, most_a_user, "websockets", refused), refused


def test_one_user_gets_no_more_places_than_are_for_one_and_leaves_the_others_to_others():
    some, refused = places()
    some.take("ada")
    some.take("ada")

    with pytest.raises(LimitReached, match="One user can have at most 2 WebSockets open"):
        some.take("ada")
    some.take("grace")

    assert some.taken == 3
    assert refused.counts == {"websockets": 1}


def test_nobody_gets_a_place_beyond_those_for_all_until_one_is_given_back():
    some, _ = places(most=1)
    some.take("ada")
    with pytest.raises(LimitReached, match="At most 1 WebSockets"):
        some.take("grace")

    some.leave("ada")
    some.take("grace")

    assert some.taken == 1


async def waiting(answers, *calls):
    """Tasks that reserve one after the other; those that can have gone on already."""
    tasks = [asyncio.create_task(answers.reserve(size, user)) for size, user in calls]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def done(tasks):
    return [task.done() for task in tasks]


@in_a_loop
async def test_who_needs_more_than_is_free_waits_for_its_turn_and_users_take_turns():
    answers = UnreadAnswers(8 * MEGABYTE)
    tasks = await waiting(
        answers, (4 * MEGABYTE, "eve"), (4 * MEGABYTE, "eve"), (4 * MEGABYTE, "eve"), (2 * MEGABYTE, "ada")
    )
    assert done(tasks) == [True, False, False, False]

    answers.release(4 * MEGABYTE)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done(tasks) == [True, True, False, True]

    answers.release(6 * MEGABYTE)
    await asyncio.gather(*tasks)
    answers.release(4 * MEGABYTE)
    assert (answers.held_bytes, answers.waiting_count) == (0, 0)


@in_a_loop
async def test_what_is_small_never_waits_for_what_is_large():
    answers = UnreadAnswers(8 * MEGABYTE)
    answers.add(7 * MEGABYTE)
    tasks = await waiting(answers, (MEGABYTE, "eve"), (1000, "eve"))
    assert done(tasks) == [False, True]
    tasks[0].cancel()


@in_a_loop
async def test_what_is_larger_than_all_there_is_is_let_in_when_half_of_it_is_free():
    answers = UnreadAnswers(8 * MEGABYTE)
    answers.add(3 * MEGABYTE)
    (huge,) = await waiting(answers, (100 * MEGABYTE, "ada"))
    assert not huge.done()

    answers.release(1 * MEGABYTE)
    await huge


@in_a_loop
async def test_who_goes_while_it_waits_leaves_its_place_to_the_next():
    answers = UnreadAnswers(8 * MEGABYTE)
    answers.add(6 * MEGABYTE)
    first, second = await waiting(answers, (4 * MEGABYTE, "ada"), (MEGABYTE, "ada"))
    answers.release(2 * MEGABYTE)
    assert not second.done()

    first.cancel()
    await second
    assert answers.held_bytes == 5 * MEGABYTE
