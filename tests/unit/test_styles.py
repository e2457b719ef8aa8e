"""The page's stylesheets: what they are made of, and where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "static" / "css"
SHEETS = sorted(FOLDER.glob("*.css"))
WIDTHS = {"30rem", "48rem", "64rem"}
"""As the comment in tokens.css names them."""

LINK = re.compile(r'<link rel="stylesheet" href="/openattic/static/css/([^"]+)">')
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)\(")
OUTSIDE_OF_LAYERS = re.compile(
    r"@layer [a-z, ]+;|@import url\([^)]+\) layer\(bootstrap\);|@layer [a-z]+ \{.*?^\}", re.S | re.M
)


def text_of(sheet: Path) -> str:
    """Without its comments."""
    return re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.S)


def test_each_stylesheet_is_linked_and_each_link_leads_to_one():
    linked = {
        name for page in ("index.html", "api.html") for name in LINK.findall((ROOT / "templates" / page).read_text())
    }

    assert linked == {sheet.name for sheet in SHEETS}


@pytest.mark.parametrize("page", ["index.html", "api.html"])
def test_the_order_of_the_layers_comes_before_all_that_is_in_one(page):
    assert LINK.findall((ROOT / "templates" / page).read_text())[0] == "tokens.css"


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_each_rule_is_in_a_layer(sheet):
    """Outside of all layers it would win over every one."""
    assert OUTSIDE_OF_LAYERS.sub("", text_of(sheet)).strip() == ""


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_layouts_change_at_three_widths(sheet):
    conditions = re.findall(r"@(?:media|container)[^{]*\b(?:width|height)\b[^{]*", text_of(sheet))

    assert {width for condition in conditions for width in re.findall(r"[\d.]+[a-z]+", condition)} <= WIDTHS


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_colour_has_a_name(sheet):
    """But for that of a backdrop, which does not know names before Chromium 122."""
    if sheet.name != "tokens.css":
        assert COLOUR.findall(re.sub(r"&::backdrop \{.*?\}", "", text_of(sheet), flags=re.S)) == []
