"""Addresses and records of names of this house, as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import CopdnsError
from copdns.model.local_records import local_domain, local_value, split_values


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" 192.0.2.1 ", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ('txt "hello  there"', "TXT hello  there"),
        ('TXT say "yes"', 'TXT say "yes"'),
        ("srv 0 05 631 Printer.Home.Arpa.", "SRV 0 5 631 printer.home.arpa"),
    ],
)
def test_a_value_has_one_normal_form(text: str, normal: str) -> None:
    assert local_value(text) == local_value(normal) == normal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CNAME nas.example", "is a DNS rewrite"),
        ("TXT", "is not a valid address"),
        ("TXT a\x07b", "cannot be a TXT record"),
        ("TXT " + "x" * 1001, "cannot be a TXT record"),
        ("SRV 0 0 631", "is not a valid SRV record"),
        ("SRV 0 0 65536 a.example", "is not a valid SRV record"),
        ("SRV 0 -1 1 a.example", "is not a valid SRV record"),
        ("SRV 0 0 1 a..example", "is not a valid SRV record"),
        ("MX 10 a.example", "is not a valid address"),
    ],
)
def test_what_is_no_value_is_refused_in_plain_words(text: str, said: str) -> None:
    with pytest.raises((CopdnsError, ValueError), match=said):
        local_value(text)


def test_addresses_and_records_are_kept_apart_and_each_once() -> None:
    found = split_values(["192.0.2.1", "TXT a", "192.0.2.1", "2001:db8::1", "TXT a"])
    assert found == (("192.0.2.1", "2001:db8::1"), ("TXT a",))


def test_a_wildcard_stands_for_what_is_below() -> None:
    assert local_domain(" *.Dev.Example. ") == "*.dev.example"
    for wrong in ("*", "*.", "a.*.example", "**.example"):
        with pytest.raises((CopdnsError, ValueError)):
            local_domain(wrong)


@given(st.text(max_size=40))
def test_whatever_is_taken_means_the_same_when_it_is_read_again(text: str) -> None:
    try:
        normal = local_value(f"TXT {text}")
    except (CopdnsError, ValueError):
        return
    assert local_value(normal) == normal
