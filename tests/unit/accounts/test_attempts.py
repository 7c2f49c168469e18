"""A child may mistype a code a few times; trying many takes for ever."""

from __future__ import annotations

import pytest

from copdns.accounts.attempts import ATTEMPT_WINDOW, MAX_WRONG_CODES, WrongCode, refused_until

NOW = 1_774_800_000


def tried(*ago: int, profile: str = "mia", device: str = "tablet") -> list[WrongCode]:
    return [WrongCode(profile, device, NOW - each) for each in ago]


FIVE = tried(500, 400, 300, 200, 100)


@pytest.mark.parametrize(
    ("attempts", "until"),
    [
        ([], None),
        (FIVE[1:], None),
        (FIVE, NOW - 500 + ATTEMPT_WINDOW),
        (tried(600, 500, 400, 300, 200, 100), NOW - 500 + ATTEMPT_WINDOW),
        (tried(ATTEMPT_WINDOW, 400, 300, 200, 100), None),  # the first counts no more
        (tried(-500, -400, -300, -200, -100), NOW + 100 + ATTEMPT_WINDOW),  # the clock was set back
        (tried(*[-ATTEMPT_WINDOW] * MAX_WRONG_CODES), None),  # by much
    ],
)
def test_after_a_few_codes_that_are_not_known_there_is_a_wait(
    attempts: list[WrongCode], until: int | None
) -> None:
    assert refused_until(attempts, "mia", "tablet", NOW) == until


def test_another_device_of_the_child_and_another_child_on_the_device_have_to_wait_too() -> None:
    assert refused_until(FIVE, "mia", "phone", NOW) is not None
    assert refused_until(FIVE, "tom", "tablet", NOW) is not None
    assert refused_until(FIVE, "tom", "phone", NOW) is None
    assert refused_until(tried(500, 400, 300, 200, 100, device=""), "tom", "", NOW) is None
