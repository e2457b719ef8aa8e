"""What tells tasks of one name apart, and keeps names in their place."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import call, open_dialog, sign_in, submit_waiting

TURNED = "\u202eevil\u2066"


def names_of(scope, role):
    return [one.evaluate("element => element.getAttribute('aria-label')") for one in scope.get_by_role(role).all()]


def test_tasks_of_one_description_have_names_of_their_own_wherever_they_are(tab):
    sign_in(tab)
    ids = submit_waiting(tab, 7, 7, 7)
    on_home = tab.page.get_by_role("region", name="Pending tasks").get_by_role("listitem")
    expect(on_home).to_have_count(3)
    for number in ids:
        expect(on_home.get_by_role("link", name=f"Test task of 7 rounds #{number}", exact=True)).to_be_visible()
    dialog = open_dialog(tab)
    for number in ids:
        name = f"Test task of 7 rounds #{number}"
        expect(dialog.get_by_role("link", name=name, exact=True)).to_be_visible()
        expect(dialog.get_by_role("row", name=re.compile(f"#{number}\\b"))).to_have_count(1)
        expect(dialog.get_by_role("progressbar", name=f"Complete: {name}", exact=True)).to_be_visible()
        dialog.get_by_role("checkbox", name=f"Select {name}", exact=True).check()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    listed = tab.page.get_by_role("dialog", name="Delete 3 tasks").get_by_role("listitem")

    assert sorted(re.search(r"#(\d+)", text)[1] for text in listed.all_inner_texts()) == [str(one) for one in ids]


@pytest.mark.slow
def test_a_task_that_is_deleted_alone_is_named_by_its_number_too(tab):
    sign_in(tab)
    (number,) = submit_waiting(tab, 7)
    tab.page.goto(f"{tab.service.address}?task={number}")
    expect(tab.page).to_have_title(f"(1) Test task of 7 rounds #{number} · Hourglass")
    expect(tab.page.get_by_role("article", name=f"Test task of 7 rounds #{number}")).to_be_visible()
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    question = tab.page.get_by_role("dialog", name="Delete task")

    expect(question).to_contain_text("You are about to delete Test task of 7 rounds task which is Not Started")
    expect(question.get_by_text(f"#{number}")).to_be_visible()


def test_a_name_that_turns_the_direction_turns_nothing_around_it(tab):
    sign_in(tab)
    task = call(tab, "POST", "taskqueue", {"job": "prints", "params": {"text": TURNED}})
    call(tab, "GET", f"taskqueue/{task['id']}?wait=60")
    dialog = open_dialog(tab, "Finished")
    link = dialog.locator(".task-name")
    own = f"\u2068Printing {TURNED}\u2069\u2069"
    expect(link).to_have_attribute("aria-label", f"{own} #{task['id']}")
    assert link.locator("bdi").evaluate("element => getComputedStyle(element).unicodeBidi") == "isolate"
    toast = dialog.locator(".toast-link").filter(has_text="Printing")
    expect(toast).to_have_text(f"{own} finished")
    link.click()
    expect(tab.page).to_have_title(f"{own} #{task['id']} · Hourglass")
    dialog.get_by_role("button", name="Delete", exact=True).click()

    sentence = tab.page.get_by_role("dialog", name="Delete task").locator("p").first
    expect(sentence).to_have_text(re.compile(f"^You are about to delete {re.escape(own)} task which is Finished"))
