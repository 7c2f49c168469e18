"""Calendar, schedules and budgets as text: which keys there are, and what may stand behind each.

`household/shape.py` and `household/presets.py` say where they stand, `household/time_dump.py` is
the way back; how a time such as `school_night 21:00-07:00` is written is for `time/schedule.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from copdns.household.time_check import MOST_DAYS
from copdns.model.errors import TextError
from copdns.model.times import (
    DAY_MINUTES,
    DAY_WORDS,
    EVERY_DAY,
    MOST_NOTE,
    WEEKDAYS,
    Budget,
    DayType,
    FailureChoices,
    OnFailure,
    Schedule,
    SchoolCalendar,
    Slot,
    Subject,
    Weeks,
    parse_subject,
    parse_weeks,
)
from copdns.model.violations import no_such
from copdns.model.yaml_text import ByText, Written
from copdns.time.schedule import parse_slots

ONE_DAY = timedelta(days=1)
LONGEST = 366  # days of a range in a calendar: more is a slip of the pen
TO = ".."  # between the first and the last day of a range

Stretch = tuple[date, date]  # the first and the last day


def clock(text: str) -> int:
    """Return the minute of the day of "04:00"; raise ValueError."""
    hours, _, minutes = text.partition(":")
    if all(part.isascii() and part.isdigit() for part in (hours, minutes)) and (
        len(hours) <= 2 and len(minutes) == 2 and int(hours) < 24 and int(minutes) < 60
    ):
        return int(hours) * 60 + int(minutes)
    raise TextError("'%(written)s' is not a valid time; write one such as 04:00", written=text)


def stretch(text: str) -> Stretch:
    """Read `2026-12-24`, or `2026-12-24..2027-01-06`, which holds both its ends."""
    first, to, last = text.partition(TO)
    start = day(first)
    end = day(last) if to else start
    if to and not 1 <= (end - start).days < LONGEST:
        raise TextError(
            "'%(written)s' is not a valid range; the second day must come after the first, "
            "within a year",
            written=text,
        )
    return start, end


def day(text: str) -> date:
    """Read `2026-12-24` and nothing else that ISO 8601 has."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise TextError(
            "'%(written)s' is not a valid date; write one such as 2026-12-24", written=text
        )
    return found


def weekday(text: str) -> int:
    """Return the number of a day of the week, Monday being 0; raise TextError for no such day."""
    if text not in WEEKDAYS:
        raise TextError(no_such("day of the week", text, WEEKDAYS))
    return WEEKDAYS.index(text)


def day_word(text: str) -> str:
    """Return a word for days, such as weekend; raise TextError for any other."""
    if text not in DAY_WORDS:
        raise TextError(no_such("day", text, DAY_WORDS))
    return text


def _form(written: Any) -> str:
    if isinstance(written, dict | Written):
        return "keys"
    return "list" if isinstance(written, list) else "one"


def _number_or_keys(written: Any) -> str:
    return "keys" if isinstance(written, dict) else "one"


ClockTime = Annotated[int, ByText(clock)]
DayWord = Annotated[str, ByText(day_word)]
NoteText = Annotated[str, Field(max_length=MOST_NOTE)]
SubjectText = Annotated[Subject, ByText(parse_subject)]
SlotText = Annotated[tuple[Slot, ...], ByText(parse_slots)]
# A date comes out of YAML as text: the loader makes no dates.
WeeksText = Annotated[Weeks | None, ByText(parse_weeks)]
SlotTexts = Annotated[tuple[SlotText, ...], Field(min_length=1)]
# One text, or a list of them.
Slots = Annotated[
    Annotated[SlotText, Tag("one")] | Annotated[SlotTexts, Tag("list")], Discriminator(_form)
]
Minutes = Annotated[int, Field(ge=0, le=DAY_MINUTES)]


