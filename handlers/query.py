"""The parameters behind the question mark: named, typed, and refused in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jobs.errors import InvalidInput

Reader = Callable[[str], object]


def read_query(given: Mapping[str, Sequence[str]], readers: Mapping[str, Reader]) -> dict[str, list[object]]:
    """All values of each parameter. Raises InvalidInput with all mistakes at once; an unknown one names the others."""
    errors: dict[str, list[str]] = {}
    values: dict[str, list[object]] = {}
    for name, texts in given.items():
        if name not in readers:
            possible = ", ".join(sorted(readers)) or "none"
            errors[name] = [f"is not a parameter here, expected: {possible}"]
            continue
        for text in texts:
            try:
                values.setdefault(name, []).append(readers[name](text))
            except ValueError as error:
                errors.setdefault(name, []).append(str(error))
    if errors:
        raise InvalidInput(errors=errors)
    return values


def whole(least: int, most: int = 2**53) -> Reader:
    """A whole number within bounds."""
    bounds = f"of at least {least}" if most == 2**53 else f"from {least} to {most}"

    def read(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 16 and least <= int(text) <= most):
            raise ValueError(f'expected a whole number {bounds}, got "{text[:60]}"')
        return int(text)

    return read


def seconds(most: float) -> Reader:
    """A number of seconds from 0."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1
        if not 0 <= value <= most:
            raise ValueError(f'expected a number of seconds from 0 to {most:g}, got "{text[:60]}"')
        return value

    return read


def one_of(*possible: str) -> Reader:
    """One of some words."""

    def read(text: str) -> str:
        if text not in possible:
            raise ValueError(f'expected one of {", ".join(possible)}, got "{text[:60]}"')
        return text

    return read


def text(value: str) -> str:
    """Any text."""
    return value


def truth(value: str) -> bool:
    """true or false."""
    return one_of("true", "false")(value) == "true"
