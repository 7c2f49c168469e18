"""The codes by which a child calls a block, and those that are worth minutes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from copdns.accounts.codes import make_appeal_code, make_ticket_code

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