class CalendarShape(Written):
    """The calendar.

    weekend: days of the week.  days: dates and ranges of dates; where several contain a date, the
    shortest counts, and of equally long ones the last.
    """

    weekend: tuple[Annotated[int, ByText(weekday)], ...] = (5, 6)
    days: dict[Annotated[Stretch, ByText(stretch)], DayType] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_not_endless(self) -> Self:
        days = sum((last - first).days + 1 for first, last in self.days)
        if days > MOST_DAYS:
            raise TextError(
                "days: %(days)s dates are too many; keep at most %(most)s",
                days=days,
                most=MOST_DAYS,
            )
        return self

    def calendar(self) -> SchoolCalendar:
        """The calendar that is meant; on days of two spans, the shorter span counts."""
        days: dict[date, DayType] = {}
        by_length = sorted(self.days.items(), key=lambda each: each[0][0] - each[0][1])
        for (first, last), kind in by_length:
            days |= {first + ONE_DAY * n: kind for n in range((last - first).days + 1)}
        return SchoolCalendar(frozenset(self.weekend), tuple(sorted(days.items())))


class FailuresShape(Written):
    """What holds while the clock is wrong, lists are missing, or devices are unknown."""

    clock: OnFailure = OnFailure.LAST_KNOWN
    lists: OnFailure = OnFailure.LAST_KNOWN
    devices: OnFailure = OnFailure.LAST_KNOWN

    def failures(self) -> FailureChoices:
        """Return them as a household has them."""
        return FailureChoices(self.clock, self.lists, self.devices)


class ScheduleShape(Written):
    """A schedule.  closed: when names are closed.  open: they are closed at all other times.

    weeks: those in which it holds.  learning: what homework mode opens stays open.
    """

    closed: Slots | None = None
    open: Slots | None = None
    about: tuple[SubjectText, ...] = ()
    grace: int = 0
    note: NoteText = ""
    weeks: WeeksText | None = None
    learning: bool = False

    @model_validator(mode="after")
    def _has_times(self) -> Self:
        if (self.closed is None) == (self.open is None):
            raise TextError(
                "a schedule needs either `closed` or `open`, with times such as school_night "
                "21:00-07:00"
            )
        return self


class ListedScheduleShape(ScheduleShape):
    """A schedule that stands by itself.  scope: written `for`."""

    scope: str = Field(default="", alias="for")


NestedSchedule = Annotated[
    Annotated[ScheduleShape, Tag("keys")]
    | Annotated[SlotText, Tag("one")]
    | Annotated[SlotTexts, Tag("list")],
    Discriminator(_form),
]
ListedSchedule = Annotated[
    Annotated[ListedScheduleShape, Tag("keys")]
    | Annotated[SlotText, Tag("one")]
    | Annotated[SlotTexts, Tag("list")],
    Discriminator(_form),
]


class BudgetShape(Written):
    """A budget.  minutes: of every day, or by words for days; the first that fits counts."""

    minutes: Annotated[
        Annotated[Minutes, Tag("one")]
        | Annotated[dict[DayWord, Minutes], Field(min_length=1), Tag("keys")],
        Discriminator(_number_or_keys),
    ]
    about: tuple[SubjectText, ...] = ()
    carry_over: bool = False
    grace: int = 0
    note: NoteText = ""


class ListedBudgetShape(BudgetShape):
    """A budget that stands by itself.  scope: written `for`."""

    scope: str = Field(default="", alias="for")


def schedule(schedule_id: str, scope: str, written: Any, note: str = "") -> Schedule:
    """Return the schedule that stands as a text, a list of texts, or keys.

    scope, note: where it has none of its own.
    """
    if not isinstance(written, ScheduleShape):
        return Schedule(schedule_id, scope, tuple(_flat(written)), note=note)
    times = written.closed if written.open is None else written.open
    return Schedule(
        schedule_id,
        getattr(written, "scope", scope),
        tuple(_flat(times)),
        about=tuple(dict.fromkeys(written.about)),
        opens=written.open is not None,
        grace=written.grace,
        note=written.note or note,
        weeks=written.weeks,
        learning=written.learning,
    )


def _flat(times: Any) -> Iterator[Slot]:
    for each in times:
        if isinstance(each, Slot):
            yield each
        else:
            yield from each


def budget(budget_id: str, scope: str, written: BudgetShape, note: str = "") -> Budget:
    """Return the budget that is written.  scope, note: where it has none of its own."""
    minutes = written.minutes
    return Budget(
        budget_id,
        getattr(written, "scope", scope),
        tuple(minutes.items()) if isinstance(minutes, dict) else ((EVERY_DAY, minutes),),
        about=tuple(dict.fromkeys(written.about)),
        carry_over=written.carry_over,
        grace=written.grace,
        note=written.note or note,
    )
