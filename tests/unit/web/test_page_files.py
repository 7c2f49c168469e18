"""The style sheet loses what no browser needs; the icons are read from one file."""

from __future__ import annotations

import re

import pytest

from copdns.list_files.resources import find_folder
from copdns.web.pages import read_icons, squeeze

UI = find_folder("web-ui")


@pytest.mark.parametrize(
    ("sheet", "squeezed"),
    [
        ("a { color: red; }\n\nb, i { gap: 0; }\n", "a{color:red}b,i{gap:0}"),
        ("/* why: { } */ a { top: calc(1px + 2px) }", "a{top:calc(1px + 2px)}"),
        ("nav :is(a, b):hover { x: y }", "nav :is(a,b):hover{x:y}"),
        (
            "@media (max-width: 1px) and (min-height: 2px) { a { b: c } }",
            "@media (max-width:1px) and (min-height:2px){a{b:c}}",
        ),
        ("ul > li, .a :not(p > b) { c: d }", "ul>li,.a :not(p>b){c:d}"),
        ('a::before { content: ""; }', 'a::before{content:""}'),
    ],
)
def test_a_sheet_says_the_same_in_less_room(sheet: str, squeezed: str) -> None:
    assert squeeze(sheet) == squeezed


def test_every_icon_is_hidden_from_screen_readers() -> None:
    icons = read_icons(UI / "icons.svg")
    assert len(icons) > 50
    assert all('aria-hidden="true"' in each for each in icons.values())


def test_only_what_points_somewhere_turns_with_the_language() -> None:
    icons = read_icons(UI / "icons.svg")
    assert {name for name, each in icons.items() if "turn" in each} == {
        *("back", "go", "undo", "leave", "horn", "log")
    }


def test_every_icon_of_a_page_is_drawn() -> None:
    pages = "".join(path.read_text() for path in (UI / "templates").rglob("*.html"))
    asked = set(re.findall(r'icon(?:_tile)?\("([a-z]+)"[,)]', pages))
    either = re.findall(r'icon\("([a-z]+)" if [^)]*? else "([a-z]+)"\)', pages)
    asked |= {name for names in either for name in names}
    of_categories = re.search(r"category_icons = \{(.*?)\}", pages)
    assert of_categories is not None
    asked |= set(re.findall(r': "([a-z]+)"', of_categories[1]))
    assert len(asked) > 20
    assert asked <= read_icons(UI / "icons.svg").keys()
