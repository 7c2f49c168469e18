"""The structured text of an extended error: I-JSON, as short as it gets, and what is passed on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.dns.structured_error import (
    MAX_CONTACTS,
    MAX_WHY,
    StructuredText,
    dump_structured,
    read_structured,
    without_words,
)
from copdns.model.contacts import MAX_CONTACT

FULL = StructuredText(
    why="This site can harm your device.",
    language="en",
    sub_error=1,
    contacts=("mailto:help@example.net", "tel:+44-20-7946-0000"),
    organisation="Example School",
)


def test_it_is_one_minified_object_of_the_names_of_the_draft() -> None:
    assert dump_structured(FULL) == (
        '{"c":["mailto:help@example.net","tel:+44-20-7946-0000"],'
        '"j":"This site can harm your device.","s":1,"o":"Example School","l":"en"}'
    )


def test_a_field_that_says_nothing_is_left_out() -> None:
    assert dump_structured(StructuredText("Blocked.", "en")) == '{"j":"Blocked.","l":"en"}'
    assert dump_structured(StructuredText(sub_error=2)) == '{"s":2}'


def test_what_a_client_would_discard_is_not_sent() -> None:
    assert dump_structured(StructuredText()) == ""
    assert dump_structured(StructuredText(language="en", organisation="Example School")) == ""


def test_letters_travel_as_they_are_and_composed() -> None:
    dumped = dump_structured(StructuredText("Bloque\u0301 : \u0645\u062d\u0638\u0648\u0631", "fr"))
    assert "Bloqu\u00e9" in dumped
    assert "\\u" not in dumped


def test_without_its_words_the_cause_and_the_contacts_stay() -> None:
    kept = json.loads(dump_structured(without_words(FULL)))
    assert kept == {"c": list(FULL.contacts), "s": 1}
    assert dump_structured(without_words(StructuredText("Blocked.", "en"))) == ""


@given(st.builds(StructuredText, why=st.text(), language=st.just("en"), organisation=st.text()))
def test_every_text_is_read_back_as_i_json(text: StructuredText) -> None:
    dumped = dump_structured(text)
    try:
        octets = dumped.encode()  # I-JSON is UTF-8 (RFC 7493 section 2.1)
    except UnicodeEncodeError:
        return  # a lone surrogate, which no text of ours has
    if dumped:
        pairs = json.loads(octets, object_pairs_hook=list)
        assert len(dict(pairs)) == len(pairs)  # no name twice (section 2.3)


# --- what an upstream said ---------------------------------------------------------------------


def upstream(**fields: Any) -> StructuredText | None:
    return read_structured(json.dumps(fields).encode())


def test_of_an_upstream_only_contacts_cause_and_words_are_passed_on() -> None:
    read = upstream(
        c=["mailto:a@example.net"], j="malware", s=1, o="Example", l="en-GB", x="https://x.example"
    )
    assert read == StructuredText("malware", "en-GB", 1, ("mailto:a@example.net",))


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.net/",
        "sips:a@example.net",
        "javascript:alert(1)",
        "mailto:a@example.net?body=x",
        "mailto:a@example.net\n",
        "tel:" + "1" * MAX_CONTACT,
        "",
        7,
    ],
)
def test_a_contact_that_could_lead_elsewhere_is_left_out(uri: object) -> None:
    assert upstream(c=[uri]) is None


def test_there_are_only_a_few_contacts() -> None:
    read = upstream(c=[f"tel:{each}" for each in range(9)])
    assert read is not None
    assert len(read.contacts) == MAX_CONTACTS


@pytest.mark.parametrize("language", ["", "english please", 3, None])
def test_words_without_a_language_are_left_out(language: object) -> None:
    read = upstream(j="malware", s=1, l=language)
    assert read == StructuredText(sub_error=1)


def test_words_are_cut_and_hold_no_hidden_letters() -> None:
    text = {"j": "a\u202eb\r\nc " + "é" * 300, "l": "fr"}
    read = read_structured(json.dumps(text, ensure_ascii=False).encode())
    assert read is not None
    assert read.why.startswith("a b c é")
    assert len(read.why.encode()) <= MAX_WHY


@pytest.mark.parametrize("number", [0, 5, 6, 7, -1, True, 1.0, "1", None, 2**70])
def test_a_cause_that_does_not_go_with_code_35_is_left_out(number: object) -> None:
    assert upstream(s=number) is None


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"blocked by us",
        b"[1]",
        b"{",
        b'{"s":1}x',
        b'{"s":1' + b" " * 1100 + b"}",
        b'{"j":"\xff"}',
        b'{"a":' * 200,
        b"{}",
    ],
)
def test_anything_else_is_not_passed_on(octets: bytes) -> None:
    assert read_structured(octets) is None


@given(st.binary(max_size=200))
def test_nothing_makes_it_fail(octets: bytes) -> None:
    assert read_structured(b"{" + octets) is None or True  # it must not raise
