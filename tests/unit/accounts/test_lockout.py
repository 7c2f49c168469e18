"""Guessing gets slow, of passwords and of codes, and nobody is locked out by a stranger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.accounts.lockout import (
    ATTEMPT_WINDOW,
    FIRST_WAIT,
    FORGET_AFTER,
    FREE_TRIES,
    FREE_TRIES_EVERYWHERE,
    FREE_TRIES_PER_ADDRESS,
    MAX_ENTRIES,
    MAX_WAIT,
    MAX_WRONG_CODES,
    Attempt,
    FailureLog,
    WrongCode,
    add_failure,
    clear_failures,
    codes_refused_until,
    seconds_to_wait,
)

STRANGER = Attempt("account:a1", "192.0.2.66")
OWN_PHONE = Attempt("account:a1", "192.0.2.40", browser="ab12")


def failing(
    attempt: Attempt, times: int, now: float = 0.0, book: FailureLog | None = None
) -> FailureLog:
    book = book or FailureLog()
    for _ in range(times):
        book = add_failure(book, attempt, now)
    return book


def test_five_failures_cost_nothing_and_then_waits_grow() -> None:
    assert seconds_to_wait(failing(STRANGER, FREE_TRIES - 1), STRANGER, 0.0) == 0.0
    waits = [
        seconds_to_wait(failing(STRANGER, FREE_TRIES + more), STRANGER, 0.0) for more in range(8)
    ]
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == MAX_WAIT


def test_a_wait_ends() -> None:
    book = failing(STRANGER, FREE_TRIES)
    assert seconds_to_wait(book, STRANGER, FIRST_WAIT - 1) == 1.0
    assert seconds_to_wait(book, STRANGER, FIRST_WAIT) == 0.0


def test_a_stranger_does_not_lock_a_guardian_out_of_a_known_browser() -> None:
    book = failing(STRANGER, 1000)
    assert seconds_to_wait(book, STRANGER, 0.0) == MAX_WAIT
    assert seconds_to_wait(book, OWN_PHONE, 0.0) == 0.0


def test_a_stolen_browser_is_slowed_down_too() -> None:
    assert seconds_to_wait(failing(OWN_PHONE, FREE_TRIES), OWN_PHONE, 0.0) == FIRST_WAIT


def test_guesses_from_many_addresses_at_one_account_add_up() -> None:
    book = FailureLog()
    for last in range(FREE_TRIES):
        book = add_failure(book, Attempt("account:a1", f"192.0.2.{last}"), 0.0)
    assert seconds_to_wait(book, Attempt("account:a1", "192.0.2.99"), 0.0) == FIRST_WAIT


def test_guesses_at_many_accounts_from_one_address_add_up() -> None:
    book = FailureLog()
    for number in range(FREE_TRIES_PER_ADDRESS):
        book = add_failure(book, Attempt(f"name:{number}", "192.0.2.66"), 0.0)
    assert seconds_to_wait(book, Attempt("name:new", "192.0.2.66"), 0.0) == FIRST_WAIT
    assert seconds_to_wait(book, Attempt("name:new", "192.0.2.67"), 0.0) == 0.0


def test_one_device_has_one_count_for_all_its_addresses() -> None:
    book = FailureLog()
    for last in range(FREE_TRIES_PER_ADDRESS):
        book = add_failure(book, Attempt(f"name:{last}", f"2001:db8::{last:x}"), 0.0)
    assert seconds_to_wait(book, Attempt("name:new", "2001:db8::ffff"), 0.0) == FIRST_WAIT
    mapped = failing(Attempt("a", "::ffff:192.0.2.1"), FREE_TRIES_PER_ADDRESS)
    assert seconds_to_wait(mapped, Attempt("b", "192.0.2.1"), 0.0) == FIRST_WAIT


def test_logging_in_clears_the_account_but_gives_no_free_guesses_at_others() -> None:
    book = FailureLog()
    for number in range(FREE_TRIES_PER_ADDRESS - 1):
        book = add_failure(book, Attempt(f"name:{number}", "192.0.2.66"), 0.0)
    own = Attempt("account:mine", "192.0.2.66")
    book = clear_failures(add_failure(book, own, 0.0), own)
    assert seconds_to_wait(book, own, 0.0) == 0.0
    assert (
        seconds_to_wait(add_failure(book, Attempt("name:x", "192.0.2.66"), 0.0), own, 0.0)
        == FIRST_WAIT
    )


def test_a_day_later_it_begins_anew() -> None:
    book = failing(STRANGER, 50)
    assert seconds_to_wait(book, STRANGER, FORGET_AFTER) == 0.0
    assert seconds_to_wait(add_failure(book, STRANGER, FORGET_AFTER), STRANGER, FORGET_AFTER) == 0.0


def test_a_flood_of_names_takes_bounded_memory_and_frees_no_address() -> None:
    book = FailureLog()
    flooder = "192.0.2.66"
    for number in range(MAX_ENTRIES + 50):
        book = add_failure(book, Attempt(f"name:{number}", flooder), 0.0)
    assert len(book.failures) <= 2 * MAX_ENTRIES
    assert seconds_to_wait(book, Attempt("name:new", flooder), 0.0) == MAX_WAIT


@given(
    st.lists(
        st.builds(
            Attempt,
            st.sampled_from(["account:a1", "account:a2", "name:x"]),
            st.sampled_from(["192.0.2.1", "2001:db8::1", "no address"]),
            st.sampled_from(["", "b1"]),
        ),
        max_size=60,
    ),
    st.floats(0, 1e9),
)
def test_no_wait_is_longer_than_the_longest(attempts: list[Attempt], later: float) -> None:
    book = FailureLog()
    for number, attempt in enumerate(attempts):
        book = add_failure(book, attempt, float(number))
    for attempt in attempts:
        assert 0.0 <= seconds_to_wait(book, attempt, len(attempts) + later) <= MAX_WAIT


NOW = 1_774_800_000


def wrong_codes(*ago: int, profile: str = "mia", device: str = "tablet") -> list[WrongCode]:
    return [WrongCode(profile, device, NOW - each) for each in ago]


FIVE = wrong_codes(500, 400, 300, 200, 100)


@pytest.mark.parametrize(
    ("attempts", "until"),
    [
        ([], None),
        (FIVE[1:], None),
        (FIVE, NOW - 500 + ATTEMPT_WINDOW),
        (wrong_codes(600, 500, 400, 300, 200, 100), NOW - 500 + ATTEMPT_WINDOW),
        (wrong_codes(ATTEMPT_WINDOW, 400, 300, 200, 100), None),  # the first counts no more
        (
            wrong_codes(-500, -400, -300, -200, -100),
            NOW + 100 + ATTEMPT_WINDOW,
        ),  # the clock was set back
        (wrong_codes(*[-ATTEMPT_WINDOW] * MAX_WRONG_CODES), None),  # by much
    ],
)
def test_after_a_few_codes_that_are_not_known_there_is_a_wait(
    attempts: list[WrongCode], until: int | None
) -> None:
    assert codes_refused_until(attempts, "mia", "tablet", NOW) == until


def test_another_device_of_the_child_and_another_child_on_the_device_have_to_wait_too() -> None:
    assert codes_refused_until(FIVE, "mia", "phone", NOW) is not None
    assert codes_refused_until(FIVE, "tom", "tablet", NOW) is not None
    assert codes_refused_until(FIVE, "tom", "phone", NOW) is None
    assert (
        codes_refused_until(wrong_codes(500, 400, 300, 200, 100, device=""), "tom", "", NOW) is None
    )


# --- PINs -----------------------------------------------------------------------------------------


def pin_at(address: str) -> Attempt:
    return Attempt("home:mia", address, is_pin=True)


def test_five_wrong_pins_at_one_device_let_nobody_wait_elsewhere() -> None:
    book = failing(pin_at("192.0.2.66"), 19)
    assert seconds_to_wait(book, pin_at("192.0.2.66"), 0.0) > 0
    assert seconds_to_wait(book, pin_at("192.0.2.40"), 0.0) == 0.0
    assert seconds_to_wait(book, Attempt("account:a1", "192.0.2.66"), 0.0) == 0.0
    book = failing(pin_at("2001:db8::66"), 5)
    assert seconds_to_wait(book, pin_at("2001:db8::66"), 0.0) == FIRST_WAIT
    assert seconds_to_wait(book, pin_at("2001:db8::40"), 0.0) == 0.0, "in the same network"


def test_a_pin_that_many_devices_guess_has_to_wait_everywhere() -> None:
    book = FailureLog()
    for last in range(FREE_TRIES_EVERYWHERE // FREE_TRIES):
        assert seconds_to_wait(book, pin_at("192.0.2.40"), 0.0) == 0.0
        book = failing(pin_at(f"192.0.2.{100 + last}"), FREE_TRIES + 2, book=book)
    assert seconds_to_wait(book, pin_at("192.0.2.40"), 0.0) == FIRST_WAIT


def test_the_right_pin_takes_back_what_its_own_device_failed_and_no_other() -> None:
    own, other = pin_at("192.0.2.40"), pin_at("192.0.2.66")
    book = failing(other, FREE_TRIES)
    for _ in range(5):  # somebody who often mistypes it
        book = clear_failures(failing(own, 3, book=book), own)
        assert seconds_to_wait(book, own, 0.0) == 0.0
    for last in range(3):
        book = failing(pin_at(f"192.0.2.{100 + last}"), FREE_TRIES, book=book)
    assert seconds_to_wait(book, own, 0.0) == FIRST_WAIT
