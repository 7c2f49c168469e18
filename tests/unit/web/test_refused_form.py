"""A form that was refused comes again as it was sent, with the sentence beside its field."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.web.refused_form import ERROR_ID, FIELD_ID, refill_form
from tests.reading import has_word

WHAT = "Write a name."
FORM = """<h1>People</h1>
<form method="post" action="/language"><input type="hidden" name="back" value="/"></form>
<details><summary>Add</summary>
<form class="card" method="post" action="/people">
  <h2>Add somebody</h2>
  <input type="hidden" name="seen" value="new">
  <p><label for="n">Name</label> <input id="n" name="name" value="" aria-describedby="hint"></p>
  <input name="secret" type="password"><input name="code" autocomplete="one-time-code">
  <fieldset><legend>Age</legend>
    <label><input type="radio" name="band" value="7-9" checked>7</label>
    <label><input type="radio" name="band" value="10-12">10</label></fieldset>
  <label><input type="checkbox" name="times">Times</label>
  <select name="zone"><option>UTC</option><option value="P">Paris</option></select>
  <details><summary>More</summary><textarea name="note">old</textarea></details>
  <button name="add" value="1">Add</button>
</form></details>
"""
SENT = {
    "seen": ["old"],
    "name": ['Mi"a'],
    "secret": ["owl"],
    "code": ["123456"],
    "band": ["10-12"],
    "zone": ["P"],
    "note": ["<b>Hi\n"],
    "add": ["1"],
}


def again(about: str = "", **other: list[str]) -> str:
    return refill_form(FORM, "/people", {**SENT, **other}, WHAT, about) or ""


def tag(page: str, name: str) -> str:
    found = re.search(rf'<(?:input|textarea|select)[^>]*name="{name}"[^>]*>', page)
    assert found
    return found[0]


def test_what_was_typed_and_chosen_stands_there() -> None:
    page = again()
    assert 'value="Mi&quot;a"' in tag(page, "name")
    assert '<input type="radio" name="band" value="7-9">' in page
    assert '<input type="radio" name="band" value="10-12" checked>' in page
    assert "checked" not in tag(page, "times")
    assert '<option>UTC</option><option value="P" selected>' in page
    assert "\n&lt;b&gt;Hi\n</textarea>" in page


def test_no_secret_and_nothing_that_the_page_gives_is_filled_in() -> None:
    page = again()
    assert not has_word(page, "owl")
    assert "123456" not in page
    assert 'name="seen" value="new"' in page  # so that a form can be sent once more


def test_the_sentence_stands_before_its_field_which_is_tied_to_it() -> None:
    page = again("name")
    field = tag(page, "name")
    assert f'<span class="error" role="alert" id="{ERROR_ID}">{WHAT}</span>{field}' in page
    assert f'aria-describedby="hint {ERROR_ID}"' in field
    assert 'aria-invalid="true"' in field
    assert "autofocus" in field
    assert page.count("autofocus") == 1


def test_of_choices_the_sentence_stands_before_all_of_them() -> None:
    page = again("band")
    assert f'<legend>Age</legend><span class="error" role="alert" id="{ERROR_ID}">' in page
    assert page.count(f'aria-describedby="{ERROR_ID}"') == 2
    assert page.count("autofocus") == 1


def test_a_tick_has_the_sentence_before_its_label() -> None:
    assert re.search(rf'id="{ERROR_ID}">{WHAT}</span><label><input type="checkbox"', again("times"))


@pytest.mark.parametrize("name", ["", "seen", "nothing"])
def test_without_a_field_the_sentence_stands_below_the_heading_and_is_led_to(name: str) -> None:
    page = again(name)
    told = f'<p class="error" role="alert" id="{ERROR_ID}" tabindex="-1" autofocus>{WHAT}</p>'
    assert f"<h2>Add somebody</h2>{told}" in page


def test_what_was_folded_away_is_open() -> None:
    page = again()
    assert page.count("<details open>") == 2
    assert again(note=[""]).count("<details open>") == 1
    assert again("note", note=[""]).count("<details open>") == 2


TWO = """
<form action="/days"><input type="hidden" name="first" value="1"><input name="why">
  <button name="kind" value="usual">Away</button></form>
<form action="/days"><input name="first"><input name="why"></form>
"""


def test_of_forms_to_one_address_the_one_that_was_sent_is_given_back() -> None:
    page = refill_form(TWO, "/days", {"first": ["1"], "why": ["x"], "kind": ["usual"]}, WHAT) or ""
    assert page.index(WHAT) < page.index("kind")
    page = refill_form(TWO.replace('"1"', '"7"'), "/days", {"first": ["1"], "why": ["x"]}, WHAT)
    assert page
    assert page.index(WHAT) < page.index("kind")  # both fit; the first is as good


def test_what_a_list_suggests_is_nothing_that_was_chosen() -> None:
    suggested = '<datalist id="tags"><option value="boys"></option></datalist>'
    page = f'<form action="/tags"><input name="tag" list="tags">{suggested}</form>'
    shown = refill_form(page, "/tags", {"tag": ["a b"]}, WHAT) or ""
    assert suggested in shown
    assert 'value="a b"' in tag(shown, "tag")


@pytest.mark.parametrize(
    ("page", "action"),
    [
        (FORM, "/elsewhere"),
        ('<form action="/people"><button>Remove</button></form>', "/people"),
        ('<form action="/people"><input name="other"></form>', "/people"),
        ("", "/people"),
    ],
)
def test_a_page_without_such_a_form_is_not_given_back(page: str, action: str) -> None:
    assert refill_form(page, action, SENT, WHAT) is None


class _Strict(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: list[str | None] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if dict(attrs).get("name") == "name":
            self.values.append(dict(attrs).get("value"))


def parsed(page: str) -> _Strict:
    reader = _Strict()
    reader.feed(page)
    reader.close()
    return reader


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_is_and_is_no_markup(name: str, note: str) -> None:
    reader = parsed(again("name", name=[name], note=[note]))
    assert reader.values == [name]
    assert sorted(reader.tags) == sorted([*parsed(FORM).tags, "span"])


def test_the_top_of_the_page_says_it_too_and_leads_to_the_field() -> None:
    page = f'<main id="main">{FORM}</main>'
    top = '<main id="main"><p class="error top"><a href="#{}">Write a name.</a></p><h1>'
    for about, target in (("name", "n"), ("note", FIELD_ID), ("", ERROR_ID), ("gone", ERROR_ID)):
        found = refill_form(page, "/people", SENT, WHAT, about) or ""
        assert top.format(target) in found
        assert f' id="{target}"' in found
