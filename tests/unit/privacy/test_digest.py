"""The weekly summary: when it is due, and that it adds up nothing that it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from copdns.model.errors import HouseholdError
from copdns.model.household import PrivacyMode
from copdns.privacy.digest import (
    DIGEST_LANGUAGES,
    DigestChoice,
    counted_people,
    digest_due,
    digest_sums,
    parse_address,
)
from copdns.words.phrases import DESK_LANGUAGES
from tests.household import ADA, MIA, NOW, TOM, family

PARIS = "Europe/Paris"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(PARIS)).timestamp())


SUNDAYS = DigestChoice(
    "home", "a1", "ada@mail.example", 6, 18 * 60, "en", since=at("2026-03-16 09:00")
)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-21 18:00", None),  # Saturday
        ("2026-03-22 17:59", None),
        ("2026-03-22 18:00", "2026-03-22 18:00"),
        ("2026-03-23 17:59", "2026-03-22 18:00"),  # copdns was off in the evening
        ("2026-03-24 18:00", None),  # too late for that one
        ("2026-03-29 18:00", "2026-03-29 18:00"),  # the clock changed in that night
    ],
)
def test_it_is_due_at_its_hour_of_the_households_clock_and_for_a_day(
    now: str, due: str | None
) -> None:
    assert digest_due(SUNDAYS, at(now), PARIS) == (due and at(due))


def test_one_that_was_sent_or_just_chosen_is_not_due_again() -> None:
    moment = at("2026-03-22 18:00")
    assert digest_due(SUNDAYS._replace(since=moment), moment + 600, PARIS) is None
    assert digest_due(SUNDAYS._replace(since=moment + 60), moment + 600, PARIS) is None
    assert digest_due(SUNDAYS._replace(since=moment), at("2026-03-29 18:00"), PARIS) is not None


def test_only_children_of_whom_numbers_are_recorded_are_counted() -> None:
    off = replace(TOM, privacy=PrivacyMode.OFF)
    assert counted_people(family(MIA, TOM, ADA), NOW) == ("mia", "tom")
    assert counted_people(family(MIA, off, ADA), NOW) == ("mia",)


def test_sums_are_those_of_the_week_and_none_where_nothing_is_counted() -> None:
    counts = [(False, 40), (True, 2), (True, 3)]
    found = digest_sums(("mia",), counts, (), (NOW - 60, NOW - 8 * 86_400), NOW)
    assert (found.lookups, found.blocks, found.devices, found.until - found.since) == (
        45,
        5,
        1,
        7 * 86_400,
    )
    nobody = digest_sums((), (), (), (), NOW)
    assert (nobody.lookups, nobody.blocks) == (None, None)


@pytest.mark.parametrize("text", ["ada", "ada@", "a b@mail.example", "a@b\n.example", "<a@b.c>"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(HouseholdError):
        parse_address(text)
    assert parse_address(" ada@mail.example ") == "ada@mail.example"


def test_it_speaks_the_languages_of_the_dashboard() -> None:
    assert DIGEST_LANGUAGES == DESK_LANGUAGES
