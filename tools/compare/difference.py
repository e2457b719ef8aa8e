"""Compares two recordings and reports what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tools.compare.browsing import chromium
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


class Comparison:
    """Of two recordings, part by part. Pictures need a browser, which is started only if two of them differ."""

    def __init__(self, before: Path, after: Path, allowed: Allowed, report: Path) -> None:
        self.before = before
        self.after = after
        self.allowed = allowed
        self.report = report
        self.stack = ExitStack()
        self.browser: Browser | None = None

    def run(self) -> int:
        """Prints what differs by part, and returns how many parts do. What only one has recorded is not compared."""
        parts = [
            sorted(path.name for path in folder.iterdir() if path.is_dir()) for folder in (self.before, self.after)
        ]
        with self.stack:
            found = [self._run_part(part) for part in parts[0] if part in parts[1]]
        for part in sorted(set(parts[0]) ^ set(parts[1])):
            print(f"{part}: not compared, since only one recording has it")
        return sum(found)

    def _run_part(self, part: str) -> bool:
        folders = (self.before / part, self.after / part)
        files = sorted(
            {path.relative_to(one).as_posix() for one in folders for path in one.rglob("*") if path.is_file()}
        )
        found = [line for name in files for line in self._of_file(*(folder / name for folder in folders), name)]
        print(f"{part}: {counted(len(found)) if found else f'identical ({len(files)} files)'}")
        for line in found[:MOST_SHOWN]:
            print(f"  {line}")
        if len(found) > MOST_SHOWN:
            print(f"  … and {len(found) - MOST_SHOWN} more")
        return bool(found)

    def _of_file(self, before: Path, after: Path, name: str) -> list[str]:
        if not before.exists() or not after.exists():
            return [f"{name}: only {'after' if after.exists() else 'before'}"]
        if before.read_bytes() == after.read_bytes():
            return []
        if name.endswith(".png"):
            words = compare_pictures(self._browser(), before, after, self.report)
            return [f"{name}: {words}"] if words else []
        read = json.loads if name.endswith(".json") else str.splitlines
        return [f"{name} {one}" for one in differences(read(before.read_text()), read(after.read_text()), self.allowed)]

    def _browser(self) -> Browser:
        if self.browser is None:
            self.browser = self.stack.enter_context(chromium())
        return self.browser


def counted(number: int) -> str:
    return "1 difference" if number == 1 else f"{number} differences"
