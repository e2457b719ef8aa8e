"""The dialog's list: sorted, searched and paged by the server, selected and deleted by the person."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import call, names, open_dialog, row, sign_in, submit, submit_finished, submit_waiting


def counting(*numbers):
    return [f"Counting to {number}" for number in numbers]


def expect_names(dialog, wanted):
    expect(dialog.locator("tbody .task-name")).to_have_text(wanted)


@pytest.fixture
def finished(tab):
    """The dialog at Finished, with tasks that counted to 3, 1 and 2, in this order."""
    sign_in(tab)
    submit_finished(tab, 3, 1, 2)
    return open_dialog(tab, "Finished")


def test_a_click_on_a_heading_sorts_and_another_one_turns_it_round(finished):
    for column, first, then in (
        ("Name", (1, 2, 3), (3, 2, 1)),
        ("Created", (2, 1, 3), (3, 1, 2)),
        ("Finished", (2, 1, 3), (3, 1, 2)),  # descending at first in a fresh list, which is sorted by it
    ):
        heading = finished.get_by_role("columnheader", name=column)
        heading.get_by_role("button").click()
        expect_names(finished, counting(*first))
        heading.get_by_role("button").click()
        expect_names(finished, counting(*then))
        expect(heading).to_have_attribute("aria-sort", re.compile("ending"))


COLUMNS = {
    "Pending": ["Name", "Created", "Complete", "Estimated"],
    "Failed": ["Name", "Reason", "Created", "Runtime", "Failed"],
    "Finished": ["Name", "Created", "Runtime", "Finished"],
}


def test_every_column_of_every_tab_can_be_sorted_by(tab):
    sign_in(tab)
    submit_finished(tab, 1)
    submit(tab, "fails")
    submit_waiting(tab, 5)
    dialog = open_dialog(tab)
    for name, columns in COLUMNS.items():
        dialog.get_by_role("tab", name=f"{name} (1)").click()
        for column in columns:
            heading = dialog.get_by_role("columnheader", name=column, exact=True)
            before = heading.get_attribute("aria-sort")
            heading.get_by_role("button").click()
            expect(heading).not_to_have_attribute("aria-sort", before)
            expect(dialog.get_by_role("table")).to_have_attribute("aria-busy", "false")
            expect(dialog.get_by_text("Try again")).to_have_count(0)
            expect(dialog.locator("tbody tr")).to_have_count(1)


def test_the_list_is_searched_while_one_types(finished):
    finished.get_by_label("Search").press_sequentially("count 2")
    expect_names(finished, counting(2))
    finished.get_by_label("Search").fill("nothing of the kind")
    expect(finished.get_by_text("No finished task matches “nothing of the kind”.")).to_be_visible()
    finished.get_by_role("button", name="Clear the search").click()
    expect_names(finished, counting(2, 1, 3))


def test_pages_are_turned_and_their_size_is_chosen_and_remembered(tab):
    sign_in(tab)
    submit_waiting(tab, *range(1, 24))
    dialog = open_dialog(tab)
    dialog.get_by_label("Entries per page").select_option("10")
    expect(dialog.get_by_text("1–10 of 23")).to_be_visible()
    dialog.get_by_role("button", name="Next page").click()
    expect(dialog.get_by_text("11–20 of 23")).to_be_visible()
    assert names(dialog)[0] == "Test task of 13 rounds"
    dialog.get_by_role("button", name="Last page").click()
    expect(dialog.get_by_text("21–23 of 23")).to_be_visible()
    expect(dialog.get_by_role("button", name="Next page")).to_be_disabled()

    tab.page.goto(tab.service.address)
    dialog = open_dialog(tab)
    expect(dialog.get_by_text("1–10 of 23")).to_be_visible()


def test_a_page_whose_tasks_have_gone_gives_way_to_the_last_one(tab):
    sign_in(tab)
    ids = submit_waiting(tab, *range(1, 13))
    dialog = open_dialog(tab)
    dialog.get_by_label("Entries per page").select_option("10")
    dialog.get_by_role("button", name="Next page").click()
    expect(dialog.get_by_text("11–12 of 12")).to_be_visible()
    for task_id in ids[:2]:
        call(tab, "DELETE", f"taskqueue/{task_id}")

    expect(dialog.get_by_text("1–10 of 10")).to_be_visible()
    expect(tab.page).not_to_have_url(re.compile("page="))


def test_shift_selects_a_range(tab):
    sign_in(tab)
    submit_waiting(tab, 1, 2, 3, 4, 5)
    dialog = open_dialog(tab)
    row(dialog, "of 4 rounds").get_by_role("checkbox").click()
    row(dialog, "of 2 rounds").get_by_role("checkbox").click(modifiers=["Shift"])
    expect(dialog.get_by_text("3 tasks selected")).to_be_visible()
    expect(row(dialog, "of 3 rounds").get_by_role("checkbox")).to_be_checked()
    expect(row(dialog, "of 5 rounds").get_by_role("checkbox")).not_to_be_checked()


def ask_to_delete_all_12(tab):
    """Returns the list of 12 finished tasks and the question about all of them, of which a page shows 10."""
    sign_in(tab)
    submit_finished(tab, *range(12))
    dialog = open_dialog(tab, "Finished")
    dialog.get_by_label("Entries per page").select_option("10")
    expect(dialog.get_by_text("1–10 of 12")).to_be_visible()
    dialog.get_by_label("Select all").check()
    dialog.get_by_role("button", name="Select all 12 tasks that match").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    return dialog, tab.page.get_by_role("dialog", name="Delete 12 tasks")


def test_all_that_match_are_deleted_after_their_number_was_typed(tab):
    dialog, confirm = ask_to_delete_all_12(tab)
    expect(confirm).to_contain_text("You are about to delete all 12 finished tasks.")
    button = confirm.get_by_role("button", name="Delete 12 tasks")
    expect(button).to_be_disabled()
    late = submit_finished(tab, 99)
    confirm.get_by_label("To confirm, type").fill("12")
    button.click()

    expect(dialog.get_by_role("tab", name="Finished (1)")).to_be_visible()
    assert [task["id"] for task in call(tab, "GET", "taskqueue")["results"]] == late


@pytest.mark.slow
def test_a_deletion_that_is_stopped_ends_with_the_step_under_way_and_tells_all_that_it_did(tab):
    _, confirm = ask_to_delete_all_12(tab)
    steps = []

    def hold(route):
        steps.append(route) if route.request.method == "DELETE" else route.fallback()

    tab.page.route(re.compile("as_of="), hold)
    confirm.get_by_label("To confirm, type").fill("12")
    confirm.get_by_role("button", name="Delete 12 tasks").click()
    expect(confirm.get_by_text("Deleting…")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(confirm.get_by_text("Stopping after the current step…")).to_be_visible()
    full = [{"id": task, "outcome": "deleted", "status": None} for task in range(1, 10_001)]
    steps[0].fulfill(json={"results": full})

    expect(tab.page.get_by_text("10,000 tasks deleted", exact=True)).to_be_visible()
    expect(confirm).to_have_count(0)
    assert len(steps) == 1


def test_what_changed_meanwhile_is_left_alone_and_listed(tab, tmp_path):
    sign_in(tab)
    waits = submit(tab, "waits", times=3, in_round=2, until=str(tmp_path / "until"))
    submit_waiting(tab, 7)
    dialog = open_dialog(tab)
    expect(row(dialog, "Waiting in round")).to_contain_text("Running")
    dialog.get_by_label("Select all").check()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    confirm = tab.page.get_by_role("dialog", name="Delete 2 tasks")
    expect(confirm).to_contain_text("You are about to delete 2 tasks.")
    (tmp_path / "until").touch()
    call(tab, "GET", f"taskqueue/{waits}?wait=60")
    confirm.get_by_role("button", name="Delete 2 tasks").click()

    report = dialog.get_by_role("alert").filter(has_text="left alone")
    expect(report).to_contain_text("Waiting in round 2 of 3 changed from Running to Finished")
    expect(report).to_contain_text("1 task aborted, 1 left alone")
    assert call(tab, "GET", f"taskqueue/{waits}")["status"] == "Finished"


def test_a_viewer_looks_and_has_nothing_to_delete_or_start(tab):
    tab.service.user("add", "eve", "--role", "viewer", given="a long password\n")
    sign_in(tab)
    submit_finished(tab, 1)
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.get_by_label("Username").fill("eve")
    tab.page.get_by_label("Password").fill("a long password")
    tab.page.get_by_role("button", name="Sign in").click()
    dialog = open_dialog(tab, "Finished")
    expect_names(dialog, counting(1))
    expect(dialog.get_by_role("button", name="Delete")).to_have_count(0)
    expect(dialog.get_by_role("checkbox")).to_have_count(0)
    expect(tab.page.get_by_role("button", name="Start a task")).to_have_count(0)
