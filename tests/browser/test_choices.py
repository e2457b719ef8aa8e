"""Fields of the form in which people search and choose by name, with made-up jobs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import opened
from tests.browser.steps import call, sign_in
from tests.browser.test_accessibility import findings
from tests.support.choosing_jobs import MANY
from tests.support.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The one that `tab` shows."""
    service = Service(tmp_path_factory.mktemp("choices"))
    service.start("--set", "jobs.modules=tests.support.choosing_jobs")
    yield service
    service.close()


@pytest.fixture
def form(tab):
    return open_form(tab)


def open_form(tab):
    sign_in(tab, address="?start=clean")
    return tab.page.get_by_role("dialog", name="Start a task")


def field(form, name):
    return form.get_by_role("combobox", name=re.compile(rf"^{name}\b"))


def offers(form):
    return form.get_by_role("listbox", name="Choices").get_by_role("option")


def asked(tab):
    return [url for url in tab.asked if "/jobs/choices?" in url]


def start(tab, form):
    form.get_by_role("button", name="Start task").click()
    expect(form).to_have_count(0)
    return call(tab, "GET", "taskqueue?ordering=-id")["results"][0]["params"]


def choose_house(form):
    field(form, "House").click()
    offers(form).filter(has_text="Am Markt").click()
    expect(field(form, "House")).to_have_value("Am Markt")


def test_a_choice_is_found_by_typing_taken_with_the_keys_and_sent_as_its_value(tab, form):
    house = field(form, "House")
    expect(house).to_be_focused()
    tab.page.keyboard.type("markt")
    expect(offers(form)).to_have_count(1)
    tab.page.keyboard.press("ArrowDown")
    expect(house).to_have_attribute("aria-activedescendant", offers(form).get_attribute("id"))
    tab.page.keyboard.press("Enter")

    expect(house).to_have_value("Am Markt")
    expect(house).to_have_attribute("aria-expanded", "false")
    expect(form.get_by_text("Sent as h-2")).to_be_visible()
    tab.page.keyboard.press("Enter")
    expect(form).to_have_count(0)
    assert call(tab, "GET", "taskqueue?ordering=-id")["results"][0]["params"]["house"] == "h-2"


@pytest.mark.slow
def test_what_was_not_offered_is_sent_as_it_was_typed(tab, form):
    field(form, "House").fill("elsewhere")
    expect(form.get_by_text("Nothing matches. What you type is used as it is.").last).to_be_attached()

    assert start(tab, form)["house"] == "elsewhere"


def test_choices_are_asked_for_while_their_field_is_open_and_not_before(tab, form):
    expect(field(form, "House")).to_be_visible()
    assert asked(tab) == []
    field(form, "House").click()
    expect(offers(form)).to_have_count(3)
    tab.page.keyboard.press("Escape")
    expect(offers(form)).to_have_count(0)
    before = len(asked(tab))
    form.get_by_label("Broom").fill("mop")

    assert before == len(asked(tab)) == 1
    expect(form).to_be_visible()


@pytest.mark.slow
def test_choices_that_depend_on_another_field_say_what_to_choose_first(tab, form):
    field(form, "Room").click()
    expect(form.get_by_text("First choose: House.").last).to_be_visible()
    choose_house(form)
    field(form, "Room").click()

    expect(offers(form)).to_have_count(50)
    expect(form.get_by_text(f"The first 50 of {MANY:,}: type to find others.").last).to_be_visible()
    assert all("house=h-2" in url for url in asked(tab)[1:])


def test_several_are_chosen_for_a_list_and_taken_away_again(tab, form):
    choose_house(form)
    rooms = field(form, "Rooms")
    rooms.click()
    for name in ("a/b", "100 %", "שלום"):
        offers(form).filter(has_text=name).click()
    rooms.press_sequentially("room 1999")
    expect(offers(form)).to_have_count(1)
    offers(form).click()
    chosen = form.get_by_role("list", name="Chosen").get_by_role("listitem")
    expect(chosen).to_have_text(["a/b", "100 %", "שלום", "room 1999"])
    expect(rooms).to_have_value("")
    expect(rooms).to_be_focused()
    form.get_by_role("button", name="Remove 100 %").click()
    rooms.fill("h-2:attic")
    tab.page.keyboard.press("Enter")
    rooms.fill("h-2:cellar")  # no Enter: what stands in the field is meant

    assert start(tab, form)["rooms"] == ["h-2:a/b", "h-2:שלום", "h-2:1999", "h-2:attic", "h-2:cellar"]


