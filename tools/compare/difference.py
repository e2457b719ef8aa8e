"""Compares two recordings and reports what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.compare.pictures import compare_pictures

MOST_SHOWN = 25
LONGEST_SHOWN = 160


@dataclass(frozen=True)
class Allowed:
    """What may differ: `texts` anything that people read, `keys` further keys of objects by name."""

    texts: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    where: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.where}: {_short(self.before)} → {_short(self.after)}"


ABSENT = "<absent>"


def _short(value: object) -> str:
    text = value if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def differences(before: Any, after: Any, allowed: Allowed, where: str = "") -> Iterator[Difference]:
    """Yields what differs in two values of JSON, each at its place."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, allowed, where)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, allowed, where)
    elif type(before) is not type(after) or (before != after and not _is_text(before, after, allowed, where)):
        yield Difference(where, before, after)


def _of_objects(before: Any, after: Any, allowed: Allowed, where: str) -> Iterator[Difference]:
    after = {key: value for key, value in after.items() if key in before or key not in allowed.keys}
    shared = [key for key in before if key in after]
    if shared != [key for key in after if key in before]:
        yield Difference(f"{where} (order of keys)", list(before), list(after))
    for key in dict.fromkeys([*before, *after]):
        if key in before and key in after:
            yield from differences(before[key], after[key], allowed, f"{where}.{key}")
        else:
            yield Difference(f"{where}.{key}", before.get(key, ABSENT), after.get(key, ABSENT))


def _of_lists(before: Any, after: Any, allowed: Allowed, where: str) -> Iterator[Difference]:
    if len(before) != len(after):
        yield Difference(f"{where} (length)", len(before), len(after))
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        yield from differences(one, other, allowed, f"{where}[{_name(one) or number}]")


def _name(entry: object) -> str:
    """Returns how a call of a walk is called, so that its place can be found."""
    if isinstance(entry, dict):
        return str(next((entry[key] for key in ("call", "step", "command") if key in entry), ""))
    return ""


FIXED = ("status", "type", "call", "outcome", "job", "reason", "$ref", "format", "method", "enum")
"""Fields whose text programs read: it stays the same even where texts may differ."""


def _is_text(before: object, after: object, allowed: Allowed, where: str) -> bool:
    if not allowed.texts or not isinstance(before, str) or not isinstance(after, str):
        return False
    field = where.rpartition(".")[2].partition("[")[0]
    return field not in FIXED and (" " in before or " " in after)


def compare(before: Path, after: Path, allowed: Allowed, report: Path | None = None) -> int:
    """Prints what differs between two recordings by part; returns how many parts do."""
    names = sorted({_name_of(path, folder) for folder in (before, after) for path in folder.rglob("*") if path.is_file()})
    found = 0
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(name.partition("/")[0], []).append(name)
    for part, files in parts.items():
        differing = [line for name in files for line in _of_file(before / name, after / name, allowed, report, name)]
        found += bool(differing)
        print(f"{part}: {f'{len(differing)} differences' if differing else f'identical ({len(files)} files)'}")
        for line in differing[:MOST_SHOWN]:
            print(f"  {line}")
        if len(differing) > MOST_SHOWN:
            print(f"  … and {len(differing) - MOST_SHOWN} more")
    return found


def _name_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _of_file(before: Path, after: Path, allowed: Allowed, report: Path | None, name: str) -> Sequence[str]:
    if not before.exists() or not after.exists():
        return [f"{name}: only {'after' if after.exists() else 'before'}"]
    if before.read_bytes() == after.read_bytes():
        return []
    if name.endswith(".json"):
        found = differences(json.loads(before.read_text()), json.loads(after.read_text()), allowed)
        return [f"{name} {one}" for one in found]
    if name.endswith(".png"):
        return compare_pictures(before, after, report, name)
    return _of_texts(before.read_text().splitlines(), after.read_text().splitlines(), allowed, name)


def _of_texts(before: list[str], after: list[str], allowed: Allowed, name: str) -> list[str]:
    return [f"{name} line {one}" for one in differences(before, after, allowed)]
