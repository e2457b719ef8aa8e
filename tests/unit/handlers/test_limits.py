"""What clients may cost: places, in all and for each user."""

import asyncio
from types import SimpleNamespace

import pytest

from handlers.http import limits
from handlers.http.limits import MEGABYTE, LimitReached, Places, RefusedTally, UnfinishedBodies, UnreadAnswers


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


async def test_what_is_small_never_waits_for_what_is_large():
    answers = UnreadAnswers(8 * MEGABYTE)
    answers.add(7 * MEGABYTE)
    tasks = await waiting(answers, (MEGABYTE, "eve"), (1000, "eve"))
    assert done(tasks) == [False, True]
    tasks[0].cancel()


async def test_what_is_larger_than_all_there_is_is_let_in_when_half_of_it_is_free():
    answers = UnreadAnswers(8 * MEGABYTE)
    answers.add(3 * MEGABYTE)
    (huge,) = await waiting(answers, (100 * MEGABYTE, "ada"))
    assert not huge.done()

    answers.release(1 * MEGABYTE)
    await huge


async def test_who_goes_while_it_waits_leaves_its_place_to_the_next():
    answers = UnreadAnswers(8 * MEGABYTE)
    answers.add(6 * MEGABYTE)
    first, second = await waiting(answers, (4 * MEGABYTE, "ada"), (MEGABYTE, "ada"))
    answers.release(2 * MEGABYTE)
    assert not second.done()

    first.cancel()
    await second
    assert answers.held_bytes == 5 * MEGABYTE


class Upload:
    """A request whose body is on its way."""

    def __init__(self):
        self.is_given_up = False

    def give_up_body(self):
        self.is_given_up = True


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, which only the test moves."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(limits.time, "monotonic", lambda: now.seconds)
    return now


def test_the_body_that_has_been_quiet_for_longest_makes_room(clock):
    bodies = UnfinishedBodies(2 * MEGABYTE)
    quiet, steady, new = Upload(), Upload(), Upload()
    assert bodies.take(quiet, MEGABYTE)
    assert bodies.take(steady, MEGABYTE // 2)
    clock.seconds = 5
    assert bodies.take(steady, MEGABYTE)

    assert bodies.take(new, MEGABYTE)

    assert (quiet.is_given_up, steady.is_given_up) == (True, False)
    bodies.leave(steady)
    bodies.leave(new)
    assert bodies.held_bytes == 0


def test_a_body_is_refused_while_all_others_go_on_and_a_small_one_never_is(clock):
    bodies = UnfinishedBodies(2 * MEGABYTE)
    others = [Upload(), Upload()]
    assert all(bodies.take(one, MEGABYTE) for one in others)

    assert not bodies.take(Upload(), MEGABYTE)
    assert bodies.take(Upload(), 4000)
    assert not any(one.is_given_up for one in others)


def test_who_is_refused_is_not_given_up_for_its_own_sake(clock):
    bodies = UnfinishedBodies(2 * MEGABYTE)
    alone = Upload()
    assert bodies.take(alone, 2 * MEGABYTE)
    clock.seconds = 100

    assert not bodies.take(alone, 3 * MEGABYTE)
    assert not alone.is_given_up
