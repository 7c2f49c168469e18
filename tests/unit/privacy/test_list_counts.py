"""Counts of lists, of which none tells of one person."""

from __future__ import annotations

from copdns.privacy.list_counts import (
    ListCountKey,
    ListCountKind,
    ListCounts,
    week_of,
    week_start,
)

NOW = 1_774_800_000.0  # a Sunday
CAUGHT, LOG_ONLY = ListCountKind.CAUGHT, ListCountKind.LOG_ONLY


def counts(**by_person: int) -> ListCounts:
    made = ListCounts()
    for person, n in by_person.items():
        made.add("home", "boards", LOG_ONLY, person, n)
    return made


def test_two_people_are_never_counted_however_often_they_ask() -> None:
    waiting = counts(mia=500, tom=20)
    assert waiting.take(NOW) == {}
    assert waiting.take(NOW + 600) == {}


def test_three_people_are_counted_as_one_number_and_then_it_begins_anew() -> None:
    waiting = counts(mia=5, tom=2, ada=1)
    assert waiting.take(NOW) == {ListCountKey("home", "boards", week_of(NOW), LOG_ONLY): 8}
    waiting.add("home", "boards", LOG_ONLY, "mia", 1)
    assert waiting.take(NOW + 600) == {}  # else the difference would tell of Mia alone


def test_an_unknown_device_is_no_third_person() -> None:
    assert counts(mia=5, tom=2, guest=7).take(NOW) == {}
    (n,) = counts(mia=5, tom=2, ada=1, guest=7).take(NOW).values()
    assert n == 8


def test_lists_households_and_kinds_do_not_help_each_other() -> None:
    waiting = counts(mia=1, tom=1)
    waiting.add("home", "boards", CAUGHT, "ada", 1)
    waiting.add("home", "cards", LOG_ONLY, "ada", 1)
    waiting.add("other", "boards", LOG_ONLY, "ada", 1)
    assert waiting.take(NOW) == {}


def test_what_waits_is_dropped_when_somebody_is_forgotten() -> None:
    waiting = counts(mia=1, tom=1)
    waiting.forget()
    waiting.add("home", "boards", LOG_ONLY, "ada", 1)
    assert waiting.take(NOW) == {}


def test_a_week_begins_on_monday() -> None:
    monday = week_start(week_of(NOW))
    assert monday <= NOW < monday + 7 * 86_400
    assert week_of(NOW + 8 * 3600) == week_of(NOW) + 1  # Monday, 00:00 UTC
