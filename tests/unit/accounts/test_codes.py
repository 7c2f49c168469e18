"""Codes are random and easy to type, and cannot be read off what is kept of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.accounts.codes import make_appeal_code, make_ticket_code, ticket_digest
from tests.whole import examples

CODES = pytest.mark.parametrize("code", [make_appeal_code, make_ticket_code])


@CODES
def test_a_code_is_eight_letters_that_can_be_read_aloud(code: Callable[[], str]) -> None:
    for _ in range(1000):
        assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code())


@CODES
def test_codes_cannot_be_guessed_from_each_other(code: Callable[[], str]) -> None:
    codes = {code() for _ in range(2000)}
    assert len(codes) == 2000
    for place in (0, 1, 2, 3, 5, 6, 7, 8):
        assert len({code[place] for code in codes}) == 32


TICKET = "7K3M-0Q1T"


@pytest.mark.parametrize(
    "typed", ["7k3m-0q1t", " 7K3M 0Q1T ", "7K3M0Q1T", "7K3M–OQIT", "7k3m-oqlt", "7 K 3 M - 0 Q 1 T"]
)
def test_a_code_is_known_however_it_is_typed(typed: str) -> None:
    assert ticket_digest(typed) == ticket_digest(TICKET)


@pytest.mark.parametrize("typed", ["7K3M-0Q1S", "7K3M-0Q1", "", "K73M-0Q1T"])
def test_another_code_is_another_ticket(typed: str) -> None:
    assert ticket_digest(typed) != ticket_digest(TICKET)


def test_what_is_kept_does_not_hold_the_code() -> None:
    code = make_ticket_code()
    assert len(ticket_digest(code)) == 64
    assert code.replace("-", "") not in ticket_digest(code).upper()


@settings(max_examples=examples(20), deadline=None)
@given(st.text(max_size=20))
def test_any_text_can_be_tried(typed: str) -> None:
    assert len(ticket_digest(typed)) == 64
