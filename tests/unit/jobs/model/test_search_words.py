"""How texts are split into the words that the search knows."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.model.search_words import finds_too_much, has_words, sought_words, split_words, words

UNSPACED = st.text(st.sampled_from("每日备份任务データบันทึกທົດສອບមួយ"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Setting PGs of pool_a to 64", ["setting", "pgs", "of", "pool", "a", "to", "64"]),
        ("Straße, STRASSE", ["strasse", "strasse"]),
        ("Cafe\u0301 café", ["café", "café"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("x\u030cy", ["x\u030cy"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("한국어 데이터백업", ["한국어", "데이터백업"]),
        ("Backup备份 第3次", ["backup", "备份", "第", "3", "次"]),
        ("データベース・開始", ["データベース", "開始"]),
        ("ｶﾞｷﾞ", ["ガギ"]),
        ("葛\U000e0100飾", ["葛飾"]),
        ("ภาษา\u200bไทย", ["ภาษาไทย"]),
        ("❤️ 👍🏽 … \u0301 \u3164", []),
    ],
)
def test_words_are_letters_and_digits_with_their_marks_and_runs_of_one_kind_of_script(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize("text", ["İstanbul", "ISTANBUL", "ıstanbul", "i\u0307stanbul", "ISTANBUL\u0307"[:-1]])
def test_the_letters_i_with_and_without_a_dot_are_one(text):
    assert has_words(text, "istanbul")
    assert has_words("istanbul", sought_words(text)[0])


def test_a_dot_on_another_letter_stays():
    assert words("ṅ c\u0307") == ["ṅ", "ċ"]
    assert words("i\u0328\u0307") == ["į"]


def test_of_a_run_the_pairs_and_the_last_character_are_stored():
    assert split_words("备份 每日备份") == "备份 份 每日 日备"
    assert split_words("rbd RBD to 64") == "rbd to 64"


@pytest.mark.parametrize(
    ("wanted", "is_there"),
    [("备份", True), ("每", True), ("务", True), ("日备份任", True), ("备任", False), ("poo rbd", True), ("bd", False)],
)
def test_a_word_is_found_by_its_beginning_and_a_run_by_any_part(wanted, is_there):
    assert has_words("每日备份任务 pool rbd", wanted) is is_there


def test_a_search_is_split_in_the_same_way_and_each_word_counts_once():
    assert sought_words("Backup备份 backup 备份") == ["backup", "备份"]
    assert len(sought_words("a" * 5000)[0]) == 1000
    assert sought_words("… ❤️") == []


def test_only_runs_of_more_than_two_characters_can_be_found_in_texts_without_them():
    assert not finds_too_much(["pool", "备份"])
    assert finds_too_much(["pool", "备份任"])


@given(st.text(max_size=30))
@example("0\u1a55")
def test_case_does_not_matter_and_splitting_again_changes_nothing(text):
    found = words(text)

    assert words(text.upper()) == words(text.lower()) == words(text.casefold()) == found
    assert words(" ".join(found)) == found
    assert has_words(text, " ".join(found))


@given(UNSPACED, UNSPACED, UNSPACED)
def test_any_part_of_a_run_is_found(before, part, behind):
    assert all(has_words(before + part + behind, word) for word in sought_words(part))
