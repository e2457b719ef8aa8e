"""Jobs whose parameters have choices, for `[jobs] modules`: made up, so that no cluster is needed."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Annotated

from msgspec import Meta

from ceph.errors import ClusterUnavailable
from jobs import Round, job
from jobs.definition.choices import Choice

HOUSES = {"h-1": "Lindenhof", "h-2": "Am Markt", "h-3": "בית 3"}
MANY = 2006


async def houses() -> list[Choice]:
    return [Choice(value, name, f"house {value}") for value, name in HOUSES.items()]


def rooms(house: str) -> Iterator[Choice]:
    """In a thread of its own; many, with names that nobody would choose."""
    if house == "silent":
        raise ClusterUnavailable("nobody answered within 5 s: is the house there?")
    if house == "broken":
        raise ZeroDivisionError("no floor")
    if house == "slow":
        time.sleep(3600)
    odd = ["a/b", "100 %", "x" * 200, "שלום", "<b>bold</b>"]
    yield from (Choice(f"{house}:{name}", name, "odd") for name in odd)
    yield from (Choice(f"{house}:{number}", f"room {number}") for number in range(1, MANY - len(odd) + 1))


def floors(house: str, highest: int = 3) -> list[object]:
    return [*range(highest), float("inf"), object(), "caf\udcff"]


House = Annotated[str, Meta(min_length=1, title="House", extra={"choices": houses})]
Room = Annotated[
    str, Meta(pattern=r"^[^:]+:.+$", extra={"words": "a room of a house, like h-1:room 4", "choices": rooms})
]


@job(description="Cleaning {house}")
def clean(
    house: House,
    room: Annotated[str, Meta(extra={"choices": rooms})] = "",
    rooms: tuple[Room, ...] = (),
    floor: Annotated[int, Meta(ge=0, le=90, extra={"choices": floors})] = 0,
    highest: int = 3,
    broom: str = "any",
) -> Generator[Round, None, None]:
    """Cleans rooms of a house."""
    yield Round(message="clean")
