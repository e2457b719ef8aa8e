"""The page stays as the person left it while tasks come, go on and end."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.steps import (
    Frames,
    call,
    create_waiting,
    names,
    open_dialog,
    row,
    sign_in,
    submit,
    submit_finished,
    submit_waiting,
)


def test_selection_focus_caret_search_sort_page_and_scroll_survive_fifty_updates(tab):
    frames = Frames(tab.page)
    sign_in(tab)
    submit_waiting(tab, *range(1, 26))
    dialog = open_dialog(tab)
    dialog.get_by_label("Entries per page").select_option("10")
    search = dialog.get_by_label("Search")
    search.fill("test task rounds")
    dialog.get_by_role("columnheader", name="Name").get_by_role("button").click()
    dialog.get_by_role("button", name="Next page").click()
    expect(dialog.get_by_text("11–20 of")).to_be_visible()
    dialog.locator("tbody tr").nth(2).get_by_role("checkbox").check()
    dialog.locator("tbody tr").nth(4).get_by_role("checkbox").check()
    before = names(dialog)
    search.focus()
    search.evaluate("field => field.setSelectionRange(5, 9)")
    dialog.locator(".panel-scroll").evaluate("area => { area.scrollTop = 120; }")
    address = tab.page.url
    submit(tab, "counts", times=600, round_seconds=0.01)
    for number in range(12):
        submit(tab, "test_task", times=2 + number)
        frames.wait_for(5)

    assert frames.count >= 60
    assert names(dialog) == before
    boxes = dialog.locator("tbody tr").get_by_role("checkbox")
    assert [at for at in range(10) if boxes.nth(at).is_checked()] == [2, 4]
    assert search.evaluate("field => [document.activeElement === field, field.selectionStart, field.selectionEnd]") == [
        True,
        5,
        9,
    ]
    assert (search.input_value(), tab.page.url) == ("test task rounds", address)
    assert dialog.locator(".panel-scroll").evaluate("area => area.scrollTop") == 120
    expect(dialog.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")


def test_while_rows_are_hovered_they_stay_and_one_click_shows_the_new_ones(tab):
    sign_in(tab)
    submit_waiting(tab, 1)
    dialog = open_dialog(tab)
    row(dialog, "of 1 round").hover()
    submit_waiting(tab, 2, 3)

    paused = dialog.get_by_role("button", name="Updates paused · 2 new")
    expect(paused).to_be_visible()
    assert names(dialog) == ["Test task of 1 round"]
    row(dialog, "of 1 round").get_by_role("checkbox").focus()
    paused.click()
    expect(dialog.locator("tbody .task-name")).to_have_text(
        ["Test task of 3 rounds", "Test task of 2 rounds", "Test task of 1 round"]
    )
    expect(paused).to_have_count(0)


def test_a_row_that_ends_under_the_pointer_says_so_in_place_and_goes_when_the_pointer_does(tab, tmp_path):
    sign_in(tab)
    submit(tab, "waits", times=3, in_round=2, until=str(tmp_path / "until"))
    dialog = open_dialog(tab)
    waits = row(dialog, "Waiting in round")
    expect(waits).to_contain_text("Running")
    waits.hover()
    (tmp_path / "until").touch()

    expect(waits).to_contain_text("Finished")
    expect(dialog.get_by_role("tab", name="Pending (0)")).to_be_visible()
    expect(waits).to_be_visible()
    dialog.get_by_role("heading", name="Background-Tasks").hover()
    expect(dialog.get_by_text("There are no pending Tasks.")).to_be_visible()


def test_a_row_that_is_deleted_elsewhere_while_rows_are_selected_says_so(tab):
    sign_in(tab)
    one, _ = submit_finished(tab, 1, 2)
    dialog = open_dialog(tab, "Finished")
    row(dialog, "Counting to 2").get_by_role("checkbox").check()
    call(tab, "DELETE", f"taskqueue/{one}")

    expect(row(dialog, "Counting to 1")).to_contain_text("Deleted")
    expect(row(dialog, "Counting to 1").get_by_role("checkbox")).to_be_disabled()
    expect(dialog.get_by_text("1 task selected")).to_be_visible()


def test_a_slow_answer_to_an_earlier_search_does_not_overtake_the_later_one(tab):
    sign_in(tab)
    submit_finished(tab, 1, 2)
    dialog = open_dialog(tab, "Finished")
    expect(row(dialog, "Counting to 1")).to_be_visible()
    held = []

    def hold(route):
        held.append(route)

    tab.page.route(re.compile(r"search=counting\+1"), hold)
    dialog.get_by_label("Search").fill("counting 1")
    tab.page.wait_for_function("() => document.querySelector('table.tasks').ariaBusy === 'true'")
    dialog.get_by_role("tab", name=re.compile("Failed")).click()
    dialog.get_by_role("tab", name=re.compile("Finished")).click()
    expect(dialog.locator("tbody .task-name")).to_have_count(2)
    held[0].continue_()
    with tab.page.expect_response(re.compile("page=1")):
        dialog.get_by_label("Search").fill("counting 2")

    expect(dialog.locator("tbody .task-name")).to_have_text(["Counting to 2"])


def test_nothing_below_an_open_question_is_replaced(tab):
    frames = Frames(tab.page)
    sign_in(tab)
    create_waiting(tab)
    submit_waiting(tab, 1)
    dialog = open_dialog(tab)
    row(dialog, "of 1 round").get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    rows = dialog.locator("tbody tr").element_handles()
    submit(tab, "test_task", times=12)
    frames.wait_for(6)

    assert [one.evaluate("row => row.isConnected") for one in rows] == [True, True]
    assert dialog.locator("tbody tr").count() == 2
    expect(tab.page.get_by_role("dialog", name="Delete task")).to_be_visible()


def test_a_hidden_tab_rests_and_catches_up(tab):
    frames = Frames(tab.page)
    sign_in(tab)
    dialog = open_dialog(tab)
    hide(tab, True)
    before = len(tab.asked)
    submit(tab, "test_task", times=8)
    frames.wait_for(5)
    assert [url for url in tab.asked[before:] if "/api/" in url] == []

    hide(tab, False)
    expect(row(dialog, "Test task of 8 rounds").or_(dialog.get_by_role("tab", name="Finished (1)"))).to_be_visible()


def hide(tab, is_hidden):
    """As the browser tells the page when another tab is looked at."""
    tab.page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )
