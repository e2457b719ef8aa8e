"""Lists that are held in memory: what a search finds in them."""

from __future__ import annotations

import pytest

from handlers.http.paging import matching, page_query

NAMES = ["rbd/disk1", "rbd/Disk2", "İmages/disk1", "备份/每日"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("", NAMES),
        ("DISK", NAMES[:3]),
        ("disk1 rbd", ["rbd/disk1"]),
        ("images", ["İmages/disk1"]),
        ("份/每", ["备份/每日"]),
        ("none", []),
    ],
)
def test_every_word_is_in_the_name_wherever_and_case_does_not_matter(search, expected):
    assert matching(NAMES, search, str) == expected


def test_at_most_twenty_different_words_are_sought():
    search = page_query(["name"], "name", "images")["search"]

    assert search.read(" ".join(["word"] * 2000))
    with pytest.raises(ValueError, match="at most 20 different words, got 21"):
        search.read(" ".join(f"word{number}" for number in range(21)))
