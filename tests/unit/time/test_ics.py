"""Tests of the dates in calendar files, and of what a household's calendar takes of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import CalendarError
from copdns.model.times import DayType, SchoolCalendar
from copdns.time.days import DateRange, add_holidays, day_type, zone_of
from copdns.time.ics import MAX_DATES, MAX_EVENTS, MAX_LENGTH, read_dates, unknown_zones

BERLIN = zone_of("Europe/Berlin")
FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)


def event(*lines: str, name: str = "Break") -> str:
    return "\r\n".join(("BEGIN:VEVENT", f"SUMMARY:{name}", *lines, "END:VEVENT", ""))


def calendar(*parts: str) -> str:
    return "".join(
        (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//school.example\r\n",
            *parts,
            "END:VCALENDAR\r\n",
        )
    )


def found(*parts: str, zone: str = "Europe/Berlin") -> list[DateRange]:
    return list(read_dates(calendar(*parts), zone_of(zone), FIRST, LAST))


def firsts(*lines: str) -> list[str]:
    """Return the first days of one event."""
    return [str(each.first) for each in found(event(*lines))]


def test_whole_days_end_before_their_dtend() -> None:
    autumn = event("DTSTART;VALUE=DATE:20261019", "DTEND;VALUE=DATE:20261031", name="Autumn break")
    one = event("DTSTART;VALUE=DATE:20261003", name="Unity")
    assert found(autumn, one) == [
        DateRange(date(2026, 10, 3), date(2026, 10, 3), "Unity"),
        DateRange(date(2026, 10, 19), date(2026, 10, 30), "Autumn break"),
    ]


@pytest.mark.parametrize(
    ("lines", "dates"),
    [
        # Midnight to midnight is whole days, also for who writes 23:59.
        (("DTSTART:20260302T000000", "DTEND:20260304T000000"), (2, 3, True)),
        (("DTSTART:20260302T000000", "DTEND:20260302T235900"), (2, 2, True)),
        (("DTSTART:20260302T000000", "DURATION:P1D"), (2, 2, True)),
        # An evening for parents is none, nor is a moment.
        (("DTSTART:20260302T190000", "DTEND:20260302T210000"), (2, 2, False)),
        (("DTSTART:20260302T000000",), (2, 2, False)),
        (("DTSTART:20260302T220000", "DURATION:PT4H"), (2, 3, False)),
        # Times of other zones are dates of the household's.
        (("DTSTART:20260302T230000Z", "DTEND:20260303T230000Z"), (3, 3, True)),
        (
            (
                "DTSTART;TZID=America/New_York:20260302T180000",
                "DTEND;TZID=America/New_York:20260302T190000",
            ),
            (3, 3, False),
        ),
    ],
)
def test_times_are_told_apart_from_whole_days(
    lines: tuple[str, ...], dates: tuple[int, int, bool]
) -> None:
    first, last, whole = dates
    expected = DateRange(date(2026, 3, first), date(2026, 3, last), "Break", whole)
    assert found(event(*lines)) == [expected]


def test_a_zone_that_the_file_explains_is_understood() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:The school\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:+1000\r\nTZOFFSETTO:+1000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    there = event("DTSTART;TZID=The school:20260302T050000", "DURATION:PT1H")
    assert found(zone, there) == [
        DateRange(date(2026, 3, 1), date(2026, 3, 1), "Break", is_whole=False)
    ]


def test_dates_are_cut_to_what_was_asked_for() -> None:
    winter = event("DTSTART;VALUE=DATE:20251222", "DTEND;VALUE=DATE:20260107", name="Winter")
    long_ago = event("DTSTART;VALUE=DATE:20250801", name="Then")
    assert found(winter, long_ago) == [DateRange(FIRST, date(2026, 1, 6), "Winter")]


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        ("FREQ=YEARLY", ["2026-05-01", "2027-05-01"]),
        ("FREQ=YEARLY;UNTIL=20260601", ["2026-05-01"]),
        ("FREQ=YEARLY;COUNT=3", ["2026-05-01"]),  # since 2024
        ("FREQ=YEARLY;INTERVAL=2", ["2026-05-01"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", ["2026-11-26", "2027-11-25"]),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", ["2026-05-25", "2027-05-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20260301", ["2026-01-31", "2026-02-28"]),
        ("FREQ=WEEKLY;UNTIL=20260116", ["2026-01-07", "2026-01-14"]),
        ("FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20260109", ["2026-01-02", "2026-01-05", "2026-01-09"]),
        ("FREQ=DAILY;INTERVAL=300", ["2026-10-18", "2027-08-14"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", []),
    ],
)
def test_what_repeats_is_there_each_time(rule: str, dates: list[str]) -> None:
    assert firsts("DTSTART;VALUE=DATE:20240501", f"RRULE:{rule}") == dates


def test_each_time_takes_as_many_days_as_the_first() -> None:
    lines = ("DTSTART;VALUE=DATE:20241224", "DTEND;VALUE=DATE:20250102", "RRULE:FREQ=YEARLY")
    assert found(event(*lines)) == [
        DateRange(date(2026, 1, 1), date(2026, 1, 1), "Break"),
        DateRange(date(2026, 12, 24), date(2027, 1, 1), "Break"),
        DateRange(date(2027, 12, 24), date(2027, 12, 31), "Break"),
    ]


def test_until_ends_what_has_a_time_at_that_time() -> None:
    lines = ("DTSTART;TZID=Europe/Berlin:20260105T080000", "DURATION:PT1H")
    assert firsts(*lines, "RRULE:FREQ=DAILY;UNTIL=20260106T070000Z") == ["2026-01-05", "2026-01-06"]
    assert firsts(*lines, "RRULE:FREQ=DAILY;UNTIL=20260106T065959Z") == ["2026-01-05"]


@pytest.mark.parametrize(
    "exception", ["EXDATE;VALUE=DATE:20260112", "EXDATE:20260111T230000Z", "EXDATE:20260112T000000"]
)
def test_exceptions_are_left_out_however_they_are_written(exception: str) -> None:
    lines = ("DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;COUNT=3", exception)
    assert firsts(*lines) == ["2026-01-05", "2026-01-19"]


def test_further_dates_are_added() -> None:
    assert firsts("DTSTART;VALUE=DATE:20260105", "RDATE;VALUE=DATE:20260109,20260113") == [
        "2026-01-05",
        "2026-01-09",
        "2026-01-13",
    ]


def test_one_time_that_was_moved_is_where_it_was_moved_to() -> None:
    weekly = event("UID:1", "DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;COUNT=3")
    moved = event("UID:1", "RECURRENCE-ID;VALUE=DATE:20260112", "DTSTART;VALUE=DATE:20260113")
    called_off = event(
        *("UID:1", "RECURRENCE-ID;VALUE=DATE:20260119", "DTSTART;VALUE=DATE:20260119"),
        "STATUS:CANCELLED",
    )
    another = event("UID:2", "DTSTART;VALUE=DATE:20260112", name="Stays")
    assert [str(each.first) for each in found(weekly, moved, called_off)] == [
        "2026-01-05",
        "2026-01-13",
    ]
    assert DateRange(date(2026, 1, 12), date(2026, 1, 12), "Stays") in found(weekly, moved, another)
    nobodys = (
        event("DTSTART;VALUE=DATE:20260112"),
        event("DTSTART:20260101", "RECURRENCE-ID:20260112"),
    )
    assert [each.first.day for each in found(*nobodys)] == [1, 12]


def test_what_was_called_off_is_not_there() -> None:
    assert firsts("DTSTART;VALUE=DATE:20260105", "STATUS:CANCELLED") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Holidays: 1 to 8 May",
            "line 1: this is not a calendar, which starts with BEGIN:VCALENDAR",
        ),
        (
            "BEGIN:VCALENDAR\nVERSION:2.0\n",
            "line 1: this VCALENDAR has no end; the file may be incomplete",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n",
            "line 2: this VEVENT has no end; the file may be incomplete",
        ),
        ("BEGIN:VCALENDAR\nEND:VEVENT\n", "line 2: END:VEVENT has no matching BEGIN"),
        ("\n\nEND:VCALENDAR\n", "line 3: END:VCALENDAR has no matching BEGIN"),
        (calendar(event("DTSTART;VALUE=DATE:20261301")), 'line 4, "Break": DTSTART cannot be read'),
        (calendar(event()), 'line 4, "Break": No DTSTART given.'),
        (calendar(event("DTSTART:20260101", "nonsense")), 'line 4, "Break": one line cannot'),
        (
            calendar(event("DTSTART:20260101"), event("DTSTART:20260102", "DTEND:20260101")),
            'line 8, "Break": it ends before it starts',
        ),
        (
            calendar(event("DTSTART:20260101", "DURATION:20260102")),
            'line 4, "Break": one of its properties has the wrong kind of value',
        ),
        (
            calendar(event(f"DTSTART;TZID=Europe/{'x' * 300}:20260101T080000")),
            "it cannot be read: one of its properties has the wrong kind of value",
        ),
        (
            calendar(event("DTSTART;VALUE=DATE,DATE:20260101")),
            "it cannot be read: one of its properties has the wrong kind of value",
        ),
        ("BEGIN:VCALENDAR\n" * 50_000, "line 9: VCALENDAR is nested too deeply"),
        (calendar(event("DTSTART:00010101")), 'line 4, "Break": 0001-01-01 is out of range'),
    ],
)
def test_a_broken_file_says_where(text: str, words: str) -> None:
    with pytest.raises(CalendarError) as error:
        read_dates(text, BERLIN, FIRST, LAST)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=HOURLY", "how it repeats cannot be read (HOURLY); list its dates one by one"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "how it repeats cannot be read (BYSETPOS)"),
        ("whenever", "how it repeats cannot be read (no FREQ)"),
        ("FREQ=YEARLY;INTERVAL=0", "0 in its rule is not between 1 and 10000"),
        ("FREQ=YEARLY;COUNT=0", "0 in its rule is not between 1 and 1000000"),
        ("FREQ=YEARLY;BYMONTH=13", "13 in its rule is not between 1 and 12"),
        ("FREQ=WEEKLY;BYDAY=1MO", "WEEKLY does not allow days such as the first Monday"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "WEEKLY does not allow days of the month"),
    ],
)
def test_a_rule_that_cannot_be_read_is_not_guessed(rule: str, words: str) -> None:
    with pytest.raises(CalendarError) as error:
        firsts("DTSTART;VALUE=DATE:20260105", f"RRULE:{rule}")
    assert str(error.value).startswith(f'line 4, "Break": {words}')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("X" * (MAX_LENGTH + 1), f"it has more than {MAX_LENGTH} characters"),
        (
            calendar("BEGIN:VEVENT\nEND:VEVENT\n" * (MAX_EVENTS + 1)),
            f"it has more than {MAX_EVENTS} events",
        ),
        (
            calendar(
                *(event("DTSTART:20260101", "RRULE:FREQ=DAILY", name=str(n)) for n in range(15))
            ),
            f"it has more than {MAX_DATES} dates",
        ),
        (
            calendar(event("DTSTART:10020101", "RRULE:FREQ=YEARLY;COUNT=9999") * 10),
            "its events repeat over too long",
        ),
    ],
)
def test_a_file_that_asks_for_too_much_is_refused(text: str, words: str) -> None:
    with pytest.raises(CalendarError, match=words):
        read_dates(text, BERLIN, FIRST, LAST)


def test_a_name_from_a_file_cannot_speak_to_the_terminal() -> None:
    (named,) = found(event("DTSTART:20260105", name="Spring\x1b[2J   break"))
    assert named.name == "Spring[2J break"


values = st.sampled_from(
    (
        *("20260101", "20261301", "00010101", "99991231", "20260101T250000", "20260329T023000", ""),
        *("20260101T000000Z", "FREQ=YEARLY", "FREQ=WEEKLY;BYDAY=MO", "FREQ=DAILY;COUNT=2", "P1D"),
        *("PT-1H", "P99999999D", "20260101/PT1H", "20260101T000000Z/PT1H", "a,b", "\\", ";", ":"),
    )
)
keys = st.sampled_from(
    (
        *("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SUMMARY"),
        *("UID", "STATUS", "BEGIN", "END", "X", ""),
    )
)
parameters = st.sampled_from(
    ("", ";VALUE=DATE", ";VALUE=PERIOD", ";TZID=Asia/Tokyo", ";TZID=x", ";VALUE=", ";=", ";")
)
any_lines = st.lists(st.tuples(keys, parameters, st.just(":"), values).map("".join), max_size=6)


@given(st.lists(any_lines, max_size=3))
def test_a_strange_event_is_dates_within_the_time_or_a_calendar_error(
    events: list[list[str]],
) -> None:
    try:
        dates = found(*(event(*lines) for lines in events))
    except CalendarError:
        return
    assert all(FIRST <= each.first <= each.last <= LAST for each in dates)


@given(st.text())
def test_a_text_that_is_no_calendar_is_a_calendar_error_or_has_no_dates(text: str) -> None:
    with suppress(CalendarError):
        assert read_dates(text, BERLIN, FIRST, LAST) == ()


def test_holidays_are_whole_days_and_leave_alone_what_was_there() -> None:
    by_hand = ((date(2026, 10, 20), DayType.SCHOOL), (date(2026, 12, 24), DayType.HOLIDAY))
    autumn = DateRange(date(2026, 10, 19), date(2026, 10, 21), "Autumn break")
    evening = DateRange(date(2026, 11, 5), date(2026, 11, 5), "Parents' evening", is_whole=False)
    household = add_holidays(SchoolCalendar(frozenset({4, 5}), by_hand), [autumn, evening])
    assert household == SchoolCalendar(
        frozenset({4, 5}),
        (
            (date(2026, 10, 19), DayType.HOLIDAY),
            (date(2026, 10, 20), DayType.SCHOOL),
            (date(2026, 10, 21), DayType.HOLIDAY),
            (date(2026, 12, 24), DayType.HOLIDAY),
        ),
    )
    assert day_type(household, date(2026, 11, 5)) is DayType.SCHOOL


def test_days_of_a_file_may_be_of_another_kind() -> None:
    saturday = DateRange(date(2026, 3, 7), date(2026, 3, 7), "School fair")
    household = add_holidays(SchoolCalendar(), [saturday], DayType.SCHOOL)
    assert household.days == ((date(2026, 3, 7), DayType.SCHOOL),)


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("DTSTART;TZID=Europe/Paris:20270101T000000", ()),
        ("DTSTART;TZID=W. Europe Standard Time:20270101T000000", ()),
        ("DTSTART;TZID=/Europe/Paris:20270101T000000", ()),
        ('DTSTART;VALUE=DATE-TIME;TZID="Mars/Base":20270101T000000', ("Mars/Base",)),
        ("DTSTART;TZID=../../etc/passwd:20270101T000000", ("../../etc/passwd",)),
        ("EXDATE;TZID=Mars/\r\n Base:20270101T000000", ("Mars/Base",)),
        ("SUMMARY:see TZID=Mars/Base:", ()),
        ("TZID:Mars/Base\nDTSTART;TZID=Mars/Base:20270101T000000", ()),
    ],
)
def test_a_zone_that_nobody_knows_is_named(line: str, unknown: tuple[str, ...]) -> None:
    assert unknown_zones(line) == unknown
