"""Who waits for a turn, and who comes next."""

from __future__ import annotations

import asyncio

import pytest

from concurrency.turns import Turns, asked_by


class Line:
    """People who want a turn; each notes their name when they have it, and gives it back when told."""

    def __init__(self, at_once=1):
        self.turns = Turns(at_once)
        self.had = []
        self.go = asyncio.Event()

    def join(self, name, who):
        async def one():
            asked_by.set(who)
            async with self.turns.turn():
                self.had.append(name)
                await self.go.wait()

        return asyncio.create_task(one())

    async def end(self, *tasks):
        self.go.set()
        await asyncio.wait(tasks)


async def test_people_take_turns_however_much_one_of_them_wants():
    line = Line()
    tasks = [line.join(f"a{number}", "ann") for number in range(4)]
    tasks += [line.join("b0", "bob"), line.join("b1", "bob"), line.join("c0", "carol")]
    await asyncio.sleep(0)
    assert line.had == ["a0"]

    await line.end(*tasks)

    assert line.had == ["a0", "a1", "b0", "c0", "a2", "b1", "a3"]


async def test_who_gives_up_has_no_turn_and_holds_up_nobody():
    line = Line()
    first, gone, next_one = line.join("a0", "ann"), line.join("b0", "bob"), line.join("c0", "carol")
    await asyncio.sleep(0)
    gone.cancel()
    await line.end(first, gone, next_one)

    assert line.had == ["a0", "c0"]


async def test_who_gives_up_in_the_moment_of_the_turn_hands_it_on():
    line = Line()
    async with line.turns.turn():
        gone, next_one = line.join("b0", "bob"), line.join("c0", "carol")
        await asyncio.sleep(0)
    gone.cancel()  # it has got the turn, and does not know yet
    await line.end(gone, next_one)

    assert line.had == ["c0"]
    async with line.turns.turn():
        pass


async def test_a_turn_that_fails_ends():
    turns = Turns()
    with pytest.raises(RuntimeError):
        async with turns.turn():
            raise RuntimeError
    async with turns.turn():
        pass


async def test_so_many_as_may_have_a_turn_at_once():
    line = Line(2)
    tasks = [line.join("a0", "ann"), line.join("a1", "ann"), line.join("a2", "ann"), line.join("b0", "bob")]
    await asyncio.sleep(0)
    assert line.had == ["a0", "a1"]

    await line.end(*tasks)

    assert line.had == ["a0", "a1", "a2", "b0"]
