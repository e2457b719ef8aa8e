"""Lists of tasks: filtered, sorted, paged, and as quick with a million tasks as with a thousand.

Final tasks have one index per ordering, so a page is read from its start: per status, then merged. A selective filter
is applied first and its result sorted; an unselective one is applied while walking the index of the ordering, which
fills a page quickly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from jobs.errors import RevisionUnknown
from jobs.model.answer_size import Room
from jobs.model.search_words import (
    finds_too_much,
    former_expression,
    former_words,
    match_expression,
    sought_words,
    whole_words_expression,
)
from jobs.model.task import Head, Status, Task
from jobs.store import ListQuery, Matching, Place, TaskPage
from storage.sqlite.renewal import former_words_up_to
from storage.sqlite.rows import read_head, read_tasks
from storage.sqlite.statements import SQL

COUNT_LIMIT = 10_000
"""Up to this number a filter is selective, and counts are exact."""


class _Group(Struct, frozen=True):
    """Tasks that are consecutive in an ordering and have an index for it: by `key`, then by id."""

    key: str
    statuses: tuple[Status, ...]
    condition: str = "TRUE"
    size: int | None = None
    """The number of tasks, if only the status is asked for."""


class _Filter(Struct, frozen=True):
    """The conditions besides status, and the access path: `index` (a filter's index), `by_words` (full text), or
    neither (walk the index of the ordering)."""

    conditions: str
    values: dict[str, Any]
    index: str | None = None
    by_words: bool = False


def list_tasks(query: ListQuery, reader: sqlite3.Connection) -> TaskPage:
    """Implements SearchableStore.list_tasks."""
    head = read_head(reader).head()
    if _finds_nothing(query):
        return TaskPage(head=head, tasks=[], count=0, count_exact=True, next_after=None)
    listing = _Listing(query, head, reader)
    ids = listing.page()
    has_more = len(ids) > query.page_size
    tasks = Room().fit_all(read_tasks(reader, ids[: query.page_size]))
    count, exact = listing.count()
    return TaskPage(
        head=head,
        tasks=tasks,
        count=count,
        count_exact=exact,
        next_after=_place_of(tasks[-1], query.ordering) if has_more else None,
    )


def matching(query: ListQuery, limit: int, reader: sqlite3.Connection) -> Matching:
    """Implements SearchableStore.matching."""
    head = read_head(reader).head()
    if query.as_of is not None and not head.oldest <= query.as_of <= head.revision:
        raise RevisionUnknown(query.as_of)
    if _finds_nothing(query):
        return Matching(ids=[], count=0)
    listing = _Listing(query, head, reader)
    return Matching(ids=listing.ids(limit), count=listing.count()[0])


def _finds_nothing(query: ListQuery) -> bool:
    return query.search is not None and not sought_words(query.search)


def _place_of(task: Task, ordering: str) -> Place:
    match ordering.removeprefix("-"):
        case "status":
            return Place(list(Status).index(task.status), task.id)
        case "runtime":
            return Place(None if task.ended is None or task.started is None else task.ended - task.started, task.id)
        case key:
            return Place(getattr(task, key), task.id)


class _Listing:
    """One question, in one snapshot."""

    def __init__(self, query: ListQuery, head: Head, reader: sqlite3.Connection) -> None:
        self._query = query
        self._head = head
        self._reader = reader
        self._statuses = tuple(status for status in Status if status in query.statuses or not query.statuses)
        self._total = sum(head.counts[status] for status in self._statuses)
        self._few = min(COUNT_LIMIT, self._total)
        self._is_filtered = bool(query.search or query.job is not None or query.created_by is not None)
        self._sought = sought_words(query.search or "")
        self._former_up_to = former_words_up_to(reader) if self._sought else 0
        self._former = former_words(query.search or "") or self._sought
        # The first filter that is selective; else none: the tasks are read in order.
        in_order = _Filter(self._conditions(), self._values())
        self._filter = next(filter(self._leaves_few, self._filters()), in_order)
        self._descends = query.ordering.startswith("-")

    def page(self) -> list[int]:
        """Returns the ids of the page's tasks, and of the first one of the next page. Only ids are sorted and held in
        memory; the tasks are read later, one after another."""
        after = self._query.after
        offset = 0 if after else (self._query.page - 1) * self._query.page_size
        wanted = self._query.page_size + 1
        ids: list[int] = []
        for group in self._groups(after):
            found = self._read(group, offset, wanted - len(ids), after)
            after = None
            if offset and not found:
                offset = max(0, offset - self._size(group))
            elif found:
                offset = 0
                ids += found
            if len(ids) == wanted:
                break
        return ids

    def ids(self, limit: int) -> list[tuple[int, bool]]:
        """Returns the first ones of all pages by id, and whether each is final."""
        places = self._places(_Group("id", self._statuses), descends=False)
        rows = self._reader.execute(
            SQL["statuses_of_places"].format(places=places), {**self._filter.values, "limit": limit, "offset": 0}
        )
        return [(task_id, Status(status).is_final) for task_id, status in rows]

    def count(self) -> tuple[int, bool]:
        """Returns the count, and whether it is exact: by status alone from `head`; with other filters up to a limit."""
        if not self._is_filtered:
            return self._total - self._changed(), True
        everything, by = _Group("id", self._statuses), self._counting_filter()
        if by.by_words and self._counted(everything, COUNT_LIMIT + 1, _of_whole_words(by)) > COUNT_LIMIT:
            return COUNT_LIMIT, False
        count = self._counted(everything, COUNT_LIMIT + 1, by)
        return min(count, COUNT_LIMIT), count <= COUNT_LIMIT

    def _changed(self) -> int:
        """Returns how many `as_of` excludes: they changed recently, so they are few."""
        if self._query.as_of is None:
            return 0
        by = _Filter(SQL["condition_changed"], self._values(), index="tasks_final_by_revision")
        return self._counted(_Group("id", self._statuses), -1, by)

    # The groups of tasks, in the order in which they are read.

    def _groups(self, after: Place | None) -> list[_Group]:
        """Returns the groups of the ordering, from the one in which the page begins."""
        match self._query.ordering.removeprefix("-"):
            case "status":
                return self._groups_of_statuses(after)
            case "runtime":
                return self._groups_of_runtime(after)
            case key:
                return [_Group(key, self._statuses, size=self._known(self._total))]

    def _groups_of_statuses(self, after: Place | None) -> list[_Group]:
        groups = [_Group("id", (one,), size=self._known(self._head.counts[one])) for one in self._statuses]
        if self._descends:
            groups.reverse()
        if after is None:
            return groups
        ranks = [list(Status).index(group.statuses[0]) for group in groups]
        return groups[ranks.index(after.key) :] if after.key in ranks else []

    def _groups_of_runtime(self, after: Place | None) -> list[_Group]:
        """Returns two groups: tasks without a runtime come last, in either direction."""
        unknown = _Group("runtime", self._statuses, SQL["condition_no_runtime"])
        if after is not None and after.key is None:
            return [unknown]
        size = None
        if after is None and self._query.page > 1 and not self._is_filtered:
            size = self._total - self._size(unknown)  # they are few; to count the others takes long
        return [_Group("runtime", self._statuses, SQL["condition_runtime"], size), unknown]

    def _known(self, count: int) -> int | None:
        return None if self._is_filtered else count

    def _size(self, group: _Group) -> int:
        return group.size if group.size is not None else self._counted(group, -1, self._filter)

    # Reading.

    def _read(self, group: _Group, offset: int, limit: int, after: Place | None) -> list[int]:
        """Returns the ids of some tasks of a group. Beyond its middle they are read from its end."""
        if after is None and group.size is not None and offset > group.size // 2:
            last = min(offset + limit, group.size)
            ids = self._select(group, not self._descends, group.size - last, max(0, last - offset), None)
            return ids[::-1]
        return self._select(group, self._descends, offset, limit, after)

    def _select(self, group: _Group, descends: bool, offset: int, limit: int, after: Place | None) -> list[int]:
        places = self._places(group, descends, self._after_conditions(group, after))
        values = {**self._filter.values, "limit": limit, "offset": offset}
        if after is not None:
            values |= {"after_key": after.key, "after_id": after.id}
        return [task_id for _, task_id in self._reader.execute(places, values)]

    def _after_conditions(self, group: _Group, after: Place | None) -> Sequence[str]:
        """Returns the conditions for what follows a place, in two parts: the rest with an equal key, and all beyond. As
        one condition, only its first half would use the index."""
        if after is None:
            return ("TRUE",)
        by_id = group.key == "id" or after.key is None
        names = ("condition_after_id",) if by_id else ("condition_equal_after_id", "condition_beyond")
        beyond = "<" if self._descends else ">"
        return [SQL[name].format(key=group.key, beyond=beyond) for name in names]

    def _places(self, group: _Group, descends: bool, afters: Sequence[str] = ("TRUE",)) -> str:
        parts = self._parts(group, self._filter, afters)
        return SQL["places"].format(parts=parts, direction="DESC" if descends else "ASC")

    def _counted(self, group: _Group, limit: int, by: _Filter) -> int:
        statement = SQL["count_parts"].format(parts=self._parts(group, by))
        count: int = self._reader.execute(statement, {**by.values, "limit": limit}).fetchone()[0]
        return count

    def _parts(self, group: _Group, by: _Filter, afters: Sequence[str] = ("TRUE",)) -> str:
        return " UNION ALL ".join(part for after in afters for part in self._parts_after(group, by, after))

    def _parts_after(self, group: _Group, by: _Filter, after: str) -> list[str]:
        conditions = " AND ".join(one for one in (by.conditions, group.condition, after) if one != "TRUE") or "TRUE"
        if by.by_words:
            names = ", ".join(f"'{status}'" for status in group.statuses)
            parts = ["part_of_words", *(["part_of_former_words"] if self._former_up_to else [])]
            return [SQL[part].format(key=group.key, statuses=names, conditions=conditions) for part in parts]
        index = by.index or f"tasks_final_by_{group.key}"
        return [
            SQL["part_final" if status.is_final else "part_pending"].format(
                key=group.key, status=status, index=index, conditions=conditions
            )
            for status in group.statuses
        ]

    # How the tasks are found.

    def _counting_filter(self) -> _Filter:
        """Returns the filter for counting: since order does not matter, any is better than none."""
        if self._total <= COUNT_LIMIT or self._filter.by_words or self._filter.index:
            return self._filter
        return self._filters()[0]

    def _filters(self) -> Sequence[_Filter]:
        """Returns the filters that could find the tasks by themselves."""
        query = self._query
        found = []
        if self._sought:
            found.append(self._by_words())
        if query.job is not None:
            found.append(_Filter(self._conditions(), self._values(), index="tasks_final_of_job"))
        if query.created_by is not None:
            found.append(_Filter(self._conditions(), self._values(), index="tasks_final_of_user"))
        return found

    def _by_words(self) -> _Filter:
        """Returns the filter by words. If the index finds too much, each task found is also compared with the
        search."""
        is_exact = not finds_too_much(self._sought) and (not self._former_up_to or self._former == self._sought)
        conditions = self._conditions(without="search" if is_exact else "")
        expressions = {
            "search": match_expression(self._sought),
            "whole_words": whole_words_expression(self._sought),
            "former_search": former_expression(self._former),
            "former_up_to": self._former_up_to,
        }
        return _Filter(conditions, {**self._values(), **expressions}, by_words=True)

    def _leaves_few(self, by: _Filter) -> bool:
        if by.by_words:
            return all(self._count_words(one) <= self._few for one in (_of_whole_words(by), by))
        own = SQL["condition_job" if by.index == "tasks_final_of_job" else "condition_created_by"]
        alone = _Filter(own, by.values, index=by.index)
        return self._counted(_Group("id", self._statuses), self._few + 1, alone) <= self._few

    def _count_words(self, by: _Filter) -> int:
        statements = ["count_words", *(["count_former_words"] if self._former_up_to else [])]
        values = {**by.values, "limit": self._few + 1}
        return sum(self._reader.execute(SQL[statement], values).fetchone()[0] for statement in statements)

    def _conditions(self, without: str = "") -> str:
        """Returns all conditions, the cheap ones first."""
        names = ("as_of", "job", "created_by", "search")
        asked = [name for name in names if name != without and getattr(self._query, name) is not None]
        conditions = [SQL[f"condition_{name}"].format(changed=SQL["condition_changed"]) for name in asked]
        return " AND ".join(conditions) or "TRUE"

    def _values(self) -> dict[str, Any]:
        asked = {"job": self._query.job, "created_by": self._query.created_by, "as_of": self._query.as_of}
        return {"words": " ".join(self._sought), **asked}


def _of_whole_words(by: _Filter) -> _Filter:
    """Returns the filter by whole words: a common word is recognised without reading the words that it begins."""
    return replace(by, values={**by.values, "search": by.values["whole_words"]})
