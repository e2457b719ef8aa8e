"""The form that starts a task, made of what the job says of its parameters."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import call, create_waiting, row, sign_in, submit_finished


@pytest.fixture
def form(tab):
    sign_in(tab)
    return open_form(tab)


def open_form(tab):
    tab.page.get_by_role("banner").get_by_role("button", name="Start a task").click()
    return tab.page.get_by_role("dialog", name="Start a task")


def forgive_refusals(tab):
    """Chromium itself reports an answer that refuses."""
    tab.forgive("400", "409")


def test_a_task_is_started_and_the_person_is_back_in_the_list_and_sees_it_there(tab, form):
    form.get_by_label("Job").select_option("test_task")
    form.get_by_label("Times").fill("40")
    form.get_by_role("button", name="Start task").click()

    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")
    expect(row(dialog, "Test task of 40 rounds")).to_be_visible()
    expect(dialog.get_by_role("tab", name="Pending (1)")).to_have_attribute("aria-selected", "true")
    expect(form).to_have_count(0)


def test_what_is_wrong_is_said_in_the_words_of_rest_at_its_field(tab, form):
    said = form.locator("[id$=error], .invalid-feedback, .field-error").filter(has_text="expected a whole number")
    for typed in ("abc", "-1", "1e99", "<img src=x onerror=alert(1)>", ""):
        form.get_by_label("Job").select_option("chain")  # it has no such field: nothing of the last one stays
        expect(said).to_have_count(0)
        form.get_by_label("Job").select_option("test_task")
        form.get_by_label("Times").fill(typed)
        form.get_by_role("button", name="Start task").click()

        expect(said.first).to_be_visible()
        expect(form.get_by_label("Times")).to_be_focused()
        expect(form.get_by_label("Times")).to_have_value(typed)
        expect(form.get_by_label("Times")).to_have_attribute("aria-invalid", "true")
        assert call(tab, "GET", "taskqueue")["count"] == 0
    forgive_refusals(tab)


def test_priority_and_earliest_start_go_with_it(tab, form):
    form.get_by_label("Job").select_option("test_task")
    form.get_by_label("Times").fill("3")
    form.get_by_text("When and how soon").click()
    form.get_by_label("Priority").fill("7")
    form.get_by_label("Earliest start").fill("2999-01-01T12:00")
    form.get_by_role("button", name="Start task").click()
    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")
    expect(row(dialog, "Test task of 3 rounds")).to_be_visible()

    (task,) = call(tab, "GET", "taskqueue")["results"]
    assert task["priority"] == 7
    assert task["not_before"].startswith(("2999-01-01", "2998-12-31"))


def test_a_chain_is_typed_as_json(tab, form):
    form.get_by_label("Job").select_option("chain")
    steps = form.get_by_label("Steps")
    steps.fill('[{"job": "test_task", "params": {"times": 2}}')
    form.get_by_role("button", name="Start task").click()
    expect(form.get_by_text(re.compile("expected JSON, got"))).to_be_visible()
    steps.fill('[{"job": "test_task", "params": {"times": 2}}]')
    form.get_by_role("button", name="Start task").click()

    expect(tab.page.get_by_role("dialog", name="Background-Tasks")).to_be_visible()
    (task,) = call(tab, "GET", "taskqueue")["results"]
    assert task["params"] == {"steps": [{"job": "test_task", "params": {"times": 2}}]}


def test_what_is_typed_stays_while_the_page_is_drawn_again_and_again(tab, form):
    form.get_by_label("Job").select_option("test_task")
    field = form.get_by_label("Times")
    field.fill("12345")
    field.evaluate("field => field.setSelectionRange(1, 3)")
    create_waiting(tab)
    submit_finished(tab, 1, 2, 3)
    expect(tab.page.get_by_role("status").filter(has_text="finished").first).to_be_attached()

    assert field.input_value() == "12345"
    assert field.evaluate("field => [document.activeElement === field, field.selectionStart]") == [True, 1]


def test_esc_closes_the_form_and_the_focus_is_where_it_was(tab, form):
    expect(form).to_be_visible()
    tab.page.keyboard.press("Escape")

    expect(form).to_have_count(0)
    expect(tab.page.get_by_role("banner").get_by_role("button", name="Start a task")).to_be_focused()
    expect(tab.page).not_to_have_url(re.compile("start"))


def test_a_link_to_a_job_opens_its_form(tab):
    sign_in(tab, address="?start=test_task")
    form = tab.page.get_by_role("dialog", name="Start a task")

    expect(form.get_by_label("Times")).to_be_visible()
