"""Passwords: what is too easy, what is kept, and the second factor."""

from __future__ import annotations

import sys

import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copdns.accounts.passphrase import MAX_PASSWORD_LENGTH, password_weakness, pin_weakness
from copdns.accounts.passwords import (
    TOTP_STEP,
    find_totp_step,
    hash_password,
    is_outdated,
    make_totp_secret,
    totp_uri,
    verify_password,
)
from tests.whole import examples

GOOD = "two owls on a roof"
NOW = 1_800_000_000
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "at least 10"),
        ("aaaaaaaaaaaa", "easy to guess"),
        ("abcdefghijk", "easy to guess"),
        ("98765432109876", "easy to guess"),
        ("Password123!", "most common passwords"),
        ("2026Qwertyuiop", "most common passwords"),
        ("Adalbertine2026!", "little more than a name"),
        ("adalbertine adalbertine", "little more than a name"),
        ("x1" * 200, "at most"),
    ],
)
def test_what_is_easy_to_guess_is_refused_with_a_kind_sentence(password: str, says: str) -> None:
    assert says in str(password_weakness(password, ["Adalbertine"]))


@pytest.mark.parametrize("password", [GOOD, "сова сидит на крыше", "k7#Lq!9xPz"])
def test_a_good_password_is_taken(password: str) -> None:
    assert password_weakness(password, ["Ada", ""]) is None


@pytest.mark.parametrize(
    ("pin", "good"),
    [
        ("7302", True),
        ("1111", False),
        ("1234", False),
        ("12a4", False),
        ("123", False),
        ("٣٤٥٦", False),
        ("730273027", False),
        ("", False),
    ],
)
def test_a_pin_has_a_few_digits_and_is_no_row(pin: str, good: bool) -> None:
    assert (pin_weakness(pin) is None) is good


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    for found in (password_weakness(text, [text]), pin_weakness(text)):
        assert found is None or str(found)


def test_a_password_is_known_again_and_no_other() -> None:
    kept = hash_password(GOOD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(GOOD, kept)
    assert not verify_password(GOOD.upper(), kept)
    assert not verify_password("", kept)
    assert not verify_password(GOOD, "")
    assert not verify_password(GOOD, "no hash")
    assert hash_password(GOOD) != kept  # a salt of its own
    assert not is_outdated(kept)


def test_a_letter_is_the_same_however_a_keyboard_makes_it() -> None:
    assert verify_password(
        "e\N{COMBINING ACUTE ACCENT}t\N{COMBINING ACUTE ACCENT}", hash_password("\xe9t\u0301")
    )


def test_where_there_is_no_argon2_it_is_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    argon = hash_password(GOOD)
    monkeypatch.setitem(sys.modules, "argon2", None)
    kept = hash_password(GOOD)
    assert kept.startswith("$scrypt$")
    assert verify_password(GOOD, kept)
    assert not verify_password("another one", kept)
    assert not verify_password(GOOD, argon)
    assert not verify_password(GOOD, "$scrypt$")
    monkeypatch.undo()
    assert verify_password(GOOD, kept)  # moved to a larger machine
    assert is_outdated(kept)


@settings(max_examples=examples(10))
@given(st.text(max_size=20))
def test_no_text_breaks_the_check(text: str) -> None:
    assert not verify_password(text, "$argon2id$broken")
    assert not verify_password("x" * (MAX_PASSWORD_LENGTH + 1), text)


def test_a_code_of_the_second_factor_counts_once() -> None:
    secret = make_totp_secret()
    code = pyotp.TOTP(secret).at(NOW)
    step = find_totp_step(secret, f"{code[:3]} {code[3:]}", NOW, 0)
    assert step == NOW // TOTP_STEP
    assert find_totp_step(secret, code, NOW, step) is None


@pytest.mark.parametrize(("seconds", "good"), [(-30, True), (30, True), (-90, False), (90, False)])
def test_a_telephones_clock_may_be_half_a_minute_off(seconds: int, good: bool) -> None:
    secret = make_totp_secret()
    code = pyotp.TOTP(secret).at(NOW + seconds)
    assert (find_totp_step(secret, code, NOW, 0) is not None) is good


@given(st.text(max_size=12))
def test_what_is_no_code_is_none(text: str) -> None:
    if not text.isdecimal():
        assert find_totp_step(SECRET, text, NOW, 0) is None


def test_the_address_for_an_authenticator_names_house_and_account() -> None:
    uri = totp_uri(SECRET, "Ada", "copdns")
    assert uri == f"otpauth://totp/copdns:Ada?secret={SECRET}&issuer=copdns"
