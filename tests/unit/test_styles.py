"""The page's stylesheets: what they are made of, and where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "static" / "css"
LISTS = [FOLDER / "page.css", FOLDER / "docs.css"]
"""What the templates link: each imports the others, and has no rule of its own."""

SHEETS = sorted({*FOLDER.glob("*.css")} - {*LISTS})
WIDTHS = {"30rem", "48rem", "64rem"}
"""As the comment in tokens.css names them."""

IMPORT = re.compile(r'@import url\("([^"]+)"\)(?: layer\(bootstrap\))?;')
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)\(")
LAYERED = re.compile(r"@layer [a-z, ]+;|@layer [a-z]+ \{.*?^\}", re.S | re.M)


def text_of(sheet: Path) -> str:
    """Without its comments."""
    return re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.S)


def test_each_stylesheet_is_imported_by_one_that_a_page_links_and_each_import_leads_to_one():
    templates = "".join((ROOT / "templates" / name).read_text() for name in ("index.html", "api.html"))
    imported = {name for sheet in LISTS for name in IMPORT.findall(sheet.read_text()) if "/" not in name}

    assert all(f'href="/openattic/static/css/{sheet.name}"' in templates for sheet in LISTS)
    assert imported == {sheet.name for sheet in SHEETS}


@pytest.mark.parametrize("sheet", LISTS, ids=lambda sheet: sheet.name)
def test_the_order_of_the_layers_comes_before_all_that_is_in_one(sheet):
    assert IMPORT.findall(sheet.read_text())[0] == "tokens.css"
    assert IMPORT.sub("", text_of(sheet)).strip() == ""


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_each_rule_is_in_a_layer(sheet):
    """Outside of all layers it would win over every one."""
    assert LAYERED.sub("", text_of(sheet)).strip() == ""


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_layouts_change_at_three_widths(sheet):
    conditions = re.findall(r"@(?:media|container)[^{]*\b(?:width|height)\b[^{]*", text_of(sheet))

    assert {width for condition in conditions for width in re.findall(r"[\d.]+[a-z]+", condition)} <= WIDTHS


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_colour_has_a_name(sheet):
    """But for that of a backdrop, which does not know names before Chromium 122."""
    if sheet.name != "tokens.css":
        assert COLOUR.findall(re.sub(r"&::backdrop \{.*?\}", "", text_of(sheet), flags=re.S)) == []
