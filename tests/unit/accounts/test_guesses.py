"""Wrong cookies and tokens from one address: guesses end, and browsers with old cookies go on."""

from __future__ import annotations

import pytest

from copdns.accounts import guesses
from copdns.accounts.guesses import MAX_WRONG, WINDOW, SecretGuesses

GUESSER, OTHER = "192.0.2.1", "198.51.100.7"


def fill(made: SecretGuesses, address: str = GUESSER, now: float = 0.0) -> int:
    """Guess without end; return how many were looked up."""
    return sum(made.begin(address, f"guess {number}", now) for number in range(MAX_WRONG * 3))


def test_an_address_guesses_so_often_and_then_not_even_right() -> None:
    made = SecretGuesses(b"k")
    assert fill(made) == MAX_WRONG
    assert not made.begin(GUESSER, "right", WINDOW - 1)
    assert made.begin(OTHER, "right", 1.0)
    assert made.begin(GUESSER, "right", WINDOW)


def test_a_browser_with_an_old_cookie_counts_once() -> None:
    made = SecretGuesses(b"k")
    assert all(made.begin(GUESSER, "old", 0.0) for _ in range(MAX_WRONG * 3))
    assert fill(made) == MAX_WRONG - 1
    assert made.begin(GUESSER, "old", 1.0)


def test_who_was_let_in_goes_on_behind_an_address_that_guesses() -> None:
    made = SecretGuesses(b"k")
    made.begin(GUESSER, "right", 0.0)
    made.end(GUESSER, "right", is_right=True)
    assert fill(made) == MAX_WRONG  # the right one took none of them
    assert made.begin(GUESSER, "right", 1.0)
    made.end(GUESSER, "right", is_right=False)  # the session ended
    assert not made.begin(GUESSER, "right", 1.0)


def test_a_network_of_ipv6_is_one_address_and_this_machine_none() -> None:
    made = SecretGuesses(b"k")
    assert fill(made, "2001:db8::1") == MAX_WRONG
    assert not made.begin("2001:db8::ffff", "right", 1.0)
    assert made.begin("2001:db8:0:1::1", "right", 1.0)
    assert fill(made, "") == MAX_WRONG * 3


def test_what_could_not_be_looked_up_is_no_guess() -> None:
    made = SecretGuesses(b"k")
    for number in range(MAX_WRONG * 2):
        assert made.begin(GUESSER, f"{number}", 0.0)
        made.take_back(GUESSER, f"{number}")
    assert fill(made) == MAX_WRONG


def test_memory_has_a_bound() -> None:
    made = SecretGuesses(b"k")
    for number in range(guesses.MAX_ADDRESSES + 10):
        made.begin(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "x", 0.0)
    for number in range(guesses.MAX_RIGHT + 10):
        made.end("", f"{number}", is_right=True)
    assert len(made._wrong) == guesses.MAX_ADDRESSES
    assert len(made._right) == guesses.MAX_RIGHT


def test_wrong_ones_of_all_addresses_together_have_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "MAX_SHOWN", 3 * MAX_WRONG)
    made = SecretGuesses(b"k")
    for number in range(5):
        assert fill(made, f"192.0.2.{number}") == MAX_WRONG
        made.take_back(f"192.0.2.{number}", "guess 1")
        made.take_back(f"192.0.2.{number}", "guess 1")
    assert made._shown == sum(len(each.shown) for each in made._wrong.values())
    assert made._shown <= 3 * MAX_WRONG
    fill(made, "192.0.2.4", WINDOW)
    assert made._shown == sum(len(each.shown) for each in made._wrong.values())


def test_a_secret_of_any_octets_is_looked_up() -> None:
    assert SecretGuesses(b"k").begin(GUESSER, "\udcff", 0.0)
