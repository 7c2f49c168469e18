"""An age group that nobody confirmed for a year is brought up, to guardians and to the person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.household.ages import ASKED_AFTER, AgeConfirmation, asks_guardians, asks_person
from copdns.model.household import Band
from tests.household import MIA

AT = 1_000_000_000
LATER = AT + ASKED_AFTER


@pytest.mark.parametrize(
    ("confirmed", "now", "guardians", "person"),
    [
        (AgeConfirmation(AT), LATER - 1, False, False),
        (AgeConfirmation(AT), LATER, True, True),
        (AgeConfirmation(AT, LATER), LATER + 1, True, False),  # the person's yes is no guardian's
        (AgeConfirmation(AT, LATER), LATER + ASKED_AFTER, True, True),
        (None, LATER, False, False),
    ],
)
def test_who_is_asked_when(
    confirmed: AgeConfirmation | None, now: int, guardians: bool, person: bool
) -> None:
    assert asks_guardians(MIA, confirmed, now) is guardians
    assert asks_person(MIA, confirmed, now) is person


def test_an_adult_grows_into_no_other_age_group() -> None:
    adult = replace(MIA, band=Band.ADULT)
    assert not asks_guardians(adult, AgeConfirmation(AT), LATER)