@pytest.mark.slow
def test_a_number_that_was_chosen_is_sent_as_one(tab, form):
    choose_house(form)
    field(form, "Floor").click()
    offers(form).nth(2).click()

    assert start(tab, form)["floor"] == 2


def test_a_silent_source_is_told_in_its_words_and_keeps_nobody_from_typing(tab, form):
    field(form, "House").fill("silent")
    field(form, "Room").click()
    expect(form.get_by_text(re.compile("nobody answered within 5 s")).last).to_be_visible()
    field(form, "Room").fill("silent:4")
    tab.forgive("503")

    assert start(tab, form)["room"] == "silent:4"


def test_what_is_wrong_is_told_in_the_words_of_rest_without_a_regular_expression(tab, form):
    choose_house(form)
    field(form, "Rooms").fill("nowhere")
    form.get_by_role("button", name="Start task").click()
    tab.forgive("400")

    expect(
        form.get_by_text(re.compile('each item a room of a house, like h-1:room 4, got \\["nowhere"\\]'))
    ).to_be_visible()
    expect(field(form, "Rooms")).to_have_attribute("aria-invalid", "true")
    assert "^" not in form.inner_text()


def test_esc_closes_the_choices_first_and_the_form_then(tab, form):
    field(form, "House").click()
    expect(offers(form)).to_have_count(3)
    tab.page.keyboard.press("Escape")
    expect(offers(form)).to_have_count(0)
    expect(field(form, "House")).to_be_focused()
    tab.page.keyboard.press("Escape")

    expect(form).to_have_count(0)


def test_the_focus_goes_where_a_person_clicks_while_choices_are_open(tab, form):
    field(form, "House").fill("Am Markt")
    expect(offers(form)).to_have_count(1)
    form.get_by_label("Broom").click()

    expect(form.get_by_label("Broom")).to_be_focused()
    expect(offers(form)).to_have_count(0)
    expect(form.get_by_text("Sent as h-2")).to_be_visible()


def test_run_again_begins_with_what_the_task_had(tab, form):
    params = {"house": "h-3", "room": "two\nlines", "rooms": ["h-3:a/b"], "floor": 1}
    task = call(tab, "POST", "taskqueue", {"job": "clean", "params": params})["id"]
    tab.page.goto(f"{tab.service.address}?start=clean&from={task}")
    form = tab.page.get_by_role("dialog", name="Run again with changed parameters")
    expect(field(form, "House")).to_have_value("h-3")
    field(form, "House").click()
    expect(field(form, "House")).to_have_value("בית 3")
    expect(form.get_by_role("list", name="Chosen").get_by_role("listitem")).to_have_text(["h-3:a/b"])
    tab.page.keyboard.press("Escape")

    again = start(tab, form)
    assert {name: again[name] for name in params} == params


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(1280, "light", marks=pytest.mark.slow)])
def test_what_can_be_chosen_is_clean_for_axe_and_within_the_screen(browser, service, width, scheme):
    with opened(browser, service, color_scheme=scheme) as tab:
        tab.page.set_viewport_size({"width": width, "height": 800})
        form = open_form(tab)
        choose_house(form)
        field(form, "Rooms").click()
        offers(form).nth(2).click()
        tab.page.keyboard.press("ArrowDown")

        assert findings(tab) == []
        right = offers(form).first.evaluate("one => one.getBoundingClientRect().right")
        assert right <= width
        tab.page.keyboard.press("Escape")
        field(form, "Floor").fill("nothing like it")
        expect(form.get_by_text("Nothing matches").last).to_be_visible()
        assert findings(tab) == []
