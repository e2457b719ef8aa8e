"""What is open is in the address: back, forward, reload and a shared link give the same view."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.steps import names, open_dialog, row, sign_in, sign_in_by_form, submit_finished


def test_back_and_forward_go_through_what_was_open(tab):
    sign_in(tab)
    submit_finished(tab, 1, 2)
    dialog = open_dialog(tab, "Finished")
    dialog.get_by_role("columnheader", name="Name").get_by_role("button").click()
    row(dialog, "Counting to 2").get_by_role("link", name="Counting to 2").click()
    expect(tab.page.get_by_role("heading", name="Counting to 2")).to_be_visible()

    tab.page.go_back()
    expect(row(dialog, "Counting to 2")).to_be_visible()
    expect(dialog.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    tab.page.go_back()
    expect(dialog.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "none")
    tab.page.go_back()
    expect(dialog.get_by_role("tab", name=re.compile("Pending"))).to_have_attribute("aria-selected", "true")
    tab.page.go_back()
    expect(dialog).to_have_count(0)
    tab.page.go_forward()
    expect(dialog.get_by_role("tab", name=re.compile("Pending"))).to_have_attribute("aria-selected", "true")


def test_a_reload_gives_the_same_view(tab):
    sign_in(tab)
    submit_finished(tab, *range(12))
    dialog = open_dialog(tab, "Finished")
    dialog.get_by_label("Search").fill("counting")
    dialog.get_by_label("Entries per page").select_option("10")
    dialog.get_by_role("columnheader", name="Name").get_by_role("button").click()
    dialog.get_by_role("button", name="Next page").click()
    expect(dialog.get_by_text("11–12 of 12")).to_be_visible()
    before = names(dialog)
    tab.page.reload()

    expect(dialog.get_by_text("11–12 of 12")).to_be_visible()
    expect(dialog.get_by_label("Search")).to_have_value("counting")
    assert names(dialog) == before


def test_a_shared_link_leads_a_person_who_signs_in_to_the_same_view(tab):
    sign_in(tab)
    submit_finished(tab, 1, 2)
    tab.page.get_by_role("button", name="Sign out").click()
    expect(tab.page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_in_by_form(tab, address="?tab=finished&search=2&sort=description")
    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")

    expect(dialog.locator("tbody .task-name")).to_have_text(["Counting to 2"])
    expect(dialog.get_by_label("Search")).to_have_value("2")


def test_what_makes_no_sense_in_an_address_does_no_harm(tab):
    sign_in(tab, address="?tab=finished&sort=nonsense&page=-3&size=x&search=%F0%9F%92%A9&task=x&what=ever")
    dialog = tab.page.get_by_role("dialog", name="Background-Tasks")

    expect(dialog.get_by_text("No finished task matches “💩”.")).to_be_visible()


def test_the_dialog_opens_at_pending_whatever_was_open_before(tab):
    sign_in(tab)
    dialog = open_dialog(tab, "Finished")
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    open_dialog(tab)

    expect(dialog.get_by_role("tab", name=re.compile("Pending"))).to_have_attribute("aria-selected", "true")
