"""What one home gives the other of a child with two: whole, for one code, and no more."""

from __future__ import annotations

import base64

import pytest

from copdns.accounts.other_home import (
    MARK,
    NONCE,
    SALT,
    HomeMessage,
    SharedChild,
    message_code,
    open_child,
    read_message,
    seal_child,
)
from copdns.model.errors import HouseholdError
from copdns.model.household import Band

MIA = SharedChild("Mia Ünal", Band.TO_9, b"0123456789abcdef")
DRAWN = bytes(range(SALT + NONCE))
CODE = "K7QF-2M9D"


def test_a_file_is_read_with_its_code_however_both_were_copied() -> None:
    text = seal_child(MIA, CODE, DRAWN)
    assert open_child(text, CODE) == MIA
    assert open_child(f"  {text[:40]}\n {text[40:]}\n", "k7qf 2m9d") == MIA
    assert "Mia" not in str(base64.urlsafe_b64decode(text.removeprefix(MARK) + "=="))


def test_another_code_or_a_changed_file_is_refused() -> None:
    text = seal_child(MIA, CODE, DRAWN)
    with pytest.raises(HouseholdError, match="code"):
        open_child(text, "K7QF-2M9E")
    for wrong in (
        *("", "x", "\ud800", text[:-6], text[len(MARK) :], MARK + "é", MARK + "AAAA"),
        *(f"{text[:place]}{_other(text[place])}{text[place + 1 :]}" for place in (20, 60, 100)),
        text + "A" * 3000,
    ):
        with pytest.raises(HouseholdError):
            open_child(wrong, CODE)
    for child in (
        MIA._replace(band=Band.ADULT),
        MIA._replace(name=" "),
        MIA._replace(name="x" * 101),
        MIA._replace(name="Mia\x1b[2J"),
        MIA._replace(secret=b""),
    ):
        with pytest.raises(HouseholdError):
            open_child(seal_child(child, CODE, DRAWN), CODE)


def _other(letter: str) -> str:
    return "B" if letter == "A" else "A"


def test_both_homes_tell_the_same_by_code() -> None:
    agreed, ended = (message_code(MIA.secret, each) for each in HomeMessage)
    assert agreed != ended
    assert read_message(MIA.secret, agreed.lower().replace("-", " ")) is HomeMessage.AGREED
    assert read_message(MIA.secret, ended) is HomeMessage.ENDED
    for wrong in ("", "0000-0000", "\ud800é"):
        assert read_message(MIA.secret, wrong) is None
    assert read_message(b"another secret..", agreed) is None
