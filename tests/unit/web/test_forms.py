"""What guardians type about time: read as it is meant, or told; never another error."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import HouseholdError
from copdns.model.times import DayType, Topic, TopicKind, WeekParity
from copdns.time.schedule import parse_slots
from copdns.web.desk.form import Form
from copdns.web.desk.time import forms
from tests.household import MIA, NOW


def form(**fields: str | list[str]) -> Form:
    return Form({key: [each] if isinstance(each, str) else each for key, each in fields.items()})


def test_several_times_each_have_their_days() -> None:
    typed = form(
        days0=["mon", "tue"], start0="21:00", end0="07:00", start3="12:00", end3="13:00", days3=[]
    )
    values = forms.schedule_values(typed, MIA)
    assert values["slots"] == parse_slots("mon tue 21:00-07:00, daily 12:00-13:00")
    assert values["scope"] == "mia"


def test_weeks_are_chosen_by_number_or_from_a_date() -> None:
    times = {"start0": "21:00", "end0": "07:00", "weeks_from": "2026-11-27"}

    def weeks(**chosen: str) -> object:
        return forms.schedule_values(form(**times, **chosen), MIA)["weeks"]

    assert weeks() is None
    assert weeks(weeks="even") is WeekParity.EVEN
    assert weeks(weeks="from") == date(2026, 11, 27)
    with pytest.raises(HouseholdError):
        weeks(weeks="sometimes")


def test_days_without_a_time_are_left_out() -> None:
    typed = form(days0="sat", start1="12:00", end1="13:00")
    assert forms.schedule_values(typed, MIA)["slots"] == parse_slots("12:00-13:00")


def test_what_was_chosen_and_what_was_written_count_together() -> None:
    typed = form(what="category:games", names="a.example, =b.example  category:games")
    assert list(map(str, forms.parse_subjects(typed))) == [
        "category:games",
        "a.example",
        "=b.example",
    ]


@pytest.mark.parametrize(
    ("chosen", "scope"), [("", "mia"), ("mia", "mia"), ("everyone", ""), ("#children", "#children")]
)
def test_it_holds_for_whom_was_chosen(chosen: str, scope: str) -> None:
    assert forms.parse_scope(form(scope=chosen), MIA) == scope


@pytest.mark.parametrize("chosen", ["tom", "#others", "#"])
def test_nobody_else_can_be_chosen(chosen: str) -> None:
    with pytest.raises(HouseholdError):
        forms.parse_scope(form(scope=chosen), MIA)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Bedtime", "bedtime"),
        ("After school!", "after-school"),
        ("", "mia-games"),
        ("宿題", "mia-games"),
    ],
)
def test_a_name_becomes_an_id(name: str, made: str) -> None:
    about = (Topic(TopicKind.CATEGORY, "games"),)
    assert forms.new_id(form(name=name), MIA, about, "times") == made


def test_minutes_of_every_day_count_last() -> None:
    typed = form(day0="daily", minutes0="60", day1="weekend", minutes1="120", day2="mon")
    values = forms.budget_values(typed, MIA)
    assert values["minutes"] == (("weekend", 120), ("daily", 60))


def test_a_time_of_day_goes_before_minutes() -> None:
    typed = form(until="20:00", lasts="30")
    assert forms.parse_end(typed, "UTC", int(NOW)) == int(NOW) + 4 * 3600
    assert forms.parse_end(form(lasts="30"), "UTC", int(NOW)) == int(NOW) + 1800
    assert forms.parse_end(form(), "UTC", int(NOW)) is None


def test_a_stretch_of_dates_holds_both_its_ends() -> None:
    found = forms.parse_dates(form(first="2026-05-01", last="2026-05-03", kind="holiday"))
    assert found == {date(2026, 5, day): DayType.HOLIDAY for day in (1, 2, 3)}
    assert forms.parse_dates(form(first="2026-05-01", kind="usual")) == {date(2026, 5, 1): None}


READERS = {
    "schedule": lambda typed: forms.schedule_values(typed, MIA),
    "budget": lambda typed: forms.budget_values(typed, MIA),
    "ending": lambda typed: forms.require_end(typed, "Europe/Paris", int(NOW)),
    "about": forms.parse_one_subject,
    "lifts": forms.parse_lifts,
    "dates": forms.parse_dates,
    "weekend": forms.parse_weekend,
    "expires": lambda typed: forms.parse_expiry(typed, int(NOW)),
    "id": lambda typed: forms.new_id(typed, MIA, forms.parse_subjects(typed), "times"),
}
NAMES = (
    *("days0", "start0", "end0", "what", "names", "scope", "grace", "note", "name", "how"),
    *("day0", "minutes0", "until", "lasts", "lifts", "first", "last", "kind", "weekend", "days"),
)
TEXTS = st.one_of(st.text(max_size=20), st.from_regex(r"\d{1,4}[:-]\d\d(-\d\d)?", fullmatch=True))


@pytest.mark.parametrize("reader", READERS)
@given(fields=st.dictionaries(st.sampled_from(NAMES), st.lists(TEXTS, max_size=2)))
def test_whatever_is_sent_is_read_or_told(reader: str, fields: dict[str, list[str]]) -> None:
    with suppress(HouseholdError):  # any other error would be a bug of ours, and fails
        READERS[reader](Form(fields))
