"""A task's own view."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.steps import call, create_waiting, open_dialog, row, sign_in, submit, submit_finished, submit_waiting

MARKUP = "<img src=x onerror=alert(1)>"


def show(tab, task_id, more=""):
    tab.page.goto(f"{tab.service.address}?task={task_id}{more}")
    return tab.page.get_by_role("article")


def test_a_task_is_opened_from_the_list_and_the_list_is_as_it_was_on_the_way_back(tab):
    sign_in(tab)
    submit_finished(tab, *range(30))
    dialog = open_dialog(tab, "Finished")
    area = dialog.locator(".panel-scroll")
    row(dialog, "Counting to 9").get_by_role("checkbox").check()
    area.evaluate("area => { area.scrollTop = 400; }")
    dialog.get_by_role("link", name="Counting to 9").click()
    view = dialog.get_by_role("article", name="Counting to 9")
    expect(view).to_contain_text("Finished after 9 rounds")
    view.get_by_role("button", name="Back to the list").click()

    expect(view).to_have_count(0)
    expect(row(dialog, "Counting to 9").get_by_role("checkbox")).to_be_checked()
    assert area.evaluate("area => area.scrollTop") > 0
    expect(dialog.get_by_role("link", name="Counting to 9")).to_be_focused()


def test_rounds_arrive_live_the_newest_first(tab):
    sign_in(tab)
    view = show(tab, submit(tab, "test_task", times=40))
    rounds = view.get_by_role("region", name="Rounds")
    expect(rounds).to_contain_text("counted to 5")
    expect(rounds.get_by_role("rowheader").first).to_have_text(re.compile("[5-9]|[1-4][0-9]"))
    expect(view.get_by_role("progressbar")).to_have_attribute("value", re.compile("[1-9]"))
    expect(view).to_contain_text("Finished after 40 rounds", timeout=20_000)
    expect(rounds.get_by_role("rowheader").first).to_have_text(re.compile("40"))
    expect(view.locator("canvas")).to_be_visible()
    expect(view.get_by_role("region", name="Result").or_(view.get_by_text("Result")).first).to_be_visible()


def test_of_many_rounds_the_newest_are_there_and_earlier_ones_on_demand(tab):
    sign_in(tab)
    (task_id,) = submit_finished(tab, 700)
    rounds = show(tab, task_id).get_by_role("region", name="Rounds")
    expect(rounds.get_by_role("rowheader").first).to_have_text(re.compile("700"))
    expect(rounds.get_by_role("rowheader")).to_have_count(200)
    rounds.get_by_role("button", name=re.compile("earlier")).click()

    expect(rounds.get_by_role("rowheader").last).to_have_text(re.compile(r"\b1$"))


def test_an_interruption_is_on_the_time_line(tab, tmp_path):
    sign_in(tab)
    task_id = submit(tab, "waits", times=3, in_round=2, until=str(tmp_path / "until"))
    view = show(tab, task_id)
    expect(view).to_contain_text("round 1 of 3")
    busy = next(one["pid"] for one in call(tab, "GET", "workers")["results"] if one["task"] == task_id)
    os.kill(busy, signal.SIGKILL)
    expect(view.get_by_text("Interrupted").first).to_be_visible()
    expect(view.get_by_text(re.compile("Resumed")).first).to_be_visible()
    (tmp_path / "until").touch()
    expect(view).to_contain_text("Finished after 3 rounds")
    tab.page.reload()

    expect(view.get_by_text(re.compile("Resumed with round 2")).first).to_be_visible()


def test_an_error_is_shown_with_its_traceback_and_can_be_copied(tab):
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(tab)
    view = show(tab, submit(tab, "fails"))
    expect(view).to_contain_text("ValueError")
    expect(view).to_contain_text("Traceback")
    view.get_by_role("button", name="Copy the traceback").click()
    expect(tab.page.get_by_text("Copied", exact=True)).to_be_visible()

    assert "ValueError" in tab.page.evaluate("() => navigator.clipboard.readText()")


@pytest.mark.slow
def test_run_again_leads_to_the_new_task_in_the_list(tab):
    sign_in(tab)
    (task_id,) = submit_finished(tab, 1)
    show(tab, task_id).get_by_role("button", name="Run again", exact=True).click()

    expect(tab.page.get_by_role("dialog", name="Background-Tasks")).to_be_visible()
    again = call(tab, "GET", "taskqueue?ordering=-id&pageSize=1")["results"][0]
    assert again["retry_of"] == task_id


def test_run_again_with_changed_parameters_fills_the_form(tab):
    sign_in(tab)
    (task_id,) = submit_finished(tab, 3)
    show(tab, task_id).get_by_role("button", name="Run again with changed parameters").click()
    form = tab.page.get_by_role("dialog", name="Run again with changed parameters")
    expect(form.get_by_label("Times")).to_have_value("3")
    form.get_by_label("Times").fill("4")
    form.get_by_role("button", name="Start task").click()

    expect(tab.page.get_by_role("dialog", name="Background-Tasks")).to_be_visible()
    again = call(tab, "GET", "taskqueue?ordering=-id&pageSize=1")["results"][0]
    assert again["description"] == "Counting to 4"


def test_a_running_task_is_aborted_and_its_round_ended_by_force(tab):
    sign_in(tab)
    view = show(tab, create_waiting(tab))
    expect(view).to_contain_text("Running")
    view.get_by_role("button", name="Delete").click()
    confirm = tab.page.get_by_role("dialog", name="Delete task")
    expect(confirm).to_contain_text("which is Running")
    confirm.get_by_role("button", name="Delete task").click()
    expect(view).to_contain_text("Aborted by admin")
    view.get_by_role("button", name="Stop now").click()

    expect(view).to_contain_text("its worker was killed in round 1")
    expect(view.get_by_role("button", name="Stop now")).to_have_count(0)


def test_a_task_that_is_deleted_elsewhere_says_so_and_stays_readable(tab):
    sign_in(tab)
    (task_id,) = submit_finished(tab, 2)
    view = show(tab, task_id)
    expect(view).to_contain_text("counted to 2")
    call(tab, "DELETE", f"taskqueue/{task_id}")

    expect(view).to_contain_text("This task no longer exists.")
    expect(view).to_contain_text("counted to 2")
    expect(view.get_by_role("button", name="Delete")).to_have_count(0)


def test_a_task_that_never_was_says_so(tab):
    sign_in(tab)
    tab.page.goto(f"{tab.service.address}?task=4711")

    expect(tab.page.get_by_text("This task no longer exists")).to_be_visible()
    tab.forgive("404")


def test_why_a_task_waits_is_said(tab):
    sign_in(tab)
    create_waiting(tab)
    create_waiting(tab)
    task_id = submit(tab, "counts", times=1)
    expect(show(tab, task_id)).to_contain_text(re.compile("1st in line"))
    (scheduled,) = submit_waiting(tab, 3)
    expect(show(tab, scheduled)).to_contain_text("2999")


def test_a_task_is_kept_from_retention(tab):
    sign_in(tab)
    (task_id,) = submit_finished(tab, 1)
    show(tab, task_id).get_by_role("button", name=re.compile("^Keep")).click()
    expect(tab.page.get_by_role("button", name=re.compile("^Kept"))).to_be_visible()

    assert call(tab, "GET", f"taskqueue/{task_id}")["pinned"]


@pytest.mark.slow
def test_markup_in_parameters_messages_output_result_and_error_is_text(tab):
    sign_in(tab)
    for task_id in (
        submit(tab, "prints", text=MARKUP),
        submit(tab, "fails", message=MARKUP),
        submit(tab, "waits", times=1, in_round=9, until=MARKUP),
    ):
        call(tab, "GET", f"taskqueue/{task_id}?wait=60")
        view = show(tab, task_id)
        expect(view.get_by_text(MARKUP).first).to_be_visible()
        assert tab.page.locator("article img").count() == 0
    tab.page.goto(f"{tab.service.address}?tab=failed&search={MARKUP}")
    expect(tab.page.get_by_role("dialog", name="Background-Tasks").get_by_label("Search")).to_have_value(MARKUP)
    assert tab.page.locator("dialog img").count() == 0


def test_a_viewer_may_look_at_it_and_no_more(tab):
    tab.service.user("add", "eve", "--role", "viewer", given="a long password\n")
    sign_in(tab)
    (task_id,) = submit_finished(tab, 2)
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.get_by_label("Username").fill("eve")
    tab.page.get_by_label("Password").fill("a long password")
    tab.page.get_by_role("button", name="Sign in").click()
    expect(tab.page.get_by_role("button", name="Sign out")).to_be_visible()
    view = show(tab, task_id)

    expect(view).to_contain_text("counted to 2")
    for name in ("Delete", "Run again", "Keep"):
        expect(view.get_by_role("button", name=name)).to_have_count(0)
