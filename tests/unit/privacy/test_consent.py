"""From 16 on nobody but the person themselves turns a full log on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.household.safeguards import DAY, NOTICE, adopt
from copdns.model.errors import PrivacyError
from copdns.model.household import Band, FullLogSpan, Profile
from copdns.privacy.consent import AGAIN, OPEN, Question, accept_question, check_question

NOW = 1_800_000_000
TOM = Profile("tom", "Tom", Band.TO_17)
ADA = Profile("ada", "Ada", Band.ADULT)
ASKED = Question("home", "tom", 3, "Ada", NOW)


@pytest.mark.parametrize("person", [TOM, ADA])
def test_a_yes_begins_a_day_later_and_ends_by_itself(person: Profile) -> None:
    full = accept_question(person, ASKED, [], NOW + 60)
    assert full == FullLogSpan(NOW + 60 + NOTICE, NOW + 60 + NOTICE + 3 * DAY)
    assert adopt(person, replace(person, full_log=full), [], NOW + 60, consented=True).full_log


def test_a_yes_of_somebody_else_is_none() -> None:
    full = accept_question(TOM, ASKED, [], NOW)
    with pytest.raises(PrivacyError, match="consent"):
        adopt(TOM, replace(TOM, full_log=full), [], NOW)


@pytest.mark.parametrize(
    ("question", "now"),
    [
        (None, NOW),
        (ASKED, NOW + OPEN),
        (ASKED, NOW - 1),  # by a clock that was wrong
        (ASKED._replace(refused=NOW), NOW + 1),
    ],
)
def test_there_is_no_yes_to_what_nobody_asks(question: Question | None, now: int) -> None:
    with pytest.raises(PrivacyError, match="withdrawn"):
        accept_question(TOM, question, [], now)


def test_a_yes_lengthens_nothing_and_comes_once_in_30_days() -> None:
    with pytest.raises(PrivacyError, match="7 days"):
        accept_question(TOM, ASKED._replace(days=8), [], NOW)
    with pytest.raises(PrivacyError, match="once every 30 days"):
        accept_question(TOM, ASKED, [FullLogSpan(NOW - DAY, NOW)], NOW)


def test_below_16_nobody_is_asked() -> None:
    child = replace(TOM, band=Band.TO_15)
    with pytest.raises(PrivacyError, match="from the age of 16"):
        check_question(child, None, [], ASKED)
    with pytest.raises(PrivacyError, match="withdrawn"):
        accept_question(child, ASKED, [], NOW)


def test_a_no_holds_for_a_week() -> None:
    no = ASKED._replace(refused=NOW)
    with pytest.raises(PrivacyError, match="said no"):
        check_question(TOM, no, [], ASKED._replace(at=NOW + AGAIN - 1))
    again = ASKED._replace(at=NOW + AGAIN)
    assert check_question(TOM, no, [], again) == again


def test_what_cannot_be_is_not_asked_for() -> None:
    with pytest.raises(PrivacyError, match="once every 30 days"):
        check_question(TOM, None, [FullLogSpan(NOW - DAY, NOW)], ASKED)
